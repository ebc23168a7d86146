package translate

import (
	"encoding/json"
	"fmt"
	"reflect"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
)

// Change is what an existing downstream pod must take over from its upstream
// pod. Its JSON is a strategic merge patch of the downstream pod.
type Change struct {
	Metadata ChangedMetadata `json:"metadata"`
	Spec     *ChangedSpec    `json:"spec,omitempty"`
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

// Follow returns what changed upstream and is not yet in the downstream pod, or
// nil. Labels and annotations are added and altered, never removed: what is more
// downstream may have been put there by others. Images and the deadline follow
// only a change of the upstream spec that is not yet observed, so that an image
// which downstream admission rewrites is not fought over.
func Follow(upstream, downstream *corev1.Pod, id Identity) *Change {
	want := metadata(upstream, id)
	change := Change{Metadata: ChangedMetadata{
		UID:         downstream.UID,
		Labels:      differing(want.Labels, downstream.Labels),
		Annotations: differing(want.Annotations, downstream.Annotations),
	}}
	if upstream.Generation > 1 && upstream.Generation != upstream.Status.ObservedGeneration {
		change.Spec = changedSpec(&upstream.Spec, &downstream.Spec)
	}
	if change.Spec == nil && change.Metadata.Labels == nil && change.Metadata.Annotations == nil {
		return nil
	}
	return &change
}

// Patch returns the change as a strategic merge patch.
func (c Change) Patch() ([]byte, error) {
	patch, err := json.Marshal(c)
	if err != nil {
		return nil, fmt.Errorf("cannot encode the change of the downstream pod: %w", err)
	}
	return patch, nil
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
	for i := range downstream {
		for j := range upstream {
			if upstream[j].Name == downstream[i].Name && upstream[j].Image != downstream[i].Image {
				changed = append(changed, ContainerImage{Name: upstream[j].Name, Image: upstream[j].Image})
			}
		}
	}
	return changed
}

func differing(want, have map[string]string) map[string]string {
	var result map[string]string
	for key, value := range want {
		if had, ok := have[key]; ok && had == value {
			continue
		}
		if result == nil {
			result = make(map[string]string)
		}
		result[key] = value
	}
	return result
}
