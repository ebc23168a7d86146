package sidecar

import (
	"crypto/sha256"
	"encoding/binary"

	"github.com/openkruise/kruise-api/apps/v1alpha1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// versionFor returns the version of the set that the pod gets. A pod that has one
// of the two already keeps to it. key stands for a pod without a name.
//
//	no injectionStrategy.revision          this one
//	policy Always                          the pinned one
//	policy Partial, updateStrategy:
//	  paused                               the pinned one
//	  selector that does not match         the pinned one
//	  partition N%                         the pinned one for N of 100 pods, else this one
//	  another partition, or none           this one
func (s *Set) versionFor(pod *corev1.Pod, had Entry, key string) *Set {
	revision := s.Object.Spec.InjectionStrategy.Revision
	if s.Pinned == nil || revision == nil {
		return s
	}
	if revision.Policy != v1alpha1.PartialSidecarSetInjectRevisionPolicy {
		return s.Pinned
	}
	if kept := s.versionIn(had); kept != nil {
		return kept
	}
	strategy := &s.Object.Spec.UpdateStrategy
	if strategy.Paused || !selects(strategy.Selector, pod.Labels) || lot(s.Name(), key) < percentOf(strategy.Partition) {
		return s.Pinned
	}
	return s
}

// versionIn returns which of the two versions a pod has, nil if neither. Its hash
// says so. Revisions only tell versions apart that differ in what is not hashed:
// the name of the live one's may not be known yet, or be that of the one before.
func (s *Set) versionIn(had Entry) *Set {
	live, pinned := had.Hash == s.Hash, had.Hash == s.Pinned.Hash
	if !live && !pinned && had.ControllerRevision == "" {
		return nil
	}
	if live == pinned {
		live, pinned = had.ControllerRevision == s.Revision, had.ControllerRevision == s.Pinned.Revision
	}
	switch {
	case live == pinned:
		return nil
	case live:
		return s
	default:
		return s.Pinned
	}
}

// selects says whether an optional selector leaves a pod in. One that cannot be
// read leaves it out: validation refuses it.
func selects(from *metav1.LabelSelector, of map[string]string) bool {
	parsed, err := selector(from, labels.Everything())
	return err == nil && parsed.Matches(labels.Set(of))
}

// percentOf is the percentage that a partition is, 0 if it is a number of pods.
func percentOf(partition *intstr.IntOrString) int {
	if partition == nil || partition.Type != intstr.String {
		return 0
	}
	percent, err := intstr.GetScaledValueFromIntOrPercent(partition, 100, true)
	if err != nil {
		return 0
	}
	return percent
}

// lot draws a number below 100 that is always the same for a pod and a set, and
// evenly spread over pods.
func lot(set, key string) int {
	sum := sha256.Sum256([]byte(set + "\x00" + key))
	return int(binary.BigEndian.Uint32(sum[:]) % 100)
}
