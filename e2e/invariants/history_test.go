package invariants

import (
	"strings"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"

	"github.com/spillway-io/spillway/api"
)

// history tells a Ledger what happened, one second after the other.
type history struct {
	*Ledger
	now time.Time
}

func newHistory() *history {
	return &history{
		NewLedger(Scope{
			Upstream: "upstream", UpstreamID: "id", Nodes: map[string]string{"east": "eastern", "west": "western"}, Guarded: []string{"shop"},
		}),
		time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC),
	}
}

func (h *history) later() time.Time {
	h.now = h.now.Add(time.Second)
	return h.now
}

func (h *history) sees(cluster string, pod *corev1.Pod)     { h.Sees(cluster, pod, h.later()) }
func (h *history) seesGone(cluster string, pod *corev1.Pod) { h.SeesGone(cluster, pod, h.later()) }
func (h *history) lists(cluster string, pods ...corev1.Pod) { h.Lists(cluster, pods, h.later()) }
func (h *history) confirms(cluster string, pods ...corev1.Pod) {
	h.Confirms(cluster, pods, h.later())
}

// compares looks once a second, for some seconds, and returns what is different.
func (h *history) compares(seconds int) (whats []string) {
	began := h.now
	for range seconds {
		h.Compare(h.later())
	}
	for _, d := range h.Disagreeing(began.Add(2 * time.Second)) {
		whats = append(whats, d.What)
	}
	return whats
}

// runs has a pod run well in both clusters.
func (h *history) runs(up, down *corev1.Pod) {
	h.sees("upstream", up)
	h.sees("eastern", down)
	h.sees("eastern", with(down, running))
	h.sees("upstream", with(up, running))
}

// interrupted is the first pod of index 0, which is made as an outage begins.
func (h *history) interrupted() *corev1.Pod {
	pod := above("sum-0-a", "u1", ofIndex("0"), made(h.later()))
	h.Interrupts(h.later())
	return pod
}

// runsPair has that pod run, and the second of its index.
func (h *history) runsPair() {
	h.runs(h.interrupted(), below("sum-0-a", "d1", "u1"))
	h.runs(above("sum-0-b", "u2", ofIndex("0"), made(h.later())), below("sum-0-b", "d2", "u2"))
}

type change func(*corev1.Pod)

func with(pod *corev1.Pod, changes ...change) *corev1.Pod {
	pod = pod.DeepCopy()
	for _, change := range changes {
		change(pod)
	}
	return pod
}

func above(name, uid string, changes ...change) *corev1.Pod {
	return with(&corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: name, UID: types.UID(uid)},
		Spec:       corev1.PodSpec{NodeName: "east", Containers: []corev1.Container{{Name: "app", Image: "app:1"}}},
		Status:     corev1.PodStatus{Phase: corev1.PodPending},
	}, changes...)
}

func below(name, uid, aboveUID string, changes ...change) *corev1.Pod {
	marked := func(pod *corev1.Pod) {
		pod.Spec.NodeName = "metal"
		pod.Labels = map[string]string{api.UpstreamLabel: "id", api.VirtualNodeLabel: "east"}
		pod.Annotations = map[string]string{api.UpstreamUIDAnnotation: aboveUID}
	}
	return with(above(name, uid), append([]change{marked}, changes...)...)
}

func running(pod *corev1.Pod) {
	pod.Status.Phase = corev1.PodRunning
	pod.Status.StartTime = &metav1.Time{Time: time.Unix(0, 0)}
	pod.Status.Conditions = []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionTrue}}
	pod.Status.ContainerStatuses = []corev1.ContainerStatus{{
		Name: "app", Image: pod.Spec.Containers[0].Image, ContainerID: "c-1", Ready: true,
		State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{}},
	}}
}

func in(phase corev1.PodPhase) change {
	return func(pod *corev1.Pod) { pod.Status.Phase = phase }
}

func asked(pod *corev1.Pod) { pod.DeletionTimestamp = &metav1.Time{Time: time.Unix(1, 0)} }

func made(at time.Time) change {
	return func(pod *corev1.Pod) { pod.CreationTimestamp = metav1.NewTime(at) }
}

func on(node string) change {
	return func(pod *corev1.Pod) {
		if pod.Labels[api.VirtualNodeLabel] != "" {
			pod.Labels[api.VirtualNodeLabel] = node
			return
		}
		pod.Spec.NodeName = node
	}
}

func labelled(key, value string) change {
	return func(pod *corev1.Pod) { metav1.SetMetaDataLabel(&pod.ObjectMeta, key, value) }
}

func evicted(pod *corev1.Pod) {
	pod.Status.Conditions = append(pod.Status.Conditions, corev1.PodCondition{
		Type: corev1.DisruptionTarget, Status: corev1.ConditionTrue, Reason: "DeletionByTaintManager", Message: "taint manager",
	})
}

// container changes the pod's only container status.
func containerIs(change func(*corev1.ContainerStatus)) change {
	return func(pod *corev1.Pod) { change(&pod.Status.ContainerStatuses[0]) }
}

func ofIndex(n string) change {
	return func(pod *corev1.Pod) {
		pod.OwnerReferences = []metav1.OwnerReference{{Kind: "Job", Name: "sum", UID: "job", Controller: new(true)}}
		metav1.SetMetaDataAnnotation(&pod.ObjectMeta, batchv1.JobCompletionIndexAnnotation, n)
	}
}

func job(completions int32) batchv1.Job {
	return batchv1.Job{
		ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "sum", UID: "job"},
		Spec:       batchv1.JobSpec{Completions: &completions},
	}
}

// thing is an object in a downstream cluster.
func thing(kind, uid string, changes ...func(*unstructured.Unstructured)) *unstructured.Unstructured {
	o := &unstructured.Unstructured{Object: map[string]any{"data": map[string]any{"key": "value"}}}
	o.SetKind(kind)
	o.SetNamespace("shop")
	o.SetName("theirs")
	o.SetUID(types.UID(uid))
	o.SetResourceVersion("1")
	for _, change := range changes {
		change(o)
	}
	return o
}

// kinds are the invariants that were violated, with who was in it.
func kinds(violations []Violation) []string {
	var found []string
	for _, v := range violations {
		found = append(found, string(v.Invariant)+": "+strings.Join(v.Objects, ", "))
	}
	return found
}
