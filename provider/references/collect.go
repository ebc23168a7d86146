package references

import (
	"context"
	"errors"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	logf "sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/spillway-io/spillway/api"
	"github.com/spillway-io/spillway/provider/mass"
	"github.com/spillway-io/spillway/provider/translate"
)

const (
	// sweepDelay is how long a sweep waits for more copies to be let go.
	sweepDelay = time.Second
	// sweepEvery is how often all copies are looked at, whatever happens.
	sweepEvery = 10 * time.Minute
	// sweepRetry is how long after a sweep that did not do all the next one is.
	sweepRetry = 30 * time.Second
	// guardPause is the time between the two readings of the upstream pods that
	// must agree about a mass deletion.
	guardPause = 5 * time.Second
	// sweepTimeout bounds all requests of a sweep together, its pause included.
	sweepTimeout = 5 * time.Minute
)

// collector deletes the copies that no pod uses. It is the only one that deletes
// for that reason, one sweep at a time.
type collector struct {
	rules  translate.Rules
	mode   Mode
	caches []cache.Cache
	keeper *keeper
	// upstream and downstream are caches, the others the API servers.
	upstream, downstream, upstreamLive, downstreamLive client.Reader
	clock                                              clock.WithTicker
	metrics                                            *metrics
	kicked                                             chan struct{}
}

// kick asks for a sweep soon. It never blocks.
func (c *collector) kick() {
	select {
	case c.kicked <- struct{}{}:
	default:
	}
}

// Start sweeps until ctx ends: when the caches are filled, when it is asked to, and
// now and then.
func (c *collector) Start(ctx context.Context) error {
	for _, filled := range c.caches {
		if !filled.WaitForCacheSync(ctx) {
			return nil // ctx has ended
		}
	}
	next := c.clock.NewTimer(0)
	defer next.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-c.kicked:
			if !c.pause(ctx, sweepDelay) {
				return nil
			}
		case <-next.C():
		}
		next.Reset(c.sweepAndLog(ctx))
	}
}

// sweepAndLog returns when to sweep again.
func (c *collector) sweepAndLog(ctx context.Context) time.Duration {
	done, err := c.sweep(ctx)
	switch {
	case err != nil && ctx.Err() == nil:
		logf.FromContext(ctx).Error(err, "Cannot delete all unused copies; trying again")
		return sweepRetry
	case !done:
		return sweepRetry
	}
	return sweepEvery
}

// pause returns false when ctx ends before.
func (c *collector) pause(ctx context.Context, length time.Duration) bool {
	timer := c.clock.NewTimer(length)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C():
		return true
	}
}

// sweep returns false when it left unused copies that it might have deleted.
func (c *collector) sweep(ctx context.Context) (done bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, sweepTimeout)
	defer cancel()
	copies, err := c.copies(ctx)
	if err != nil {
		return false, err
	}
	uses, err := c.used(ctx, c.upstream, c.downstream)
	if err != nil {
		return false, err
	}
	deletions := Sweep(copies, uses)
	c.metrics.nothingWithheld()
	if c.mode == Preview {
		c.preview(ctx, deletions)
		return true, nil
	}
	if mass.Excessive(len(deletions), len(copies)) {
		sure, err := c.guard(ctx, deletions)
		if err != nil || !sure {
			c.metrics.withheld.WithLabelValues(becauseGuard).Set(float64(len(deletions)))
			logf.FromContext(ctx).Info("WARNING: Not deleting so many copies at once: the pods that use them may only seem to be gone",
				"unused", len(deletions), "copies", len(copies))
			return false, err
		}
	}
	return c.collect(ctx, deletions)
}

func (c *collector) preview(ctx context.Context, deletions []Deletion) {
	c.metrics.withheld.WithLabelValues(becausePreview).Set(float64(len(deletions)))
	for _, d := range deletions {
		logf.FromContext(ctx).Info("No pod uses this copy; it would be deleted", "kind", d.Kind, "namespace", d.Namespace, "name", d.Name)
	}
}

// guard reads the upstream pods of the virtual node twice from the API server, some
// time apart. No copy may be in use by either reading.
func (c *collector) guard(ctx context.Context, deletions []Deletion) (bool, error) {
	for reading := range 2 {
		if reading > 0 && !c.pause(ctx, guardPause) {
			return false, ctx.Err()
		}
		var above corev1.PodList
		if err := c.upstreamLive.List(ctx, &above, c.onThisNode()); err != nil {
			return false, fmt.Errorf("cannot list the upstream pods: %w", err)
		}
		if len(Spare(deletions, Used(above.Items, nil, c.rules))) != len(deletions) {
			return false, nil
		}
	}
	return true, nil
}

// collect deletes what the API servers, asked about each namespace, agree is unused.
func (c *collector) collect(ctx context.Context, deletions []Deletion) (done bool, err error) {
	byNamespace := make(map[string][]Deletion)
	for _, d := range deletions {
		byNamespace[d.Namespace] = append(byNamespace[d.Namespace], d)
	}
	done = true
	var errs []error
	for namespace, deletions := range byNamespace {
		confirmed, err := c.confirm(ctx, namespace, deletions)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		done = done && len(confirmed) == len(deletions)
		for _, d := range confirmed {
			errs = append(errs, c.delete(ctx, d))
		}
	}
	return done, errors.Join(errs...)
}

func (c *collector) confirm(ctx context.Context, namespace string, deletions []Deletion) ([]Deletion, error) {
	var above, below corev1.PodList
	if err := c.downstreamLive.List(ctx, &below, client.InNamespace(namespace), c.ours()); err != nil {
		return nil, fmt.Errorf("cannot list the downstream pods of namespace %q: %w", namespace, err)
	}
	if upstream, mapped := c.rules.Namespaces.Upstream(namespace); mapped {
		if err := c.upstreamLive.List(ctx, &above, client.InNamespace(upstream), c.onThisNode()); err != nil {
			return nil, fmt.Errorf("cannot list the upstream pods of namespace %q: %w", upstream, err)
		}
	}
	return Spare(deletions, Used(above.Items, below.Items, c.rules)), nil
}

func (c *collector) delete(ctx context.Context, d Deletion) error {
	defer c.keeper.locks.lock(d.Key)()
	if err := c.keeper.remove(ctx, d.Key, Version{UID: d.UID, ResourceVersion: d.ResourceVersion}); err != nil {
		return err
	}
	c.metrics.deleted.Inc()
	logf.FromContext(ctx).V(1).Info("Deleted a copy that no pod uses", "kind", d.Kind, "namespace", d.Namespace, "name", d.Name)
	return nil
}

// copies returns all of ours, from the cache.
func (c *collector) copies(ctx context.Context) ([]Copy, error) {
	var copies []Copy
	for _, kind := range kinds() {
		list, err := list(ctx, c.downstream, kind)
		if err != nil {
			return nil, err
		}
		for i := range list.Items {
			if item := &list.Items[i]; c.rules.Owns(item) {
				key := Key{Kind: kind, Namespace: item.Namespace, Name: item.Name}
				copies = append(copies, Copy{Key: key, UID: item.UID, ResourceVersion: item.ResourceVersion})
			}
		}
	}
	return copies, nil
}

// list returns the metadata of all that a cache has of a kind.
func list(ctx context.Context, from client.Reader, kind translate.Kind) (*metav1.PartialObjectMetadataList, error) {
	list := &metav1.PartialObjectMetadataList{}
	list.SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind(string(kind) + "List"))
	if err := from.List(ctx, list); err != nil {
		return nil, fmt.Errorf("cannot list the copies: %w", err)
	}
	return list, nil
}

func (c *collector) used(ctx context.Context, upstream, downstream client.Reader) (Uses, error) {
	var above, below corev1.PodList
	if err := errors.Join(upstream.List(ctx, &above), downstream.List(ctx, &below)); err != nil {
		return nil, fmt.Errorf("cannot list the pods: %w", err)
	}
	return Used(above.Items, below.Items, c.rules), nil
}

func (c *collector) onThisNode() client.ListOption {
	return client.MatchingFields{"spec.nodeName": c.rules.Node.Name}
}

func (c *collector) ours() client.ListOption {
	return client.MatchingLabels{api.UpstreamLabel: c.rules.UpstreamID, api.VirtualNodeLabel: c.rules.Node.Name}
}
