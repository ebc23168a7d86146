package retry_test

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/controller/priorityqueue"

	"github.com/spillway-io/spillway/provider/retry"
)

// TestRecovered: what failed is tried again at once, what did not is left alone,
// and the pauses begin anew; with both queues that a controller may have.
func TestRecovered(t *testing.T) {
	queues := map[string]func(workqueue.TypedRateLimiter[string]) workqueue.TypedRateLimitingInterface[string]{
		"workqueue": workqueue.NewTypedRateLimitingQueue[string],
		"priorityqueue": func(limiter workqueue.TypedRateLimiter[string]) workqueue.TypedRateLimitingInterface[string] {
			return priorityqueue.New("test", func(o *priorityqueue.Opts[string]) { o.RateLimiter = limiter })
		},
	}
	for name, newQueue := range queues {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				const first, last = time.Second, 30 * time.Second
				limiter := retry.NewLimiter[string](first, last)
				limiter.Recovered() // before the controller starts: nothing can have failed
				queue := newQueue(limiter)
				defer queue.ShutDown()
				if err := limiter.Source().Start(t.Context(), queue); err != nil {
					t.Fatal(err)
				}
				for _, item := range []string{"fails", "fails-and-succeeds"} {
					for range 10 {
						limiter.When(item)
					}
					queue.AddRateLimited(item)
				}
				synctest.Wait() // until they are in the queue
				// As a controller does after a success; what waits in the queue stays there.
				queue.Forget("fails-and-succeeds")

				began := time.Now()
				limiter.Recovered()
				got, _ := queue.Get()
				if waited := time.Since(began); got != "fails" || waited > 0 {
					t.Fatalf("%q is tried %s after the recovery, want what failed, at once", got, waited)
				}
				queue.AddRateLimited(got)
				queue.Done(got)
				got, _ = queue.Get()
				if waited := time.Since(began); got != "fails" || waited != first {
					t.Errorf("%q is tried again after %s, want %s: the pauses begin anew", got, waited, first)
				}
				queue.Forget(got)
				queue.Done(got)
				got, _ = queue.Get()
				if waited := time.Since(began); got != "fails-and-succeeds" || waited != last {
					t.Errorf("%q after %s: a recovery is nothing to what did not fail", got, waited)
				}
				queue.Done(got)
			})
		})
	}
}

// TestPauses: they double up to the longest, and begin anew after a success.
func TestPauses(t *testing.T) {
	limiter := retry.NewLimiter[string](time.Second, 3*time.Second)
	var got []time.Duration
	for range 3 {
		got = append(got, limiter.When("item"))
	}
	failures := limiter.NumRequeues("item")
	limiter.Forget("item")
	got = append(got, limiter.When("item"))
	if want := []time.Duration{time.Second, 2 * time.Second, 3 * time.Second, time.Second}; !slices.Equal(got, want) || failures != 3 {
		t.Errorf("pauses %v after %d failures, want %v after 3", got, failures, want)
	}
}
