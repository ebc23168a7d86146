package pods

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

var errBoom = errors.New("boom")

// TestJudge has the errors that API servers give to a create, in the shape in
// which client-go hands them on.
func TestJudge(t *testing.T) {
	pods, namespaces := schema.GroupResource{Resource: "pods"}, schema.GroupResource{Resource: "namespaces"}
	invalid := apierrors.NewInvalid(schema.GroupKind{Kind: "Pod"}, "web", field.ErrorList{field.Invalid(field.NewPath("spec", "containers"), "x", "must be y")})
	cases := map[string]struct {
		reason string
		err    error
		want   refusal
	}{
		"exists":              {"there is a pod of that name", apierrors.NewAlreadyExists(pods, "web"), exists},
		"no-namespace":        {"we make one", apierrors.NewNotFound(namespaces, "shop"), homeless},
		"other-not-found":     {"a missing priority class or the like can be made", apierrors.NewNotFound(schema.GroupResource{Resource: "priorityclasses"}, "high"), answered},
		"invalid":             {"the pod cannot change", invalid, permanent},
		"invalid-wrapped":     {"whoever wrapped it", fmt.Errorf("cannot: %w", invalid), permanent},
		"unreadable-request":  {"nor can the request", apierrors.NewBadRequest("Pod in version \"v1\" cannot be handled as a Pod"), permanent},
		"admission-policy":    {"a policy can change; it answers 422 without a field", policyDenial(), answered},
		"admission-webhook":   {"so can a webhook's mind; it answers 400 by default", apierrors.NewBadRequest(`admission webhook "no.example" denied the request: no`), answered},
		"admission-validator": {"nor is it the API server that finds the fields wrong for which such a webhook answers 422", webhookFinds(invalid), answered},
		"quota":               {"quota frees up", apierrors.NewForbidden(pods, "web", errors.New("exceeded quota: small")), answered},
		"pod-security":        {"labels of a namespace change", apierrors.NewForbidden(pods, "web", errors.New(`violates PodSecurity "restricted:latest"`)), answered},
		"new-namespace":       {"the first moments of a namespace are no news", apierrors.NewForbidden(pods, "web", errors.New(`error looking up service account shop/default: serviceaccount "default" not found`)), transient},
		"too-many-requests":   {"the server asks for patience; that is not about the pod", apierrors.NewTooManyRequests("later", 1), transient},
		"server-timeout":      {"it may have been created", apierrors.NewServerTimeout(pods, "create", 1), transient},
		"timeout":             {"etcd may be slow", apierrors.NewTimeoutError("request timed out", 1), transient},
		"internal":            {"servers have bad days", apierrors.NewInternalError(errBoom), transient},
		"webhook-away":        {"but whose webhook it is that does not answer is worth telling", apierrors.NewInternalError(errors.New(`failed calling webhook "no.example": connection refused`)), answered},
		"unavailable":         {"and bad hours", apierrors.NewServiceUnavailable("starting"), transient},
		"refused":             {"nobody answered, so there is nothing to tell", &url.Error{Op: "Post", URL: "https://x", Err: errBoom}, transient},
		"deadline":            {"nobody answered in time", context.DeadlineExceeded, transient},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if got := judge(tc.err); got != tc.want {
				t.Errorf("%s: judge(%v) = %d, want %d", tc.reason, tc.err, got, tc.want)
			}
		})
	}
}

// webhookFinds is what API servers make of the same error from a webhook.
func webhookFinds(err *apierrors.StatusError) error {
	found := *err
	found.ErrStatus.Message = `admission webhook "no.example" denied the request: ` + found.ErrStatus.Message
	return &found
}

// policyDenial is what a ValidatingAdmissionPolicy answers unless it says
// otherwise.
func policyDenial() error {
	denial := apierrors.NewForbidden(schema.GroupResource{Resource: "pods"}, "web", errors.New("ValidatingAdmissionPolicy 'p' with binding 'b' denied request: no"))
	denial.ErrStatus.Reason, denial.ErrStatus.Code = metav1.StatusReasonInvalid, http.StatusUnprocessableEntity
	denial.ErrStatus.Details.Causes = append(denial.ErrStatus.Details.Causes, metav1.StatusCause{Message: "no"})
	return denial
}
