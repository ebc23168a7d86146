package translate

import (
	"maps"
	"reflect"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/spillway-io/spillway/api"
)

// Change is what an existing downstream pod must take over from its upstream
// pod. Patches is how.
type Change struct {
	Metadata ChangedMetadata
	// Spec is nil when images and deadline are as they should be.
	Spec *ChangedSpec
	// EphemeralContainers are new.
	EphemeralContainers []corev1.EphemeralContainer
	// Resources is nil when there is nothing to resize.
	Resources *ChangedResources
}

// ChangedMetadata holds labels and annotations with new values.
type ChangedMetadata struct {
	// UID makes the API server refuse the patch for another pod of that name.
	UID         types.UID         `json:"uid"`
	Labels      map[string]string `json:"labels,omitempty"`
	Annotations map[string]string `json:"annotations,omitempty"`
}

// ChangedSpec holds new images, by container name, and a new deadline.
type ChangedSpec struct {
	InitContainers        []ContainerImage `json:"initContainers,omitempty"`
	Containers            []ContainerImage `json:"containers,omitempty"`
	ActiveDeadlineSeconds *int64           `json:"activeDeadlineSeconds,omitempty"`
}

// ContainerImage is the image of the container with that name.
type ContainerImage struct {
	Name  string `json:"name"`
	Image string `json:"image"`
}

// ChangedResources holds requests and limits with new values, by container name
// and for the pod as a whole.
type ChangedResources struct {
	InitContainers []ContainerResources         `json:"initContainers,omitempty"`
	Containers     []ContainerResources         `json:"containers,omitempty"`
	Resources      *corev1.ResourceRequirements `json:"resources,omitempty"`
}

// ContainerResources are resources of the container with that name.
type ContainerResources struct {
	Name      string                      `json:"name"`
	Resources corev1.ResourceRequirements `json:"resources"`
}

// ChangesSpec says whether the downstream kubelet has something to take up, so
// that the upstream generation is not observed yet.
func (c *Change) ChangesSpec() bool {
	return c != nil && (c.Spec != nil || c.EphemeralContainers != nil || c.Resources != nil)
}

// Follow returns what changed upstream and is not yet in the downstream pod, or
// nil. Nothing is ever removed: what is more downstream may have been put there by
// others. Images, the deadline and resources follow only a change of the upstream
// spec that is not yet observed, so that a value which downstream admission
// rewrites is not fought over. The containers of a pod that is over do not change.
func Follow(upstream, downstream *corev1.Pod, rules Rules) *Change {
	want := metadata(upstream, rules.Identity)
	// What the pod was made with stays so, see MadeFor.
	delete(want.Annotations, api.APIAccessAnnotation)
	change := Change{Metadata: ChangedMetadata{
		UID:         downstream.UID,
		Labels:      differing(want.Labels, downstream.Labels),
		Annotations: differing(want.Annotations, downstream.Annotations),
	}}
	over := Finished(downstream) || downstream.DeletionTimestamp != nil
	if upstream.Generation > 1 && upstream.Generation != upstream.Status.ObservedGeneration {
		change.Spec = changedSpec(&upstream.Spec, &downstream.Spec)
		if !over {
			change.Resources = changedResources(&upstream.Spec, &downstream.Spec)
		}
	}
	if !over {
		change.EphemeralContainers = newEphemeralContainers(upstream, downstream, rules.MadeFor(downstream))
	}
	if !change.ChangesSpec() && change.Metadata.Labels == nil && change.Metadata.Annotations == nil {
		return nil
	}
	return &change
}

func changedSpec(upstream, downstream *corev1.PodSpec) *ChangedSpec {
	changed := ChangedSpec{
		InitContainers: changedImages(upstream.InitContainers, downstream.InitContainers),
		Containers:     changedImages(upstream.Containers, downstream.Containers),
	}
	if want, have := upstream.ActiveDeadlineSeconds, downstream.ActiveDeadlineSeconds; want != nil && (have == nil || *have != *want) {
		changed.ActiveDeadlineSeconds = want
	}
	if reflect.ValueOf(changed).IsZero() {
		return nil
	}
	return &changed
}

func changedImages(upstream, downstream []corev1.Container) []ContainerImage {
	var changed []ContainerImage
	for want, have := range pairs(upstream, downstream) {
		if want.Image != have.Image {
			changed = append(changed, ContainerImage{Name: want.Name, Image: want.Image})
		}
	}
	return changed
}

// newEphemeralContainers translates those that downstream does not have, by name.
// They are never altered once they are there. One that names what no pod may, see
// Reference.IsReserved, is left out.
func newEphemeralContainers(upstream, downstream *corev1.Pod, rules Rules) []corev1.EphemeralContainer {
	have := ephemeralNames(downstream.Spec.EphemeralContainers)
	for i := range upstream.Spec.EphemeralContainers {
		c := &upstream.Spec.EphemeralContainers[i]
		if slices.ContainsFunc(containerUses((*corev1.Container)(&c.EphemeralContainerCommon)), func(u use) bool { return isReserved(u.kind, *u.name) }) {
			have = append(have, c.Name)
		}
	}
	isThere := func(c corev1.EphemeralContainer) bool { return slices.Contains(have, c.Name) }
	if !slices.ContainsFunc(upstream.Spec.EphemeralContainers, func(c corev1.EphemeralContainer) bool { return !isThere(c) }) {
		return nil
	}
	spec := upstream.Spec.DeepCopy()
	content(spec, upstream, rules, rules.Access.modeOrNone(upstream))
	return slices.DeleteFunc(spec.EphemeralContainers, isThere)
}

func differing(want, have map[string]string) map[string]string {
	result := maps.Clone(want)
	maps.DeleteFunc(result, func(key, value string) bool {
		had, ok := have[key]
		return ok && had == value
	})
	if len(result) == 0 {
		return nil
	}
	return result
}
