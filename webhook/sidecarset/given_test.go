package sidecarset

import (
	"context"
	"errors"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	clocktesting "k8s.io/utils/clock/testing"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/spillway-io/spillway/api"
	"github.com/spillway-io/spillway/webhook/pace"
	"github.com/spillway-io/spillway/webhook/sidecar"
)

// TestPassFollowsTheLastChange: what happens in a pause is seen when it is over.
func TestPassFollowsTheLastChange(t *testing.T) {
	w := newWorld(t, append(threePods(t), agents("log:v1"))...)
	w.pass(0)
	w.reconciler.memories["agents"].passes.Worked(time.Minute)
	w.changePod("p0", func(pod *corev1.Pod) { readied(pod, corev1.ConditionFalse) })
	result, writes, _ := w.pass(pace.Longest / 4)
	if len(writes) > 0 || result.RequeueAfter != 3*pace.Longest/4 {
		t.Fatalf("in the pause it wrote %v, and looks again in %s", writes, result.RequeueAfter)
	}
	if _, writes, _ = w.pass(result.RequeueAfter); len(writes) != 1 || w.set().Status.ReadyPods != 2 {
		t.Errorf("after the pause it wrote %v, and %d pods are ready", writes, w.set().Status.ReadyPods)
	}
}

// slow is a client that takes its time.
type slow struct {
	client.Client

	clock           *clocktesting.FakeClock
	reading, writes time.Duration
}

func (s slow) List(ctx context.Context, list client.ObjectList, opts ...client.ListOption) error {
	if _, ok := list.(*corev1.PodList); ok {
		s.clock.Step(s.reading)
	}
	return s.Client.List(ctx, list, opts...)
}

func (s slow) Create(ctx context.Context, object client.Object, opts ...client.CreateOption) error {
	s.clock.Step(s.writes)
	return s.Client.Create(ctx, object, opts...)
}

func (s slow) Status() client.SubResourceWriter {
	s.clock.Step(s.writes)
	return s.Client.Status()
}

// TestWhatAPauseFollowsFrom: the work of a pass, not that of the API server; and
// after a pass that failed nothing keeps the queue from trying again.
func TestWhatAPauseFollowsFrom(t *testing.T) {
	w := newWorld(t, append(threePods(t), agents("log:v1"))...)
	w.reconciler.client = slow{w.reconciler.client, w.clock, 20 * time.Millisecond, 30 * time.Millisecond}
	if _, writes, _ := w.pass(0); len(writes) != 2 {
		t.Fatalf("wrote %v, not the revision and the status", writes)
	}
	if result, _, _ := w.pass(0); result.RequeueAfter != (800-20-2*30)*time.Millisecond {
		t.Errorf("after a pass of 20 ms, and 60 ms for what it wrote, the next one waits for %s", result.RequeueAfter)
	}
	w.changePod("p0", func(pod *corev1.Pod) { readied(pod, corev1.ConditionFalse) })
	w.refuse["status agents"] = errors.New("the API server is gone")
	w.clock.Step(time.Second)
	if _, err := w.reconciler.Reconcile(t.Context(), reconcile.Request{NamespacedName: types.NamespacedName{Name: "agents"}}); err == nil {
		t.Fatal("the pass did not fail")
	}
	if result, _, _ := w.pass(0); result.RequeueAfter != pace.Shortest-(20+30)*time.Millisecond {
		t.Errorf("after a pass that failed, and took 50 ms, the next one waits for %s", result.RequeueAfter)
	}
}

// TestRecordsAreForgotten: those of pods that are gone, that were replaced by
// others of their names, and all when the set is gone.
func TestRecordsAreForgotten(t *testing.T) {
	w := newWorld(t, append(threePods(t), agents("log:v1"))...)
	known := func() []types.UID { return slices.Sorted(maps.Keys(w.reconciler.memories["agents"].records)) }
	cases := []struct {
		reason string
		happen func()
		want   []types.UID
	}{
		{"all pods are known", func() {}, []types.UID{"uid-p0", "uid-p1", "uid-p2"}},
		{"one is gone", func() { remove(w, podWith(t, agents("log:v1"), "p1")) }, []types.UID{"uid-p0", "uid-p2"}},
		{"one was replaced by another of its name", func() {
			pod := podWith(t, agents("log:v1"), "p0")
			remove(w, pod)
			pod.UID = "uid-another"
			create(w, pod)
		}, []types.UID{"uid-another", "uid-p2"}},
		{"one has the set no more", func() {
			w.changePod("p2", func(pod *corev1.Pod) { delete(pod.Annotations, api.SidecarSetListAnnotation) })
		}, []types.UID{"uid-another"}},
	}
	for _, tc := range cases {
		tc.happen()
		w.pass(time.Second)
		if diff := cmp.Diff(tc.want, known()); diff != "" {
			t.Errorf("%s: -want +got:\n%s", tc.reason, diff)
		}
	}
	remove(w, agents("log:v1"))
	w.pass(time.Second)
	if n := len(w.reconciler.memories); n > 0 {
		t.Errorf("%d sets are remembered of none", n)
	}
}

// TestGivenFollowsTheRecord: what is known of a pod's record is what it says now,
// whatever its version is.
func TestGivenFollowsTheRecord(t *testing.T) {
	m := newMemory("")
	pod := podWith(t, agents("log:v1"), "p0")
	cases := []struct {
		reason string
		change func(annotations map[string]string)
	}{
		{"as it was", func(map[string]string) {}},
		{"not changed at all", func(map[string]string) {}},
		{"another version", func(a map[string]string) { maps.Copy(a, podWith(t, agents("log:v2"), "p0").Annotations) }},
		{"only one of both cannot be read", func(a map[string]string) { a[api.SidecarSetHashWithoutImageAnnotation] = "garbage" }},
		{"neither can be read", func(a map[string]string) { a[api.SidecarSetHashAnnotation] = "" }},
		{"there is none", func(a map[string]string) { clear(a) }},
		{"there is an empty one", func(a map[string]string) { a[api.SidecarSetHashAnnotation] = "" }},
	}
	for _, tc := range cases {
		tc.change(pod.Annotations)
		got, want := m.givenTo(pod, "agents"), sidecar.ReadGiven(pod, "agents")
		if (got.Err == nil) != (want.Err == nil) {
			t.Errorf("%s: error %v, want %v", tc.reason, got.Err, want.Err)
		}
		got.Err, want.Err = nil, nil
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: -want +got:\n%s", tc.reason, diff)
		}
		if again := testing.AllocsPerRun(10, func() { m.givenTo(pod, "agents") }); again > 0 {
			t.Errorf("%s: read again, with %v allocations", tc.reason, again)
		}
	}
}

func remove(w *world, object client.Object) {
	w.Helper()
	if err := w.server.Delete(w.Context(), object); err != nil {
		w.Fatal(err)
	}
}

func create(w *world, object client.Object) {
	w.Helper()
	object.SetResourceVersion("")
	if err := w.server.Create(w.Context(), object); err != nil {
		w.Fatal(err)
	}
}
