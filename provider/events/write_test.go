package events

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/kubernetes/fake"
)

// TestListedEventsAreNotWrittenAgain: a process that starts again, or lost its watch,
// gets a list of what it has shown already.
func TestListedEventsAreNotWrittenAgain(t *testing.T) {
	upstream, downstream := pods()
	shown := Mirror(kubeletEvent(), downstream, upstream, testIdentity())
	again := Mirror(kubeletEvent(func(e *corev1.Event) { e.Count = 5 }), downstream, upstream, testIdentity())
	cases := map[string]struct {
		reason string
		there  []*corev1.Event
		event  *corev1.Event
		listed bool
		want   []string
	}{
		"shown":         {"nothing is to be written", []*corev1.Event{shown}, shown, true, []string{"get"}},
		"again":         {"it was seen again meanwhile", []*corev1.Event{shown}, again, true, []string{"get", "patch"}},
		"not-shown":     {"it happened meanwhile", nil, shown, true, []string{"get", "create"}},
		"watched":       {"no request is spent on looking", []*corev1.Event{shown}, again, false, []string{"patch"}},
		"watched-faded": {"it is not there any more", nil, again, false, []string{"patch", "create"}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			client := fake.NewClientset()
			for _, event := range tc.there {
				if err := client.Tracker().Add(event.DeepCopy()); err != nil {
					t.Fatal(err)
				}
			}
			metrics, err := NewMetrics(prometheus.NewRegistry())
			if err != nil {
				t.Fatal(err)
			}
			r := &Runner{Sources: Sources{Upstream: client, Metrics: metrics}}
			if err := r.upsert(t.Context(), tc.event.DeepCopy(), tc.listed); err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, action := range client.Actions() {
				got = append(got, action.GetVerb())
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("%s: requests -want +got:\n%s", tc.reason, diff)
			}
		})
	}
}
