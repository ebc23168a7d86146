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
)

// behind is a client whose cache shows an earlier state than the API server has.
type behind struct {
	client.Client
	cache client.Reader
}

func (b behind) Get(ctx context.Context, key client.ObjectKey, object client.Object, options ...client.GetOption) error {
	return b.cache.Get(ctx, key, object, options...)
}

func copyOf(value string, owned bool) *corev1.ConfigMap {
	m := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: "up-shop", Name: "settings", UID: "down"}, Data: map[string]string{"key": value}}
	if owned {
		testRules().Mark(&m.ObjectMeta, "up")
	}
	return m
}

// TestKeeper: a cache that is behind costs requests, and nothing else.
func TestKeeper(t *testing.T) {
	upstream := &corev1.ConfigMap{
		ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "settings", UID: "up", ResourceVersion: "5"},
		Data:       map[string]string{"key": "one"},
	}
	cases := map[string]struct {
		reason      string
		cache, live []client.Object
		want        State
		value       string
	}{
		"new":                     {"the copy is made", nil, nil, Ready, "one"},
		"cache-lacks-ours":        {"ours is found to exist, and made right", nil, []client.Object{copyOf("old", true)}, Ready, "one"},
		"cache-lacks-foreign":     {"what exists is not ours", nil, []client.Object{copyOf("foreign", false)}, Conflict, "foreign"},
		"cache-shows-predecessor": {"ours was replaced by a foreign one", []client.Object{copyOf("old", true)}, []client.Object{copyOf("foreign", false)}, Conflict, "foreign"},
		"cache-shows-deleted":     {"ours was deleted, and is made again", []client.Object{copyOf("old", true)}, nil, Ready, "one"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			live := fake.NewClientBuilder().WithScheme(scheme.Scheme).WithObjects(c.live...).Build()
			for _, object := range c.live {
				// The version that the cache has not seen.
				if err := live.Update(t.Context(), object); err != nil {
					t.Fatal(err)
				}
			}
			cache := fake.NewClientBuilder().WithScheme(scheme.Scheme).WithObjects(c.cache...).Build()
			k := &keeper{
				identity: testRules().Identity, downstream: behind{Client: live, cache: cache}, live: live,
				book: newBook(), locks: newLocks(), clock: clocktesting.NewFakePassiveClock(time.Now()),
			}
			task := &objectTask{
				want:    Want{Key: key("settings"), Origin: Origin{Namespace: "shop", Name: "settings"}},
				watched: &watched{object: upstream}, identity: k.identity,
			}
			got, err := k.work(t.Context(), task.want.Key, task)
			if err != nil || got.State != c.want {
				t.Errorf("%s: it is %q (%v), want %q", c.reason, got.State, err, c.want)
			}
			var now corev1.ConfigMap
			if err := live.Get(t.Context(), client.ObjectKey{Namespace: "up-shop", Name: "settings"}, &now); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(map[string]string{"key": c.value}, now.Data); diff != "" {
				t.Errorf("%s (-want +got):\n%s", c.reason, diff)
			}
		})
	}
}
