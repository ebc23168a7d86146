package spread

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	corev1 "k8s.io/api/core/v1"
	utiljson "k8s.io/apimachinery/pkg/util/json"

	"github.com/spillway-io/spillway/api"
)

// metadata is what a patch can change of a pod's metadata. Names, owners and
// what the API server writes itself are nothing that depends on a subset.
type metadata struct {
	Labels      map[string]string `json:"labels,omitempty"`
	Annotations map[string]string `json:"annotations,omitempty"`
	Finalizers  []string          `json:"finalizers,omitempty" patchStrategy:"merge"`
}

// applyPatch returns a copy of pod with a subset's strategic merge patch applied
// to it. It is the same patch that Kruise applies to the whole pod's JSON, but
// only what the patch names is taken through JSON, and all else is shared with
// pod.
//
// What a patch must not do has no effect and is named in ignored, as are fields
// that this version of Spillway does not know.
func applyPatch(pod *corev1.Pod, raw []byte) (patched *corev1.Pod, ignored []string, err error) {
	patched = new(*pod)
	patch, err := decodePatch(raw)
	if err != nil {
		return nil, nil, err
	}
	for _, key := range slices.Sorted(maps.Keys(patch)) {
		var unknown []string
		switch key {
		case "apiVersion", "kind":
		case "metadata":
			unknown, err = patchMetadata(patched, patch[key])
		case "spec":
			unknown, err = patchSpec(patched, patch[key])
		default:
			if isDirective(key) {
				err = errors.New("a patch cannot delete or replace the pod")
			}
			unknown = []string{key}
		}
		if err != nil {
			return nil, nil, fmt.Errorf("%s: %w", key, err)
		}
		ignored = append(ignored, unknown...)
	}
	return patched, ignored, nil
}

func decodePatch(raw []byte) (patch map[string]any, err error) {
	if len(raw) == 0 {
		return nil, nil
	}
	if err := utiljson.Unmarshal(raw, &patch); err != nil {
		return nil, fmt.Errorf("not a JSON object: %w", err)
	}
	return patch, nil
}

// patchMetadata keeps what decides about the pod itself: its opt-in, and a stash
// that it has. A stash of the patch's own is another matter, unless the pod
// carries one that Spillway saved.
func patchMetadata(pod *corev1.Pod, patch any) (ignored []string, err error) {
	before := metadata{pod.Labels, pod.Annotations, pod.Finalizers}
	after, unknown, err := merge(before, patch)
	if err != nil {
		return nil, err
	}
	for _, name := range unknown {
		ignored = append(ignored, "metadata."+name)
	}
	guard := func(path, key string, before, after map[string]string) map[string]string {
		value, had := before[key]
		if got, has := after[key]; has == had && got == value {
			return after
		}
		ignored = append(ignored, fmt.Sprintf("metadata.%s[%s]", path, key))
		if had {
			return with(after, key, value)
		}
		delete(after, key)
		return after
	}
	_, saved := before.Annotations[api.StashMarkerAnnotation]
	_, supplied := after.Annotations[api.StashAnnotation]
	after.Labels = guard("labels", api.OptInLabel, before.Labels, after.Labels)
	after.Annotations = guard("annotations", api.StashMarkerAnnotation, before.Annotations, after.Annotations)
	if saved || !supplied {
		after.Annotations = guard("annotations", api.StashAnnotation, before.Annotations, after.Annotations)
	}
	pod.Labels, pod.Annotations, pod.Finalizers = after.Labels, after.Annotations, after.Finalizers
	return ignored, nil
}

// patchSpec keeps the node that a pod is bound to, and its priority, which
// belongs to its priority class: where that changes, what the API server had
// resolved from the old one is dropped, so that it resolves the new one.
func patchSpec(pod *corev1.Pod, patch any) (ignored []string, err error) {
	fields, _ := patch.(map[string]any)
	for _, guarded := range []string{"nodeName", "priority"} {
		if _, named := fields[guarded]; named {
			ignored = append(ignored, "spec."+guarded)
		}
	}
	before := pod.Spec
	after, unknown, err := merge(before, patch)
	if err != nil {
		return nil, err
	}
	if len(before.Containers) > 0 && len(after.Containers) == 0 {
		return nil, errors.New("leaves the pod without a container")
	}
	for _, name := range unknown {
		ignored = append(ignored, "spec."+name)
	}
	after.NodeName, after.Priority = before.NodeName, before.Priority
	if after.PriorityClassName != before.PriorityClassName {
		after.Priority = nil
		if _, given := fields["preemptionPolicy"]; !given && before.Priority != nil {
			after.PreemptionPolicy = nil
		}
	}
	if after.Affinity != before.Affinity {
		after.Affinity = withoutEmpty(after.Affinity)
	}
	pod.Spec = after
	return ignored, nil
}
