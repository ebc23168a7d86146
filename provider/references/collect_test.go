package references

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	clocktesting "k8s.io/utils/clock/testing"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/spillway-io/spillway/provider/translate"
)

// answering is an API server, or a cache, as far as a sweep asks it.
type answering struct {
	client.Client // nil: nothing else is asked

	// readings are the pods of one list after the other, the last for ever.
	readings [][]corev1.Pod
	copies   []string
	deleted  []string
}

func (a *answering) List(_ context.Context, list client.ObjectList, _ ...client.ListOption) error {
	switch list := list.(type) {
	case *corev1.PodList:
		list.Items = a.readings[0]
		if len(a.readings) > 1 {
			a.readings = a.readings[1:]
		}
	case *metav1.PartialObjectMetadataList:
		if list.Kind != "ConfigMapList" {
			return nil
		}
		for _, name := range a.copies {
			item := metav1.PartialObjectMetadata{ObjectMeta: metav1.ObjectMeta{Namespace: "up-shop", Name: name}}
			testRules().Mark(&item.ObjectMeta, "up")
			list.Items = append(list.Items, item)
		}
	default:
		return fmt.Errorf("a list of %T was not expected", list)
	}
	return nil
}

func (a *answering) Delete(_ context.Context, object client.Object, _ ...client.DeleteOption) error {
	a.deleted = append(a.deleted, object.GetName())
	return nil
}

// TestSweepIsCertain: what a cache says deletes nothing.
func TestSweepIsCertain(t *testing.T) {
	none, web := []corev1.Pod{}, []corev1.Pod{mounting("web", "copy-0")}
	cases := map[string]struct {
		reason string
		mode   Mode
		copies int
		// cached, above and below are what the upstream cache, the upstream API server
		// and the downstream API server say of pods.
		cached       []corev1.Pod
		above, below [][]corev1.Pod
		deleted      int
		done         bool
	}{
		"unused": {
			reason: "everybody agrees",
			copies: 2, above: [][]corev1.Pod{none}, below: [][]corev1.Pod{none}, deleted: 2, done: true,
		},
		"used": {
			reason: "only the one that nobody uses",
			copies: 2, cached: web, above: [][]corev1.Pod{web}, below: [][]corev1.Pod{none}, deleted: 1, done: true,
		},
		"cache-empty": {
			reason: "the API server knows a pod that the cache does not",
			copies: 1, above: [][]corev1.Pod{web}, below: [][]corev1.Pod{none}, deleted: 0, done: false,
		},
		"still-running": {
			reason: "a downstream pod of ours is not in the cache yet",
			copies: 1, above: [][]corev1.Pod{none}, below: [][]corev1.Pod{{below(mounting("web", "copy-0"))}}, deleted: 0, done: false,
		},
		"mass-twice": {
			reason: "both readings agree that all are unused",
			copies: 12, above: [][]corev1.Pod{none}, below: [][]corev1.Pod{none}, deleted: 12, done: true,
		},
		"mass-first-reading-differs": {
			reason: "the cache lost a pod, so nothing else that it says is believed",
			copies: 12, above: [][]corev1.Pod{web}, below: [][]corev1.Pod{none}, deleted: 0, done: false,
		},
		"mass-second-reading-differs": {
			reason: "the first reading was short",
			copies: 12, above: [][]corev1.Pod{none, web}, below: [][]corev1.Pod{none}, deleted: 0, done: false,
		},
		"preview": {
			reason: "nothing is deleted",
			mode:   Preview,
			copies: 2, above: [][]corev1.Pod{none}, below: [][]corev1.Pod{none}, deleted: 0, done: true,
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			downstream := &answering{readings: [][]corev1.Pod{none}}
			for i := range c.copies {
				downstream.copies = append(downstream.copies, fmt.Sprintf("copy-%d", i))
			}
			notes := newBook()
			metrics, err := newMetrics(prometheus.NewRegistry(), notes.conflicts, func(translate.Kind) int { return 0 })
			if err != nil {
				t.Fatal(err)
			}
			clock := clocktesting.NewFakeClock(time.Now())
			collector := &collector{
				rules: testRules(), mode: c.mode, clock: clock, metrics: metrics,
				keeper:   &keeper{downstream: downstream, book: notes, locks: newLocks(), clock: clock},
				upstream: &answering{readings: [][]corev1.Pod{c.cached}}, upstreamLive: &answering{readings: c.above},
				downstream: downstream, downstreamLive: &answering{readings: c.below},
			}
			done, err := sweepPastPauses(t, collector, clock)
			if err != nil || done != c.done {
				t.Errorf("%s: done is %v (%v), want %v", c.reason, done, err, c.done)
			}
			if len(downstream.deleted) != c.deleted {
				t.Errorf("%s: deleted %v, want %d", c.reason, downstream.deleted, c.deleted)
			}
		})
	}
}

// sweepPastPauses lets time pass whenever the sweep waits for it.
func sweepPastPauses(t *testing.T, c *collector, clock *clocktesting.FakeClock) (done bool, err error) {
	t.Helper()
	finished := make(chan struct{})
	go func() {
		defer close(finished)
		done, err = c.sweep(t.Context())
	}()
	for {
		select {
		case <-finished:
			return done, err
		case <-time.After(time.Millisecond):
			if clock.HasWaiters() {
				clock.Step(guardPause)
			}
		}
	}
}
