package pods

import (
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/events"
	clocktesting "k8s.io/utils/clock/testing"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
)

// TestCacheThatLacksAPod: a process begins with lists that lack something, so that
// nothing can be held against them. What the API servers have is the proof.
func TestCacheThatLacksAPod(t *testing.T) {
	now := time.Unix(5000, 0)
	aged := func(age time.Duration) option {
		return func(p *corev1.Pod) { p.CreationTimestamp = metav1.NewTime(now.Add(-age)) }
	}
	running := twin(aged(time.Hour), started)
	cases := map[string]struct {
		reason               string
		upstream, downstream side
		above, below         bool
	}{
		"all-there": {
			reason:     "nothing is lacking",
			upstream:   side{cached: upstream(started), live: upstream(started)},
			downstream: side{cached: running, live: running},
		},
		"downstream-lacking": {
			reason:     "a pod that runs is not in the cache",
			upstream:   side{cached: upstream(started), live: upstream(started)},
			downstream: side{live: running},
			below:      true,
		},
		"downstream-lacking-before-its-start": {
			reason:     "it is found when it cannot be created",
			upstream:   side{cached: upstream(), live: upstream()},
			downstream: side{live: twin(aged(time.Hour))},
			below:      true,
		},
		"downstream-late": {
			reason:     "the watch may tell of it at any moment",
			upstream:   side{cached: upstream(started), live: upstream(started)},
			downstream: side{live: twin(aged(time.Second), started)},
		},
		"downstream-gone": {
			reason:   "what is not there is not lacking",
			upstream: side{cached: upstream(started), live: upstream(started)},
		},
		"upstream-lacking": {
			reason:     "it has a downstream pod, so it was known once",
			upstream:   side{live: upstream(started)},
			downstream: side{cached: running, live: running},
			above:      true,
		},
		"upstream-successor": {
			reason:     "another pod of the name may be new",
			upstream:   side{live: upstream(uid("next"))},
			downstream: side{cached: running, live: running},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			metrics, err := NewMetrics(prometheus.NewRegistry())
			if err != nil {
				t.Fatal(err)
			}
			up, _ := tc.upstream.build()
			down, _ := tc.downstream.build()
			above, below := false, false
			up.Behind, down.Behind = func() { above = true }, func() { below = true }
			r := &Reconciler{
				Node: testNode(), Upstream: up, Downstream: down, Events: events.NewFakeRecorder(10), Metrics: metrics,
				Clock: clocktesting.NewFakePassiveClock(now),
			}
			// What is done about the pods is not what this is about.
			_, _ = r.Reconcile(t.Context(), reconcile.Request{NamespacedName: types.NamespacedName{Namespace: "shop", Name: "web"}})
			if above != tc.above || below != tc.below {
				t.Errorf("upstream cache behind: %v, downstream: %v; want %v, %v: %s", above, below, tc.above, tc.below, tc.reason)
			}
		})
	}
}
