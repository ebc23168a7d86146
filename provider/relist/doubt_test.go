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
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	toolscache "k8s.io/client-go/tools/cache"
)

func TestSuspicious(t *testing.T) {
	for name, c := range map[string]struct {
		reason          string
		missing, before int
		want            bool
	}{
		"nothing":        {"a list that lacks nothing is right", 0, 5000, false},
		"first":          {"the first list of all has nothing to lack", 0, 0, false},
		"few":            {"ten can go while we look away", 10, 12, false},
		"all":            {"that everything is gone is rarely true", 1, 1, true},
		"half":           {"so can half", 20, 40, false},
		"more than half": {"more is doubted", 21, 40, true},
	} {
		t.Run(name, func(t *testing.T) {
			if got := suspicious(c.missing, c.before); got != c.want {
				t.Errorf("%d missing of %d: %v, want %v: %s", c.missing, c.before, got, c.want, c.reason)
			}
		})
	}
}

func TestDoubtUntil(t *testing.T) {
	began := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	lost := map[toolscache.ObjectName]string{{Name: "a"}: "1", {Name: "b"}: "2"}
	for name, c := range map[string]struct {
		reason string
		doubt  doubt
		after  time.Duration
		known  []string
		want   time.Duration
	}{
		"none":        {"no doubt, no list", doubt{}, 0, nil, 0},
		"at once":     {"the mistake may pass within seconds", doubt{since: began, lost: lost}, 0, nil, 5 * time.Second},
		"some back":   {"what is still missing may be another mistake", doubt{since: began, lost: lost}, 10 * time.Second, []string{"a"}, 5 * time.Second},
		"all back":    {"the list was wrong, and that one is right", doubt{since: began, lost: lost}, 10 * time.Second, []string{"a", "b"}, 0},
		"long after":  {"lists cost something", doubt{since: began, lost: lost}, 4 * time.Minute, nil, 30 * time.Second},
		"raised":      {"somebody found what a list lacked", doubt{raisedAt: began}, 10 * time.Second, nil, 5 * time.Second},
		"raised long": {"all that could be found was listed again", doubt{raisedAt: began}, time.Minute, nil, 0},
		"believed it": {"so it is true", doubt{since: began, lost: lost}, 10 * time.Minute, nil, 0},
	} {
		t.Run(name, func(t *testing.T) {
			got, needed := c.doubt.until(began.Add(c.after), func(name toolscache.ObjectName) bool { return slices.Contains(c.known, name.Name) })
			if got != c.want || needed != (c.want > 0) {
				t.Errorf("%s (%v), want %s: %s", got, needed, c.want, c.reason)
			}
		})
	}
}

// TestListThatLacksEverything: an API server whose own cache was empty for a moment is
// asked again, although none of its pods changes; and nobody takes for deleted what a
// list lacked.
func TestListThatLacksEverything(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := &forgetful{pods: map[string]int{}}
		for i := range 3 {
			server.set(strconv.Itoa(i))
		}
		var mu sync.Mutex
		empty := false
		list := func(ctx context.Context, options metav1.ListOptions) (runtime.Object, error) {
			mu.Lock()
			defer mu.Unlock()
			all, err := server.list(ctx, options)
			if empty {
				all.(*corev1.PodList).Items = nil
			}
			return all, err
		}
		informer := new(Informers).New(listed{&toolscache.ListWatch{ListWithContextFunc: list, WatchFuncWithContext: server.watch}}, &corev1.Pod{}, 0, nil)
		var gone []types.UID
		_, err := informer.AddEventHandler(toolscache.ResourceEventHandlerFuncs{DeleteFunc: func(object any) {
			gone = append(gone, object.(*corev1.Pod).UID)
		}})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		var running sync.WaitGroup
		defer running.Wait()
		defer cancel()
		running.Go(func() { informer.RunWithContext(ctx) })
		knows := func(n int) {
			t.Helper()
			synctest.Wait()
			if got := informer.GetStore().ListKeys(); len(got) != n {
				t.Fatalf("the informer knows %v, want %d", got, n)
			}
		}
		knows(3)
		mu.Lock()
		empty = true
		mu.Unlock()
		server.forgets()
		knows(0)
		if !slices.Equal(gone, []types.UID{"", "", ""}) {
			t.Errorf("pods that a list lacked were handed over with UIDs %q, want none", gone)
		}
		time.Sleep(firstCheck) //nolint:forbidigo // The time of the bubble.
		knows(0)
		mu.Lock()
		empty = false
		mu.Unlock()
		time.Sleep(firstCheck) //nolint:forbidigo // The time of the bubble.
		knows(3)
	})
}

// TestDoubtRaised: the first list of all lacked everything, and somebody knows better.
func TestDoubtRaised(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := &forgetful{pods: map[string]int{}}
		server.set("there")
		var mu sync.Mutex
		empty := true
		list := func(ctx context.Context, options metav1.ListOptions) (runtime.Object, error) {
			mu.Lock()
			defer mu.Unlock()
			all, err := server.list(ctx, options)
			if empty {
				all.(*corev1.PodList).Items = nil
			}
			return all, err
		}
		informers := &Informers{}
		informer := informers.New(listed{&toolscache.ListWatch{ListWithContextFunc: list, WatchFuncWithContext: server.watch}}, &corev1.Pod{}, 0, nil)
		ctx, cancel := context.WithCancel(t.Context())
		var running sync.WaitGroup
		defer running.Wait()
		defer cancel()
		running.Go(func() { informer.RunWithContext(ctx) })
		for range 4 { // whoever finds one thing finds many, and does not put off the list
			synctest.Wait()
			informers.Doubt()
			time.Sleep(2 * time.Second) //nolint:forbidigo // The time of the bubble.
		}
		mu.Lock()
		empty = false
		mu.Unlock()
		time.Sleep(firstCheck) //nolint:forbidigo // The time of the bubble.
		synctest.Wait()
		if got := informer.GetStore().ListKeys(); len(got) != 1 {
			t.Errorf("the informer knows %v, want what is there", got)
		}
	})
}
