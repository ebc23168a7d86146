package node

import (
	"context"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	apiequality "k8s.io/apimachinery/pkg/api/equality"
	toolscache "k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	logf "sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/spillway-io/spillway/provider/capacity"
	"github.com/spillway-io/spillway/provider/retry"
)

const (
	// settle is how long changes downstream are collected before the offer is
	// computed again: a rollout there is hundreds of events.
	settle = time.Second
	// largestInterval is how often the Node is written at most when nothing but the
	// largest pod changed, which each of our own pods may change by starting.
	largestInterval = 5 * time.Second
	// share is how much longer changes are collected than it takes to compute the
	// offer: it takes longer the more pods there are, and a burst lasts longer, too.
	// longestSettle bounds that.
	share         = 100
	longestSettle = 5 * time.Second
)

// offerWatch computes the offer again whenever the downstream cluster's nodes or
// pods have changed in a way that could matter.
type offerWatch struct {
	downstream cache.Cache
	ours       func(*corev1.Pod) bool
	policy     capacity.Policy
	// changed holds at most one wish, since one computation fulfils all.
	changed chan struct{}
}

// watchOffers subscribes to the downstream cache, which need not run yet.
func watchOffers(ctx context.Context, downstream cache.Cache, ours func(*corev1.Pod) bool, policy capacity.Policy) (*offerWatch, error) {
	w := &offerWatch{downstream: downstream, ours: ours, policy: policy, changed: make(chan struct{}, 1)}
	nodes, err := downstream.GetInformer(ctx, &corev1.Node{}, cache.BlockUntilSynced(false))
	if err != nil {
		return nil, fmt.Errorf("cannot watch the downstream nodes: %w", err)
	}
	pods, err := downstream.GetInformer(ctx, &corev1.Pod{}, cache.BlockUntilSynced(false))
	if err != nil {
		return nil, fmt.Errorf("cannot watch the downstream pods: %w", err)
	}
	for _, informer := range []cache.Informer{nodes, pods} {
		if _, err := informer.AddEventHandler(toolscache.ResourceEventHandlerFuncs{
			AddFunc: func(any) { w.wish() },
			UpdateFunc: func(before, after any) {
				if !w.same(before, after) {
					w.wish()
				}
			},
			DeleteFunc: func(any) { w.wish() },
		}); err != nil {
			return nil, fmt.Errorf("cannot watch the downstream capacity: %w", err)
		}
	}
	return w, nil
}

// same says that a change makes no difference to the offer.
func (w *offerWatch) same(before, after any) bool {
	switch after := after.(type) {
	case *corev1.Node:
		before, known := before.(*corev1.Node)
		return known && capacity.SameNode(before, after)
	case *corev1.Pod:
		before, known := before.(*corev1.Pod)
		return known && w.ours(before) == w.ours(after) && capacity.SamePod(before, after)
	default:
		return false
	}
}

func (w *offerWatch) wish() {
	select {
	case w.changed <- struct{}{}:
	default:
	}
}

// run sends every new offer until ctx ends. It begins when the cache is filled:
// a cluster half known would look small.
func (w *offerWatch) run(ctx context.Context, offers chan<- capacity.Offer) {
	if !w.downstream.WaitForCacheSync(ctx) {
		return
	}
	// Of a cluster without nodes and pods there is no event.
	w.wish()
	var last told
	var later <-chan time.Time
	for pause, took := time.Duration(0), time.Duration(0); ; pause = collecting(took) {
		select {
		case <-ctx.Done():
			return
		case <-w.changed:
		case <-later:
		}
		if !retry.Pause(ctx, pause) {
			return
		}
		began := time.Now()
		offer, err := w.compute(ctx)
		took = time.Since(began)
		if err != nil {
			logf.FromContext(ctx).Error(err, "Capacity unknown")
			w.wish()
			continue
		}
		news, wait := last.tell(offer, time.Now())
		if later = nil; wait > 0 {
			later = time.After(wait)
		}
		if !news || wait > 0 {
			continue
		}
		select {
		case <-ctx.Done():
			return
		case offers <- offer:
			last = told{offer: offer, at: time.Now()}
		}
	}
}

// collecting is for how long changes are collected after it took that long to compute
// the offer.
func collecting(took time.Duration) time.Duration {
	return min(max(settle, share*took), longestSettle)
}

func (w *offerWatch) compute(ctx context.Context) (capacity.Offer, error) {
	var nodes corev1.NodeList
	if err := w.downstream.List(ctx, &nodes); err != nil {
		return capacity.Offer{}, fmt.Errorf("cannot list the downstream nodes: %w", err)
	}
	var pods corev1.PodList
	if err := w.downstream.List(ctx, &pods); err != nil {
		return capacity.Offer{}, fmt.Errorf("cannot list the downstream pods: %w", err)
	}
	return capacity.Survey(nodes.Items, pods.Items, w.ours, w.policy), nil
}

// told is the offer that was passed on last, and when; zero if none was.
type told struct {
	offer capacity.Offer
	at    time.Time
}

// tell says whether an offer is news, and how long it has to wait before it may
// be told.
func (t told) tell(offer capacity.Offer, now time.Time) (news bool, wait time.Duration) {
	if sameOffer(t.offer, offer) {
		return false, 0
	}
	besides := t.offer
	besides.Largest = offer.Largest
	if sameOffer(besides, offer) {
		return true, max(0, t.at.Add(largestInterval).Sub(now))
	}
	return true, 0
}

// sameOffer compares quantities by their value, and tells what is empty from what
// is not known.
func sameOffer(one, other capacity.Offer) bool {
	return (one.Largest == nil) == (other.Largest == nil) && (one.Labels == nil) == (other.Labels == nil) &&
		apiequality.Semantic.DeepEqual(one, other)
}
