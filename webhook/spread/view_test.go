package spread_test

import (
	"fmt"
	"time"

	"github.com/openkruise/kruise-api/apps/v1alpha1"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/spillway-io/spillway/api"
	"github.com/spillway-io/spillway/webhook/spread"
)

// noon is the time in the controller's cases; they count seconds from it.
func noon() time.Time { return time.Date(2025, 11, 1, 12, 0, 0, 0, time.UTC) }

func at(seconds int) metav1.Time {
	return metav1.NewTime(noon().Add(time.Duration(seconds) * time.Second))
}

const oneHour = 3600

type viewOption func(*spread.View)

// viewOf is a WorkloadSpread "ws" with the subsets a, with that cap ("" for
// none), and b, on a Deployment of 4 replicas at version v1, at noon.
func viewOf(mostOfA string, options ...viewOption) spread.View {
	v := spread.View{
		Spread: &v1alpha1.WorkloadSpread{
			ObjectMeta: metav1.ObjectMeta{Name: "ws", Generation: 7, CreationTimestamp: at(-oneHour)},
			Spec: v1alpha1.WorkloadSpreadSpec{
				TargetReference: &v1alpha1.TargetReference{APIVersion: "apps/v1", Kind: "Deployment", Name: "web"},
				Subsets:         []v1alpha1.WorkloadSpreadSubset{{Name: "a"}, {Name: "b"}},
			},
		},
		Target:  spread.Target{UID: "web", Replicas: new(int32(4)), Version: "v1"},
		Backoff: spread.Backoff{Base: 5 * time.Minute, Max: time.Hour},
		Now:     noon(),
	}
	most("a", mostOfA)(&v)
	for _, option := range options {
		option(&v)
	}
	return v
}

func most(subset, value string) viewOption {
	return func(v *spread.View) {
		for i := range v.Spread.Spec.Subsets {
			if s := &v.Spread.Spec.Subsets[i]; s.Name == subset && value != "" {
				s.MaxReplicas = new(intstr.Parse(value))
			}
		}
	}
}

// subset changes a subset, or adds one at the end.
func subset(name string, change func(*v1alpha1.WorkloadSpreadSubset)) viewOption {
	return func(v *spread.View) {
		for i := range v.Spread.Spec.Subsets {
			if s := &v.Spread.Spec.Subsets[i]; s.Name == name {
				change(s)
				return
			}
		}
		s := v1alpha1.WorkloadSpreadSubset{Name: name}
		change(&s)
		v.Spread.Spec.Subsets = append(v.Spread.Spec.Subsets, s)
	}
}

func target(apiVersion, kind string) viewOption {
	return func(v *spread.View) {
		v.Spread.Spec.TargetReference.APIVersion, v.Spread.Spec.TargetReference.Kind = apiVersion, kind
	}
}

func adaptive(seconds int32) viewOption {
	return func(v *spread.View) {
		v.Spread.Spec.ScheduleStrategy = v1alpha1.WorkloadSpreadScheduleStrategy{
			Type:     v1alpha1.AdaptiveWorkloadSpreadScheduleStrategyType,
			Adaptive: &v1alpha1.AdaptiveWorkloadSpreadStrategy{RescheduleCriticalSeconds: &seconds},
		}
	}
}

func pods(pods ...*corev1.Pod) viewOption {
	return func(v *spread.View) { v.Pods = append(v.Pods, pods...) }
}

func nodes(nodes ...*corev1.Node) viewOption {
	return func(v *spread.View) {
		v.Nodes = map[string]*corev1.Node{}
		for _, node := range nodes {
			v.Nodes[node.Name] = node
		}
	}
}

// schedulable gives a subset its condition, since that second.
func schedulable(subset string, status corev1.ConditionStatus, since int) viewOption {
	return func(v *spread.View) {
		v.Spread.Status.SubsetStatuses = append(v.Spread.Status.SubsetStatuses, v1alpha1.WorkloadSpreadSubsetStatus{
			Name: subset, Conditions: []v1alpha1.WorkloadSpreadSubsetCondition{{
				Type: v1alpha1.SubsetSchedulable, Status: status, LastTransitionTime: at(since), Message: "as before",
			}},
		})
	}
}

// reserved gives a subset a reservation since that second.
func reserved(version, subset, key string, since int) viewOption {
	return func(v *spread.View) {
		if v.Spread.Status.VersionedSubsetStatuses == nil {
			v.Spread.Status.VersionedSubsetStatuses = map[string][]v1alpha1.WorkloadSpreadSubsetStatus{}
		}
		v.Spread.Status.VersionedSubsetStatuses[version] = append(v.Spread.Status.VersionedSubsetStatuses[version],
			v1alpha1.WorkloadSpreadSubsetStatus{Name: subset, CreatingPods: map[string]metav1.Time{key: at(since)}})
	}
}

type podOption func(*corev1.Pod)

// podOf is a pod of version v1 in a subset of ws, "" for none, that runs on n1.
func podOf(name, subset string, options ...podOption) *corev1.Pod {
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{
			Name: name, UID: types.UID("uid-of-" + name), CreationTimestamp: at(-oneHour),
			Labels:      map[string]string{appsv1.DefaultDeploymentUniqueLabelKey: "v1"},
			Annotations: map[string]string{},
		},
		Spec: corev1.PodSpec{NodeName: "n1"},
		Status: corev1.PodStatus{Phase: corev1.PodRunning, Conditions: []corev1.PodCondition{
			{Type: corev1.PodScheduled, Status: corev1.ConditionTrue, LastTransitionTime: at(-oneHour)},
			{Type: corev1.PodReady, Status: corev1.ConditionTrue, LastTransitionTime: at(-oneHour)},
		}},
	}
	if subset != "" {
		pod.Annotations[api.MatchedWorkloadSpreadAnnotation] = fmt.Sprintf(`{"name":"ws","subset":%q}`, subset)
	}
	for _, option := range options {
		option(pod)
	}
	return pod
}

func oldVersion(pod *corev1.Pod) { pod.Labels[appsv1.DefaultDeploymentUniqueLabelKey] = "v0" }

func annotated(key, value string) podOption {
	return func(pod *corev1.Pod) { pod.Annotations[key] = value }
}

func deleted(pod *corev1.Pod) { pod.DeletionTimestamp = new(at(-1)) }

func inPhase(phase corev1.PodPhase) podOption {
	return func(pod *corev1.Pod) { pod.Status.Phase = phase }
}

// unschedulable has the upstream scheduler say so since that second.
func unschedulable(since int) podOption {
	return func(pod *corev1.Pod) {
		pod.Spec.NodeName = ""
		pod.Status = corev1.PodStatus{Phase: corev1.PodPending, Conditions: []corev1.PodCondition{{
			Type: corev1.PodScheduled, Status: corev1.ConditionFalse, Reason: corev1.PodReasonUnschedulable,
			LastTransitionTime: at(since), Message: "0/2 nodes are available",
		}}}
	}
}

// unschedulableDownstream has the downstream scheduler say so since that second.
func unschedulableDownstream(since int) podOption {
	return func(pod *corev1.Pod) {
		pod.Spec.NodeName = "east"
		pod.Status.Phase = corev1.PodPending
		pod.Status.Conditions = append(pod.Status.Conditions[:1:1], corev1.PodCondition{
			Type: api.DownstreamScheduledCondition, Status: corev1.ConditionFalse, Reason: corev1.PodReasonUnschedulable,
			LastTransitionTime: at(since), Message: "0/9 downstream nodes are available",
		})
	}
}

// largerThanAnyNode has the virtual node say since that second that the downstream
// cluster has no node for the pod.
func largerThanAnyNode(since int) podOption {
	return func(pod *corev1.Pod) {
		unschedulableDownstream(since)(pod)
		pod.Status.Conditions[1].Reason = api.LargerThanAnyNodeReason
	}
}

// scheduled has the pod be bound to a node at that second.
func scheduled(node string, since int) podOption {
	return func(pod *corev1.Pod) {
		pod.Spec.NodeName = node
		pod.Status.Conditions = []corev1.PodCondition{{Type: corev1.PodScheduled, Status: corev1.ConditionTrue, LastTransitionTime: at(since)}}
	}
}

func node(name string, labels map[string]string, taints ...corev1.Taint) *corev1.Node {
	return &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: labels}, Spec: corev1.NodeSpec{Taints: taints}}
}

func virtualNode() *corev1.Node {
	return node("east", map[string]string{api.NodeTypeLabel: api.NodeTypeVirtual},
		corev1.Taint{Key: api.ProviderTaintKey, Value: api.ProviderTaintValue, Effect: corev1.TaintEffectNoSchedule})
}

func patch(raw string) func(*v1alpha1.WorkloadSpreadSubset) {
	return func(s *v1alpha1.WorkloadSpreadSubset) { s.Patch = runtime.RawExtension{Raw: []byte(raw)} }
}
