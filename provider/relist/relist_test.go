package relist

import (
	"context"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
	toolscache "k8s.io/client-go/tools/cache"
)

// listed is a source whose watches do not begin with a list.
type listed struct{ *toolscache.ListWatch }

func (listed) IsWatchListSemanticsUnSupported() bool { return true }

// forgetful is an API server that forgets where watches are.
type forgetful struct {
	mu      sync.Mutex
	version int
	pods    map[string]int // by name, with their versions
	current *watch.FakeWatcher
}

func (f *forgetful) set(name string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.version++
	f.pods[name] = f.version
}

func (f *forgetful) remove(name string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.version++
	delete(f.pods, name)
}

func (f *forgetful) list(context.Context, metav1.ListOptions) (runtime.Object, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	list := &corev1.PodList{ListMeta: metav1.ListMeta{ResourceVersion: strconv.Itoa(f.version)}}
	for name, version := range f.pods {
		list.Items = append(list.Items, corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: name, UID: types.UID("uid-" + name), ResourceVersion: strconv.Itoa(version)}})
	}
	return list, nil
}

func (f *forgetful) watch(_ context.Context, options metav1.ListOptions) (watch.Interface, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.current = watch.NewFakeWithChanSize(1, false)
	if options.ResourceVersion != strconv.Itoa(f.version) {
		f.forget()
	}
	return f.current, nil
}

func (f *forgetful) forget() {
	f.current.Error(&metav1.Status{Status: metav1.StatusFailure, Code: 410, Reason: metav1.StatusReasonExpired})
}

// forgets has the running watch, if there is one, end with a 410.
func (f *forgetful) forgets() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.current != nil {
		f.forget()
	}
}

// breaks has the running watch end as if its connection broke: with an error of the
// client's own, or without a word.
func (f *forgetful) breaks(loudly bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if loudly {
		f.current.Error(&metav1.Status{Status: metav1.StatusFailure, Code: 500, Reason: metav1.StatusReasonInternalError, Message: "unable to decode an event"})
		return
	}
	f.current.Stop()
}

// adds has the running watch tell of a new pod.
func (f *forgetful) adds(name string) {
	f.set(name)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.current.Add(&corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: name, UID: types.UID("uid-" + name), ResourceVersion: strconv.Itoa(f.version)}})
}

// TestInformerListsAgainAtOnce: an API server forgets six times in a row, and the
// informer knows what has changed each time. By itself it would pause for 0.8 s,
// 1.6 s and so on, in all for a minute at least.
func TestInformerListsAgainAtOnce(t *testing.T) {
	t.Parallel()
	server := &forgetful{pods: map[string]int{}}
	server.set("stays")
	server.set("goes-0")
	informer := new(Informers).New(listed{&toolscache.ListWatch{ListWithContextFunc: server.list, WatchFuncWithContext: server.watch}}, &corev1.Pod{}, 0, nil)
	ctx, cancel := context.WithTimeout(t.Context(), 15*time.Second)
	defer cancel()
	var running sync.WaitGroup
	running.Go(func() { informer.RunWithContext(ctx) })
	defer running.Wait()
	defer cancel()

	sees := func(want ...string) {
		t.Helper()
		for {
			got := informer.GetStore().ListKeys()
			slices.Sort(got)
			if slices.Equal(got, want) {
				return
			}
			select {
			case <-ctx.Done():
				t.Fatalf("the informer knows %v, want %v", got, want)
			case <-time.After(5 * time.Millisecond):
			}
		}
	}
	sees("goes-0", "stays")
	for i := range 6 {
		next := "goes-" + strconv.Itoa(i+1)
		server.remove("goes-" + strconv.Itoa(i))
		server.set(next)
		server.set("stays")
		server.forgets()
		sees(next, "stays")
		if stored, _, _ := informer.GetStore().GetByKey("stays"); stored.(*corev1.Pod).ResourceVersion != strconv.Itoa(server.version) {
			t.Errorf("stays has version %s, want %d", stored.(*corev1.Pod).ResourceVersion, server.version)
		}
	}
}
