package drain

import (
	"context"
	"errors"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/spillway-io/spillway/webhook/spread"
)

// movedWithin is how long it takes, amply, until a pod that a WorkloadSpread moves to
// another subset has been moved.
const movedWithin = 15 * time.Second

// hold is why the pods of a controller wait, or stay in the end.
type hold struct {
	since time.Time
	// again is when to look again.
	again time.Time
	tries int
	// refused: it is an eviction that was refused, not pods that are to get ready first.
	refused bool
	why     string
	// final: it has waited for long enough.
	final bool
}

// next is the first pod that goes and need not wait. If all of them wait, wait is for
// how long; if it is zero, there is none.
func (d *drain) next(ctx context.Context, world World, fates []Fate) (f *Fate, wait time.Duration, err error) {
	now := time.Now()
	asked := map[types.UID]bool{}
	for _, f := range leaving(fates) {
		uid := controllerUID(f.Pod)
		h := d.held[uid]
		if asked[uid] || h != nil && h.final {
			continue
		}
		asked[uid] = true
		if h != nil && now.Before(h.again) {
			wait = shorter(wait, h.again.Sub(now))
			continue
		}
		settled, err := d.settled(ctx, world, f, now)
		if settled || err != nil {
			return &f, 0, err
		}
		wait = shorter(wait, look)
	}
	return nil, wait, nil
}

// settled says whether a workload has as many ready pods as it wants, or did not get them
// for so long that it is taken as it is. An earlier run may have evicted one a moment
// ago.
func (d *drain) settled(ctx context.Context, world World, f Fate, now time.Time) (bool, error) {
	uid := controllerUID(f.Pod)
	has := before(f.Pod, world.Peers)
	wanted := d.watcher.wanted(ctx, f.Pod)
	h := d.held[uid]
	switch {
	case wanted == nil || has.Ready >= *wanted:
		if h != nil && !h.refused {
			delete(d.held, uid)
		}
		return true, nil
	case h != nil:
		return h.refused || now.Sub(h.since) >= d.Patience, nil
	}
	h = &hold{since: now, why: fmt.Sprintf("%d of %d pods of its workload are ready", has.Ready, *wanted)}
	d.held[uid] = h
	return false, d.tellWait(f, h.why)
}

// step evicts one pod, and waits for the one that comes instead.
func (d *drain) step(ctx context.Context, world World, f Fate) error {
	b := before(f.Pod, world.Peers)
	err := d.live.SubResource("eviction").Create(ctx, f.Pod.DeepCopy(), &policyv1.Eviction{
		ObjectMeta:    metav1.ObjectMeta{Namespace: f.Pod.Namespace, Name: f.Pod.Name},
		DeleteOptions: &metav1.DeleteOptions{Preconditions: &metav1.Preconditions{UID: &f.Pod.UID}},
	})
	switch {
	case apierrors.IsNotFound(err) || apierrors.IsConflict(err):
		return pause(ctx, look) // it is gone, as the watch is about to say
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case apierrors.IsForbidden(err) && !apierrors.HasStatusCause(err, corev1.NamespaceTerminatingCause):
		return fmt.Errorf("cannot evict pod %s/%s: %w", f.Pod.Namespace, f.Pod.Name, err)
	case err != nil:
		return d.hold(f, refusalOf(err))
	}
	delete(d.held, b.Controller)
	d.evicted[f.Pod.UID] = true
	return d.await(ctx, f, b)
}

// await waits until the workload is as it was before. The error is errStopped if it does
// not get there.
func (d *drain) await(ctx context.Context, f Fate, b Before) error {
	began := time.Now()
	patience := d.Patience
	if f.spreading != nil {
		// What is unschedulable for so long is moved to another subset.
		if after, moves := spread.PatienceOf(f.spreading.Object); moves {
			patience = max(patience, after+movedWithin)
		}
	}
	for {
		peers, err := d.watcher.peers(ctx)
		if err != nil {
			return err
		}
		l := b.landing(d.Node, peers, d.watcher.wanted(ctx, f.Pod))
		if l.Done && l.Back == nil {
			d.moved++
			e := f.event("moved")
			e.Instead = instead(l.Came)
			return d.tell(e)
		}
		if why := l.stuck(d.Node, time.Since(began), patience, d.Timeout); why != "" {
			e := f.event("stopped")
			e.Why, e.Do = why, "make room for it, and drain again; kubectl uncordon "+d.Node+" undoes the drain"
			return errors.Join(errStopped, d.tell(e))
		}
		if err := pause(ctx, look); err != nil {
			return err
		}
	}
}

// hold has the pods of a controller wait after an eviction was refused.
func (d *drain) hold(f Fate, why string) error {
	uid, now := controllerUID(f.Pod), time.Now()
	h := d.held[uid]
	if h == nil || !h.refused {
		h = &hold{since: now, refused: true}
		d.held[uid] = h
	}
	h.tries++
	h.again = now.Add(backoff(h.tries))
	h.final = h.again.After(h.since.Add(d.Timeout))
	if h.why == why {
		return nil
	}
	h.why = why
	return d.tellWait(f, why)
}

func (d *drain) tellWait(f Fate, why string) error {
	e := f.event("waits")
	e.Why = why
	return d.tell(e)
}

// refusalOf is what an API server says of an eviction: of a spent disruption budget, its
// name is among the causes.
func refusalOf(err error) string {
	if cause, ok := apierrors.StatusCause(err, policyv1.DisruptionBudgetCause); ok {
		return cause.Message
	}
	return err.Error()
}

// tellPlan tells how many pods go.
func (d *drain) tellPlan(fates []Fate) error {
	e := Event{Event: "planned"}
	for _, f := range fates {
		if f.Goes && f.Home {
			e.Home++
		}
		if f.Holds {
			e.Stay++
		}
	}
	d.total = d.moved + len(leaving(fates))
	return d.tell(e)
}

// tellStays tells of each pod that stays, and returns how many of them hold the drain.
func (d *drain) tellStays(fates []Fate) (holds int, err error) {
	for _, f := range fates {
		if h := d.held[controllerUID(f.Pod)]; f.Goes && h != nil && h.final {
			f = f.stays("its eviction is refused: "+h.why, "kubectl get pdb -n "+f.Pod.Namespace)
		}
		if f.Goes || d.evicted[f.Pod.UID] {
			continue
		}
		if f.Holds {
			holds++
		}
		if err := d.tell(f.event("stays")); err != nil {
			return holds, err
		}
	}
	return holds, nil
}

// event is one about the pod.
func (f Fate) event(event string) Event {
	e := Event{Event: event, Namespace: f.Pod.Namespace, Pod: f.Pod.Name, Subset: f.From, Why: f.Why, Do: f.Do}
	if f.Goes && event == "goes" {
		e.Why = "to another virtual node"
		if f.Home {
			e.Why = "home"
		}
		if f.To != "" {
			e.Why += fmt.Sprintf(", subset %s", f.To)
		}
	}
	return e
}

func instead(came []*corev1.Pod) (all []Instead) {
	for _, pod := range came {
		match, _ := spread.MatchOf(pod)
		all = append(all, Instead{Pod: pod.Name, Node: pod.Spec.NodeName, Subset: match.Subset})
	}
	return all
}

func controllerUID(pod *corev1.Pod) types.UID {
	owner, _ := spread.ControllerOf(pod)
	return owner.UID
}

// shorter returns the shorter of two times, of which zero means none.
func shorter(a, b time.Duration) time.Duration {
	if a == 0 || b < a {
		return b
	}
	return a
}
