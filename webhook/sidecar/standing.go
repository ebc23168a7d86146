package sidecar

import (
	"time"

	corev1 "k8s.io/api/core/v1"
)

// Standing is how a pod that has a set in it stands to the set as it is now.
type Standing struct {
	// Updated says that the pod was given this version, and Since, when it was given
	// the version that it has.
	Updated bool
	Since   time.Time
	// Obstacle is why a pod that is not updated has to be created again for it, in
	// the word of its condition; empty if it can follow in place.
	Obstacle string
}

// StandingOf judges a pod as a rollout does. Of the view it needs the Set and the
// pod's node.
func (v View) StandingOf(pod *corev1.Pod) Standing {
	s := v.standOf(pod, imagesOf(v.Set))
	return Standing{Updated: s.updated, Since: s.since, Obstacle: s.obstacle}
}
