package orphans

import (
	"context"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/events"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	logf "sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/spillway-io/spillway/api"
	"github.com/spillway-io/spillway/provider/translate"
)

const (
	// sweepDelay is how long a sweep waits for more orphans to become known.
	sweepDelay = time.Second
	// heldDelay is how long after a sweep that withheld orphans the next one is, as
	// they may be none by then. It lists the upstream pods anew, so not even a kick
	// has it earlier.
	heldDelay = 15 * time.Second
	// sweepEvery is how often all pods are looked at, whatever happens.
	sweepEvery = 10 * time.Minute
	// sweepRetry is how long after a sweep that did not do all the next one is.
	sweepRetry = 5 * time.Second
	// sweepTimeout bounds all requests of a sweep together.
	sweepTimeout = time.Minute
)

// Sweeper deletes the orphans of one virtual node. It is the only one that does, one
// sweep at a time.
type Sweeper struct {
	identity translate.Identity
	mode     Mode
	caches   []cache.Cache
	// above and below read from caches. What they read is shared memory.
	above, below client.Reader
	// upstream and downstream write; the others read from the API servers.
	upstream, downstream         client.Writer
	upstreamLive, downstreamLive client.Reader
	events                       events.EventRecorder
	metrics                      *metrics
	clock                        clock.WithTicker
	// kicks and releases hold at most one, since one sweep serves all.
	kicks, releases chan struct{}
	witness         *witness

	// deleted are the orphans that were deleted lately, and count.
	deleted map[types.UID]time.Time
	told    told
	// wholeAt is when to ask the downstream API server, too, for pods of ours that its
	// cache lacks.
	wholeAt time.Time
}

// Kick asks for a sweep soon, as there may be an orphan. It never blocks, and does
// nothing for a nil Sweeper, which is what there is when the mode is Off.
func (s *Sweeper) Kick() {
	if s != nil {
		signal(s.kicks)
	}
}

func signal(to chan<- struct{}) {
	select {
	case to <- struct{}{}:
	default:
	}
}

// outcome is how a sweep ended.
type outcome int

const (
	// clean sweeps have left no orphan.
	clean outcome = iota
	// held sweeps have left orphans that wait for somebody's word.
	held
	// unsure sweeps have left what seemed to be orphans and may be none.
	unsure
	// early sweeps have left what the watch has not told of yet.
	early
)

// Start sweeps until ctx ends: when the caches are filled, when there is reason to,
// and now and then.
func (s *Sweeper) Start(ctx context.Context) error {
	for _, filled := range s.caches {
		if !filled.WaitForCacheSync(ctx) {
			return nil // ctx has ended
		}
	}
	next := s.clock.NewTimer(0)
	defer next.Stop()
	due, delay := s.clock.Now(), sweepDelay
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-s.kicks:
			due = earlier(due, s.clock.Now().Add(delay))
		case <-s.releases:
			due = s.clock.Now()
		case <-next.C():
			var pause time.Duration
			pause, delay = s.sweepAndLog(ctx)
			due = s.clock.Now().Add(pause)
		}
		next.Reset(due.Sub(s.clock.Now()))
	}
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

// sweepAndLog returns when to sweep again in any case, and how long after a kick.
func (s *Sweeper) sweepAndLog(ctx context.Context) (pause, delay time.Duration) {
	result, err := s.sweep(ctx)
	switch {
	case err != nil && ctx.Err() == nil:
		logf.FromContext(ctx).Error(err, "Cannot delete all orphans; trying again")
		return sweepRetry, sweepDelay
	case result == unsure:
		return sweepRetry, sweepDelay
	case result == early:
		return sweepDelay, sweepDelay
	case result == held:
		return heldDelay, heldDelay
	}
	return sweepEvery, sweepDelay
}

// sweep deletes what may be deleted, and tells of the rest.
func (s *Sweeper) sweep(ctx context.Context) (outcome, error) {
	ctx, cancel := context.WithTimeout(ctx, sweepTimeout)
	defer cancel()
	verdict, err := s.judge(ctx)
	if err != nil {
		return unsure, err
	}
	node, err := s.node(ctx)
	if err != nil {
		return unsure, err
	}
	asked := allowance(node)
	s.complain(node, asked)
	var result outcome
	switch {
	case s.mode == Preview:
		result = s.withhold(ctx, node, verdict, preview(verdict))
	case verdict.Mass:
		result, err = s.guard(ctx, node, verdict, asked)
	default:
		s.tellNothing()
		result, err = s.clear(ctx, verdict.Orphans)
		if err == nil && asked.number > 0 {
			_, err = s.spend(ctx, asked)
		}
	}
	if result == clean && verdict.Pending > 0 {
		result = early
	}
	return result, err
}

// clear deletes orphans that nobody needs to be asked about.
func (s *Sweeper) clear(ctx context.Context, orphans []Orphan) (outcome, error) {
	done, err := s.remove(ctx, orphans)
	s.count(done.deleted)
	if err != nil || done.spared > 0 {
		return unsure, err
	}
	return clean, nil
}

// judge asks the caches, and the API server itself before it believes in a mass
// deletion, or in any if it is not the upstream cluster's.
func (s *Sweeper) judge(ctx context.Context) (Verdict, error) {
	var above, below corev1.PodList
	if err := s.below.List(ctx, &below); err != nil {
		return Verdict{}, fmt.Errorf("cannot list the downstream pods: %w", err)
	}
	if err := s.complete(ctx, &below); err != nil {
		return Verdict{}, err
	}
	if err := s.above.List(ctx, &above); err != nil {
		return Verdict{}, fmt.Errorf("cannot list the upstream pods: %w", err)
	}
	known := Known{Downstream: below.Items, Upstream: above.Items, Deleted: s.deleted, Now: s.clock.Now()}
	known.There, known.Witnessed = s.witness.testimony()
	verdict := Judge(known, s.identity)
	if len(verdict.Orphans) == 0 {
		return verdict, nil
	}
	if err := s.isUpstream(ctx); err != nil {
		return Verdict{}, err
	}
	if !verdict.Mass {
		return verdict, nil
	}
	var live corev1.PodList
	if err := s.upstreamLive.List(ctx, &live, client.MatchingFields{"spec.nodeName": s.identity.Node.Name}); err != nil {
		return Verdict{}, fmt.Errorf("cannot list the upstream pods: %w", err)
	}
	known.Upstream = live.Items
	return Judge(known, s.identity), nil
}

// complete adds, now and then, what the downstream cache lacks, as after a list that
// was cut off. Only metadata are asked for, so that such a pod never is over.
func (s *Sweeper) complete(ctx context.Context, below *corev1.PodList) error {
	now := s.clock.Now()
	if now.Before(s.wholeAt) {
		return nil
	}
	live := &metav1.PartialObjectMetadataList{}
	live.SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind("PodList"))
	ours := client.MatchingLabels{api.UpstreamLabel: s.identity.UpstreamID, api.VirtualNodeLabel: s.identity.Node.Name}
	if err := s.downstreamLive.List(ctx, live, ours); err != nil {
		return fmt.Errorf("cannot list the downstream pods: %w", err)
	}
	cached := make(map[types.UID]bool, len(below.Items))
	for i := range below.Items {
		cached[below.Items[i].UID] = true
	}
	for i := range live.Items {
		if !cached[live.Items[i].UID] {
			below.Items = append(below.Items, corev1.Pod{ObjectMeta: live.Items[i].ObjectMeta})
		}
	}
	s.wholeAt = now.Add(sweepEvery)
	return nil
}

// count remembers what was deleted, for as long as it matters.
func (s *Sweeper) count(orphans []Orphan) {
	now := s.clock.Now()
	for uid, at := range s.deleted {
		if now.Sub(at) >= window {
			delete(s.deleted, uid)
		}
	}
	for _, o := range orphans {
		if o.counts() {
			s.deleted[o.UID] = now
		}
	}
}
