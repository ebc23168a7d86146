package references

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"

	"github.com/go-logr/logr"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/kubernetes"
	toolscache "k8s.io/client-go/tools/cache"
	"k8s.io/klog/v2"
	"sigs.k8s.io/controller-runtime/pkg/client"
	logf "sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/spillway-io/spillway/provider/translate"
)

// errNotStarted says that the watches are not running yet, errEnded that nobody
// used the object any more, a moment ago.
var (
	errNotStarted = errors.New("the watches of upstream objects have not started yet")
	errEnded      = errors.New("the watch of the upstream object has ended")
)

// watches are the watches of single upstream objects, one for each copy in use. It
// owns their goroutines.
type watches struct {
	upstream kubernetes.Interface
	// changed is called, without blocking, when the object behind a copy has.
	changed func(Key)

	mu sync.Mutex
	// start runs one watch; nil while none may run.
	start func(Key, *watched)
	all   map[Key]*watched
}

func newWatches(upstream kubernetes.Interface, changed func(Key)) *watches {
	return &watches{upstream: upstream, changed: changed, all: make(map[Key]*watched)}
}

// Start lets watches run until ctx ends, and returns when all have ended.
func (w *watches) Start(ctx context.Context) error {
	ctx, stopAll := context.WithCancel(ctx)
	var running sync.WaitGroup
	w.mu.Lock()
	w.start = func(key Key, o *watched) {
		one, stop := context.WithCancel(ctx)
		o.stop = stop
		running.Go(func() { w.run(one, key, o) })
	}
	w.mu.Unlock()

	<-ctx.Done()
	w.mu.Lock()
	w.start = nil
	w.mu.Unlock()
	stopAll()
	running.Wait()
	return nil
}

// ensure begins to watch the object behind a copy, unless it is watched already.
func (w *watches) ensure(want Want) (*watched, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if o := w.all[want.Key]; o != nil {
		return o, nil
	}
	if w.start == nil {
		return nil, errNotStarted
	}
	o := &watched{origin: want.Origin, answered: make(chan struct{})}
	w.all[want.Key] = o
	w.start(want.Key, o)
	return o, nil
}

// end ends the watch behind a copy, if there is one. Who waits for its first answer
// is let go.
func (w *watches) end(key Key) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if o := w.all[key]; o != nil {
		o.stop()
		o.ended()
		delete(w.all, key)
	}
}

// keys returns the copies whose upstream objects are watched.
func (w *watches) keys() []Key {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Collect(maps.Keys(w.all))
}

func (w *watches) run(ctx context.Context, key Key, o *watched) {
	o.changed = func() { w.changed(key) }
	o.log = logf.FromContext(ctx).WithValues("kind", key.Kind, "namespace", o.origin.Namespace, "name", o.origin.Name)
	var from toolscache.Getter = w.upstream.CoreV1().RESTClient()
	var expected client.Object = &corev1.ConfigMap{}
	resource := "configmaps"
	if key.Kind == translate.Secret {
		expected, resource = &corev1.Secret{}, "secrets"
	}
	all := toolscache.NewListWatchFromClient(from, resource, o.origin.Namespace, fields.OneTermEqualSelector(metav1.ObjectNameField, o.origin.Name))
	// What the reflector would log about each failure is logged here once.
	ctx = klog.NewContext(ctx, logr.Discard())
	toolscache.NewReflectorWithOptions(o.listening(all), expected, o, toolscache.ReflectorOptions{Name: key.String()}).RunWithContext(ctx)
}

// watched is one upstream object, as its watch last saw it.
type watched struct {
	origin  Origin
	stop    context.CancelFunc
	changed func()
	log     logr.Logger
	// answered is closed with the first answer, be it an error.
	answered chan struct{}

	mu     sync.Mutex
	synced bool
	object client.Object
	err    error
}

// wait waits for the API server's first answer. Its error says that the object is
// not known yet.
func (o *watched) wait(ctx context.Context) error {
	select {
	case <-o.answered:
	case <-ctx.Done():
		return fmt.Errorf("no answer: %w", ctx.Err())
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.synced {
		return nil
	}
	return o.err
}

// latest returns the object, nil if it does not exist. It is shared and must not be
// modified.
func (o *watched) latest() client.Object {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.object
}

// listening has o learn of errors, which a reflector keeps to itself.
func (o *watched) listening(all *toolscache.ListWatch) *toolscache.ListWatch {
	return &toolscache.ListWatch{
		ListWithContextFunc: func(ctx context.Context, options metav1.ListOptions) (runtime.Object, error) {
			list, err := all.ListWithContext(ctx, options)
			o.failed(ctx, err)
			return list, err
		},
		WatchFuncWithContext: func(ctx context.Context, options metav1.ListOptions) (watch.Interface, error) {
			stream, err := all.WatchWithContext(ctx, options)
			if !isUnstreamed(options, err) {
				o.failed(ctx, err)
			}
			return stream, err
		},
	}
}

// isUnstreamed says that the API server does not begin watches with a list, as those
// before Kubernetes 1.34 and those where WatchList is off. A reflector then lists at
// once, and only that is an answer.
func isUnstreamed(options metav1.ListOptions, err error) bool {
	return options.SendInitialEvents != nil && apierrors.IsInvalid(err)
}

func (o *watched) failed(ctx context.Context, err error) {
	if ctx.Err() != nil {
		return
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if err != nil && o.err == nil {
		o.log.Info("Cannot watch an upstream object; trying again", "cause", err.Error())
	}
	if err != nil {
		o.err = err
		o.answer()
	}
}

func (o *watched) ended() {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.err == nil {
		o.err = errEnded
	}
	o.answer()
}

func (o *watched) saw(object client.Object) {
	o.mu.Lock()
	o.object, o.synced, o.err = object, true, nil
	o.answer()
	o.mu.Unlock()
	o.changed()
}

func (o *watched) answer() {
	select {
	case <-o.answered:
	default:
		close(o.answered)
	}
}

// Add, Update, Delete, Replace and Resync make it the store of a reflector.
func (o *watched) Add(object any) error { return o.Update(object) }

// Update takes over the object as it is now.
func (o *watched) Update(object any) error {
	now, isObject := object.(client.Object)
	if !isObject {
		return fmt.Errorf("a %T is no object", object)
	}
	o.saw(stripped(now))
	return nil
}

// Delete forgets the object.
func (o *watched) Delete(any) error {
	o.saw(nil)
	return nil
}

// Replace takes over the only object there can be, or none.
func (o *watched) Replace(list []any, _ string) error {
	if len(list) == 0 {
		return o.Delete(nil)
	}
	return o.Update(list[0])
}

// Resync has nothing to do.
func (*watched) Resync() error { return nil }
