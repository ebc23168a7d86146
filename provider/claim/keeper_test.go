package claim

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
)

// tell runs a story about a downstream cluster whose clock costs no time.
func tell(t *testing.T, story func(t *testing.T, w *world)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) { story(t, &world{namespace: true}) })
}

func TestTakes(t *testing.T) {
	tests := map[string]struct {
		reason string
		before func(t *testing.T, w *world)
		after  time.Duration
	}{
		"free":         {"Nobody ever claimed it.", func(*testing.T, *world) {}, 0},
		"no-namespace": {"The namespace is created if missing.", func(_ *testing.T, w *world) { w.namespace = false }, 0},
		"released": {"The last holder stopped in order.", func(t *testing.T, w *world) {
			last := w.startsLeader(t, "other")
			last.stop()
			if err := <-last.ended; err != nil {
				t.Error(err)
			}
		}, 0},
		"own": {"A process that was killed and started again goes on at once.", func(t *testing.T, w *world) {
			w.startsLeader(t, "me").crashes(t, w)
		}, 0},
		"silent": {"Nobody knows more than that it is not renewed.", func(t *testing.T, w *world) {
			w.startsLeader(t, "other").crashes(t, w)
		}, silence},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			tell(t, func(t *testing.T, w *world) {
				tc.before(t, w)
				began := time.Now()
				p := w.startsLeader(t, "me")
				if err := p.writesWithin(t, time.Minute); err != nil {
					t.Fatalf("%s It writes nothing: %v", tc.reason, err)
				}
				if took := time.Since(began); took != tc.after {
					t.Errorf("%s It writes after %s, want %s", tc.reason, took, tc.after)
				}
				if holder := w.holder(); holder != "me" {
					t.Errorf("%s It is held by %q", tc.reason, holder)
				}
			})
		})
	}
}

// TestStandbyWaitsNoLonger: who has seen the leader crash has waited already when
// it is elected, and writes nothing before.
func TestStandbyWaitsNoLonger(t *testing.T) {
	tell(t, func(t *testing.T, w *world) {
		leader := w.startsLeader(t, "other")
		standby := w.starts(t, "me")
		time.Sleep(time.Minute) //nolint:forbidigo // The clock is not real.
		if standby.writes(t) {
			t.Fatal("a standby writes")
		}
		leader.crashes(t, w)
		time.Sleep(silence + lookEvery) //nolint:forbidigo // The clock is not real.
		close(standby.elected)
		synctest.Wait()
		if !standby.writes(t) {
			t.Error("it does not write when it is elected")
		}
	})
}

// TestRefused: a holder that is alive is not disturbed, and the other is told all
// that a person needs to know.
func TestRefused(t *testing.T) {
	tell(t, func(t *testing.T, w *world) {
		original := w.startsLeader(t, "original")
		clone := w.startsLeader(t, "clone")
		err := <-clone.ended
		refused, isRefused := errors.AsType[*RefusedError](err)
		if !isRefused {
			t.Fatalf("the clone ends with %v", err)
		}
		for _, fact := range []string{"spillway-system/east.upstream-uid", `"original"`, "https://original", "--name", "cloned"} {
			if !strings.Contains(refused.Error(), fact) {
				t.Errorf("it does not say %s: %s", fact, refused)
			}
		}
		if err := clone.writesWithin(t, time.Hour); !errors.Is(err, refused) {
			t.Errorf("a write of the clone ends with %v", err)
		}
		if !original.writes(t) || w.holder() != "original" {
			t.Error("the original is disturbed")
		}
	})
}

// TestAway: while the API server does not answer, writes wait, beginning before
// anybody else may think that we are gone; nobody ends.
func TestAway(t *testing.T) {
	tell(t, func(t *testing.T, w *world) {
		p := w.startsLeader(t, "me")
		w.set(func(w *world) { w.failure = errors.New("connection refused") })
		if !p.writes(t) {
			t.Error("writes wait for the claim before it has run out")
		}
		time.Sleep(goodFor) //nolint:forbidigo // The clock is not real.
		if err := p.writesWithin(t, time.Second); err == nil || !strings.Contains(err.Error(), "connection refused") {
			t.Errorf("a write ends with %v", err)
		}
		time.Sleep(time.Hour) //nolint:forbidigo // The clock is not real.
		w.set(func(w *world) { w.failure = nil })
		if err := p.writesWithin(t, 2*lookEvery); err != nil {
			t.Errorf("it is back, but %v", err)
		}
		synctest.Wait()
		if p.recovered != 1 {
			t.Errorf("those who waited in vain were told %d times, want once", p.recovered)
		}
	})
}

// TestLost: somebody else took the claim while we could not renew it.
func TestLost(t *testing.T) {
	tell(t, func(t *testing.T, w *world) {
		original := w.startsLeader(t, "original")
		w.set(func(w *world) { w.failure = errors.New("connection refused") })
		time.Sleep(time.Hour) //nolint:forbidigo // The clock is not real.
		// Somebody else was quicker.
		w.set(func(w *world) { w.failure, w.lease = nil, nil })
		clone := w.startsLeader(t, "clone")
		if original.writes(t) == clone.writes(t) {
			t.Error("both write, or none")
		}
		loser, winner := original, clone
		if w.holder() == "original" {
			loser, winner = clone, original
		}
		if _, isRefused := errors.AsType[*RefusedError](<-loser.ended); !isRefused {
			t.Error("the other one goes on")
		}
		if !winner.writes(t) {
			t.Error("the holder is disturbed")
		}
	})
}

// TestForbidden: an API server that does not allow it may have only just started.
func TestForbidden(t *testing.T) {
	tell(t, func(t *testing.T, w *world) {
		w.failure = apierrors.NewForbidden(leaseResource(), "east.upstream-uid", errors.New("no role"))
		p := w.startsLeader(t, "me")
		if err := p.writesWithin(t, time.Hour); err == nil || !strings.Contains(err.Error(), "no role") {
			t.Errorf("a write ends with %v", err)
		} else if apierrors.IsForbidden(err) {
			t.Error("the API server's word about the Lease passes for one about the write, which a pod would fail for")
		}
		synctest.Wait()
		if len(p.logged) != 1 || !strings.Contains(p.logged[0], "no role") {
			t.Errorf("it says %q, want one line with the cause", p.logged)
		}
		w.set(func(w *world) { w.failure = nil })
		if err := p.writesWithin(t, 2*lookEvery); err != nil {
			t.Errorf("it is allowed, but %v", err)
		}
	})
}

// TestSlow: an API server that takes 5 s for every request interrupts nobody.
func TestSlow(t *testing.T) {
	tell(t, func(t *testing.T, w *world) {
		p := w.startsLeader(t, "me")
		w.set(func(w *world) { w.latency = 5 * time.Second })
		for range 60 {
			time.Sleep(time.Second) //nolint:forbidigo // The clock is not real.
			if err := p.writesWithin(t, time.Second/10); err != nil {
				t.Fatal(err)
			}
		}
	})
}

// TestForeignLease: a Lease that others made is left alone, and so is everything
// else until it is gone.
func TestForeignLease(t *testing.T) {
	tell(t, func(t *testing.T, w *world) {
		other := claimant("other").held(nil, time.Now())
		other.Labels = nil
		w.set(func(w *world) { _, _ = w.put(other) })
		p := w.startsLeader(t, "me")
		if err := p.writesWithin(t, time.Hour); err == nil || !strings.Contains(err.Error(), "left alone") {
			t.Errorf("a write ends with %v", err)
		}
		if w.version != 1 {
			t.Error("the foreign Lease was written to")
		}
		w.set(func(w *world) { w.lease = nil })
		if err := p.writesWithin(t, 2*lookEvery); err != nil {
			t.Error(err)
		}
	})
}

// TestChanged: whatever becomes of the Lease, the claim goes on.
func TestChanged(t *testing.T) {
	for name, change := range map[string]func(w *world){
		"deleted": func(w *world) { w.lease = nil },
		"labeled": func(w *world) { w.lease.Labels["team"] = "a"; _, _ = w.put(w.lease) },
	} {
		t.Run(name, func(t *testing.T) {
			tell(t, func(t *testing.T, w *world) {
				p := w.startsLeader(t, "me")
				w.set(change)
				time.Sleep(goodFor) //nolint:forbidigo // The clock is not real.
				if !p.writes(t) || w.holder() != "me" {
					t.Error("the claim is lost")
				}
			})
		})
	}
}

// TestRelease: at its end a process gives the claim back, unless a write is under
// way that may still arrive.
func TestRelease(t *testing.T) {
	for name, tc := range map[string]struct {
		write time.Duration
		want  string
	}{
		"idle":        {0, ""},
		"write-ends":  {releaseTimeout / 2, ""},
		"write-hangs": {time.Hour, "me"},
	} {
		t.Run(name, func(t *testing.T) {
			tell(t, func(t *testing.T, w *world) {
				p := w.startsLeader(t, "me")
				written := make(chan error, 1)
				go func() {
					written <- p.requests(t, http.MethodDelete, 2*time.Hour, func() { <-time.After(tc.write) })
				}()
				synctest.Wait()
				p.stop()
				if err := <-p.ended; err != nil {
					t.Error(err)
				}
				if p.writes(t) {
					t.Error("it writes after its end")
				}
				if holder := w.holder(); holder != tc.want {
					t.Errorf("it is held by %q, want %q", holder, tc.want)
				}
				if err := <-written; err != nil {
					t.Error(err)
				}
			})
		})
	}
}

// TestReadsPass: only writes need the claim.
func TestReadsPass(t *testing.T) {
	p := &process{Keeper: &Keeper{Gate: NewGate()}}
	for method, passes := range map[string]bool{
		http.MethodGet: true, http.MethodHead: true, "": true,
		http.MethodPost: false, http.MethodPut: false, http.MethodPatch: false, http.MethodDelete: false,
	} {
		if err := p.requests(t, method, time.Millisecond, func() {}); (err == nil) != passes {
			t.Errorf("%s: %v", method, err)
		}
	}
}
