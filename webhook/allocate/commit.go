package allocate

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/openkruise/kruise-api/apps/v1alpha1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/resourceversion"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/spillway-io/spillway/webhook/spread"
)

// errNoDecision stands for a defect: a batch that ended without an answer.
var errNoDecision = errors.New("no decision was made")

// batch is the pods that are decided together.
type batch struct {
	*Allocator
	line *line
	ws   *v1alpha1.WorkloadSpread
	// tickets are of those who have no answer yet.
	tickets []*ticket

	// live says that caches were found to be behind.
	live bool
	// unread is why the API server could not be read then.
	unread error
	// frozen is why nothing can be recorded.
	frozen error
}

// admitMore takes those into the batch that came meanwhile.
func (b *batch) admitMore() {
	more := b.take(b.line, maxBatch-len(b.tickets))
	for _, t := range more {
		if isLater(t.ws, b.ws) {
			b.ws = t.ws
		}
	}
	b.tickets = append(b.tickets, more...)
}

// decide answers every pod of the batch. An answer holds when it is given: what
// it depends on is recorded. Pods that need no record do not wait for it.
func (b *batch) decide(ctx context.Context) error {
	b.ws = b.newest(b.ws)
	for len(b.tickets) > 0 {
		ledger, err := b.gather(ctx)
		if err != nil && b.live {
			b.live, b.unread = false, err
			continue
		}
		if err != nil {
			return err
		}
		choices := ledger.Choose(b.requests())
		if choices.Stale {
			b.metrics.staleReads.Inc()
			b.live = true
			continue
		}
		pending := b.answer(choices, unwritten)
		if choices.Status == nil {
			return nil
		}
		if err := b.record(ctx, *choices.Status); err != nil {
			b.lookAgain(ctx, err)
			b.admitMore()
			continue
		}
		b.answer(pending, written)
	}
	return nil
}

// answer gives the answers that hold, in the order of the tickets, and keeps the
// tickets of the others. It returns the choices for those, which hold once they
// are recorded.
func (b *batch) answer(choices spread.Choices, outcome string) (pending spread.Choices) {
	var waiting []*ticket
	for i, t := range b.tickets {
		if choices.Pending[i] {
			waiting = append(waiting, t)
			pending.Decisions = append(pending.Decisions, choices.Decisions[i])
			pending.Pending = append(pending.Pending, false)
			continue
		}
		if !t.request.DryRun {
			b.lately.add(b.ws.UID, spread.VersionOf(b.ws, t.request.Pod), b.now())
		}
		t.answer <- choices.Decisions[i]
	}
	if answered := len(b.tickets) - len(waiting); answered > 0 {
		b.metrics.batches.WithLabelValues(outcome).Observe(float64(answered))
	}
	b.tickets = waiting
	return pending
}

// answerAll tells all who still wait that there is no decision.
func (b *batch) answerAll(err error) {
	for _, t := range b.tickets {
		t.answer <- failed(b.ws, err)
	}
	b.tickets = nil
}

// lookAgain prepares for another try after the reservations could not be
// recorded. Somebody else's write in between is the usual reason; after any other
// the pods are decided without reservations.
func (b *batch) lookAgain(ctx context.Context, err error) {
	// Of a JSON patch whose test fails an API server says that it is invalid.
	if conflict := apierrors.IsConflict(err); conflict || apierrors.IsInvalid(err) {
		fresh := &v1alpha1.WorkloadSpread{}
		getErr := b.Allocator.live.Get(ctx, client.ObjectKeyFromObject(b.ws), fresh)
		switch {
		case getErr != nil:
			err = getErr
		case fresh.UID == b.ws.UID && (conflict || isLater(fresh, b.ws)):
			b.metrics.conflicts.Inc()
			b.ws = fresh
			return
		}
	}
	b.metrics.unrecorded.Inc()
	// What is in the caches must do.
	b.live = false
	b.frozen = fmt.Errorf("cannot record which slots are taken: %w", err)
}

// gather makes the ledger: from caches, and from the API server when those were
// found to be behind. Percentages are always of what the workload wants now: a
// cache that has yet to see it scaled would give the first of its new pods to the
// wrong subset.
func (b *batch) gather(ctx context.Context) (spread.Ledger, error) {
	if b.live {
		limited, cancel := context.WithTimeout(ctx, liveTimeout)
		defer cancel()
		ctx = limited
	}
	read := b.workloads.Target
	if b.frozen == nil && (b.live || spread.UsesPercent(b.ws)) {
		read = b.workloads.LiveTarget
	}
	ledger, err := b.outline(ctx, b.ws, read)
	if err != nil {
		return ledger, err
	}
	ledger.Live, ledger.Frozen, ledger.Gone = b.live, b.frozen != nil, b.gone.from(b.ws.Namespace, b.now().Add(-spread.Retention))
	if ledger.Unread = b.unread != nil; ledger.Unread {
		ledger.Warnings = append(slices.Clone(ledger.Warnings), fmt.Sprintf(
			"WorkloadSpread %q: the API server could not be asked which slots are free, so pods may go to later subsets: %v", b.ws.Name, b.unread))
	}
	ledger.Lately = b.lately.count(b.ws.UID, b.now())
	pods := b.pods()
	if err := b.seePods(ctx, &ledger, controllersOf(pods)); err != nil {
		return ledger, err
	}
	ledger.Wanted, err = b.workloads.Wanted(ctx, b.ws, pods, b.live)
	return ledger, err
}

// seePods adds the pods there are to a ledger, or how many there are if that will do:
// it costs the same for any number of them.
func (b *batch) seePods(ctx context.Context, ledger *spread.Ledger, owners []spread.Owner) (err error) {
	if b.live {
		ledger.Pods, err = b.workloads.LivePods(ctx, b.ws, owners...)
		return err
	}
	ledger.SeenUpTo = b.workloads.SeenUpTo(ledger.Now)
	if !spread.NeedsPods(b.ws) {
		if ledger.Turnout, err = b.workloads.Turnout(ctx, b.ws, ledger.Now, owners...); err != nil || ledger.Turnout != nil {
			return err
		}
	}
	ledger.Pods, err = b.workloads.PodsWith(ctx, b.ws, owners...)
	return err
}

// record writes the status on the condition that nobody else did. Of the answer it reads
// the version only: in a burst a status has hundreds of reservations, and we know them.
func (b *batch) record(ctx context.Context, status v1alpha1.WorkloadSpreadStatus) error {
	patch, err := patchOf(b.ws, status)
	if err != nil {
		return err
	}
	answer := &metav1.PartialObjectMetadata{ObjectMeta: metav1.ObjectMeta{Namespace: b.ws.Namespace, Name: b.ws.Name}}
	answer.SetGroupVersionKind(v1alpha1.GroupVersion.WithKind("WorkloadSpread"))
	if err := b.status.Status().Patch(ctx, answer, patch); err != nil {
		return err
	}
	written := *b.ws
	written.Status, written.ResourceVersion = status, answer.ResourceVersion
	b.remember(&written)
	return nil
}

func (b *batch) requests() []spread.Request {
	requests := make([]spread.Request, len(b.tickets))
	for i, t := range b.tickets {
		requests[i] = t.request
	}
	return requests
}

func (b *batch) pods() []*corev1.Pod {
	pods := make([]*corev1.Pod, len(b.tickets))
	for i, t := range b.tickets {
		pods[i] = t.request.Pod
	}
	return pods
}

// controllersOf returns the workloads that control pods directly.
func controllersOf(pods []*corev1.Pod) []spread.Owner {
	seen := map[types.UID]bool{}
	var owners []spread.Owner
	for _, pod := range pods {
		if owner, ok := spread.ControllerOf(pod); ok && !seen[owner.UID] {
			seen[owner.UID] = true
			owners = append(owners, owner)
		}
	}
	return owners
}

// newest returns the later of what the cache has and of what this process wrote.
func (a *Allocator) newest(cached *v1alpha1.WorkloadSpread) *v1alpha1.WorkloadSpread {
	a.mu.Lock()
	defer a.mu.Unlock()
	written, ok := a.latest[cached.UID]
	if !ok {
		return cached
	}
	if isLater(written, cached) {
		return written
	}
	delete(a.latest, cached.UID)
	return cached
}

// isLater says whether a is a later version of the same object than b.
func isLater(a, b *v1alpha1.WorkloadSpread) bool {
	order, err := resourceversion.CompareResourceVersion(a.ResourceVersion, b.ResourceVersion)
	return err == nil && order > 0
}

func (a *Allocator) remember(written *v1alpha1.WorkloadSpread) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.latest[written.UID] = written
}
