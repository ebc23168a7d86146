package references

import (
	"errors"
	"fmt"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/spillway-io/spillway/provider/translate"
)

// redact makes the error of a request that carried a Secret fit for logs and events.
// Validation and admission may quote the value they refuse, so of an API server's
// answer only the reason and the names of fields remain. It stays the same kind of
// error to whoever asks by reason or details.
func redact(kind translate.Kind, err error) error {
	var answer apierrors.APIStatus
	if kind != translate.Secret || !errors.As(err, &answer) {
		return err
	}
	from := answer.Status()
	status := metav1.Status{Status: metav1.StatusFailure, Reason: from.Reason, Code: from.Code}
	var fields []string
	if d := from.Details; d != nil {
		status.Details = &metav1.StatusDetails{Group: d.Group, Kind: d.Kind, Name: d.Name, RetryAfterSeconds: d.RetryAfterSeconds}
		for _, cause := range d.Causes {
			status.Details.Causes = append(status.Details.Causes, metav1.StatusCause{Type: cause.Type, Field: cause.Field})
			if cause.Field != "" {
				fields = append(fields, cause.Field)
			}
		}
	}
	status.Message = fmt.Sprintf("the API server answered %d %s", from.Code, from.Reason)
	if len(fields) > 0 {
		status.Message += ", because of " + strings.Join(fields, ", ")
	}
	return &apierrors.StatusError{ErrStatus: status}
}
