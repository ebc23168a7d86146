package references

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/spillway-io/spillway/provider/translate"
)

// tokens are the content of a Secret of tokens.
type tokens struct {
	data map[string][]byte
	// refreshAt is when to replace the first of them.
	refreshAt time.Time
}

// tokenTask keeps the tokens of an upstream pod valid.
type tokenTask struct {
	key Key
	pod *corev1.Pod
	// rules are those that the downstream pod was or will be made by.
	rules    translate.Rules
	upstream kubernetes.Interface
	clock    clock.PassiveClock
	metrics  *metrics
}

func (t *tokenTask) plan(_ context.Context, s Situation) (Action, error) {
	return PlanToken(s, t.clock.Now()), nil
}

func (t *tokenTask) owns(copied metav1.Object) bool { return t.rules.StandsFor(copied, t.pod) }

// gone is never asked: the tokens go with the last use of them.
func (*tokenTask) gone(context.Context) (bool, error) { return false, nil }

// content asks the upstream API server for all of the pod's tokens. They are bound
// to the pod, and void as soon as it is gone.
func (t *tokenTask) content(ctx context.Context) (client.Object, Version, error) {
	issued := tokens{data: make(map[string][]byte)}
	for _, token := range translate.Tokens(t.pod, t.rules) {
		asked := t.clock.Now()
		status, err := t.request(ctx, token)
		if err != nil {
			return nil, Version{}, err
		}
		issued.data[token.Key] = []byte(status.Token)
		if due := RefreshAt(asked, status.ExpirationTimestamp.Time); issued.refreshAt.IsZero() || due.Before(issued.refreshAt) {
			issued.refreshAt = due
		}
	}
	t.metrics.tokens.Inc()
	return newTokenSecret(t.pod, t.key, t.rules.Identity, issued), Version{UID: t.pod.UID}, nil
}

func (t *tokenTask) request(ctx context.Context, token translate.Token) (authenticationv1.TokenRequestStatus, error) {
	account := cmp.Or(t.pod.Spec.ServiceAccountName, "default")
	request := &authenticationv1.TokenRequest{Spec: authenticationv1.TokenRequestSpec{
		ExpirationSeconds: &token.ExpirationSeconds,
		BoundObjectRef:    &authenticationv1.BoundObjectReference{APIVersion: "v1", Kind: "Pod", Name: t.pod.Name, UID: t.pod.UID},
	}}
	if token.Audience != "" {
		request.Spec.Audiences = []string{token.Audience}
	}
	answer, err := t.upstream.CoreV1().ServiceAccounts(t.pod.Namespace).CreateToken(ctx, account, request, metav1.CreateOptions{})
	switch {
	case err == nil:
		return answer.Status, nil
	case isAbout(err, "serviceaccounts") && apierrors.IsNotFound(err):
		return authenticationv1.TokenRequestStatus{}, &obstacle{Reason: ReasonToken, cause: err, Message: fmt.Sprintf(
			"The pod's ServiceAccount %q does not exist, so there is no token for it", account)}
	case apierrors.IsForbidden(err), apierrors.IsInvalid(err):
		return authenticationv1.TokenRequestStatus{}, &obstacle{Reason: ReasonToken, cause: err, Message: fmt.Sprintf(
			"The upstream cluster refuses a token of ServiceAccount %q (the virtual node needs the right to create serviceaccounts/token): %v", account, err)}
	}
	return authenticationv1.TokenRequestStatus{}, fmt.Errorf("cannot get a token of ServiceAccount %q: %w", account, err)
}

func isAbout(err error, resource string) bool {
	var answer apierrors.APIStatus
	return errors.As(err, &answer) && answer.Status().Details != nil && answer.Status().Details.Kind == resource
}
