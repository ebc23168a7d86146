package stash

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	corev1 "k8s.io/api/core/v1"

	"github.com/spillway-io/spillway/api"
)

// ErrNotRouted says that a pod's own routing requirements exclude the virtual
// node that was asked to run it: somebody bound it there past the scheduler. It
// is what a kubelet refuses with the reason NodeAffinity.
var ErrNotRouted = errors.New("the pod's node requirements do not allow this virtual node")

// Recover returns the scheduling fields of the downstream pod that stands for
// the upstream pod on node:
//
//   - from a saved stash, the author's fields less the routing requirements;
//   - from a supplied stash, that stash verbatim;
//   - without a stash, the pod's own fields less the routing requirements and
//     the toleration of the virtual node's taint.
//
// The error is an *Error when the stash cannot be trusted, and ErrNotRouted when
// the pod does not belong on node. The result may share memory with pod, which
// is not modified.
func Recover(pod *corev1.Pod, node VirtualNode) (Fields, error) {
	stash, err := Read(pod)
	if err != nil {
		return Fields{}, err
	}
	switch stash.Origin {
	case Supplied:
		return stash.Fields, nil
	case Saved:
		return node.unroute(stash.Fields)
	default:
		own := FieldsOf(&pod.Spec)
		own.Tolerations = withoutProviderToleration(own.Tolerations)
		return node.unroute(own)
	}
}

// unroute removes what speaks about virtual nodes. Whatever has no routing
// requirement is returned as it is, to the last empty list.
func (n VirtualNode) unroute(f Fields) (Fields, error) {
	selector, err := n.unrouteNodeSelector(f.NodeSelector)
	if err != nil {
		return Fields{}, err
	}
	affinity, err := n.unrouteAffinity(f.Affinity)
	if err != nil {
		return Fields{}, err
	}
	f.NodeSelector, f.Affinity = selector, affinity
	return f, nil
}

func (n VirtualNode) unrouteNodeSelector(selector map[string]string) (map[string]string, error) {
	routed := selector[corev1.LabelHostname] == n.Name
	for _, key := range n.RoutingKeys {
		value, ok := selector[key]
		if !ok {
			continue
		}
		routed = true
		if label, ok := n.Labels[key]; !ok || label != value {
			return nil, fmt.Errorf("node selector %s=%s, virtual node %s: %w", key, value, n.Name, ErrNotRouted)
		}
	}
	if !routed {
		return selector, nil
	}
	rest := maps.Clone(selector)
	maps.DeleteFunc(rest, func(key, value string) bool {
		return n.RoutingKeys.has(key) || key == corev1.LabelHostname && value == n.Name
	})
	if len(rest) == 0 {
		return nil, nil
	}
	return rest, nil
}

func (n VirtualNode) unrouteAffinity(affinity *corev1.Affinity) (*corev1.Affinity, error) {
	if affinity == nil || !n.isMeantByAny(affinity.NodeAffinity) {
		return affinity, nil
	}
	required, err := n.unrouteRequired(affinity.NodeAffinity.RequiredDuringSchedulingIgnoredDuringExecution)
	if err != nil {
		return nil, err
	}
	preferred, err := n.unroutePreferred(affinity.NodeAffinity.PreferredDuringSchedulingIgnoredDuringExecution)
	if err != nil {
		return nil, err
	}
	rest := *affinity
	rest.NodeAffinity = nil
	if required != nil || preferred != nil {
		rest.NodeAffinity = &corev1.NodeAffinity{
			RequiredDuringSchedulingIgnoredDuringExecution:  required,
			PreferredDuringSchedulingIgnoredDuringExecution: preferred,
		}
	}
	if rest == (corev1.Affinity{}) {
		return nil, nil
	}
	return &rest, nil
}

// unrouteRequired is OR rest(t) of the package documentation.
func (n VirtualNode) unrouteRequired(required *corev1.NodeSelector) (*corev1.NodeSelector, error) {
	if !n.isRequired(required) {
		return required, nil
	}
	var terms []corev1.NodeSelectorTerm
	unconstrained := false
	for _, term := range required.NodeSelectorTerms {
		if isEmpty(term) {
			continue
		}
		kept, rest := n.splitTerm(term)
		matches, err := n.matches(kept)
		if err != nil {
			return nil, err
		}
		if !matches {
			continue
		}
		terms = append(terms, rest)
		unconstrained = unconstrained || isEmpty(rest)
	}
	switch {
	case len(terms) == 0:
		return nil, fmt.Errorf("required node affinity, virtual node %s: %w", n.Name, ErrNotRouted)
	case unconstrained:
		return nil, nil
	}
	return &corev1.NodeSelector{NodeSelectorTerms: terms}, nil
}

// unroutePreferred drops preferences that say nothing about downstream nodes,
// and those that no node below this virtual node could fulfil.
func (n VirtualNode) unroutePreferred(preferred []corev1.PreferredSchedulingTerm) ([]corev1.PreferredSchedulingTerm, error) {
	if !n.isPreferred(preferred) {
		return preferred, nil
	}
	var terms []corev1.PreferredSchedulingTerm
	for _, p := range preferred {
		kept, rest := n.splitTerm(p.Preference)
		matches, err := n.matches(kept)
		if err != nil {
			return nil, err
		}
		if matches && !isEmpty(rest) {
			terms = append(terms, corev1.PreferredSchedulingTerm{Weight: p.Weight, Preference: rest})
		}
	}
	return terms, nil
}

func withoutProviderToleration(tolerations []corev1.Toleration) []corev1.Toleration {
	isProviders := func(t corev1.Toleration) bool { return t.Key == api.ProviderTaintKey }
	if !slices.ContainsFunc(tolerations, isProviders) {
		return tolerations
	}
	return slices.DeleteFunc(slices.Clone(tolerations), isProviders)
}
