package references

import (
	"context"
	"fmt"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	clocktesting "k8s.io/utils/clock/testing"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// oneCopy is a downstream cluster with one copy, which is as it has to be.
type oneCopy struct {
	client.Client // nil: nothing else is asked

	copied metav1.ObjectMeta
}

func (o oneCopy) Get(_ context.Context, _ client.ObjectKey, object client.Object, _ ...client.GetOption) error {
	object.(*metav1.PartialObjectMetadata).ObjectMeta = o.copied //nolint:forcetypeassert // Only metadata are asked for.
	return nil
}

// crowded is a controller whose one copy is used by so many running pods.
func crowded(b testing.TB, crowd int) (c *Controller, above, below *shelf, q queue) {
	b.Helper()
	c, above, below = counting(testRules())
	q = newQueue(b)
	upstream, copied := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{UID: "up", ResourceVersion: "5"}}, copyOf("one", true)
	c.keeper = &keeper{
		identity: c.rules.Identity, downstream: oneCopy{copied: copied.ObjectMeta}, book: c.book, locks: newLocks(),
		clock: clocktesting.NewFakePassiveClock(time.Now()),
	}
	c.book.on(key("settings"), func(p *page) {
		p.settled = Versions{Upstream: versionOf(upstream), Copy: versionOf(copied)}
	})
	c.watches = newWatches(nil, nil)
	known := &watched{object: upstream, synced: true, answered: make(chan struct{})}
	close(known.answered)
	c.watches.all[key("settings")] = known
	for i := range crowd {
		comes(b.Context(), i, above, below, q)
	}
	drained(q)
	return c, above, below, q
}

// comes has a pod created in both clusters, and run.
func comes(ctx context.Context, i int, above, below *shelf, q queue) {
	pod := mounting(fmt.Sprint("web-", i), "settings")
	pod.UID, pod.Generation = types.UID(fmt.Sprint("uid-", i)), 1
	down, running := pod.DeepCopy(), pod.DeepCopy()
	down.Namespace = "up-shop"
	testRules().Mark(&down.ObjectMeta, pod.UID)
	running.Status.StartTime, running.ResourceVersion = &metav1.Time{}, "2"
	above.put(ctx, &pod, q)
	below.put(ctx, down, q)
	above.put(ctx, running, q)
}

func goes(ctx context.Context, i int, above, below *shelf, q queue) {
	name := fmt.Sprint("web-", i)
	below.drop(ctx, types.NamespacedName{Namespace: "up-shop", Name: name}, q)
	above.drop(ctx, types.NamespacedName{Namespace: "shop", Name: name}, q)
}

// BenchmarkPodComesAndGoes is what a pod costs that uses a copy as others do, with one
// reconciliation of the copy. The walk is what each reconciliation was before.
func BenchmarkPodComesAndGoes(b *testing.B) {
	for _, crowd := range []int{500, 5000} {
		b.Run(fmt.Sprintf("users=%d", crowd), func(b *testing.B) {
			c, above, below, q := crowded(b, crowd)
			b.ReportAllocs()
			for b.Loop() {
				comes(b.Context(), crowd, above, below, q)
				if _, err := c.reconcile(b.Context(), key("settings")); err != nil {
					b.Fatal(err)
				}
				goes(b.Context(), crowd, above, below, q)
				if q.Len() > 0 {
					b.Fatal("the copy is worked on although nothing has changed for it")
				}
			}
		})
	}
}

// BenchmarkWalk is what is not done any more for a pod that comes and goes.
func BenchmarkWalk(b *testing.B) {
	for _, crowd := range []int{500, 5000} {
		b.Run(fmt.Sprintf("users=%d", crowd), func(b *testing.B) {
			c, _, _, _ := crowded(b, crowd)
			for b.Loop() {
				if _, _, err := c.users.of(b.Context(), key("settings")); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
