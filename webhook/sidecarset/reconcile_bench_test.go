package sidecarset

import (
	"context"
	"fmt"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/client-go/tools/events"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
)

// listed is a client whose lists cost what those of a cache do, and nothing more.
type listed struct {
	client.Client

	pods      []corev1.Pod
	nodes     []corev1.Node
	revisions []appsv1.ControllerRevision
}

func (l *listed) List(_ context.Context, list client.ObjectList, _ ...client.ListOption) error {
	switch list := list.(type) {
	case *corev1.PodList:
		list.Items = append(make([]corev1.Pod, 0, len(l.pods)), l.pods...)
	case *corev1.NodeList:
		list.Items = append(make([]corev1.Node, 0, len(l.nodes)), l.nodes...)
	case *appsv1.ControllerRevisionList:
		list.Items = append(make([]appsv1.ControllerRevision, 0, len(l.revisions)), l.revisions...)
	default:
		return fmt.Errorf("there are no lists of %T", list)
	}
	return nil
}

// BenchmarkReconcile is a pass after one of the pods was replaced by another. In
// steady ones all pods have the version of the set; in partitioned ones they have
// the one before, and keep it.
func BenchmarkReconcile(b *testing.B) {
	for _, pods := range []int{500, 2_000} {
		b.Run(fmt.Sprintf("steady/pods=%d", pods), func(b *testing.B) { reconcileAll(b, pods, "log:v1") })
		b.Run(fmt.Sprintf("partitioned/pods=%d", pods), func(b *testing.B) { reconcileAll(b, pods, "log:v2") })
	}
}

func reconcileAll(b *testing.B, count int, image string) {
	b.Helper()
	set := agents(image)
	set.Spec.UpdateStrategy.Partition = new(intstr.FromString("100%"))
	w := newWorld(b, set)
	pods := &listed{Client: w.reconciler.client, nodes: make([]corev1.Node, 10)}
	for i := range count {
		pods.pods = append(pods.pods, *podWith(b, agents("log:v1"), fmt.Sprintf("p%d", i)))
	}
	w.reconciler.client = pods
	w.reconciler.events = &events.FakeRecorder{}
	pass := func() {
		w.clock.Step(time.Second)
		if _, err := w.reconciler.Reconcile(b.Context(), reconcile.Request{NamespacedName: types.NamespacedName{Name: "agents"}}); err != nil {
			b.Fatal(err)
		}
	}
	// The first passes make the revision and the status.
	pass()
	pods.revisions = w.revisions()
	pass()
	b.ReportAllocs()
	next := 0
	for b.Loop() {
		pod := &pods.pods[next%count]
		pod.UID = types.UID(fmt.Sprintf("another-%d", next))
		next++
		pass()
	}
}
