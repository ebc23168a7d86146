package orphans

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	logf "sigs.k8s.io/controller-runtime/pkg/log"
)

const (
	// removers is how many orphans are deleted at a time.
	removers = 8
	// removeTimeout bounds both requests about an orphan together.
	removeTimeout = 10 * time.Second
)

// removal is what became of orphans.
type removal struct {
	mu      sync.Mutex
	deleted []Orphan
	// spared is how many were none.
	spared int
	// errs are as many errors as are worth reading.
	errs []error
}

// isUpstream returns an error unless the upstream API server is that of the cluster
// that the pods came from: another cluster knows none of them.
func (s *Sweeper) isUpstream(ctx context.Context) error {
	system := &metav1.PartialObjectMetadata{}
	system.SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind("Namespace"))
	if err := s.upstreamLive.Get(ctx, client.ObjectKey{Name: metav1.NamespaceSystem}, system); err != nil {
		return fmt.Errorf("cannot read the upstream cluster's id, the UID of namespace %s: %w", metav1.NamespaceSystem, err)
	}
	if id := string(system.UID); id != s.identity.UpstreamID {
		return fmt.Errorf("the upstream cluster is another one: its id is %s, and was %s", id, s.identity.UpstreamID)
	}
	return nil
}

// remove deletes orphans, several at a time. An orphan that cannot be deleted does
// not hold up the others; an API server that does not answer does.
func (s *Sweeper) remove(ctx context.Context, orphans []Orphan) (*removal, error) {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	done := &removal{}
	next := make(chan Orphan)
	var workers sync.WaitGroup
	for range min(removers, len(orphans)) {
		workers.Go(func() {
			for o := range next {
				deleted, err := s.removeOne(ctx, o)
				done.note(o, deleted, err)
				if err != nil && !isAnswer(err) {
					stop()
				}
			}
		})
	}
	for _, o := range orphans {
		select {
		case <-ctx.Done():
		case next <- o:
		}
	}
	close(next)
	workers.Wait()
	return done, errors.Join(append(done.errs, ctx.Err())...)
}

// note is for several at a time.
func (r *removal) note(o Orphan, deleted bool, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case err != nil && len(r.errs) < removers:
		r.errs = append(r.errs, err)
	case err != nil:
	case deleted:
		r.deleted = append(r.deleted, o)
	default:
		r.spared++
	}
}

// removeOne deletes an orphan, unless the upstream API server has its pod: then it
// returns false.
func (s *Sweeper) removeOne(ctx context.Context, o Orphan) (deleted bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, removeTimeout)
	defer cancel()
	upstream := &corev1.Pod{}
	err = s.upstreamLive.Get(ctx, o.Upstream, upstream)
	switch {
	case apierrors.IsNotFound(err):
		upstream = nil
	case err != nil:
		return false, fmt.Errorf("cannot read the upstream pod: %w", err)
	}
	if !o.Gone(upstream, s.identity.Node.Name) {
		return false, nil
	}
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: o.Downstream.Namespace, Name: o.Downstream.Name}}
	err = s.downstream.Delete(ctx, pod, client.Preconditions{UID: &o.UID})
	switch {
	case apierrors.IsNotFound(err), isAnother(err):
		return true, nil // It went by itself.
	case err != nil:
		return false, fmt.Errorf("cannot delete the orphan: %w", err)
	}
	s.metrics.deleted.Inc()
	logf.FromContext(ctx).V(1).Info("Deleted an orphan", "namespace", o.Downstream.Namespace, "name", o.Downstream.Name, "uid", o.UID)
	return true, nil
}

// isAnother says that a pod of that name has another UID than the one to delete.
func isAnother(err error) bool { return apierrors.IsConflict(err) }

// isAnswer says that an API server gave the error, and not the way to it.
func isAnswer(err error) bool {
	_, answered := errors.AsType[*apierrors.StatusError](err)
	return answered
}
