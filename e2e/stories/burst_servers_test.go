package stories

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/spillway-io/spillway/e2e/playground"
)

// lose: a server is killed while 64 clients create pods, and started again when
// that is noticed. They insist, as controllers do. None is refused for good, and
// there were never more pods in a subset than it takes. All its slots are used, unless
// there were pods whose slots could not be recorded in the time that they can wait:
// those pass over subsets whose slots are counted, or the spread, and are told so.
func (r *replicated) lose(t *testing.T, server *playground.Process) {
	s := tellOn(t, r.stage, nil)
	s.spreads(fmt.Sprintf(fiftyFirst, "apps.kruise.io/v1alpha1", "CloneSet"))
	owner := s.appliesCloneSet(many)
	seen, stopWatching := s.watches(s.upstream)
	before := unrecorded(t, r.replicas...)
	var creating sync.WaitGroup
	var refused atomic.Int64
	creating.Go(func() { s.insists(owner, &refused) })
	s.eventually("the burst is under way", func(context.Context) error {
		if n := seen.seen(); n < manyInA/2 {
			return fmt.Errorf("%d pods", n)
		}
		return nil
	})
	killed, atKill := time.Now(), seen.seen()
	s.must("kill "+server.Name(), server.Kill())
	s.eventually("that is noticed", func(ctx context.Context) error {
		if s.upstream.Client().Discovery().RESTClient().Get().AbsPath("/readyz/etcd").Do(ctx).Error() == nil {
			return errors.New("the API server finds etcd")
		}
		return nil
	})
	s.must("start it again", errors.Join(server.Start(), r.upstream.WaitReady(s.ctx)))
	away := time.Since(killed)
	creating.Wait()
	got := s.placedAll(seen)
	stopWatching()
	if (got[""] > 0 || got["a"] != manyInA) && unrecorded(t, r.replicas...) == before {
		t.Errorf("the pods are %v, want %d in a and all in a subset, as all could be recorded", got, manyInA)
	}
	delete(got, "")
	s.eventually("the status counts all", func(context.Context) error {
		ws, err := s.workloadSpread()
		if err != nil {
			return err
		}
		status := distribution{}
		for _, subset := range ws.Status.SubsetStatuses {
			status[subset.Name] = subset.Replicas
		}
		if diff := cmp.Diff(got, status); diff != "" {
			return fmt.Errorf("-want +got:\n%s", diff)
		}
		return nil
	})
	for _, replica := range r.replicas {
		if err := replica.Err(); err != nil {
			t.Error(err)
		}
	}
	t.Logf("killed with %d pods there, away for %s; %d creates failed; %v", atKill, away.Round(time.Millisecond), refused.Load(), got)
}

// placedAll waits until all pods are there, and returns how many are in each subset,
// of which the first had never more than it takes.
func (s *story) placedAll(seen *witness) distribution {
	s.Helper()
	var got distribution
	s.eventually(fmt.Sprintf("all %d pods are there", many), func(context.Context) error {
		pods, err := s.pods(s.upstream)
		if err != nil {
			return err
		}
		got = distribution{}
		for _, pod := range pods {
			got[subsetOf(&pod)]++
		}
		if len(pods) != many || seen.seen() != many {
			return fmt.Errorf("%d pods, and the witness has seen %d", len(pods), seen.seen())
		}
		return nil
	})
	if most := seen.sawMost(); most["a"] > manyInA {
		s.Errorf("at most %v at a time, want %d in a", most, manyInA)
	}
	return got
}

// insists creates many pods of an owner, each until it is there, and counts the
// creates that failed.
func (s *story) insists(owner metav1.OwnerReference, refused *atomic.Int64) {
	next := make(chan int)
	var creating sync.WaitGroup
	for range parallel {
		creating.Go(func() {
			for i := range next {
				pod := newPod(fmt.Sprintf("web-%03d", i))
				pod.OwnerReferences = []metav1.OwnerReference{owner}
				err := playground.Eventually(s.ctx, pod.Name+" is there", func(ctx context.Context) error {
					_, err := s.upstream.Client().CoreV1().Pods(s.namespace).Create(ctx, pod, metav1.CreateOptions{})
					if err == nil || apierrors.IsAlreadyExists(err) {
						return nil
					}
					refused.Add(1)
					return err
				})
				if err != nil {
					s.Error(err)
				}
			}
		})
	}
	for i := range many {
		next <- i
	}
	close(next)
	creating.Wait()
}
