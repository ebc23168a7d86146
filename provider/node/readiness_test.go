package node

import (
	"crypto/x509"
	"errors"
	"net"
	"net/url"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// probed is when probe number n ends; every case begins at 0.
func probed(n int) metav1.Time {
	return metav1.NewTime(time.Date(2026, time.March, 1, 12, 0, 0, 0, time.UTC).Add(time.Duration(n) * DefaultProbeInterval))
}

// because is the cause that an outage gives, in the words of its probe.
func because(err error) string {
	return "the downstream API server does not answer: " + err.Error()
}

// turnedDown is the cause of an API server that answers, but not us.
func turnedDown(err error) string {
	return "the downstream API server rejects our credentials: " + err.Error()
}

// unclaimed is the cause of an API server where nothing may be written.
func unclaimed(err error) string {
	return "nothing can be changed in the downstream cluster, since the claim on it is not held: " + err.Error()
}

func TestIsRejection(t *testing.T) {
	pods := schema.GroupResource{Resource: "pods"}
	alert := func(text string) error {
		return &url.Error{Op: "Get", URL: "https://x", Err: &net.OpError{Op: "remote error", Err: errors.New(text)}}
	}
	cases := map[string]struct {
		reason string
		err    error
		want   bool
	}{
		"unknown-token":       {"It does not know us.", apierrors.NewUnauthorized("Unauthorized"), true},
		"no-right":            {"It knows us, and we may not see pods.", apierrors.NewForbidden(pods, "", errors.New("no")), true},
		"revoked-certificate": {"A proxy before it asks for certificates.", alert("tls: revoked certificate"), true},
		"other-alert":         {"That is not about us.", alert("tls: internal error"), false},
		"its-certificate":     {"It is the server that is not to be trusted.", x509.UnknownAuthorityError{}, false},
		"unavailable":         {"It answers nobody.", apierrors.NewServiceUnavailable("starting"), false},
		"absent":              {"Nobody answers.", &net.OpError{Op: "dial", Err: errors.New("connection refused")}, false},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if got := isRejection(tc.err); got != tc.want {
				t.Errorf("%s\nisRejection(%v) = %t", tc.reason, tc.err, got)
			}
		})
	}
}

func TestReadinessObserve(t *testing.T) {
	refused, timeout := errors.New("connection refused"), errors.New("deadline exceeded")
	powerless := apierrors.NewForbidden(schema.GroupResource{Resource: "pods"}, "", errors.New("no"))
	unknown := apierrors.NewUnauthorized("Unauthorized")
	closed, foreign := &notClaimedError{powerless}, &notClaimedError{errors.New("somebody else's")}
	ready := Readiness{OK: true, Since: probed(0)}
	down := Readiness{Cause: because(refused), Since: probed(0), failures: 1}
	cases := map[string]struct {
		reason string
		from   Readiness
		probes []error
		want   Readiness
	}{
		"stays-ready": {
			reason: "Successes change nothing, least of all since when the node is Ready.",
			from:   ready, probes: []error{nil, nil}, want: ready,
		},
		"one-failure": {
			reason: "One failure is below the threshold.",
			from:   ready, probes: []error{refused}, want: ready,
		},
		"two-failures": {
			reason: "Two failures are below the threshold too.",
			from:   ready, probes: []error{refused, refused}, want: ready,
		},
		"flapping": {
			reason: "Failures count in a row; a success in between starts the count anew, however often it happens.",
			from:   ready, probes: []error{refused, refused, nil, refused, refused, nil, refused, refused}, want: ready,
		},
		"third-failure": {
			reason: "The third failure in a row turns the node NotReady, with its cause, from then on.",
			from:   ready, probes: []error{refused, refused, timeout}, want: Readiness{Cause: because(timeout), Since: probed(3)},
		},
		"outage-goes-on": {
			reason: "Neither the time nor the words change while the outage lasts, or each probe would be a write.",
			from:   ready, probes: []error{refused, refused, refused, timeout, timeout}, want: Readiness{Cause: because(refused), Since: probed(3)},
		},
		"rejected": {
			reason: "An API server that does not let us in is not one that does not answer.",
			from:   ready, probes: []error{refused, unknown, unknown}, want: Readiness{Cause: turnedDown(unknown), Reason: ReasonCredentialsRejected, Since: probed(3)},
		},
		"rejected-after-outage": {
			reason: "It came back and does not know us: that is news, and the same outage.",
			from:   ready, probes: []error{refused, refused, refused, unknown, unknown}, want: Readiness{Cause: turnedDown(unknown), Reason: ReasonCredentialsRejected, Since: probed(3)},
		},
		"known-without-rights": {
			reason: "Other credentials are known, and may not see pods: there is something else to be done about it.",
			from:   ready, probes: []error{unknown, unknown, unknown, powerless, powerless}, want: Readiness{Cause: turnedDown(powerless), Reason: ReasonCredentialsRejected, Since: probed(3)},
		},
		"not-claimed": {
			reason: "An API server that forbids the claim is not one that does not let us in.",
			from:   ready, probes: []error{closed, closed, closed}, want: Readiness{Cause: unclaimed(closed), Reason: ReasonNotClaimed, Since: probed(3)},
		},
		"not-claimed-for-another-reason": {
			reason: "The right is there now, and the claim is somebody else's.",
			from:   ready, probes: []error{closed, closed, closed, foreign, foreign}, want: Readiness{Cause: unclaimed(foreign), Reason: ReasonNotClaimed, Since: probed(3)},
		},
		"not-claimed-after-outage": {
			reason: "It answers again, and nothing can be written there: another thing to be done about the same outage.",
			from:   ready, probes: []error{refused, refused, refused, closed}, want: Readiness{Cause: unclaimed(closed), Reason: ReasonNotClaimed, Since: probed(3)},
		},
		"let-in-again": {
			reason: "What was rejected is forgotten too.",
			from:   ready, probes: []error{unknown, unknown, unknown, nil}, want: Readiness{OK: true, Since: probed(4)},
		},
		"first-success": {
			reason: "One success ends an outage, and its cause is forgotten.",
			from:   ready, probes: []error{refused, refused, refused, refused, nil}, want: Readiness{OK: true, Since: probed(5)},
		},
		"full-patience-again": {
			reason: "After an outage it takes three failures once more.",
			from:   down, probes: []error{nil, timeout, timeout}, want: Readiness{OK: true, Since: probed(1)},
		},
		"second-outage": {
			reason: "The cause is that of this outage, not of the last.",
			from:   down, probes: []error{nil, timeout, timeout, timeout}, want: Readiness{Cause: because(timeout), Since: probed(4)},
		},
		"zero-value-fails": {
			reason: "A node that never was Ready waits for nothing, and says why.",
			probes: []error{refused}, want: Readiness{Cause: because(refused)},
		},
		"zero-value-succeeds": {
			reason: "A new node is Ready at the first success.",
			probes: []error{nil}, want: Readiness{OK: true, Since: probed(1)},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			got := tc.from
			for i, err := range tc.probes {
				got = got.Observe(err, probed(i+1).Time)
			}
			if diff := cmp.Diff(tc.want, got, cmpopts.IgnoreUnexported(Readiness{})); diff != "" {
				t.Errorf("%s\nObserve(%v): -want +got:\n%s", tc.reason, tc.probes, diff)
			}
		})
	}
}

// TestReadinessRestart: what the Node said before carries on in a new process.
func TestReadinessRestart(t *testing.T) {
	refused := errors.New("connection refused")
	saying := func(conditions ...corev1.NodeCondition) *corev1.Node {
		return &corev1.Node{Status: corev1.NodeStatus{Conditions: conditions}}
	}
	pressure := corev1.NodeCondition{Type: corev1.NodeMemoryPressure, Status: corev1.ConditionFalse, LastTransitionTime: probed(-9)}
	cases := map[string]struct {
		reason   string
		existing *corev1.Node
		probe    error
		want     Readiness
	}{
		"new-and-reachable": {
			reason: "Without a Node the first success is the beginning.",
			want:   Readiness{OK: true, Since: probed(1)},
		},
		"new-and-unreachable": {
			reason: "Without a Node there is no readiness to keep.",
			probe:  refused, want: Readiness{Cause: because(refused), Since: probed(0)},
		},
		"no-condition": {
			reason:   "A Node that does not say whether it is Ready is as good as new.",
			existing: saying(pressure), probe: refused, want: Readiness{Cause: because(refused), Since: probed(0)},
		},
		"was-ready": {
			reason:   "Ready before and after: the restart does not show.",
			existing: saying(pressure, corev1.NodeCondition{Type: corev1.NodeReady, Status: corev1.ConditionTrue, LastTransitionTime: probed(-5)}),
			want:     Readiness{OK: true, Since: probed(-5)},
		},
		"was-ready-and-fails-once": {
			reason: "A restart is no reason to be less patient.",
			existing: saying(corev1.NodeCondition{
				Type: corev1.NodeReady, Status: corev1.ConditionTrue, Message: "fine", LastTransitionTime: probed(-5),
			}),
			probe: refused, want: Readiness{OK: true, Cause: "fine", Since: probed(-5)},
		},
		"was-not-ready-and-recovers": {
			reason:   "The outage ended while nobody looked.",
			existing: saying(corev1.NodeCondition{Type: corev1.NodeReady, Status: corev1.ConditionFalse, LastTransitionTime: probed(-5)}),
			want:     Readiness{OK: true, Since: probed(1)},
		},
		"was-not-ready-still": {
			reason:   "An outage that outlasts a restart keeps its beginning.",
			existing: saying(corev1.NodeCondition{Type: corev1.NodeReady, Status: corev1.ConditionFalse, LastTransitionTime: probed(-5)}),
			probe:    refused, want: Readiness{Cause: because(refused), Since: probed(-5)},
		},
		"was-not-claimed-still": {
			reason: "A restart does not change what it is waiting for.",
			existing: saying(corev1.NodeCondition{
				Type: corev1.NodeReady, Status: corev1.ConditionFalse, Reason: ReasonNotClaimed, LastTransitionTime: probed(-5),
			}),
			probe: &notClaimedError{refused}, want: Readiness{Cause: unclaimed(refused), Reason: ReasonNotClaimed, Since: probed(-5)},
		},
		"was-unknown": {
			reason:   "Unknown is what the cluster says of a silent node: not Ready.",
			existing: saying(corev1.NodeCondition{Type: corev1.NodeReady, Status: corev1.ConditionUnknown, LastTransitionTime: probed(-5)}),
			probe:    refused, want: Readiness{Cause: because(refused), Since: probed(-5)},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			got := readinessOf(tc.existing, probed(0).Time).Observe(tc.probe, probed(1).Time)
			if diff := cmp.Diff(tc.want, got, cmpopts.IgnoreUnexported(Readiness{})); diff != "" {
				t.Errorf("%s\n-want +got:\n%s", tc.reason, diff)
			}
		})
	}
}
