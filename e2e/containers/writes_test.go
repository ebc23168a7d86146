package containers

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/watch"
)

// patience is how long a pod may take to start before more is told of it: the virtual
// node's ten seconds, but for the time that events are under way.
const patience = 8 * time.Second

// TestWritesToRunning: a kubelet tells of a pod that it prepares, that its sandbox is
// there and that it runs, and records four events or more. Upstream that is two
// writes: the first word, and that the pod runs.
func TestWritesToRunning(t *testing.T) {
	s := tellAlone(t, stage.up) // beside others it might start slowly
	stream, err := s.upstream.Client().CoreV1().Pods(s.namespace).Watch(s.ctx, metav1.ListOptions{})
	s.must("watch the pods", err)
	defer stream.Stop()
	s.runsPod("box", "Always", waiting)

	writes, took := s.writesUntilReady(stream)
	t.Logf("%d writes in %.1f s", writes, took.Seconds())
	if took > patience {
		if writes > 3 {
			t.Errorf("the status was written %d times from create to Running, want three of a pod that starts slowly", writes)
		}
		return
	}
	if writes > 2 {
		t.Errorf("the status was written %d times from create to Running, want two", writes)
	}
	events, err := s.upstream.Client().CoreV1().Events(s.namespace).List(s.ctx, metav1.ListOptions{FieldSelector: "involvedObject.name=box,source=kubelet"})
	s.must("list the events", err)
	for _, event := range events.Items {
		t.Errorf("event %s says what the status does", event.Reason)
	}
}

// writesUntilReady counts how often the only pod changed after its binding, which is
// the last that others write, and says how long it took from create to Running.
func (s *story) writesUntilReady(stream watch.Interface) (writes int, took time.Duration) {
	s.Helper()
	bound := false
	var before corev1.PodStatus
	for {
		select {
		case <-s.ctx.Done():
			s.Fatal("the pod was not seen to be ready")
		case change, open := <-stream.ResultChan():
			pod, isPod := change.Object.(*corev1.Pod)
			if !open || !isPod {
				s.must("watch the pods", errors.New("the watch has ended"))
			}
			switch {
			case bound:
				writes++
				s.Logf("write %d: %s, started %v, address %q:\n%s", writes, pod.Status.Phase, pod.Status.StartTime, pod.Status.PodIP, cmp.Diff(before, pod.Status))
			case pod.Spec.NodeName != "":
				bound = true
			}
			before = pod.Status
			ready := slices.IndexFunc(pod.Status.Conditions, func(c corev1.PodCondition) bool {
				return c.Type == corev1.PodReady && c.Status == corev1.ConditionTrue
			})
			if ready >= 0 {
				return writes, pod.Status.Conditions[ready].LastTransitionTime.Sub(pod.CreationTimestamp.Time)
			}
		}
	}
}
