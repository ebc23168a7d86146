package workloadspread

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/openkruise/kruise-api/apps/v1alpha1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
)

// TestPassesAndWritesAreRare in a burst: what happens in between is one pass, and
// two statuses a second.
func TestPassesAndWritesAreRare(t *testing.T) {
	w := newWorld(t, adaptive())
	written := 0
	w.pass(0)
	for i := range 200 {
		w.cached = append(w.cached, running(fmt.Sprintf("p%d", i), "a"))
		result, writes, _ := w.pass(10 * time.Millisecond)
		written += len(startingWith("status", writes))
		if wrote := len(writes) > 0; result.RequeueAfter > writePause || !wrote && result.RequeueAfter == 0 {
			t.Fatalf("with news not yet written it looks again in %v", result.RequeueAfter)
		}
	}
	if written < 3 || written > 4 || w.looks > 21 {
		t.Errorf("%d statuses written and %d looks in 2 s, want 4 and 21 at most", written, w.looks)
	}
}

// crowd is a world with so many pods that it takes a while to gather them, and at
// times fails.
type crowd struct {
	*world

	took time.Duration
	err  error
}

func (c *crowd) Pods(ctx context.Context, ws *v1alpha1.WorkloadSpread) ([]*corev1.Pod, error) {
	c.clock.Step(c.took)
	if c.err != nil {
		return nil, c.err
	}
	return c.world.Pods(ctx, ws)
}

// TestFailedPassIsTriedAgainLate: the pass after one that failed sat out the pause
// that thousands of pods had asked for, and the queue lost count of the failures.
func TestFailedPassIsTriedAgainLate(t *testing.T) {
	errBoom := errors.New("boom")
	cases := map[string]func(*crowd){
		"gathering failed": func(c *crowd) { c.err = errBoom },
		"a write failed":   func(c *crowd) { c.refuse["status"] = errBoom },
	}
	for name, breaks := range cases {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, adaptive(), running("p1", "a"))
			c := &crowd{world: w, took: 20 * time.Millisecond}
			w.reconciler.workloads = c
			w.pass(0)
			if result, _, _ := w.pass(0); result.RequeueAfter != 780*time.Millisecond {
				t.Fatalf("after gathering for 20 ms it looks again in %s, want 780ms", result.RequeueAfter)
			}
			w.cached = append(w.cached, running("p2", "a"))
			breaks(c)
			w.clock.Step(780 * time.Millisecond)
			request := reconcile.Request{NamespacedName: types.NamespacedName{Namespace: "default", Name: "ws"}}
			if _, err := w.reconciler.Reconcile(t.Context(), request); !errors.Is(err, errBoom) {
				t.Fatalf("the pass failed with %v, want %v", err, errBoom)
			}
			c.err, w.refuse["status"] = nil, nil
			before := w.looks
			if result, _, _ := w.pass(firstRetry); w.looks != before+1 {
				t.Errorf("the first retry is no pass: it waits for %s", result.RequeueAfter)
			}
		})
	}
}
