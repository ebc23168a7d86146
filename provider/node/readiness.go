package node

import (
	"errors"
	"net"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// failuresInARow is how many probes must fail before the node is NotReady. With
// a probe every 10 s that is 20 to 32 s after the outage began if connections
// are refused, and up to 44 s if they hang until the probe's timeout: about when
// Kubernetes gives up a silent kubelet, after 40 s.
const failuresInARow = 3

// Readiness is the node's readiness with its hysteresis: down after some
// failures in a row, up at the first success. The zero value is not ready.
type Readiness struct {
	// OK is the verdict.
	OK bool
	// Cause says why not.
	Cause string
	// Reason tells kinds of causes apart; empty is ReasonUnreachable.
	Reason string
	// Since is when OK last changed.
	Since metav1.Time

	failures int
	// refusal is the kind of answer that Cause has, if it is one.
	refusal metav1.StatusReason
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
	reason, refusal := reasonOf(err), apierrors.ReasonForError(err)
	if r.OK || r.failures == 1 || reason != r.Reason || reason != "" && refusal != r.refusal {
		// Kept while the outage lasts: other words for it are no news.
		r.Cause = causeOf(err, reason)
	}
	r.OK, r.Reason, r.refusal = false, reason, refusal
	return r
}

// notClaimedError says that the downstream API server is well, and that nothing
// can be written there.
type notClaimedError struct{ cause error }

func (e *notClaimedError) Error() string { return e.cause.Error() }

func (e *notClaimedError) Unwrap() error { return e.cause }

func reasonOf(err error) string {
	if _, notClaimed := errors.AsType[*notClaimedError](err); notClaimed {
		return ReasonNotClaimed
	}
	if isRejection(err) {
		return ReasonCredentialsRejected
	}
	return ""
}

func causeOf(err error, reason string) string {
	switch reason {
	case ReasonNotClaimed:
		return "nothing can be changed in the downstream cluster, since the claim on it is not held: " + err.Error()
	case ReasonCredentialsRejected:
		return "the downstream API server rejects our credentials: " + err.Error()
	default:
		return "the downstream API server does not answer: " + err.Error()
	}
}

// isRejection says that the API server answers, but not us. One that asks for
// client certificates may say so before there is any answer, by a TLS alert; only
// its text tells what it is about.
func isRejection(err error) bool {
	if apierrors.IsUnauthorized(err) || apierrors.IsForbidden(err) {
		return true
	}
	alert, ok := errors.AsType[*net.OpError](err)
	return ok && alert.Op == "remote error" && strings.Contains(alert.Error(), "certificate")
}

// readinessOf carries on from what the Node says, so that a restart of this
// process during an outage, or outside one, changes nothing by itself.
func readinessOf(existing *corev1.Node, now time.Time) Readiness {
	if existing != nil {
		for _, c := range existing.Status.Conditions {
			if c.Type == corev1.NodeReady {
				said := Readiness{OK: c.Status == corev1.ConditionTrue, Cause: c.Message, Since: c.LastTransitionTime}
				if c.Reason == ReasonCredentialsRejected || c.Reason == ReasonNotClaimed {
					said.Reason = c.Reason
				}
				return said
			}
		}
	}
	return Readiness{Cause: "the downstream API server has not answered yet", Since: metav1.NewTime(now)}
}
