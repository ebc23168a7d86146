package relist

import (
	"context"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/watch"
	toolscache "k8s.io/client-go/tools/cache"

	"github.com/spillway-io/spillway/provider/retry"
)

const (
	// shortWatch is how long a watch lasts of an API server that remembers what it has
	// just listed. After a shorter one the next list has to wait, for firstPause and then
	// for twice as long each time: one that forgets everything is not to be flooded.
	shortWatch = time.Second
	firstPause = 10 * time.Millisecond
	lastPause  = 4 * time.Second
)

// WatchWithContext watches, and goes on after a 410 with what has changed since.
func (r *relister) WatchWithContext(ctx context.Context, options metav1.ListOptions) (watch.Interface, error) {
	begins := options.SendInitialEvents != nil && *options.SendInitialEvents
	if begins {
		r.begin()
	}
	events, err := r.ListerWatcherWithContext.WatchWithContext(ctx, options)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	w := &relistingWatch{relister: r, options: options, listing: begins, version: options.ResourceVersion, end: cancel, out: make(chan watch.Event), done: make(chan struct{})}
	go w.run(ctx, events)
	return w, nil
}

// relistingWatch is one watch of an informer, and any number of watches of the API
// server, one after the other.
type relistingWatch struct {
	*relister
	options metav1.ListOptions
	// listing says that the watch began with a list that is not complete yet. Only the
	// API server can complete it, and only the informer begin it anew.
	listing bool
	// version is where the informer is.
	version string
	end     context.CancelFunc
	out     chan watch.Event
	done    chan struct{}
}

// ResultChan is closed when the API server ended the watch.
func (w *relistingWatch) ResultChan() <-chan watch.Event { return w.out }

// Stop ends the watch and returns when nothing of it runs any more.
func (w *relistingWatch) Stop() {
	w.end()
	<-w.done
}

func (w *relistingWatch) run(ctx context.Context, events watch.Interface) {
	defer close(w.done)
	defer close(w.out)
	why := broken
	for pause := time.Duration(0); ; pause = min(max(2*pause, firstPause), lastPause) {
		began := time.Now()
		if events != nil {
			why = w.passOn(ctx, events)
			events.Stop()
		}
		if time.Since(began) >= shortWatch {
			pause = 0
		}
		if why == over || !retry.Pause(ctx, pause) {
			return
		}
		events, why = w.resume(ctx, why)
	}
}

// resume watches from where the informer is, after it was told what it missed. Without
// a watch it returns why that has to be tried again.
func (w *relistingWatch) resume(ctx context.Context, why reason) (watch.Interface, reason) {
	if why != broken && !w.catchUp(ctx) {
		return nil, why
	}
	options := w.options
	options.ResourceVersion, options.ResourceVersionMatch, options.SendInitialEvents = w.version, "", nil
	events, err := w.ListerWatcherWithContext.WatchWithContext(ctx, options)
	switch {
	case err == nil:
		return events, why
	case isForgotten(err):
		return nil, expired
	default:
		return nil, broken
	}
}

// reason is why a watch of the API server is not passed on any further.
type reason int

const (
	// over is the end, of which the informer knows, or which it has to hear of.
	over reason = iota
	// broken watches can go on where they were, such as those of an API server that
	// was stopped, or whose connection was reset.
	broken
	// expired watches began at a version that the API server has forgotten.
	expired
	// doubted is the list that the watch began with.
	doubted
)

// passOn passes events on for as long as that makes sense.
func (w *relistingWatch) passOn(ctx context.Context, events watch.Interface) reason {
	check := w.nextCheck()
	for {
		select {
		case <-ctx.Done():
			return over
		case <-check:
			return doubted
		case <-w.doubts:
			check = w.raise(check)
		case event, more := <-events.ResultChan():
			if why := w.ends(event, more); why != over {
				return why
			}
			if !more || !w.send(ctx, event) {
				return over
			}
			if endsList(event) {
				w.listing = false
				w.complete()
				check = w.nextCheck()
			}
		}
	}
}

// ends says why a watch has ended, and over if it has not, or if that is for the informer
// to know: a list that is not complete has to begin anew.
func (w *relistingWatch) ends(event watch.Event, more bool) reason {
	switch {
	case w.listing || more && event.Type != watch.Error:
		return over
	case more && isForgotten(apierrors.FromObject(event.Object)):
		return expired
	default:
		return broken
	}
}

func isForgotten(err error) bool { return apierrors.IsResourceExpired(err) || apierrors.IsGone(err) }

// raise takes in somebody else's doubt and returns when to list again. check is when that
// was to be.
func (w *relistingWatch) raise(check <-chan time.Time) <-chan time.Time {
	raised := w.doubt.raised(time.Now())
	if raised.raisedAt.Equal(w.doubt.raisedAt) {
		return check
	}
	w.doubt = raised
	return w.nextCheck()
}

// nextCheck says when to list again; nil is never.
func (w *relistingWatch) nextCheck() <-chan time.Time {
	pause, needed := w.doubt.until(time.Now(), w.knows)
	if w.listing || !needed {
		return nil
	}
	return time.After(pause)
}

// endsList says that with this event a list is complete that came as the beginning of a
// watch.
func endsList(event watch.Event) bool {
	if event.Type != watch.Bookmark {
		return false
	}
	object, err := meta.Accessor(event.Object)
	return err == nil && object.GetAnnotations()[metav1.InitialEventsAnnotationKey] == "true"
}

// catchUp lists, tells of all that is different from what the informer knows, and
// ends with a bookmark for where it is then. It returns false if it could not.
func (w *relistingWatch) catchUp(ctx context.Context) bool {
	list, err := w.ListerWatcherWithContext.ListWithContext(ctx, metav1.ListOptions{})
	if err != nil {
		return false
	}
	at, err := meta.ListAccessor(list)
	if err != nil || at.GetContinue() != "" {
		return false
	}
	version := at.GetResourceVersion()
	there, err := versionsOf(list)
	if err != nil {
		return false
	}
	missing, before := w.missing(there)
	w.judge(missing, before)
	for name := range missing {
		if !w.send(ctx, watch.Event{Type: watch.Deleted, Object: w.lastKnown(name, version)}) {
			return false
		}
	}
	// Each by itself, or one that has changed would keep all others in memory.
	err = meta.EachListItemWithAlloc(list, func(object runtime.Object) error {
		w.typed(object)
		event := watch.Event{Type: w.changeTo(object), Object: object}
		if event.Type != "" && !w.send(ctx, event) {
			return context.Canceled
		}
		return nil
	})
	if err != nil {
		return false
	}
	return w.send(ctx, watch.Event{Type: watch.Bookmark, Object: w.skeleton(toolscache.ObjectName{}, version)})
}

// send returns false when the watch has ended. What was sent is known.
func (w *relistingWatch) send(ctx context.Context, event watch.Event) bool {
	// Whoever gets an object may change it at once, so it is read before.
	news, isNews := newsOf(event)
	select {
	case <-ctx.Done():
		return false
	case w.out <- event:
		if isNews {
			w.learn(news)
			w.version = news.version
		}
		return true
	}
}
