package webhook

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// TestWhenServed: a cluster gets a kind, some day, and what is known is told from
// what is not.
func TestWhenServed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		type answer struct {
			served bool
			err    error
		}
		var (
			answers atomic.Pointer[answer]
			filled  atomic.Bool
			fill    = make(chan struct{})
		)
		cannotTell := &answer{err: errors.New("connection refused")}
		answers.Store(cannotTell)
		wait := &whenServed{resource: "sidecarsets", served: func(_ context.Context, resource string) (bool, error) {
			if resource != "sidecarsets" {
				t.Errorf("asked for %q", resource)
			}
			now := answers.Load()
			return now.served, now.err
		}}
		wait.begin = func(context.Context) error {
			<-fill
			filled.Store(true)
			return nil
		}
		done := make(chan error, 1)
		go func() { done <- wait.Start(t.Context()) }()
		ready := func(when string, want bool) {
			t.Helper()
			<-time.After(servedInterval + time.Millisecond) // of the bubble's clock
			synctest.Wait()
			if got := wait.check(nil) == nil; got != want {
				t.Errorf("%s: ready: %t, want %t", when, got, want)
			}
		}
		ready("nobody can tell", false)
		answers.Store(&answer{})
		ready("the cluster has no such kind", true)
		answers.Store(cannotTell)
		ready("nobody can tell for a moment", true)
		answers.Store(&answer{served: true})
		ready("caches are being filled; there were no objects a moment ago", true)
		close(fill)
		ready("caches are filled", true)
		if err := <-done; err != nil || !filled.Load() {
			t.Errorf("ended with %v, caches filled: %t", err, filled.Load())
		}
	})
}

// TestWhenServedFromTheStart: with objects in the cluster, no pod is admitted
// before they are known.
func TestWhenServedFromTheStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		boom := errors.New("boom")
		fill := make(chan struct{})
		wait := &whenServed{
			served: func(context.Context, string) (bool, error) { return true, nil },
			begin:  func(context.Context) error { <-fill; return boom },
		}
		done := make(chan error, 1)
		go func() { done <- wait.Start(t.Context()) }()
		synctest.Wait()
		if wait.check(nil) == nil {
			t.Error("ready before caches are filled")
		}
		close(fill)
		if err := <-done; !errors.Is(err, boom) || wait.check(nil) == nil {
			t.Errorf("ended with %v, and ready: %t", err, wait.check(nil) == nil)
		}
	})
}

// TestWhenServedIsStopped: a process that ends does not wait for a kind.
func TestWhenServedIsStopped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		wait := &whenServed{served: func(context.Context, string) (bool, error) { return false, nil }}
		done := make(chan error, 1)
		go func() { done <- wait.Start(ctx) }()
		synctest.Wait()
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}
