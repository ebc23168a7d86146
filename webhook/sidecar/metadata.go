package sidecar

import (
	"encoding/json"
	"fmt"
	"iter"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/openkruise/kruise-api/apps/v1alpha1"
)

// patchMetadata returns annotations as patchPodMetadata wants them:
//
//	Retain          set where there is none, also if there is an empty one
//	Overwrite       set
//	MergePatchJson  merged into the JSON that is there, by RFC 7396
//
// Annotations of running pods (inPlace) are never retained: the policy is about
// new pods. The error names the annotation; the argument is not modified.
func patchMetadata(annotations map[string]string, patches []v1alpha1.SidecarSetPatchPodMetadata, inPlace bool) (map[string]string, error) {
	if len(patches) == 0 {
		return annotations, nil
	}
	result := maps.Clone(annotations)
	if result == nil {
		result = make(map[string]string, len(patches))
	}
	for i := range patches {
		for _, key := range slices.Sorted(maps.Keys(patches[i].Annotations)) {
			had, there := result[key]
			switch policy := patches[i].PatchPolicy; {
			case policy == v1alpha1.SidecarSetMergePatchJsonPatchPolicy:
				merged, err := mergeJSON(had, patches[i].Annotations[key])
				if err != nil {
					return nil, fmt.Errorf("annotation %q: %w", key, err)
				}
				result[key] = merged
			case policy == v1alpha1.SidecarSetOverwritePatchPolicy || !there && !inPlace:
				result[key] = patches[i].Annotations[key]
			}
		}
	}
	return result, nil
}

// overwritten are the annotations that a set writes over whatever is there.
func overwritten(set *Set) iter.Seq[string] {
	return func(yield func(string) bool) {
		for _, patch := range set.Object.Spec.PatchPodMetadata {
			if patch.PatchPolicy != v1alpha1.SidecarSetOverwritePatchPolicy {
				continue
			}
			for key := range patch.Annotations {
				if !yield(key) {
					return
				}
			}
		}
	}
}

// checkAnnotations finds an annotation that two sets write, one of them over what
// the other wrote. The other would not find its own the next time, and could find
// then what it cannot merge into, or can now. So it does not matter there which of
// them comes first, and whether the one that overwrites is let in.
func (d *draft) checkAnnotations(set *Set) error {
	for _, patch := range set.Object.Spec.PatchPodMetadata {
		by := d.overwritten
		switch patch.PatchPolicy {
		case v1alpha1.SidecarSetMergePatchJsonPatchPolicy:
			by = d.overwriting
		case v1alpha1.SidecarSetOverwritePatchPolicy:
		default:
			continue
		}
		for _, key := range slices.Sorted(maps.Keys(patch.Annotations)) {
			if other, taken := by[key]; taken && other != set.Name() {
				return fmt.Errorf("annotation %q: SidecarSet %q writes it, too, by the policy Overwrite", key, other)
			}
		}
	}
	return nil
}

// mergeJSON merges a patch into a JSON object by RFC 7396. An object that has
// what the patch says already stays as it is written, and so does a patch that
// meets nothing.
func mergeJSON(target, patch string) (string, error) {
	changes, err := readObject(patch)
	if err != nil {
		return "", fmt.Errorf("what the set merges into it is not a JSON object: %w", err)
	}
	written, object := patch, changes
	if target != "" {
		written = target
		if object, err = readObject(target); err != nil {
			return "", fmt.Errorf("the pod's value is not a JSON object, so nothing can be merged into it: %w", err)
		}
	}
	merged := merge(object, changes)
	if reflect.DeepEqual(merged, any(object)) {
		return written, nil
	}
	text, err := json.Marshal(merged)
	if err != nil {
		return "", fmt.Errorf("cannot encode the merged value: %w", err)
	}
	return string(text), nil
}

// readObject keeps numbers as they are written: a float64 has not room for all.
func readObject(text string) (map[string]any, error) {
	// A decoder stops after the object, and cares for nothing behind it.
	var whole json.RawMessage
	if err := json.Unmarshal([]byte(text), &whole); err != nil {
		return nil, err
	}
	decoder := json.NewDecoder(strings.NewReader(text))
	decoder.UseNumber()
	var object map[string]any
	if err := decoder.Decode(&object); err != nil {
		return nil, err
	}
	if object == nil {
		return nil, fmt.Errorf("it is null")
	}
	return object, nil
}

func merge(target, patch any) any {
	changes, isObject := patch.(map[string]any)
	if !isObject {
		return patch
	}
	object, _ := target.(map[string]any)
	result := make(map[string]any, len(object)+len(changes))
	maps.Copy(result, object)
	for name, change := range changes {
		if change == nil {
			delete(result, name)
			continue
		}
		result[name] = merge(result[name], change)
	}
	return result
}
