package workloadspread

import (
	"context"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/openkruise/kruise-api/apps/v1alpha1"
	"github.com/prometheus/client_golang/prometheus"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"

	"github.com/spillway-io/spillway/api"
	"github.com/spillway-io/spillway/webhook/eventnote"
	"github.com/spillway-io/spillway/webhook/pace"
)

// stale is a client whose cache has an older WorkloadSpread.
type stale struct {
	client.Client

	ws *v1alpha1.WorkloadSpread
}

func (s stale) Get(ctx context.Context, key client.ObjectKey, object client.Object, opts ...client.GetOption) error {
	if ws, ok := object.(*v1alpha1.WorkloadSpread); ok {
		s.ws.DeepCopyInto(ws)
		return nil
	}
	return s.Client.Get(ctx, key, object, opts...)
}

func objects(pods []*corev1.Pod) []client.Object {
	all := make([]client.Object, len(pods))
	for i := range pods {
		all[i] = pods[i]
	}
	return all
}

func plainJob() *batchv1.Job {
	return &batchv1.Job{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "web", UID: "web"}}
}

func forgivingJob() *batchv1.Job {
	job := plainJob()
	job.Spec.PodFailurePolicy = &batchv1.PodFailurePolicy{Rules: []batchv1.PodFailurePolicyRule{{
		Action: batchv1.PodFailurePolicyActionIgnore,
		OnPodConditions: []batchv1.PodFailurePolicyOnPodConditionsPattern{
			{Type: corev1.DisruptionTarget, Status: corev1.ConditionTrue},
		},
	}}}
	return job
}

func gauges(t *testing.T, m *Metrics) int {
	t.Helper()
	collected := make(chan prometheus.Metric, 100)
	m.replicas.Collect(collected)
	return len(collected)
}

// TestPodChanges: what wakes the controller, and what does not.
func TestPodChanges(t *testing.T) {
	cases := map[string]struct {
		change func(*corev1.Pod)
		want   bool
	}{
		"nothing": {func(*corev1.Pod) {}, false},
		"ready": {func(p *corev1.Pod) {
			p.Status.Conditions = append(p.Status.Conditions, corev1.PodCondition{Type: corev1.PodReady, Status: corev1.ConditionTrue})
		}, true},
		"ready containers": {func(p *corev1.Pod) {
			p.Status.Conditions = append(p.Status.Conditions, corev1.PodCondition{Type: corev1.ContainersReady, Status: corev1.ConditionTrue})
		}, false},
		"words":       {func(p *corev1.Pod) { p.Status.Conditions[0].Message = "0/3 nodes are available" }, false},
		"label":       {func(p *corev1.Pod) { p.Labels["x"] = "y" }, false},
		"cost":        {func(p *corev1.Pod) { p.Annotations[corev1.PodDeletionCost] = "1" }, false},
		"scheduled":   {func(p *corev1.Pod) { p.Status.Conditions[0].Status = corev1.ConditionTrue }, true},
		"ungated":     {func(p *corev1.Pod) { p.Status.Conditions[0].Reason = corev1.PodReasonSchedulingGated }, true},
		"bound":       {func(p *corev1.Pod) { p.Spec.NodeName = "n1" }, true},
		"nominated":   {func(p *corev1.Pod) { p.Status.NominatedNodeName = "n1" }, true},
		"finished":    {func(p *corev1.Pod) { p.Status.Phase = corev1.PodFailed }, true},
		"terminating": {func(p *corev1.Pod) { p.DeletionTimestamp = new(metav1.Now()) }, true},
		"subset":      {func(p *corev1.Pod) { p.Annotations[api.MatchedWorkloadSpreadAnnotation] = "{}" }, true},
		"version":     {func(p *corev1.Pod) { p.Labels["pod-template-hash"] = "v2" }, true},
		"downstream node": {func(p *corev1.Pod) {
			p.Annotations[api.DownstreamNodeAnnotation] = "n9"
		}, true},
		"downstream": {func(p *corev1.Pod) {
			p.Status.Conditions = append(p.Status.Conditions, corev1.PodCondition{Type: api.DownstreamScheduledCondition, Status: corev1.ConditionFalse})
		}, true},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			before := stuck("p1", 0)
			after := before.DeepCopy()
			tc.change(after)
			if got := podChanges().Update(event.UpdateEvent{ObjectOld: before, ObjectNew: after}); got != tc.want {
				t.Errorf("let through: %t, want %t", got, tc.want)
			}
		})
	}
	if !podChanges().Create(event.CreateEvent{Object: stuck("p1", 0)}) || !podChanges().Delete(event.DeleteEvent{Object: stuck("p1", 0)}) {
		t.Error("a pod that comes or goes is not let through")
	}
}

// TestMemoryOfGates: the time behind gates ends when a pod is first seen without
// them, and pods that are gone are forgotten.
func TestMemoryOfGates(t *testing.T) {
	m := newMemory("ws")
	gated := stuck("gated", 0)
	gated.Spec.SchedulingGates = []corev1.PodSchedulingGate{{Name: "g"}}
	free := stuck("free", 0)
	at := func(seconds int) time.Time { return noon().Add(time.Duration(seconds) * time.Second) }

	m.see([]*corev1.Pod{gated, free}, at(0))
	ungated := gated.DeepCopy()
	ungated.Spec.SchedulingGates = nil
	m.see([]*corev1.Pod{ungated, free}, at(5))
	m.see([]*corev1.Pod{ungated, free}, at(9))
	if diff := cmp.Diff(map[types.UID]time.Time{"uid-gated": at(5)}, m.gated); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	m.deleted["uid-gated"], m.refused["uid-gated"] = true, true
	m.see([]*corev1.Pod{free}, at(10))
	if n := len(m.gated) + len(m.deleted) + len(m.refused); n > 0 {
		t.Errorf("%d things remembered of pods that are gone", n)
	}
}

// TestSlowWriteIsWaitedFor: the time in a condition may be long past when the API
// server has it.
func TestSlowWriteIsWaitedFor(t *testing.T) {
	w := newWorld(t, adaptive(), stuck("p1", time.Minute))
	w.slow = map[string]time.Duration{"status": 10 * time.Second}
	w.pass(0)
	if _, writes, _ := w.pass(spreadTime - 1); len(startingWith("delete", writes)) > 0 {
		t.Errorf("wrote %v", writes)
	}
	if _, writes, _ := w.pass(pace.Shortest); len(startingWith("delete", writes)) != 1 {
		t.Errorf("wrote %v", writes)
	}
}

func TestNoteFitsIntoAnEvent(t *testing.T) {
	long := make([]byte, 3*eventnote.Max)
	for i := range long {
		long[i] = 'x'
	}
	if got := eventnote.Format("%s", long); len(got) != eventnote.Max || got[eventnote.Max-3:] != "..." {
		t.Errorf("%d bytes, ends with %q", len(got), got[len(got)-3:])
	}
	if got := eventnote.Format("%d nodes", 3); got != "3 nodes" {
		t.Errorf("got %q", got)
	}
}
