package sidecar

import (
	"github.com/openkruise/kruise-api/apps/v1alpha1"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// defaultHistory is how many old revisions of a set are kept if it does not say.
const defaultHistory = 10

// Default returns set with all that its author need not say; the set is not
// modified. What is written is what Kruise's webhook writes, for every type of
// update strategy, since hashes are of sets with their defaults: one that Kruise
// has defaulted stays as it is, and so does one that this function has.
//
// The hashes themselves are not written: those of Kruise stand in annotations of
// the set and are stale as soon as nobody keeps them.
func Default(set *v1alpha1.SidecarSet) *v1alpha1.SidecarSet {
	set = set.DeepCopy()
	spec := &set.Spec
	defaultUpdates(&spec.UpdateStrategy)
	// Init containers are injected after the pod's own unless they say otherwise,
	// containers before.
	for i := range spec.InitContainers {
		defaultSidecar(&spec.InitContainers[i], v1alpha1.AfterAppContainerType)
	}
	for i := range spec.Containers {
		defaultSidecar(&spec.Containers[i], v1alpha1.BeforeAppContainerType)
	}
	for i := range spec.Volumes {
		defaultVolume(&spec.Volumes[i])
	}
	for i := range spec.PatchPodMetadata {
		setIfZero(&spec.PatchPodMetadata[i].PatchPolicy, v1alpha1.SidecarSetRetainPatchPolicy)
	}
	if revision := spec.InjectionStrategy.Revision; revision != nil {
		setIfZero(&revision.Policy, v1alpha1.AlwaysSidecarSetInjectRevisionPolicy)
	}
	setIfNil(&spec.RevisionHistoryLimit, defaultHistory)
	return set
}

// DefaultUpdate returns the Default of a set that was old before. A pull policy that
// is not given stays: it follows from an image's tag, no pod that runs follows
// another one, and `kubectl apply`, which replaces the list of containers as a
// whole, drops what was written into it. In pod templates, which it merges,
// Kubernetes keeps it in the same way.
func DefaultUpdate(set, old *v1alpha1.SidecarSet) *v1alpha1.SidecarSet {
	set, old = set.DeepCopy(), Default(old)
	keepPullPolicies(set.Spec.Containers, old.Spec.Containers)
	keepPullPolicies(set.Spec.InitContainers, old.Spec.InitContainers)
	return Default(set)
}

func keepPullPolicies(containers, old []v1alpha1.SidecarContainer) {
	for i := range containers {
		if before := indexByName(old, containers[i].Name); before >= 0 {
			setIfZero(&containers[i].ImagePullPolicy, old[before].ImagePullPolicy)
		}
	}
}

func defaultUpdates(strategy *v1alpha1.SidecarSetUpdateStrategy) {
	setIfZero(&strategy.Type, v1alpha1.RollingUpdateSidecarSetStrategyType)
	setIfNil(&strategy.MaxUnavailable, intstr.FromInt32(1))
	setIfNil(&strategy.Partition, intstr.FromInt32(0))
}

// setIfZero writes a default into a field that has no value.
func setIfZero[T comparable](target *T, value T) {
	var zero T
	if *target == zero {
		*target = value
	}
}

// setIfNil writes a default into an optional field that is not given.
func setIfNil[T any](target **T, value T) {
	if *target == nil {
		*target = &value
	}
}
