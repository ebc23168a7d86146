package relist

import (
	"context"
	"slices"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/watch"
	toolscache "k8s.io/client-go/tools/cache"
)

// running returns what runs in a bubble until the test ends, and tells of what the
// informer knows.
func running(t *testing.T, source toolscache.ListerWatcher) (knows func() []string) {
	t.Helper()
	return runningOf(t, &Informers{}, source)
}

func runningOf(t *testing.T, informers *Informers, source toolscache.ListerWatcher) (knows func() []string) {
	t.Helper()
	informer := informers.New(source, &corev1.Pod{}, 0, nil)
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { informer.RunWithContext(ctx) })
	t.Cleanup(func() { cancel(); running.Wait() })
	return func() []string {
		synctest.Wait()
		names := informer.GetStore().ListKeys()
		slices.Sort(names)
		return names
	}
}

// streaming is an API server whose watches begin with what there is.
type streaming struct {
	// began has those whose list is not complete yet.
	began chan *watch.FakeWatcher
	pods  forgetful
}

func (s *streaming) watch(ctx context.Context, options metav1.ListOptions) (watch.Interface, error) {
	if options.SendInitialEvents == nil {
		return s.pods.watch(ctx, options)
	}
	w := watch.NewFakeWithChanSize(10, false)
	s.began <- w
	return w, nil
}

func (s *streaming) ends(w *watch.FakeWatcher) {
	w.Action(watch.Bookmark, &corev1.Pod{ObjectMeta: metav1.ObjectMeta{
		ResourceVersion: strconv.Itoa(s.pods.version), Annotations: map[string]string{metav1.InitialEventsAnnotationKey: "true"},
	}})
}

func podOf(name, version string) *corev1.Pod {
	return &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: name, UID: "uid", ResourceVersion: version}}
}

// TestStreamedListIsNotInterrupted: what comes as the beginning of a watch is complete
// only when the API server says so, however long that takes and whatever is doubted;
// and if it has to begin anew, that is the informer's to do.
func TestStreamedListIsNotInterrupted(t *testing.T) {
	for name, interrupted := range map[string]func(server *streaming, w *watch.FakeWatcher){
		"slow, while it is doubted": func(server *streaming, w *watch.FakeWatcher) {
			time.Sleep(2 * firstCheck) //nolint:forbidigo // The time of the bubble.
			if w.IsStopped() {
				return // which is what is wrong
			}
			server.ends(w)
		},
		"expired": func(server *streaming, w *watch.FakeWatcher) {
			w.Error(&metav1.Status{Status: metav1.StatusFailure, Code: 410, Reason: metav1.StatusReasonExpired})
			again := <-server.began
			again.Add(podOf("new", "7"))
			server.ends(again)
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				server := &streaming{began: make(chan *watch.FakeWatcher), pods: forgetful{version: 6, pods: map[string]int{"new": 6}}}
				informers := &Informers{}
				knows := runningOf(t, informers, &toolscache.ListWatch{ListWithContextFunc: server.pods.list, WatchFuncWithContext: server.watch})
				first := <-server.began
				first.Add(podOf("new", "6"))
				informers.Doubt()
				interrupted(server, first)
				time.Sleep(time.Second) //nolint:forbidigo // The time of the bubble.
				if got := knows(); !slices.Equal(got, []string{"new"}) {
					t.Errorf("the informer knows %v, want new", got)
				}
			})
		})
	}
}

// TestForgetfulServerIsNotFlooded: an API server that forgets whatever it has just
// listed, such as one of several that is behind the others, is asked less and less
// often.
func TestForgetfulServerIsNotFlooded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := &forgetful{pods: map[string]int{}}
		server.set("there")
		var mu sync.Mutex
		lists := 0
		ctx, cancel := context.WithCancel(t.Context())
		running(t, &toolscache.ListWatch{
			ListWithContextFunc: func(_ context.Context, options metav1.ListOptions) (runtime.Object, error) {
				mu.Lock()
				defer mu.Unlock()
				lists++
				if lists > 1000 {
					<-ctx.Done()
				}
				return server.list(ctx, options)
			},
			WatchFuncWithContext: func(_ context.Context, options metav1.ListOptions) (watch.Interface, error) {
				if options.SendInitialEvents != nil {
					return nil, apierrors.NewInvalid(corev1.SchemeGroupVersion.WithKind("ListOptions").GroupKind(), "", nil)
				}
				options.ResourceVersion = "forgotten"
				return server.watch(ctx, options)
			},
		})
		time.Sleep(time.Minute) //nolint:forbidigo // The time of the bubble.
		cancel()
		mu.Lock()
		defer mu.Unlock()
		if lists > 60 {
			t.Errorf("it was asked for a list %d times in a minute", lists)
		}
	})
}

// TestBrokenWatchGoesOn: connections that break, many times in a row, cost no list and no
// pause of the informer's, which would be a minute long by then.
func TestBrokenWatchGoesOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := &forgetful{pods: map[string]int{}}
		server.set("0")
		lists := 0
		knows := running(t, listed{&toolscache.ListWatch{
			ListWithContextFunc: func(ctx context.Context, options metav1.ListOptions) (runtime.Object, error) {
				lists++
				return server.list(ctx, options)
			},
			WatchFuncWithContext: server.watch,
		}})
		for i := range 10 {
			knows()
			server.breaks(i%2 == 0)
			name := strconv.Itoa(i + 1)
			time.Sleep(2 * shortWatch) //nolint:forbidigo // The time of the bubble.
			synctest.Wait()
			server.adds(name)
			if got := knows(); len(got) != i+2 {
				t.Fatalf("after %d watches that broke the informer knows %v", i+1, got)
			}
		}
		if lists != 1 {
			t.Errorf("%d lists, want the first only", lists)
		}
	})
}

// TestListIsNotKept: an object that has changed is kept, the list that it was in is not.
func TestListIsNotKept(t *testing.T) {
	list := &corev1.PodList{ListMeta: metav1.ListMeta{ResourceVersion: "2"}, Items: []corev1.Pod{*podOf("changed", "2"), *podOf("same", "1")}}
	source := &toolscache.ListWatch{ListWithContextFunc: func(context.Context, metav1.ListOptions) (runtime.Object, error) { return list, nil }}
	r := &relister{
		ListerWatcherWithContext: toolscache.ToListerWatcherWithContext(source), example: &corev1.Pod{}, store: toolscache.NewStore(toolscache.MetaNamespaceKeyFunc),
		known: map[toolscache.ObjectName]string{{Name: "changed"}: "1", {Name: "same"}: "1"},
	}
	w := &relistingWatch{relister: r, out: make(chan watch.Event, 2)}
	if ok := w.catchUp(t.Context()); !ok {
		t.Fatal("it cannot catch up")
	}
	got := (<-w.out).Object
	if m, err := meta.Accessor(got); err != nil || m.GetName() != "changed" {
		t.Fatalf("%v %v, want the pod that has changed", got, err)
	}
	if got == runtime.Object(&list.Items[0]) {
		t.Error("what was handed over is a part of the list, which stays in memory as a whole for as long as that does")
	}
}
