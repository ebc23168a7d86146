package provider

import (
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/randfill"

	"github.com/spillway-io/spillway/provider/capacity"
	"github.com/spillway-io/spillway/provider/sharing"
	"github.com/spillway-io/spillway/provider/translate"
	"github.com/spillway-io/spillway/webhook/stash"
)

// TestSlimPodKeepsWhatCounts: for random pods, a foreign pod as it is cached is
// recognized as what it is and takes from its node what the whole pod takes.
func TestSlimPodKeepsWhatCounts(t *testing.T) {
	seed := rand.Int64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(uint64(seed), 1))
	filler := randfill.NewWithSeed(seed).NilChance(0.3).NumElements(1, 3).Funcs(
		func(q *resource.Quantity, c randfill.Continue) {
			*q = *resource.NewMilliQuantity(c.Int63n(4000), resource.DecimalSI)
		},
		func(l *corev1.ResourceList, c randfill.Continue) {
			*l = corev1.ResourceList{}
			for _, name := range []corev1.ResourceName{corev1.ResourceCPU, corev1.ResourceMemory, "example.com/gpu"} {
				if c.Bool() {
					(*l)[name] = *resource.NewMilliQuantity(c.Int63n(4000), resource.DecimalSI)
				}
			}
		},
		func(p *corev1.ContainerRestartPolicy, c randfill.Continue) {
			*p = []corev1.ContainerRestartPolicy{corev1.ContainerRestartPolicyAlways, corev1.ContainerRestartPolicyNever}[c.Intn(2)]
		},
	)
	id := translate.Identity{UpstreamID: "cluster", Node: stash.VirtualNode{Name: "east"}}
	for range 500 {
		pod := &corev1.Pod{}
		filler.Fill(&pod.Spec)
		filler.Fill(&pod.Status)
		pod.Spec.NodeName, pod.Status.Phase = "n1", corev1.PodRunning
		nameStatuses(pod)
		if random.IntN(2) == 0 {
			pod.Status.Conditions = append(pod.Status.Conditions, corev1.PodCondition{
				Type: corev1.PodResizePending, Status: corev1.ConditionTrue, Reason: corev1.PodReasonInfeasible,
			})
		}

		before := pod.DeepCopy()
		cached, err := slimPod(id, new(sharing.Pods))(pod)
		if err != nil {
			t.Fatal(err)
		}
		slim := cached.(*corev1.Pod)
		if id.Owns(slim) != id.Owns(before) {
			t.Fatalf("seed %d: slimming changed whose the pod is: %v", seed, before.Labels)
		}
		if want, got := left(before), left(slim); !cmp.Equal(want, got) {
			t.Fatalf("seed %d: slimming changed what the pod takes: -want +got:\n%s", seed, cmp.Diff(want, got))
		}
	}
}

func TestSlimPodKeepsOursWhole(t *testing.T) {
	id := translate.Identity{UpstreamID: "cluster", Node: stash.VirtualNode{Name: "east"}}
	ours := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: "web", ManagedFields: []metav1.ManagedFieldsEntry{{Manager: "kubelet"}}},
		Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "c", Image: "c:1"}}},
		Status:     corev1.PodStatus{PodIP: "10.0.0.1"},
	}
	id.Mark(&ours.ObjectMeta, "up")
	want := ours.DeepCopy()
	want.ManagedFields = nil
	got, err := slimPod(id, new(sharing.Pods))(ours.DeepCopy())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("slimPod() of our own pod: -want +got:\n%s", diff)
	}
	other := translate.Identity{UpstreamID: "cluster", Node: stash.VirtualNode{Name: "west"}}
	got, err = slimPod(other, new(sharing.Pods))(ours.DeepCopy())
	if err != nil {
		t.Fatal(err)
	}
	if slim := got.(*corev1.Pod); slim.Status.PodIP != "" || !id.Owns(slim) {
		t.Errorf("another virtual node's pod is cached as %+v, want its marks and no more than it takes", slim)
	}
}

// nameStatuses pairs containers with their statuses, as they are on API servers.
func nameStatuses(pod *corev1.Pod) {
	for i := range pod.Spec.Containers {
		if i < len(pod.Status.ContainerStatuses) {
			pod.Status.ContainerStatuses[i].Name = pod.Spec.Containers[i].Name
		}
	}
	for i := range pod.Spec.InitContainers {
		if i < len(pod.Status.InitContainerStatuses) {
			pod.Status.InitContainerStatuses[i].Name = pod.Spec.InitContainers[i].Name
		}
	}
}

// left is what a large node has left beside the pod, in thousandths.
func left(pod *corev1.Pod) map[corev1.ResourceName]int64 {
	node := corev1.Node{
		ObjectMeta: metav1.ObjectMeta{Name: "n1"},
		Status: corev1.NodeStatus{
			Allocatable: corev1.ResourceList{},
			Conditions:  []corev1.NodeCondition{{Type: corev1.NodeReady, Status: corev1.ConditionTrue}},
		},
	}
	for _, name := range []corev1.ResourceName{corev1.ResourceCPU, corev1.ResourceMemory, corev1.ResourcePods, "example.com/gpu"} {
		node.Status.Allocatable[name] = resource.MustParse("1000")
	}
	result := map[corev1.ResourceName]int64{}
	offer := capacity.Survey([]corev1.Node{node}, []corev1.Pod{*pod}, func(*corev1.Pod) bool { return false }, capacity.Policy{})
	for name, quantity := range offer.Free {
		result[name] = quantity.MilliValue()
	}
	return result
}
