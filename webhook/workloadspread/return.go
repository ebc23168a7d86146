package workloadspread

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/openkruise/kruise-api/apps/v1alpha1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	logf "sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/spillway-io/spillway/webhook/eventnote"
	"github.com/spillway-io/spillway/webhook/spread"
)

// Reasons of the events about pods that return to an earlier subset.
const (
	reasonReturned       = "ReturnedToBase"
	reasonNotReturned    = "NotReturnedToBase"
	reasonInvalidReturn  = "InvalidReturnToBase"
	actionReturn         = "Return"
	outcomeReturned      = "evicted"
	outcomeReturnRefused = "refused"
	outcomeReturnMissed  = "missed"
)

// refusedPause is how long after refusals in a row an eviction is tried again: a
// disruption budget that is spent now may not be when the next pod is ready.
func refusedPause(refusals int) time.Duration {
	return spread.Backoff{Base: 5 * time.Second, Max: 5 * time.Minute}.After(refusals)
}

// homing is what is remembered of pods that return to earlier subsets. A new
// leader begins with none of it: it waits as long as any room must have lasted.
type homing struct {
	// room is since when each subset that has room has had it.
	room map[string]time.Time
	// from is the subset that a pod was evicted from, and before are the pods there
	// were then; nil once it is known where its replacement is.
	from   string
	before map[types.UID]bool
	// refusals counts the evictions that were refused one after the other, and
	// retry is when to ask again.
	refusals int
	retry    time.Time
	// invalid is what was complained of already.
	invalid string
}

// bringBack evicts one pod if an earlier subset has had room for it for long
// enough, and the one before has been replaced. Like move it decides anew by the
// WorkloadSpread as the API server has it.
func (p *pass) bringBack(ctx context.Context) error {
	after, err := spread.ReturnAfter(p.view.Spread)
	if err != nil {
		p.complain(err)
		return nil
	}
	if after == 0 {
		p.memory.homing = homing{}
		return nil
	}
	h := &p.memory.homing
	h.invalid = ""
	h.room = p.view.Room(h.room)
	p.land(after)
	_, ok, wake := p.view.Return(h.room)
	p.lookAt(wake)
	if !ok {
		return nil
	}
	if p.view.Now.Before(h.retry) {
		p.lookAt(h.retry)
		return nil
	}
	view := p.view
	view.Spread = &v1alpha1.WorkloadSpread{}
	if err := p.live.Get(ctx, p.key, view.Spread); err != nil {
		return client.IgnoreNotFound(err)
	}
	r, ok, _ := view.Return(view.Room(h.room))
	if !ok {
		return nil
	}
	if err := p.bringOneBack(ctx, view, r); err != nil {
		return fmt.Errorf("cannot return pod %s: %w", r.Pod.Name, err)
	}
	return nil
}

// bringOneBack looks at the pod once more, and evicts it if nothing changed, and
// nothing changes in between. An eviction, since a deletion heeds no disruption
// budget.
func (p *pass) bringOneBack(ctx context.Context, view spread.View, r spread.Return) error {
	pod := &corev1.Pod{}
	if err := p.live.Get(ctx, client.ObjectKeyFromObject(r.Pod), pod); err != nil {
		return client.IgnoreNotFound(err)
	}
	if !view.ConfirmsReturn(r, pod) {
		return nil // The cache is about to say so too, and wakes us.
	}
	err := p.evict(ctx, pod, metav1.Preconditions{UID: &pod.UID, ResourceVersion: &pod.ResourceVersion})
	var refusal apierrors.APIStatus
	switch {
	case apierrors.IsNotFound(err) || apierrors.IsConflict(err):
		p.lookAt(p.view.Now.Add(movePause))
		return nil
	case errors.As(err, &refusal):
		p.refuseReturn(r, refusal.Status().Message)
		return nil
	case err != nil:
		return err
	}
	h := &p.memory.homing
	h.refusals, h.retry = 0, time.Time{}
	h.from, h.before = r.From, make(map[types.UID]bool, len(p.view.Pods))
	for _, pod := range p.view.Pods {
		h.before[pod.UID] = true
	}
	p.memory.deleted[pod.UID] = true
	p.metrics.returned(outcomeReturned)
	logf.FromContext(ctx).Info("Pod returns to an earlier subset", "pod", pod.Name, "from", r.From, "to", r.To)
	p.tellOfReturn(pod, reasonReturned, "Pod %s leaves subset %q: subset %q has had room for %s",
		pod.Name, r.From, r.To, p.view.Now.Sub(h.room[r.To]).Round(time.Second))
	return nil
}

// refuseReturn has the eviction tried again later, and tells of the first of
// several refusals. The API server answers 429 for a disruption budget, and 500
// for two of them.
func (p *pass) refuseReturn(r spread.Return, why string) {
	h := &p.memory.homing
	h.refusals++
	h.retry = p.view.Now.Add(refusedPause(h.refusals))
	p.lookAt(h.retry)
	p.metrics.returned(outcomeReturnRefused)
	if h.refusals == 1 {
		p.tellOfReturn(r.Pod, reasonNotReturned, "Pod %s stays in subset %q for now, although subset %q has room again: %s",
			r.Pod.Name, r.From, r.To, why)
	}
}

// land finds out where the replacement of the last pod is. If it is where it was,
// there was no room after all, and any room has to last anew.
func (p *pass) land(after time.Duration) {
	h := &p.memory.homing
	if h.before == nil {
		return
	}
	missed, done := p.view.Landed(h.from, h.before)
	if !done {
		return
	}
	if len(missed) > 0 {
		h.room = p.view.Room(nil)
		p.metrics.returned(outcomeReturnMissed)
		p.tellOfReturn(missed[0], reasonNotReturned, "Pod %s came instead of one that left subset %q, and found no earlier subset either: others stay for %s at least",
			missed[0].Name, h.from, after)
	}
	h.from, h.before = "", nil
}

// complain tells once of an annotation that cannot be read. Validation refuses
// it, but it may be older, or nobody validates.
func (p *pass) complain(err error) {
	if p.memory.homing.invalid != err.Error() {
		p.events.Eventf(p.view.Spread, nil, corev1.EventTypeWarning, reasonInvalidReturn, actionReturn,
			"%s", eventnote.Format("No pods return to earlier subsets: %v", err))
	}
	p.memory.homing = homing{invalid: err.Error()}
}

// tellOfReturn records an event on the target and on the WorkloadSpread.
func (p *pass) tellOfReturn(pod *corev1.Pod, reason, format string, args ...any) {
	text := eventnote.Format(format, args...)
	p.events.Eventf(p.target(), pod, corev1.EventTypeNormal, reason, actionReturn, "%s", text)
	p.events.Eventf(p.view.Spread, pod, corev1.EventTypeNormal, reason, actionReturn, "%s", text)
}
