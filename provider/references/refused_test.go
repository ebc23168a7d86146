package references

import (
	"context"
	"errors"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/client-go/kubernetes/scheme"
	clocktesting "k8s.io/utils/clock/testing"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"
)

// TestRefusedChangeTakesNothingAway: pods use a copy. When a change of it is refused
// it stays as it is, unless it can never be changed.
func TestRefusedChangeTakesNothingAway(t *testing.T) {
	kind := schema.GroupKind{Kind: "ConfigMap"}
	cases := map[string]struct {
		reason  string
		refusal error
		anew    bool
	}{
		"immutable": {
			reason:  "somebody made it immutable, so only another one can be right",
			refusal: apierrors.NewInvalid(kind, "settings", field.ErrorList{field.Forbidden(field.NewPath("immutable"), "field is immutable")}),
			anew:    true,
		},
		"policy": {
			reason:  "a policy would refuse another one just as well",
			refusal: apierrors.NewInvalid(kind, "settings", field.ErrorList{{Type: field.ErrorTypeForbidden, Detail: "not today"}}),
		},
		"webhook": {
			reason:  "so would a webhook",
			refusal: &apierrors.StatusError{ErrStatus: metav1.Status{Code: 422, Reason: metav1.StatusReasonInvalid, Message: "denied the request"}},
		},
		"content": {
			reason:  "what is invalid in itself cannot be made anew either",
			refusal: apierrors.NewInvalid(kind, "settings", field.ErrorList{field.Invalid(field.NewPath("data").Key("key"), "x", "no")}),
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			below := fake.NewClientBuilder().WithScheme(scheme.Scheme).WithObjects(copyOf("old", true)).WithInterceptorFuncs(interceptor.Funcs{
				Update: func(context.Context, client.WithWatch, client.Object, ...client.UpdateOption) error { return c.refusal },
			}).Build()
			k := &keeper{identity: testRules().Identity, downstream: below, live: below, book: newBook(), locks: newLocks(), clock: clocktesting.NewFakePassiveClock(time.Now())}
			upstream := &corev1.ConfigMap{
				ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "settings", UID: "up", ResourceVersion: "5"},
				Data:       map[string]string{"key": "one"},
			}
			_, err := k.work(t.Context(), key("settings"), &objectTask{
				want:    Want{Key: key("settings"), Origin: Origin{Namespace: "shop", Name: "settings"}},
				watched: &watched{object: upstream}, identity: k.identity,
			})
			if _, told := errors.AsType[*obstacle](err); told == c.anew {
				t.Errorf("%s: the answer is %v", c.reason, err)
			}
			var now corev1.ConfigMap
			if err := below.Get(t.Context(), client.ObjectKey{Namespace: "up-shop", Name: "settings"}, &now); err != nil {
				t.Fatalf("%s: %v", c.reason, err)
			}
			if anew := now.Data["key"] == "one"; anew != c.anew {
				t.Errorf("%s: its value is %q", c.reason, now.Data["key"])
			}
		})
	}
}
