package sidecar

import (
	"fmt"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// Subject is a pod and what else decides which sidecars it gets.
type Subject struct {
	// Pod is the pod as far as it is admitted. It is not modified.
	Pod *corev1.Pod
	// Namespace is the one the pod is created in.
	Namespace Namespace
	// Key is another one for each pod. It decides which of two versions the pod gets
	// where a share of all pods gets one; a pod that has one of them keeps it.
	Key string
	// Now is the time that the record gives to what is injected now.
	Now time.Time
}

// Result is a pod with its sidecars.
type Result struct {
	// Pod is the pod, Subject.Pod itself if no set is about it. It shares with that
	// what did not change.
	Pod *corev1.Pod
	// Injected are the sets that were put into the pod, or found in it, each in the
	// version that the pod has.
	Injected []*Set
	// Failures are the sets that are about the pod and were left out.
	Failures []Failure
	// Warnings tell of what the author of the pod or of a set would not expect.
	Warnings []string
}

// Failure is why a set was left out.
type Failure struct {
	// Set and UID are the SidecarSet's name and UID.
	Set string
	UID types.UID
	// Err names the field of the set, or of the pod, that is at fault.
	Err error
}

// Inject puts the sidecars of all sets that are about the pod into it. sets must
// be sorted by name. It decides about all sets before it builds the first
// container, so that each finds the same annotations in its first and in every
// later pass.
func Inject(subject Subject, sets []*Set) Result {
	result := Result{Pod: subject.Pod}
	var matched, accepted []*Set
	for _, set := range sets {
		switch {
		case set.Object.Spec.InjectionStrategy.Paused || !set.Selects(subject.Pod, subject.Namespace):
		case set.AsksNamespaces() && subject.Namespace.Err != nil:
			result.fail(set, fmt.Errorf("spec.namespaceSelector: %w", subject.Namespace.Err))
		default:
			matched = append(matched, set)
		}
	}
	if matched == nil {
		return result
	}
	record, err := ReadRecord(subject.Pod)
	if err != nil {
		for _, set := range matched {
			result.fail(set, err)
		}
		return result
	}

	for i, set := range matched {
		matched[i] = set.versionFor(subject.Pod, record.Hashes[set.Name()], subject.Key)
	}
	d := newDraft(subject.Pod, record, matched)
	for _, version := range matched {
		if err := d.accept(version); err != nil {
			result.fail(version, err)
			continue
		}
		accepted = append(accepted, version)
	}
	d.nameDefaultContainer(accepted)
	for _, version := range accepted {
		d.inject(version, metav1.Time{Time: subject.Now})
	}
	if len(accepted) > 0 {
		result.Pod, result.Injected = d.finish(), accepted
	}
	result.Warnings = append(result.Warnings, d.warnings...)
	return result
}

// fail leaves a set out. The warning is what kubectl shows.
func (r *Result) fail(set *Set, err error) {
	r.Failures = append(r.Failures, Failure{Set: set.Name(), UID: set.Object.UID, Err: err})
	r.Warnings = append(r.Warnings, fmt.Sprintf("Spillway admitted the pod without SidecarSet %q: %v", set.Name(), err))
}

// Without returns the result of leaving out all sets for one reason; pod is the
// one without them.
func (r Result) Without(pod *corev1.Pod, err error) Result {
	without := Result{Pod: pod, Failures: slices.Clip(r.Failures), Warnings: slices.Clip(r.Warnings)}
	for _, set := range r.Injected {
		without.fail(set, err)
	}
	return without
}
