package workloadspread

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/openkruise/kruise-api/apps/v1alpha1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/events"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/spillway-io/spillway/webhook/spread"
)

const (
	// writePause and movePause are the shortest pauses between two writes of the
	// status and two rounds of moving pods. A rollout is hundreds of events, and the
	// webhook writes the status meanwhile too.
	writePause = 500 * time.Millisecond
	movePause  = 500 * time.Millisecond
	// spreadTime is how long the news of a closed subset takes to reach every
	// webhook's cache, amply.
	spreadTime = time.Second
	// soonest is how soon a pass may be repeated although nothing happened.
	soonest = 10 * time.Millisecond
)

// reconciler brings WorkloadSpreads, and the pods of their targets, up to date.
type reconciler struct {
	// client reads from the cache and writes to the API server.
	client client.Client
	// live reads from the API server.
	live      client.Reader
	events    events.EventRecorder
	clock     clock.PassiveClock
	workloads Workloads
	metrics   *Metrics
	backoff   spread.Backoff

	mu       sync.Mutex
	memories map[types.NamespacedName]*memory
}

// pass is one look at a WorkloadSpread.
type pass struct {
	*reconciler
	key    types.NamespacedName
	view   spread.View
	memory *memory
	// wake is when to look again if nothing happens; zero for never.
	wake time.Time
	// working is for how long it has worked, see worked.
	working time.Duration
}

// Reconcile makes a pass. Each step does its part even if another failed; an
// error has the pass tried again.
func (r *reconciler) Reconcile(ctx context.Context, request reconcile.Request) (reconcile.Result, error) {
	ws := &v1alpha1.WorkloadSpread{}
	// Shared with the cache, as it can have thousands of reservations.
	err := r.client.Get(ctx, request.NamespacedName, ws, client.UnsafeDisableDeepCopy)
	if apierrors.IsNotFound(err) || err == nil && ws.DeletionTimestamp != nil {
		r.forget(request.NamespacedName)
		return reconcile.Result{}, nil
	}
	if err != nil {
		return reconcile.Result{}, fmt.Errorf("cannot read the WorkloadSpread: %w", err)
	}
	p := &pass{reconciler: r, key: request.NamespacedName, memory: r.remembered(request.NamespacedName, ws.UID)}
	now := r.clock.Now()
	if wait := p.memory.passes.Begin(now); wait > 0 {
		return reconcile.Result{RequeueAfter: wait}, nil
	}
	if p.view, err = r.gather(ctx, ws, p.memory, now); err != nil {
		return reconcile.Result{}, err
	}
	p.worked(now)
	if err := errors.Join(p.adopt(ctx), p.report(ctx), p.price(ctx), p.move(ctx), p.bringBack(ctx)); err != nil {
		return reconcile.Result{}, err
	}
	p.memory.passes.Worked(p.working)
	return p.result(), nil
}

// worked adds to what the pause after this pass depends on: how long it takes to gather
// what there is, from caches, and to go through all pods.
func (p *pass) worked(since time.Time) { p.working += p.clock.Since(since) }

// lookAt has the next pass made at t, or earlier; zero asks for nothing.
func (p *pass) lookAt(t time.Time) {
	if p.wake.IsZero() || !t.IsZero() && t.Before(p.wake) {
		p.wake = t
	}
}

func (p *pass) result() reconcile.Result {
	if p.wake.IsZero() {
		return reconcile.Result{}
	}
	return reconcile.Result{RequeueAfter: max(soonest, p.wake.Sub(p.clock.Now()))}
}
