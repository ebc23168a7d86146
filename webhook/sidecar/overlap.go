package sidecar

import (
	"github.com/openkruise/kruise-api/apps/v1alpha1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/selection"
	"k8s.io/apimachinery/pkg/util/sets"
)

// overlap says whether there can be a pod that both sets are about. It says no
// only where no labels of a pod, or of a namespace, satisfy both. As every
// requirement is about one key, and what holds for one key says nothing of
// others, it is enough to look at the keys one by one.
func overlap(a, b *v1alpha1.SidecarSetSpec) bool {
	pods, ok := requirements(a.Selector, b.Selector)
	if !ok || !satisfiable(pods) {
		return false
	}
	namespaces, ok := requirements(namespacesOf(a), namespacesOf(b))
	return ok && satisfiable(namespaces)
}

// namespacesOf is the selector of the namespaces of a set. API servers keep the
// name of a namespace in a label of it.
func namespacesOf(spec *v1alpha1.SidecarSetSpec) *metav1.LabelSelector {
	switch {
	case spec.Namespace != "":
		return &metav1.LabelSelector{MatchLabels: map[string]string{corev1.LabelMetadataName: spec.Namespace}}
	case spec.NamespaceSelector != nil && len(spec.NamespaceSelector.MatchLabels)+len(spec.NamespaceSelector.MatchExpressions) > 0:
		return spec.NamespaceSelector
	default:
		return &metav1.LabelSelector{MatchExpressions: []metav1.LabelSelectorRequirement{{Key: corev1.LabelMetadataName, Operator: metav1.LabelSelectorOpExists}}}
	}
}

// requirements are those of both selectors. ok is false if one of them selects
// nothing, because it is missing, empty or cannot be read.
func requirements(a, b *metav1.LabelSelector) (both labels.Requirements, ok bool) {
	for _, from := range []*metav1.LabelSelector{a, b} {
		parsed, err := metav1.LabelSelectorAsSelector(from)
		if err != nil || parsed.Empty() {
			return nil, false
		}
		some, selectable := parsed.Requirements()
		if !selectable {
			return nil, false
		}
		both = append(both, some...)
	}
	return both, true
}

// satisfiable says whether some labels meet all requirements.
func satisfiable(requirements labels.Requirements) bool {
	keys := make(map[string]*keyState)
	for i := range requirements {
		state := keys[requirements[i].Key()]
		if state == nil {
			state = &keyState{refused: sets.New[string]()}
			keys[requirements[i].Key()] = state
		}
		state.require(&requirements[i])
	}
	for _, state := range keys {
		if !state.satisfiable() {
			return false
		}
	}
	return true
}

// keyState is what requirements leave open of one label.
type keyState struct {
	// present and absent say that there must be the label, or must not.
	present, absent bool
	// allowed are the values that it may have; nil means all but those refused.
	allowed sets.Set[string]
	refused sets.Set[string]
}

func (s *keyState) require(requirement *labels.Requirement) {
	values := requirement.ValuesUnsorted()
	switch requirement.Operator() {
	case selection.In, selection.Equals, selection.DoubleEquals:
		s.present = true
		if s.allowed == nil {
			s.allowed = sets.New(values...)
		} else {
			s.allowed = s.allowed.Intersection(sets.New(values...))
		}
	case selection.NotIn, selection.NotEquals:
		s.refused.Insert(values...)
	case selection.Exists:
		s.present = true
	case selection.DoesNotExist:
		s.absent = true
	default:
		// Greater and less are no part of label selectors; knowing nothing of them,
		// both may be met.
	}
}

// satisfiable: there are more values than any list can refuse.
func (s *keyState) satisfiable() bool {
	if s.present && s.absent {
		return false
	}
	return s.allowed == nil || s.allowed.Difference(s.refused).Len() > 0
}
