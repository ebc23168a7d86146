package stories

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/util/flowcontrol"

	"github.com/spillway-io/spillway/api"
	"github.com/spillway-io/spillway/e2e/playground"
)

// chained is a replicated stage where the API server asks the second replica when the
// first one does not answer, each behind an address of its own.
type chained struct {
	*replicated
	first, second *playground.Webhook
}

func chainedStage(t *testing.T) *chained {
	t.Helper()
	c := &chained{replicated: replicatedStage(t)}
	another, err := c.balancer.StartAnother(t.Context(), c.upstream)
	if err != nil {
		t.Fatal(err)
	}
	atEnd(t, another.Stop)
	balancers := []*playground.Balancer{c.balancer, another}
	for i, into := range []**playground.Webhook{&c.first, &c.second} {
		*into, err = playground.StartWebhook(t.Context(), playground.WebhookOptions{
			Binary: c.spillway, Upstream: c.upstream, Name: fmt.Sprintf("webhook-%d", i+1), Balancer: balancers[i], Asked: balancers,
		})
		if err != nil {
			t.Fatal(err)
		}
		atEnd(t, (*into).Stop)
	}
	return c
}

// TestReplicaKilled: whichever replica is killed, no create fails and every pod is
// handled; while both run, the second is asked about nothing. When both are gone,
// pods that opted in are refused, and others are not.
func TestReplicaKilled(t *testing.T) {
	t.Parallel()
	c := chainedStage(t)
	s := tellOn(t, c.stage, nil)
	t.Run("both run", func(t *testing.T) {
		before := answered(t, c.second)
		s.createsAllTheWhile(t, func() { s.eventually("100 pods are there", s.hasPodsAbove(100)) })
		if n := answered(t, c.second) - before; n > 0 {
			t.Errorf("the second was asked about %v pods that the first had answered", n)
		}
	})
	for name, replica := range map[string]*playground.Webhook{"first": c.first, "second": c.second} {
		t.Run(name+" killed", func(t *testing.T) {
			s.createsAllTheWhile(t, func() {
				for range 2 {
					s.must("kill it", replica.Kill())
					seen := s.countAbove()
					s.eventually("100 more pods are there", s.hasPodsAbove(seen+100))
					s.must("start it again", replica.Start())
					s.must("see it ready", replica.WaitReady(s.ctx))
				}
			})
		})
	}
	t.Run("both killed", func(t *testing.T) {
		s.must("kill both", c.first.Kill())
		s.must("kill both", c.second.Kill())
		_, err := s.upstream.Client().CoreV1().Pods(s.namespace).Create(s.ctx, newPod("opted-in"), metav1.CreateOptions{})
		if err == nil || !strings.Contains(err.Error(), `failed calling webhook "labelled-pods-2.spillway.io"`) {
			t.Errorf("a pod that opted in: %v, want the webhook named", err)
		}
		other := newPod("other")
		delete(other.Labels, api.OptInLabel)
		if _, err := s.upstream.Client().CoreV1().Pods(s.namespace).Create(s.ctx, other, metav1.CreateOptions{}); err != nil {
			t.Errorf("a pod that did not opt in: %v", err)
		}
	})
}

// createsAllTheWhile creates 50 pods a second until during returns, of which none may
// fail or be missed.
func (s *story) createsAllTheWhile(t *testing.T, during func()) {
	t.Helper()
	ctx, end := context.WithCancel(s.ctx)
	rate := flowcontrol.NewTokenBucketRateLimiter(50, 1)
	prefix := strings.ToLower(strings.NewReplacer("/", "-", "_", "-").Replace(t.Name()))
	var creating sync.WaitGroup
	for worker := range 16 {
		creating.Go(func() {
			for i := 0; rate.Wait(ctx) == nil; i++ {
				pod := newPod(fmt.Sprintf("%s-%d-%d", prefix, worker, i))
				created, err := s.upstream.Client().CoreV1().Pods(s.namespace).Create(s.ctx, pod, metav1.CreateOptions{})
				switch {
				case err != nil:
					t.Errorf("create pod %s: %v", pod.Name, err)
				case created.Annotations[api.StashMarkerAnnotation] == "" || strings.Contains(string(created.UID), "spillway"):
					t.Errorf("pod %s was created with the annotations %v and UID %s", pod.Name, created.Annotations, created.UID)
				}
			}
		})
	}
	began := time.Now()
	during()
	end()
	creating.Wait()
	t.Logf("%d pods in %s", s.countAbove(), time.Since(began).Round(100*time.Millisecond))
}

func (s *story) countAbove() int {
	s.Helper()
	pods, err := s.pods(s.upstream)
	s.must("list pods", err)
	return len(pods)
}

func (s *story) hasPodsAbove(n int) func(context.Context) error {
	return func(context.Context) error {
		if there := s.countAbove(); there < n {
			return fmt.Errorf("there are %d", there)
		}
		return nil
	}
}

// answered is how many pods a webhook has answered for.
func answered(t *testing.T, webhook *playground.Webhook) (pods float64) {
	t.Helper()
	text, err := playground.Read(t.Context(), webhook.Metrics+"/metrics")
	if err != nil {
		t.Fatal(err)
	}
	return samples(text, "spillway_admissions_total")
}
