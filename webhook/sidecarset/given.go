package sidecarset

import (
	corev1 "k8s.io/api/core/v1"

	"github.com/spillway-io/spillway/api"
	"github.com/spillway-io/spillway/webhook/sidecar"
)

// read is what a pod's record says about the set, and the text that says so.
type read struct {
	text  recordText
	given sidecar.Given
}

// recordText is all that sidecar.ReadGiven reads of a pod.
type recordText struct {
	hashes, withoutImage       string
	hasHashes, hasWithoutImage bool
}

func textOf(pod *corev1.Pod) (t recordText) {
	t.hashes, t.hasHashes = pod.Annotations[api.SidecarSetHashAnnotation]
	t.withoutImage, t.hasWithoutImage = pod.Annotations[api.SidecarSetHashWithoutImageAnnotation]
	return t
}

// givenTo returns what a pod's record says about the set, which it reads once for
// each text. A version of the pod would not do as a key: what we know of a pod
// after a write of ours has the version, but maybe not the text, that a cache will
// show. The cache's texts are the same memory in every pass, so that comparing
// them costs nothing.
func (m *memory) givenTo(pod *corev1.Pod, set string) sidecar.Given {
	text := textOf(pod)
	known, ok := m.records[pod.UID]
	if !ok || known.text != text {
		known.given = sidecar.ReadGiven(pod, set)
	}
	// The text is replaced also by an equal one, which keeps no old pod's alive.
	known.text = text
	m.records[pod.UID] = known
	return known.given
}

// revisionsInUse are the names of the set's revisions that pods have.
func (m *memory) revisionsInUse(set string, pods []*corev1.Pod) map[string]bool {
	inUse := map[string]bool{}
	for _, pod := range pods {
		// A pod whose record nobody can read uses none that anybody knows.
		if name := m.givenTo(pod, set).Entry.ControllerRevision; name != "" {
			inUse[name] = true
		}
	}
	return inUse
}
