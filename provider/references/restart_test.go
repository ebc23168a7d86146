package references

import (
	"context"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes/scheme"
	clocktesting "k8s.io/utils/clock/testing"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/spillway-io/spillway/provider/translate"
)

// TestRestartWritesOnlyWhatIsWrong: a process that starts again finds copies that it
// knows nothing of.
func TestRestartWritesOnlyWhatIsWrong(t *testing.T) {
	upstream := &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "keys", UID: "up", ResourceVersion: "5", Labels: map[string]string{"team": "shop"}},
		Data:       map[string][]byte{"key": []byte("one")}, Type: corev1.SecretTypeServiceAccountToken,
	}
	cases := map[string]struct {
		reason string
		change func(*corev1.Secret)
		want   int
	}{
		"right":            {"nothing is to be done", func(*corev1.Secret) {}, 0},
		"annotated":        {"annotations of others stay anyway", func(s *corev1.Secret) { s.Annotations["theirs"] = "1" }, 0},
		"other-content":    {"the upstream object has changed meanwhile", func(s *corev1.Secret) { s.Data["key"] = []byte("old") }, 1},
		"more-content":     {"somebody has added to it", func(s *corev1.Secret) { s.Data["more"] = nil }, 1},
		"other-label":      {"labels are upstream's", func(s *corev1.Secret) { s.Labels["team"] = "bank" }, 1},
		"of-a-predecessor": {"the upstream object was made anew", func(s *corev1.Secret) { s.Annotations["spillway.io/upstream-uid"] = "before" }, 1},
		"final":            {"a finalizer of others would keep it", func(s *corev1.Secret) { s.Finalizers = []string{"example.org/keep"} }, 1},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			where := Key{Kind: translate.Secret, Namespace: "up-shop", Name: "keys"}
			made, err := newCopy(upstream.DeepCopy(), where, testRules().Identity)
			if err != nil {
				t.Fatal(err)
			}
			tc.change(made.(*corev1.Secret)) //nolint:forcetypeassert // By its key.
			writes := 0
			downstream := fake.NewClientBuilder().WithScheme(scheme.Scheme).WithObjects(made).WithInterceptorFuncs(interceptor.Funcs{
				Update: func(ctx context.Context, c client.WithWatch, o client.Object, opts ...client.UpdateOption) error {
					writes++
					return c.Update(ctx, o, opts...)
				},
			}).Build()
			k := &keeper{
				identity: testRules().Identity, downstream: downstream, live: &struct{ client.Reader }{downstream},
				book: newBook(), locks: newLocks(), clock: clocktesting.NewFakePassiveClock(time.Now()),
			}
			for range 2 {
				task := &objectTask{want: Want{Key: where}, watched: &watched{object: upstream}, identity: k.identity}
				got, err := k.work(t.Context(), where, task)
				if err != nil || got.State != Ready {
					t.Fatalf("it is %q (%v), want %q", got.State, err, Ready)
				}
			}
			if writes != tc.want {
				t.Errorf("%s: %d writes, want %d", tc.reason, writes, tc.want)
			}
			var now corev1.Secret
			if err := downstream.Get(t.Context(), where.object(), &now); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(upstream.Data, now.Data); diff != "" {
				t.Errorf("%s: content -want +got:\n%s", tc.reason, diff)
			}
		})
	}
}
