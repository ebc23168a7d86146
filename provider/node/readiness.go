package node

import (
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// failuresInARow is how many probes must fail before the node is NotReady. With
// a probe every 10 s that is 20 to 30 s after the outage began if connections
// are refused, and up to 45 s if they hang until the probe's timeout: about when
// Kubernetes gives up a silent kubelet, after 40 s.
const failuresInARow = 3

// Readiness is the node's readiness with its hysteresis: down after some
// failures in a row, up at the first success. The zero value is not ready.
type Readiness struct {
	// OK is the verdict.
	OK bool
	// Cause says why not.
	Cause string
	// Since is when OK last changed.
	Since metav1.Time

	failures int
}

// Observe returns the readiness after one more probe, which ended at now with
// the given error.
func (r Readiness) Observe(err error, now time.Time) Readiness {
	if err == nil {
		if !r.OK {
			r.Since = metav1.NewTime(now)
		}
		return Readiness{OK: true, Since: r.Since}
	}
	r.failures++
	if r.OK && r.failures < failuresInARow {
		return r
	}
	if r.OK {
		r.Since = metav1.NewTime(now)
	}
	if r.OK || r.failures == 1 {
		// Kept while the outage lasts: other words for it are no news.
		r.Cause = "the downstream API server does not answer: " + err.Error()
	}
	r.OK = false
	return r
}

// readinessOf carries on from what the Node says, so that a restart of this
// process during an outage, or outside one, changes nothing by itself.
func readinessOf(existing *corev1.Node, now time.Time) Readiness {
	if existing != nil {
		for _, c := range existing.Status.Conditions {
			if c.Type == corev1.NodeReady {
				return Readiness{OK: c.Status == corev1.ConditionTrue, Cause: c.Message, Since: c.LastTransitionTime}
			}
		}
	}
	return Readiness{Cause: "the downstream API server has not answered yet", Since: metav1.NewTime(now)}
}
