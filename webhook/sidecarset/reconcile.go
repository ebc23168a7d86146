package sidecarset

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/openkruise/kruise-api/apps/v1alpha1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	utilerrors "k8s.io/apimachinery/pkg/util/errors"
	"k8s.io/client-go/tools/events"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"
	logf "sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/spillway-io/spillway/webhook/catalog"
	"github.com/spillway-io/spillway/webhook/eventnote"
	"github.com/spillway-io/spillway/webhook/sidecar"
)

const (
	// writePause is the shortest pause between two writes of the status. A rollout of
	// the pods' workloads is hundreds of events.
	writePause = 500 * time.Millisecond
	// standBackPause is how soon we look whether the other server is still there.
	standBackPause = time.Minute
	// soonest is how soon a pass may be repeated although nothing happened.
	soonest = 10 * time.Millisecond
)

// reasonInvalid is of the event about a set that is not rolled out at all.
const reasonInvalid = "InvalidSidecarSet"

// reconciler brings SidecarSets, and the pods that have them, up to date.
type reconciler struct {
	// client reads from the cache and writes to the API server, cache reads also
	// what is not typed, and live reads from the API server.
	client    client.Client
	cache     client.Reader
	live      client.Reader
	events    events.EventRecorder
	clock     clock.PassiveClock
	namespace string
	metrics   *Metrics
	standBack func(context.Context) (string, error)

	mu       sync.Mutex
	memories map[string]*memory
	// other is the other server that we stand back for, as was last logged.
	other string
}

// pass is one look at a SidecarSet.
type pass struct {
	*reconciler
	// object is the set as it was read.
	object *v1alpha1.SidecarSet
	view   sidecar.View
	memory *memory
	now    time.Time
	// wake is when to look again if nothing happens; zero for never.
	wake time.Time
}

// Reconcile makes a pass. An error has it tried again.
func (r *reconciler) Reconcile(ctx context.Context, request reconcile.Request) (reconcile.Result, error) {
	object := catalog.NewObject()
	err := r.cache.Get(ctx, request.NamespacedName, object)
	if apierrors.IsNotFound(err) || err == nil && object.GetDeletionTimestamp() != nil {
		r.forget(request.Name)
		return reconcile.Result{}, nil
	}
	if err != nil {
		return reconcile.Result{}, fmt.Errorf("cannot read the SidecarSet: %w", err)
	}
	if other, err := r.standsBack(ctx); err != nil {
		return reconcile.Result{}, err
	} else if other {
		r.metrics.uncounted(request.Name)
		return reconcile.Result{RequeueAfter: standBackPause}, nil
	}
	p := &pass{reconciler: r, memory: r.remembered(request.Name, object.GetUID()), now: r.clock.Now()}
	if wait := p.memory.passes.Begin(p.now); wait > 0 {
		return reconcile.Result{RequeueAfter: wait}, nil
	}
	set, unknown, err := catalog.Decode(object)
	if err != nil {
		set, unknown = &v1alpha1.SidecarSet{TypeMeta: typeOf(object), ObjectMeta: nameOf(object)}, []error{err}
	}
	p.object, p.view.Set = set, sidecar.Compile(set, unknown)
	return p.make(ctx)
}

// make does all that is to be done about a set, but nothing about one that is not
// understood: what it asks for is not known then.
func (p *pass) make(ctx context.Context) (reconcile.Result, error) {
	if err := utilerrors.NewAggregate([]error{p.view.Set.Err, p.view.Set.RolloutErr}); err != nil {
		p.metrics.uncounted(p.object.Name)
		if p.memory.tells(reasonInvalid, err.Error()) {
			p.events.Eventf(p.object, nil, corev1.EventTypeWarning, reasonInvalid, "Roll", "%s", eventnote.Format("It is not rolled out to pods that have it: %s", err))
		}
		return reconcile.Result{}, nil
	}
	delete(p.memory.told, reasonInvalid)
	all, err := p.podsWithSet(ctx)
	if err != nil {
		return reconcile.Result{}, err
	}
	if err := p.gather(ctx, all); err != nil {
		return reconcile.Result{}, err
	}
	gathering := p.clock.Since(p.now)
	collisions, err := p.history(ctx, all)
	if err != nil {
		return reconcile.Result{}, err
	}
	judged := p.clock.Now()
	report := p.view.Report(collisions, p.now)
	var plan sidecar.Plan
	if report.Status.UpdatedPods < report.Status.MatchedPods {
		// Else nobody waits for anything, and most passes find it so.
		plan = p.view.Plan()
	}
	working := gathering + p.clock.Since(judged)
	p.metrics.report(p.object.Name, report)
	// Each does its part even if another failed.
	if err := errors.Join(p.writeStatus(ctx, report.Status), p.roll(ctx, plan), p.writeConditions(ctx, report.Conditions)); err != nil {
		return reconcile.Result{}, err
	}
	p.memory.passes.Worked(working)
	p.tellBlocked(report.NeedRecreation)
	return p.result(), nil
}

// standsBack says whether somebody else serves SidecarSets. That is logged when it
// changes.
func (r *reconciler) standsBack(ctx context.Context) (bool, error) {
	if r.standBack == nil {
		return false, nil
	}
	other, err := r.standBack(ctx)
	if err != nil {
		return false, fmt.Errorf("cannot tell whether somebody else serves SidecarSets: %w", err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if other != r.other {
		r.other = other
		if other != "" {
			logf.FromContext(ctx).Info("Another server of SidecarSets is at work, so none is rolled out", "server", other)
		} else {
			logf.FromContext(ctx).Info("No other server of SidecarSets is at work any more")
		}
	}
	return other != "", nil
}

// lookAt has the next pass made at t, or earlier; zero asks for nothing.
func (p *pass) lookAt(t time.Time) {
	if p.wake.IsZero() || !t.IsZero() && t.Before(p.wake) {
		p.wake = t
	}
}

// lookSoon has the next pass made as soon as a cache should have caught up.
func (p *pass) lookSoon() { p.lookAt(p.clock.Now().Add(writePause)) }

func (p *pass) result() reconcile.Result {
	if p.wake.IsZero() {
		return reconcile.Result{}
	}
	return reconcile.Result{RequeueAfter: max(soonest, p.wake.Sub(p.clock.Now()))}
}
