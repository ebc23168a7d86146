package sidecar

import (
	"fmt"
	"strings"

	"github.com/openkruise/kruise-api/apps/v1alpha1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	utilerrors "k8s.io/apimachinery/pkg/util/errors"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// Set is a SidecarSet made ready to be matched and injected. It is made once for
// each change of the object, shared by all admissions, and never modified.
type Set struct {
	// Object is the SidecarSet with its defaults. It shares with what was compiled
	// what the defaults did not change.
	Object *v1alpha1.SidecarSet
	// Hash and HashWithoutImage identify this version, see Hash.
	Hash, HashWithoutImage string
	// Revision is the name of the ControllerRevision that has this version; empty
	// if it is not known.
	Revision string
	// Err is why this version cannot be injected into any pod, nil if it can. It
	// names the fields.
	Err error
	// RolloutErr is what keeps it from being rolled out to pods that have it, beside
	// Err. It does not keep it from new pods.
	RolloutErr error
	// Pinned is the version that injectionStrategy.revision asks for, in place of
	// this one; nil if it asks for none.
	Pinned *Set

	pods, namespaces labels.Selector
	unknown          []error
	// label is one that pods must have, with value, if the selector says that of any:
	// nearly all sets are told by it not to be about a pod, and there are many.
	label, value string
	// volumes are those that the containers use.
	volumes []*corev1.Volume
}

// Compile makes a SidecarSet ready. unknown are the fields that decoding it found
// and that the type has no place for: a set that cannot be understood as a whole
// is not injected at all. The object is not modified.
func Compile(object *v1alpha1.SidecarSet, unknown []error) *Set {
	s := &Set{Object: Default(object), Revision: object.Status.LatestRevision, unknown: unknown}
	var podsErr, namespacesErr error
	s.pods, podsErr = selector(s.Object.Spec.Selector, labels.Nothing())
	s.namespaces, namespacesErr = selector(s.Object.Spec.NamespaceSelector, labels.Everything())
	errs := []error{podsErr, namespacesErr}
	var rollout []error
	for _, problem := range Validate(s.Object) {
		if isAboutRollout(problem) {
			rollout = append(rollout, problem)
		} else {
			errs = append(errs, problem)
		}
	}
	if len(unknown) > 0 {
		errs = append(errs, fmt.Errorf("this version of Spillway does not know: %s", joined(unknown)))
	}
	// On one line, as warnings and events are.
	s.Err, s.RolloutErr = utilerrors.NewAggregate(errs), utilerrors.NewAggregate(rollout)
	s.volumes = usedVolumes(s)
	if from := s.Object.Spec.Selector; from != nil && len(from.MatchLabels) > 0 {
		s.label = sortedKeys(from.MatchLabels)[0]
		s.value = from.MatchLabels[s.label]
	}
	s.Hash, s.HashWithoutImage = Hash(s.Object), HashWithoutImage(s.Object)
	return s
}

// Unreadable makes a set of what could be read of a SidecarSet that cannot be
// decoded. It is about the pods that it selects, and cannot be injected into any.
func Unreadable(object *v1alpha1.SidecarSet, err error) *Set {
	s := Compile(object, nil)
	s.Err = err
	return s
}

// Name is the SidecarSet's name.
func (s *Set) Name() string { return s.Object.Name }

// AsksNamespaces says whether the labels of a pod's namespace are needed to tell
// whether the pod is the set's.
func (s *Set) AsksNamespaces() bool {
	return s.Object.Spec.Namespace == "" && s.Object.Spec.NamespaceSelector != nil
}

func isAboutRollout(problem *field.Error) bool {
	return strings.HasPrefix(problem.Field, "spec.updateStrategy") || problem.Field == "spec.revisionHistoryLimit"
}

func selector(from *metav1.LabelSelector, ifNil labels.Selector) (labels.Selector, error) {
	if from == nil {
		return ifNil, nil
	}
	parsed, err := metav1.LabelSelectorAsSelector(from)
	if err != nil {
		return labels.Nothing(), err
	}
	return parsed, nil
}

func joined(errs []error) string {
	texts := make([]string, len(errs))
	for i, err := range errs {
		texts[i] = err.Error()
	}
	return strings.Join(texts, ", ")
}
