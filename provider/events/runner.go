package events

import (
	"context"
	"fmt"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
	toolscache "k8s.io/client-go/tools/cache"
	"k8s.io/client-go/util/flowcontrol"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	logf "sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/manager"

	"github.com/spillway-io/spillway/provider/translate"
)

const (
	// maxAge is how long ago an event may have happened to be shown. It spans a
	// restart or a short outage; what is older was shown, or nobody waits for it.
	maxAge = 10 * time.Minute
	// writers is how many requests are under way at a time: few, so that events do
	// not hold up what pods wait for.
	writers = 2
	// overallRate and overallBurst bound the requests for all pods together, each
	// second.
	overallRate  = 50
	overallBurst = 100
	// routineRate and routineBurst bound, of them, those for routine events. While
	// thousands of pods start at once all of them are late, and a write for each would
	// make them later still.
	routineRate  = 5
	routineBurst = 20
	// maxLookups is how often an event waits for its pod, half a second together:
	// the caches of pods may be behind the stream of events.
	maxLookups = 3
)

// Sources are where the Runner reads and writes. All fields must be set.
type Sources struct {
	Identity translate.Identity
	// Upstream is where events are written, Downstream where they are watched.
	Upstream, Downstream kubernetes.Interface
	// UpstreamPods has the pods of the virtual node, DownstreamPods all of the
	// downstream cluster, of others at least the marks.
	UpstreamPods, DownstreamPods cache.Cache
	Metrics                      *Metrics
	Clock                        clock.PassiveClock
}

// Runner shows downstream events upstream, see the package documentation.
type Runner struct {
	Sources
	inbox   *inbox
	budget  *budget
	overall flowcontrol.RateLimiter
	routine flowcontrol.RateLimiter
}

// NewRunner returns a Runner that has not started.
func NewRunner(sources Sources) *Runner {
	return &Runner{
		Sources: sources,
		inbox:   newInbox(),
		budget:  newBudget(sources.Clock),
		overall: flowcontrol.NewTokenBucketRateLimiter(overallRate, overallBurst),
		routine: flowcontrol.NewTokenBucketRateLimiter(routineRate, routineBurst),
	}
}

// SetUp has the manager run it, as leader.
func (r *Runner) SetUp(mgr manager.Manager) error {
	if err := mgr.Add(r); err != nil {
		return fmt.Errorf("cannot schedule the mirroring of events: %w", err)
	}
	return nil
}

// Start waits for the pods of both clusters and then watches and writes until
// ctx ends. Events that are not written by then are written by the next process.
func (r *Runner) Start(ctx context.Context) error {
	for _, pods := range []cache.Cache{r.UpstreamPods, r.DownstreamPods} {
		if _, err := pods.GetInformer(ctx, &corev1.Pod{}); err != nil {
			if ctx.Err() != nil {
				return nil //nolint:nilerr // Ended before there was anything to do.
			}
			return fmt.Errorf("cannot watch pods: %w", err)
		}
	}
	log := logf.FromContext(ctx).WithName("events")
	ctx = logf.IntoContext(ctx, log)
	var running sync.WaitGroup
	for range writers {
		running.Go(func() { r.write(ctx) })
	}
	about := fields.OneTermEqualSelector("involvedObject.kind", "Pod")
	toolscache.NewReflectorWithOptions(
		toolscache.NewListWatchFromClient(r.Downstream.CoreV1().RESTClient(), "events", corev1.NamespaceAll, about),
		&corev1.Event{}, sink{func(event news) { r.offer(ctx, event) }}, toolscache.ReflectorOptions{Logger: &log, Name: "downstream-events"},
	).RunWithContext(ctx)
	r.inbox.queue.ShutDown()
	running.Wait()
	return nil
}

// offer takes an event in, unless it is history, needless, or about a pod of
// others. A pod that is not known may be too new to be.
func (r *Runner) offer(ctx context.Context, event news) {
	if r.Clock.Since(lastSeen(event.Event)) > maxAge {
		return
	}
	downstream := &corev1.Pod{}
	err := r.DownstreamPods.Get(ctx, keyOf(event.Event), downstream)
	known := err == nil && downstream.UID == event.InvolvedObject.UID
	switch {
	case known && !r.Identity.Owns(downstream):
	case known && routine(event.Event) && underWay(downstream):
		r.Metrics.leftOut.WithLabelValues(leftOutRoutine).Inc()
	case !r.inbox.put(event):
		r.Metrics.leftOut.WithLabelValues(leftOutRoom).Inc()
	}
}

// write writes one event after the other until the inbox is shut.
func (r *Runner) write(ctx context.Context) {
	for {
		uid, shut := r.inbox.queue.Get()
		if shut {
			return
		}
		r.process(ctx, uid)
		r.inbox.queue.Done(uid)
	}
}

func (r *Runner) process(ctx context.Context, uid types.UID) {
	event, held := r.inbox.latest(uid)
	if !held {
		return
	}
	mirrored, known, err := r.mirror(ctx, event.Event)
	switch {
	case err != nil, !known:
		if r.inbox.retry(uid, maxLookups) {
			return
		}
	case mirrored != nil && routine(event.Event) && !r.routine.TryAccept():
		r.inbox.wait(uid)
		return
	case mirrored != nil:
		if !r.show(ctx, event, mirrored) {
			return
		}
	}
	r.inbox.done(event)
}

// mirror looks for the pods in the caches; mirrored is nil when there is nothing
// to show. known is false when the downstream pod that the event is about is not
// there, perhaps not yet.
func (r *Runner) mirror(ctx context.Context, event *corev1.Event) (mirrored *corev1.Event, known bool, err error) {
	downstream, upstream := &corev1.Pod{}, &corev1.Pod{}
	key := keyOf(event)
	if err := r.DownstreamPods.Get(ctx, key, downstream); err != nil {
		return nil, false, client.IgnoreNotFound(err)
	}
	if downstream.UID != event.InvolvedObject.UID {
		return nil, false, nil
	}
	namespace, ours := r.Identity.Namespaces.Upstream(key.Namespace)
	if !ours {
		return nil, true, nil
	}
	if routine(event) && underWay(downstream) {
		r.Metrics.leftOut.WithLabelValues(leftOutRoutine).Inc()
		return nil, true, nil
	}
	if err := r.UpstreamPods.Get(ctx, client.ObjectKey{Namespace: namespace, Name: key.Name}, upstream); err != nil {
		return nil, true, client.IgnoreNotFound(err)
	}
	return Mirror(event, downstream, upstream, r.Identity), true, nil
}

func keyOf(event *corev1.Event) client.ObjectKey {
	return client.ObjectKey{Namespace: event.InvolvedObject.Namespace, Name: event.InvolvedObject.Name}
}
