package claim

import (
	"errors"
	"strings"
	"testing"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
)

// TestTrouble: what lasts is told, and what passes is not.
func TestTrouble(t *testing.T) {
	forbidden := apierrors.NewForbidden(leaseResource(), "", errors.New("no"))
	tests := map[string]struct {
		reason string
		before func(t *testing.T, w *world)
		then   func(t *testing.T, w *world)
		// after is when it is told, by a process that begins to lead at once, and says
		// is what; 0 is never within a minute.
		after time.Duration
		says  string
	}{
		"held": {reason: "There is no trouble."},
		"crashed": {
			reason: "The claim of the last holder runs out as always.",
			before: func(t *testing.T, w *world) { w.startsLeader(t, "other").crashes(t, w) },
		},
		"forbidden": {
			reason: "Nobody knows for how long.", before: func(_ *testing.T, w *world) { w.failure = forbidden },
			after: time.Nanosecond, says: "forbidden",
		},
		"foreign": {
			reason: "Somebody has to delete it.", before: func(_ *testing.T, w *world) { w.lease = &coordinationv1.Lease{} },
			after: time.Nanosecond, says: "marks",
		},
		"other-cluster": {
			reason: "It is not claimed, even if it is free.", before: func(_ *testing.T, w *world) { w.stranger = errors.New("a stranger") },
			after: time.Nanosecond, says: "a stranger",
		},
		"unknown": {
			reason: "It asks for longer than is usual.",
			before: func(t *testing.T, w *world) {
				w.startsLeader(t, "other").crashes(t, w)
				w.lease.Spec.LeaseDurationSeconds = new(int32(60))
			},
			after: usualWait, says: `"other"`,
		},
		"forbidden-later": {
			reason: "What is held is good for a while.", then: func(_ *testing.T, w *world) { w.set(func(w *world) { w.failure = forbidden }) },
			after: goodFor, says: "forbidden",
		},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			tell(t, func(t *testing.T, w *world) {
				if tc.before != nil {
					tc.before(t, w)
				}
				p := w.startsLeader(t, "me")
				if tc.then != nil {
					tc.then(t, w)
				}
				began := time.Now()
				for p.Gate.Trouble() == nil && time.Since(began) < 50*time.Second {
					<-time.After(100 * time.Millisecond)
				}
				trouble, took := p.Gate.Trouble(), time.Since(began)
				if (trouble != nil) != (tc.after != 0) || trouble != nil && !strings.Contains(trouble.Error(), tc.says) {
					t.Fatalf("%s Trouble() = %v", tc.reason, trouble)
				}
				if trouble != nil && (took < tc.after.Truncate(time.Second)-time.Second || took > tc.after+time.Second) {
					t.Errorf("%s It is told after %s, want %s", tc.reason, took, tc.after)
				}
			})
		})
	}
}

// TestTroubleEnds: it is over as soon as the claim is held.
func TestTroubleEnds(t *testing.T) {
	tell(t, func(t *testing.T, w *world) {
		w.stranger = errors.New("a stranger")
		p := w.startsLeader(t, "me")
		if p.Gate.Trouble() == nil || p.writes(t) || w.holder() != "" {
			t.Fatal("another cluster was claimed")
		}
		w.set(func(w *world) { w.stranger = nil })
		if err := p.writesWithin(t, 2*lookEvery); err != nil || p.Gate.Trouble() != nil {
			t.Errorf("it writes: %v; its trouble is %v", err, p.Gate.Trouble())
		}
	})
}

// TestDeletedClaim: in the moment when it is known that the claim is gone, nothing
// is written: it may never have been there, in another cluster.
func TestDeletedClaim(t *testing.T) {
	tell(t, func(t *testing.T, w *world) {
		p := w.startsLeader(t, "me")
		w.set(func(w *world) { w.lease, w.stranger = nil, errors.New("a stranger") })
		<-time.After(renewEvery + time.Millisecond)
		if p.writes(t) || w.holder() != "" {
			t.Error("it goes on writing")
		}
	})
}

// TestSlowServer: an API server that takes 5 s for everything is slow, not away. It can
// be claimed.
func TestSlowServer(t *testing.T) {
	for name, before := range map[string]func(t *testing.T, w *world){
		"first":   func(_ *testing.T, w *world) { w.namespace = false },
		"free":    func(*testing.T, *world) {},
		"restart": func(t *testing.T, w *world) { w.startsLeader(t, "me").crashes(t, w) },
		"crashed": func(t *testing.T, w *world) { w.startsLeader(t, "other").crashes(t, w) },
	} {
		t.Run(name, func(t *testing.T) {
			tell(t, func(t *testing.T, w *world) {
				before(t, w)
				w.latency = 5 * time.Second
				p := w.startsLeader(t, "me")
				if err := p.writesWithin(t, time.Minute); err != nil {
					t.Fatal(err)
				}
				<-time.After(time.Minute)
				if err := p.writesWithin(t, goodFor); err != nil {
					t.Errorf("a minute later: %v", err)
				}
			})
		})
	}
}
