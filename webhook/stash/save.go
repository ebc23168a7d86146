package stash

import (
	"encoding/json"
	"fmt"
	"maps"

	corev1 "k8s.io/api/core/v1"

	"github.com/spillway-io/spillway/api"
)

// Save returns pod with its scheduling fields put into the stash and trimmed
// from its spec. It must be called for a pod without a stash only. The result
// shares the parts it did not change with pod, which is not modified.
func Save(pod *corev1.Pod, keys RoutingKeys) (*corev1.Pod, error) {
	value, err := json.Marshal(FieldsOf(&pod.Spec))
	if err != nil {
		return nil, fmt.Errorf("cannot encode the scheduling fields: %w", err)
	}
	saved := Trim(pod, keys)
	saved.Annotations = maps.Clone(pod.Annotations)
	if saved.Annotations == nil {
		saved.Annotations = make(map[string]string, 2)
	}
	saved.Annotations[api.StashAnnotation] = string(value)
	saved.Annotations[api.StashMarkerAnnotation] = Marker(string(value))
	return saved, nil
}

// Trim returns pod with the scheduling fields that an upstream pod keeps beside
// its stash: requirements on routing keys, and its tolerations. The result
// shares the parts it did not change with pod, which is not modified.
func Trim(pod *corev1.Pod, keys RoutingKeys) *corev1.Pod {
	trimmed := *pod
	trimmed.Spec.NodeSelector = trimNodeSelector(pod.Spec.NodeSelector, keys)
	trimmed.Spec.Affinity = trimAffinity(pod.Spec.Affinity, keys)
	trimmed.Spec.TopologySpreadConstraints = nil
	return &trimmed
}

func trimNodeSelector(selector map[string]string, keys RoutingKeys) map[string]string {
	var routing map[string]string
	for _, key := range keys {
		if value, ok := selector[key]; ok {
			if routing == nil {
				routing = make(map[string]string, len(keys))
			}
			routing[key] = value
		}
	}
	return routing
}

func trimAffinity(affinity *corev1.Affinity, keys RoutingKeys) *corev1.Affinity {
	if affinity == nil || affinity.NodeAffinity == nil {
		return nil
	}
	required := trimRequired(affinity.NodeAffinity.RequiredDuringSchedulingIgnoredDuringExecution, keys)
	preferred := trimPreferred(affinity.NodeAffinity.PreferredDuringSchedulingIgnoredDuringExecution, keys)
	if required == nil && preferred == nil {
		return nil
	}
	return &corev1.Affinity{NodeAffinity: &corev1.NodeAffinity{
		RequiredDuringSchedulingIgnoredDuringExecution:  required,
		PreferredDuringSchedulingIgnoredDuringExecution: preferred,
	}}
}

// trimRequired is OR kept(t) of the package documentation.
func trimRequired(required *corev1.NodeSelector, keys RoutingKeys) *corev1.NodeSelector {
	if required == nil {
		return nil
	}
	var terms []corev1.NodeSelectorTerm
	for _, term := range required.NodeSelectorTerms {
		if isEmpty(term) {
			continue
		}
		kept, _ := keys.splitTerm(term)
		if isEmpty(kept) {
			return nil
		}
		terms = append(terms, kept)
	}
	if terms == nil {
		return nil
	}
	return &corev1.NodeSelector{NodeSelectorTerms: terms}
}

// trimPreferred keeps what a preference says about virtual nodes; it can only
// move the choice among them.
func trimPreferred(preferred []corev1.PreferredSchedulingTerm, keys RoutingKeys) []corev1.PreferredSchedulingTerm {
	var terms []corev1.PreferredSchedulingTerm
	for _, p := range preferred {
		if kept, _ := keys.splitTerm(p.Preference); !isEmpty(kept) {
			terms = append(terms, corev1.PreferredSchedulingTerm{Weight: p.Weight, Preference: kept})
		}
	}
	return terms
}
