package spread

import (
	"fmt"

	"github.com/openkruise/kruise-api/apps/v1alpha1"
	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
)

// VersionIgnored is the version of pods whose workload has none that are counted
// apart: everything but a Deployment and a ReplicaSet. The word is Kruise's.
const VersionIgnored = "versionIgnored"

// Owner is a workload that controls a pod, directly or through others.
type Owner struct {
	schema.GroupKind
	Name string
	UID  types.UID
}

// ControllerOf returns the owner that controls an object; ok is false if none
// does, or none that can be told.
func ControllerOf(object metav1.Object) (owner Owner, ok bool) {
	ref := metav1.GetControllerOfNoCopy(object)
	if ref == nil {
		return Owner{}, false
	}
	gv, err := schema.ParseGroupVersion(ref.APIVersion)
	if err != nil {
		return Owner{}, false
	}
	return Owner{GroupKind: schema.GroupKind{Group: gv.Group, Kind: ref.Kind}, Name: ref.Name, UID: ref.UID}, true
}

// TargetKind returns the group and kind of what ws targets. The version in
// targetRef.apiVersion does not matter, as in Kruise.
func TargetKind(ws *v1alpha1.WorkloadSpread) schema.GroupKind {
	if ws.Spec.TargetReference == nil {
		return schema.GroupKind{}
	}
	return schema.FromAPIVersionAndKind(ws.Spec.TargetReference.APIVersion, ws.Spec.TargetReference.Kind).GroupKind()
}

// Targets says whether ws, in the owner's namespace, targets it.
func Targets(ws *v1alpha1.WorkloadSpread, owner Owner) bool {
	ref := ws.Spec.TargetReference
	return ref != nil && ref.Name == owner.Name && TargetKind(ws) == owner.GroupKind
}

// Targeting returns the first candidate that targets the owner and selects its pod
// by the pod's labels, or whose selector cannot tell, which is the error; nil if
// there is none. Candidates are to be in the order of their names.
func Targeting(candidates []*v1alpha1.WorkloadSpread, owner Owner, podLabels map[string]string) (*v1alpha1.WorkloadSpread, error) {
	for _, ws := range candidates {
		if !Targets(ws, owner) {
			continue
		}
		if selects, err := Selects(ws, podLabels); selects || err != nil {
			return ws, err
		}
	}
	return nil, nil
}

// Selects says whether ws manages a pod of its target by the pod's labels. The error
// tells of a selector that does not parse.
func Selects(ws *v1alpha1.WorkloadSpread, podLabels map[string]string) (bool, error) {
	selector, err := SelectorOf(ws)
	return err == nil && selector.Matches(labels.Set(podLabels)), err
}

// SelectorOf returns what selects the pods of its target that ws manages. A filter
// without a selector selects every pod. The error tells of one that does not parse.
func SelectorOf(ws *v1alpha1.WorkloadSpread) (labels.Selector, error) {
	filter := ws.Spec.TargetFilter
	if filter == nil || filter.Selector == nil {
		return labels.Everything(), nil
	}
	selector, err := metav1.LabelSelectorAsSelector(filter.Selector)
	if err != nil {
		return nil, fmt.Errorf("spec.targetFilter.selector: %w", err)
	}
	return selector, nil
}

// VersionOf returns the version under which a pod of ws counts: replicas of a
// rollout's old and new revision are counted apart.
func VersionOf(ws *v1alpha1.WorkloadSpread, pod *corev1.Pod) string {
	if hash := pod.Labels[appsv1.DefaultDeploymentUniqueLabelKey]; hash != "" && isVersioned(TargetKind(ws)) {
		return hash
	}
	return VersionIgnored
}

func isVersioned(kind schema.GroupKind) bool { return isDeployment(kind) || isReplicaSet(kind) }

func isDeployment(kind schema.GroupKind) bool {
	return kind == schema.GroupKind{Group: appsv1.GroupName, Kind: "Deployment"}
}

func isReplicaSet(kind schema.GroupKind) bool {
	return kind == schema.GroupKind{Group: appsv1.GroupName, Kind: "ReplicaSet"}
}

func isJob(kind schema.GroupKind) bool {
	return kind == schema.GroupKind{Group: batchv1.GroupName, Kind: "Job"}
}

func isCloneSet(kind schema.GroupKind) bool {
	return kind == schema.GroupKind{Group: v1alpha1.GroupVersion.Group, Kind: "CloneSet"}
}

// IsKnown says whether the replicas of a kind are at a place that is known. Any
// other kind has them at targetFilter.replicasPathList or in its scale
// subresource.
func IsKnown(kind schema.GroupKind) bool {
	return isVersioned(kind) || isJob(kind) || isCloneSet(kind) || isStatefulSet(kind)
}

// isStatefulSet counts Kruise's Advanced StatefulSet in.
func isStatefulSet(kind schema.GroupKind) bool {
	return kind.Kind == "StatefulSet" && (kind.Group == appsv1.GroupName || kind.Group == v1alpha1.GroupVersion.Group)
}

// IsActive says whether a pod takes a slot: it is neither finished nor being
// deleted. This is the meaning of Kubernetes' own workload controllers.
func IsActive(pod *corev1.Pod) bool {
	return pod.DeletionTimestamp == nil && pod.Status.Phase != corev1.PodSucceeded && pod.Status.Phase != corev1.PodFailed
}

// Target is what is known of the workload that a WorkloadSpread targets, at the
// time of a decision.
type Target struct {
	UID types.UID
	// Replicas is how many pods the workload wants, the base of percentages; nil
	// if that is not known.
	Replicas *int32
	// ReplicasErr is why Replicas is not known, if there is more to say.
	ReplicasErr error
	// Version is the latest version of a Deployment or ReplicaSet, to which a
	// rollout leads; VersionIgnored for others.
	Version string
	// Indexed says that it is an indexed Job.
	Indexed bool
	// FirstOrdinal is the smallest ordinal of a StatefulSet's pods.
	FirstOrdinal int
	// ReservedOrdinals are those an Advanced StatefulSet leaves out.
	ReservedOrdinals []int
}
