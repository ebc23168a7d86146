package webhook

import (
	"context"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// reader answers every Get with a namespace of these labels, or with an error.
type reader struct {
	client.Reader
	optIn string
	err   error
}

func (r reader) Get(_ context.Context, _ client.ObjectKey, into client.Object, _ ...client.GetOption) error {
	into.SetLabels(map[string]string{"virtual-pod": r.optIn})
	into.SetAnnotations(map[string]string{"of": r.optIn})
	return r.err
}

// TestNamespace: a cache that lags behind must not decide that a namespace
// did not opt in.
func TestNamespace(t *testing.T) {
	gone := errors.New("gone")
	const asked, notAsked = true, false
	cases := map[string]struct {
		reason      string
		asked       bool
		cache, live reader
		want        string
		err         error
	}{
		"cached":           {"what the cache says is enough to opt in", asked, reader{optIn: "true"}, reader{err: gone}, "true", nil},
		"labelled-just-so": {"the label is newer than the cache", asked, reader{optIn: ""}, reader{optIn: "true"}, "true", nil},
		"created-just-so":  {"the namespace is newer than the cache", asked, reader{err: gone}, reader{optIn: "true"}, "true", nil},
		"not-opted-in":     {"both agree", asked, reader{optIn: "false"}, reader{optIn: "false"}, "false", nil},
		"unknown":          {"nobody can tell, so nobody may guess", asked, reader{optIn: "false"}, reader{err: gone}, "", gone},
		"for-sidecars":     {"the pod opted in itself: the cache need not be doubted", notAsked, reader{optIn: "false"}, reader{err: gone}, "false", nil},
		"for-sidecars-new": {"a namespace that the cache has yet to see", notAsked, reader{err: gone}, reader{optIn: "false"}, "false", nil},
		"for-sidecars-nil": {"nobody knows it", notAsked, reader{err: gone}, reader{err: gone}, "", gone},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			labels, annotations, err := namespaces{cache: tc.cache, live: tc.live}.Namespace(t.Context(), "team", tc.asked)
			if labels["virtual-pod"] != tc.want || annotations["of"] != tc.want || !errors.Is(err, tc.err) {
				t.Errorf("%s: labels %v, annotations %v, error %v; want %q, %v", tc.reason, labels, annotations, err, tc.want, tc.err)
			}
		})
	}
}

// TestCachedNamespaces: thousands of namespaces cost no more than what counts.
func TestCachedNamespaces(t *testing.T) {
	namespace := namespaceMetadata()
	namespace.Name = "team"
	namespace.Labels = map[string]string{"virtual-pod": "true", "team": "a"}
	namespace.ManagedFields = []metav1.ManagedFieldsEntry{{Manager: "kubectl"}}
	want := namespace.DeepCopy()
	want.ManagedFields = nil
	want.Annotations = map[string]string{"spillway.io/on-node-loss": "stay"}
	namespace.Annotations = map[string]string{"spillway.io/on-node-loss": "stay", "kubectl.kubernetes.io/last-applied-configuration": "{}"}
	for object, by := range cachedNamespaces() {
		if gvk := object.GetObjectKind().GroupVersionKind(); gvk != namespace.GroupVersionKind() {
			t.Errorf("what is kept less of is %s", gvk)
		}
		got, err := by.Transform(namespace)
		if diff := cmp.Diff(any(want), got); err != nil || diff != "" {
			t.Errorf("error %v, -want +got: %s", err, diff)
		}
	}
}
