package eventsink

import (
	"context"
	"hash/fnv"
	"sync"
	"sync/atomic"
	"time"

	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/tools/events"
	logf "sigs.k8s.io/controller-runtime/pkg/log"
)

const (
	// lanes is how many events are written at a time.
	lanes = 4
	// laneLength is how many new events may wait in each, and how many counts: with 2 KiB
	// for an event that is 8 MiB in all.
	laneLength = 500
	// writeTimeout bounds one try.
	writeTimeout = 10 * time.Second
	// lastWrites is how long what still waits is written when the process ends.
	lastWrites = 3 * time.Second
)

// retries are the tries of one write: for about half a minute. Behind it others wait.
func retries() wait.Backoff {
	return wait.Backoff{Duration: 500 * time.Millisecond, Factor: 2, Steps: 7}
}

// Sink is an events.EventSink that takes events at once, and writes them while Start runs.
type Sink struct {
	to      events.EventSink
	lanes   [lanes]lane
	leftOut atomic.Int64
}

var _ events.EventSink = (*Sink)(nil)

// lane is what waits to be written. An event that is new comes before how often others
// were seen again: it may say what somebody waits for.
type lane struct{ created, counted chan write }

// write is one of an event, and how it is done.
type write struct {
	event *eventsv1.Event
	do    func(ctx context.Context, event *eventsv1.Event) error
}

// New returns a Sink that writes to another one.
func New(to events.EventSink) *Sink {
	s := &Sink{to: to}
	for i := range s.lanes {
		s.lanes[i] = lane{created: make(chan write, laneLength), counted: make(chan write, laneLength)}
	}
	return s
}

// Create takes a new event. It never fails.
func (s *Sink) Create(_ context.Context, event *eventsv1.Event) (*eventsv1.Event, error) {
	return s.take(s.laneOf(event).created, event, s.create)
}

// Update takes an event anew. It never fails.
func (s *Sink) Update(_ context.Context, event *eventsv1.Event) (*eventsv1.Event, error) {
	return s.take(s.laneOf(event).counted, event, func(ctx context.Context, event *eventsv1.Event) error {
		_, err := s.to.Update(ctx, event)
		return err
	})
}

// Patch takes what has changed of an event, which is created if it is not there: it was
// left out, or has faded. It never fails.
func (s *Sink) Patch(_ context.Context, event *eventsv1.Event, data []byte) (*eventsv1.Event, error) {
	return s.take(s.laneOf(event).counted, event, func(ctx context.Context, event *eventsv1.Event) error {
		_, err := s.to.Patch(ctx, event, data)
		if apierrors.IsNotFound(err) {
			return s.create(ctx, event)
		}
		return err
	})
}

func (s *Sink) create(ctx context.Context, event *eventsv1.Event) error {
	_, err := s.to.Create(ctx, event)
	if apierrors.IsAlreadyExists(err) {
		return nil // The answer to an earlier try was lost.
	}
	return err
}

// take copies the event, which its broadcaster goes on counting in.
func (s *Sink) take(waiting chan write, event *eventsv1.Event, do func(context.Context, *eventsv1.Event) error) (*eventsv1.Event, error) {
	select {
	case waiting <- write{event.DeepCopy(), do}:
	default:
		s.leftOut.Add(1)
	}
	return event, nil
}

func (s *Sink) laneOf(event *eventsv1.Event) lane {
	hash := fnv.New32a()
	_, _ = hash.Write([]byte(event.Namespace + "/" + event.Name)) // It never fails.
	return s.lanes[hash.Sum32()%lanes]
}

// NeedLeaderElection says that each replica writes what it has recorded.
func (*Sink) NeedLeaderElection() bool { return false }

// Start writes until ctx ends, and then for a moment what still waits.
func (s *Sink) Start(ctx context.Context) error {
	ctx = logf.IntoContext(ctx, logf.FromContext(ctx).WithName("events"))
	var running sync.WaitGroup
	for _, l := range s.lanes {
		running.Go(func() {
			for w, ok := l.next(ctx.Done()); ok; w, ok = l.next(ctx.Done()) {
				w.try(ctx)
				s.tell(ctx, l)
			}
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastWrites)
			defer cancel()
			for w, ok := l.poll(); ok && last.Err() == nil; w, ok = l.poll() {
				w.try(last)
			}
		})
	}
	running.Wait()
	return nil
}

// next waits for what is to be written next; ok is false when all is over.
func (l lane) next(over <-chan struct{}) (w write, ok bool) {
	select {
	case <-over:
		return write{}, false
	default:
	}
	if w, ok := l.poll(); ok {
		return w, true
	}
	select {
	case <-over:
		return write{}, false
	case w := <-l.created:
		return w, true
	case w := <-l.counted:
		return w, true
	}
}

// poll is next without waiting; ok is false when nothing is to be written.
func (l lane) poll() (w write, ok bool) {
	select {
	case w := <-l.created:
		return w, true
	default:
	}
	select {
	case w := <-l.counted:
		return w, true
	default:
		return write{}, false
	}
}

// tell logs how many events were left out, once there is room again.
func (s *Sink) tell(ctx context.Context, l lane) {
	if max(len(l.created), len(l.counted)) > laneLength/2 {
		return
	}
	if n := s.leftOut.Swap(0); n > 0 {
		logf.FromContext(ctx).Info("Events were left out: the API server took them too slowly", "events", n)
	}
}

// try writes until that is done or refused.
func (w write) try(ctx context.Context) {
	var last error
	err := wait.ExponentialBackoffWithContext(ctx, retries(), func(ctx context.Context) (bool, error) {
		ctx, cancel := context.WithTimeout(ctx, writeTimeout)
		defer cancel()
		last = w.do(ctx, w.event)
		return last == nil || isRefusal(last), nil
	})
	if last == nil {
		last = err // it was over before the first try
	}
	if last == nil {
		return
	}
	log := logf.FromContext(ctx).WithValues("namespace", w.event.Namespace, "name", w.event.Name, "reason", w.event.Reason, "note", w.event.Note)
	if isAboutNamespace(last) {
		log.V(1).Info("Left out an event: its namespace is gone, or about to go")
		return
	}
	log.Error(last, "Cannot write an event")
}

// isRefusal says whether the API server has judged an event, which another try does not
// change.
func isRefusal(err error) bool {
	switch apierrors.ReasonForError(err) {
	case metav1.StatusReasonInvalid, metav1.StatusReasonBadRequest, metav1.StatusReasonForbidden,
		metav1.StatusReasonNotFound, metav1.StatusReasonRequestEntityTooLarge:
		return true
	default:
		return false
	}
}

// isAboutNamespace says whether an event was refused because of its namespace's end.
func isAboutNamespace(err error) bool {
	return apierrors.IsNotFound(err) || apierrors.HasStatusCause(err, corev1.NamespaceTerminatingCause)
}
