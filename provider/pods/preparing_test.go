package pods

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/spillway-io/spillway/provider/translate"
)

// TestUnhurried: from create to Running there are two writes upstream, the kubelet's
// first word and the start; what comes between waits for the start.
func TestUnhurried(t *testing.T) {
	noon := time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)
	creating := func(p *corev1.Pod) {
		p.Status = corev1.PodStatus{
			Phase: corev1.PodPending, StartTime: new(metav1.NewTime(noon)),
			ContainerStatuses: []corev1.ContainerStatus{{Name: "c", State: corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: "ContainerCreating"}}}},
		}
	}
	told := upstream()
	told.Status = translate.Status(told, twin(creating), testNode().InternalIP)
	sandboxed := func(p *corev1.Pod) { p.Status.PodIP, p.Status.PodIPs = "10.0.0.1", []corev1.PodIP{{IP: "10.0.0.1"}} }
	failing := func(p *corev1.Pod) { p.Status.ContainerStatuses[0].State.Waiting.Reason = "ErrImagePull" }
	running := func(p *corev1.Pod) { p.Status.Phase = corev1.PodRunning }
	cases := map[string]struct {
		reason   string
		upstream *corev1.Pod
		options  []option
		after    time.Duration
		want     plan
	}{
		"first-word":   {"a pod that a kubelet has must not be started elsewhere", upstream(), nil, time.Second, plan{Row: RowMirror, Phase: corev1.PodPending}},
		"sandbox":      {"nobody waits for that", told, []option{sandboxed}, 3 * time.Second, plan{Row: RowMirror, Again: 7 * time.Second}},
		"long-sandbox": {"but it is told when the start takes long", told, []option{sandboxed}, 10 * time.Second, plan{Row: RowMirror, Phase: corev1.PodPending}},
		"other-clock":  {"clocks that differ keep nothing back", told, []option{sandboxed}, -time.Second, plan{Row: RowMirror, Phase: corev1.PodPending}},
		"failing":      {"a reason is told at once", told, []option{failing}, time.Second, plan{Row: RowMirror, Phase: corev1.PodPending}},
		"running":      {"so is the start", told, []option{sandboxed, running}, time.Second, plan{Row: RowMirror, Phase: corev1.PodRunning}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			down := twin(append([]option{creating}, tc.options...)...)
			got := summary(Plan(World{Upstream: tc.upstream, Downstream: down, Now: metav1.NewTime(noon.Add(tc.after))}, testNode()))
			got.Annotation = ""
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("%s: -want +got:\n%s", tc.reason, diff)
			}
		})
	}
}
