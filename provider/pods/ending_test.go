package pods

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/spillway-io/spillway/provider/translate"
)

// TestUntold: a pod that is deleted and ends soon costs no write of its status.
func TestUntold(t *testing.T) {
	noon := time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)
	running := func(p *corev1.Pod) {
		p.Status = corev1.PodStatus{
			Phase: corev1.PodRunning, StartTime: new(metav1.NewTime(noon)),
			ContainerStatuses: []corev1.ContainerStatus{{Name: "c", Ready: true}},
		}
	}
	doomed := upstream()
	doomed.Status = translate.Status(doomed, twin(running), testNode().InternalIP)
	deleting(30)(doomed)
	doomed.DeletionTimestamp = new(metav1.NewTime(noon.Add(30 * time.Second)))
	doomed.Generation++
	unready := func(p *corev1.Pod) { p.Status.ContainerStatuses[0].Ready = false }
	cases := map[string]struct {
		reason  string
		options []option
		after   time.Duration
		live    bool
		want    plan
	}{
		"observed":      {"who waits for a deletion waits for the end", nil, time.Second, false, plan{Row: RowTerminating, Again: 9 * time.Second}},
		"unseen":        {"what was to be looked at sooner still is", nil, time.Second, true, plan{Row: RowTerminating, Again: unseenRetry}},
		"long-observed": {"of an end that takes long it is told", nil, 10 * time.Second, false, plan{Row: RowTerminating, Phase: corev1.PodRunning}},
		"other-clock":   {"clocks that differ keep nothing back", nil, -time.Second, false, plan{Row: RowTerminating, Phase: corev1.PodRunning}},
		"news":          {"what containers do is told at once", []option{unready}, time.Second, false, plan{Row: RowTerminating, Phase: corev1.PodRunning}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			down := twin(append([]option{running, deleting(30)}, tc.options...)...)
			got := summary(Plan(World{Upstream: doomed, Downstream: down, DownstreamLive: tc.live, Now: metav1.NewTime(noon.Add(tc.after))}, testNode()))
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("%s: -want +got:\n%s", tc.reason, diff)
			}
		})
	}
}
