package workloadspread

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/openkruise/kruise-api/apps/v1alpha1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/util/intstr"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/spillway-io/spillway/api"
	"github.com/spillway-io/spillway/webhook/pace"
)

// homeAfter has pods return to a, which takes as many, after so long.
func homeAfter(text string, mostOfA int32) *v1alpha1.WorkloadSpread {
	ws := adaptive()
	ws.Annotations = map[string]string{api.ReturnToBaseAnnotation: text}
	ws.Spec.Subsets[0].MaxReplicas = new(intstr.FromInt32(mostOfA))
	return ws
}

func ready(pod *corev1.Pod) *corev1.Pod {
	pod.Status.Conditions = append(pod.Status.Conditions, corev1.PodCondition{Type: corev1.PodReady, Status: corev1.ConditionTrue})
	return pod
}

// away are a pod in a and three in b.
func away() []*corev1.Pod {
	return []*corev1.Pod{ready(running("p1", "a")), ready(running("q1", "b")), ready(running("q2", "b")), ready(running("q3", "b"))}
}

// replaces has a pod come in the place of another, as the cache sees it and the
// API server too.
func (w *world) replaces(name string, by *corev1.Pod) {
	w.Helper()
	w.cached = slices.DeleteFunc(w.cached, func(pod *corev1.Pod) bool { return pod.Name == name })
	w.cached = append(w.cached, by)
	if err := w.server.Create(w.Context(), by.DeepCopy()); err != nil {
		w.Fatal(err)
	}
}

// evicts makes a pass that evicts the named pods, all there are.
func (w *world) evicts(after time.Duration, names ...string) (result time.Duration, said []string) {
	w.Helper()
	got, writes, said := w.pass(after)
	var want []string
	for _, name := range names {
		want = append(want, "eviction: "+name+" if uid-"+name+" at version "+w.version(name))
	}
	if !slices.Equal(want, startingWith("eviction", writes)) {
		w.Errorf("wrote %v, want the evictions %v", writes, want)
	}
	if deleted := startingWith("delete", writes); len(deleted) > 0 {
		w.Errorf("deleted %v", deleted)
	}
	return got.RequeueAfter, said
}

func (w *world) version(name string) string {
	w.Helper()
	for i := range w.cached {
		if pod := w.cached[i].DeepCopy(); pod.Name == name {
			if err := w.server.Get(w.Context(), client.ObjectKeyFromObject(pod), pod); err != nil {
				w.Fatal(err)
			}
			return pod.ResourceVersion
		}
	}
	w.Fatalf("there is no pod %s", name)
	return ""
}

// TestPodsReturnOneByOne as long as there is room, each when the one before is
// ready.
func TestPodsReturnOneByOne(t *testing.T) {
	w := newWorld(t, homeAfter("1m", 3), objects(away())...)
	w.pass(0)
	if wake, _ := w.evicts(pace.Shortest); wake != time.Minute-pace.Shortest {
		t.Fatalf("it looks again in %v, want when a had room for a minute", wake)
	}
	_, said := w.evicts(time.Minute-pace.Shortest, "q1")
	returned := `Normal ReturnedToBase Pod q1 leaves subset "b": subset "a" has had room for 1m0s`
	if diff := cmp.Diff([]string{returned, returned}, said); diff != "" {
		t.Errorf("events, on the target and the WorkloadSpread: -want +got:\n%s", diff)
	}
	if _, said = w.evicts(time.Second); len(said) > 0 { // the cache still shows the pod
		t.Errorf("said %v", said)
	}
	p2 := running("p2", "a")
	w.replaces("q1", p2)
	w.evicts(time.Second) // it is there, and not ready
	w.changes("p2", func(pod *corev1.Pod) { ready(pod) })
	ready(p2)
	w.evicts(time.Second, "q2")
	w.replaces("q2", ready(running("p3", "a")))
	if wake, _ := w.evicts(time.Hour); wake != 0 { // a is full
		t.Errorf("it looks again in %v, want never", wake)
	}
}

// TestReturnThatMissedIsNotRepeated before there was room for the whole time
// again.
func TestReturnThatMissedIsNotRepeated(t *testing.T) {
	w := newWorld(t, homeAfter("1m", 3), objects(away())...)
	w.pass(0)
	w.evicts(time.Minute, "q1")
	w.replaces("q1", ready(running("q4", "b")))
	wake, said := w.evicts(time.Second)
	missed := `Normal NotReturnedToBase Pod q4 came instead of one that left subset "b", and found no earlier subset either: others stay for 1m0s at least`
	if diff := cmp.Diff([]string{missed, missed}, said); diff != "" || wake != time.Minute {
		t.Errorf("it looks again in %v; events: -want +got:\n%s", wake, diff)
	}
	w.evicts(time.Minute - time.Millisecond)
	w.evicts(pace.Shortest, "q2")
}

// TestRoomMustLast: that of before an interruption does not count.
func TestRoomMustLast(t *testing.T) {
	w := newWorld(t, homeAfter("1m", 2), objects(away())...)
	w.pass(0)
	w.target.Replicas = new(int32(5))
	w.cached = append(w.cached, ready(running("p2", "a")))
	w.evicts(30 * time.Second) // a is full
	w.target.Replicas = new(int32(4))
	w.cached = w.cached[:len(w.cached)-1]
	w.evicts(10 * time.Second)
	if wake, _ := w.evicts(20 * time.Second); wake != 40*time.Second {
		t.Errorf("it looks again in %v, want 40s", wake)
	}
	w.evicts(40*time.Second, "q1")
}

// TestRefusedReturnIsTriedLater, and told of once.
func TestRefusedReturnIsTriedLater(t *testing.T) {
	w := newWorld(t, homeAfter("1m", 3), objects(away())...)
	w.refuse["eviction"] = apierrors.NewTooManyRequests("the disruption budget web is spent", 0)
	w.pass(0)
	wake, said := w.evicts(time.Minute, "q1")
	refused := `Normal NotReturnedToBase Pod q1 stays in subset "b" for now, although subset "a" has room again: the disruption budget web is spent`
	if diff := cmp.Diff([]string{refused, refused}, said); diff != "" || wake != 5*time.Second {
		t.Errorf("it tries again in %v; events: -want +got:\n%s", wake, diff)
	}
	w.evicts(time.Second)
	if wake, said = w.evicts(4*time.Second, "q1"); wake != 10*time.Second || len(said) > 0 {
		t.Errorf("it tries again in %v and said %v", wake, said)
	}
	delete(w.refuse, "eviction")
	if _, said = w.evicts(10*time.Second, "q1"); len(said) != 2 {
		t.Errorf("said %v", said)
	}
	// What was refused before does not count for the next pod.
	w.replaces("q1", ready(running("p2", "a")))
	w.refuse["eviction"] = apierrors.NewTooManyRequests("the disruption budget web is spent", 0)
	if wake, said = w.evicts(time.Second, "q2"); wake != 5*time.Second || len(said) != 2 {
		t.Errorf("it tries again in %v and said %v", wake, said)
	}
}

// TestWhatHappenedMeanwhileKeepsThePod where it is.
func TestWhatHappenedMeanwhileKeepsThePod(t *testing.T) {
	cases := map[string]func(w *world){
		"not ready": func(w *world) {
			w.changes("q1", func(pod *corev1.Pod) { pod.Status.Conditions[0].Status = corev1.ConditionFalse })
		},
		"gone": func(w *world) { _ = w.server.Delete(w.Context(), running("q1", "b")) },
		"closed": func(w *world) {
			ws := w.spread()
			w.reconciler.client = stale{w.reconciler.client, ws.DeepCopy()}
			ws.Status.SubsetStatuses[0].Conditions[0].Status = corev1.ConditionFalse
			if err := w.server.Status().Update(w.Context(), ws); err != nil {
				w.Fatal(err)
			}
		},
		"no longer asked for": func(w *world) {
			ws := w.spread()
			w.reconciler.client = stale{w.reconciler.client, ws.DeepCopy()}
			ws.Annotations = nil
			if err := w.server.Update(w.Context(), ws); err != nil {
				w.Fatal(err)
			}
		},
	}
	for name, happens := range cases {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, homeAfter("1m", 3), objects(away())...)
			w.pass(0)
			happens(w)
			if _, said := w.evicts(time.Minute); len(said) > 0 {
				t.Errorf("said %v", said)
			}
		})
	}
}

// TestReturnFailures: an API server that does not answer has the pass tried
// again; a pod that changed in between is looked at again soon.
func TestReturnFailures(t *testing.T) {
	w := newWorld(t, homeAfter("1m", 3), objects(away())...)
	w.pass(0)
	w.refuse["eviction"] = conflict()
	if wake, said := w.evicts(time.Minute, "q1"); wake != movePause || len(said) > 0 {
		t.Errorf("after a conflict it looks again in %v and said %v", wake, said)
	}
	errBoom := errors.New("boom")
	w.refuse["eviction"] = errBoom
	w.clock.Step(movePause)
	if _, err := w.reconciler.Reconcile(t.Context(), reconcile.Request{NamespacedName: client.ObjectKeyFromObject(w.spread())}); !errors.Is(err, errBoom) {
		t.Errorf("got %v, want %v", err, errBoom)
	}
}

// TestInvalidReturnIsToldOnce, and again when it says something else.
func TestInvalidReturnIsToldOnce(t *testing.T) {
	w := newWorld(t, homeAfter("soon", 3), objects(away())...)
	_, said := w.evicts(0)
	want := []string{`Warning InvalidReturnToBase No pods return to earlier subsets: annotation spillway.io/return-to-base is "soon": time: invalid duration "soon"`}
	if diff := cmp.Diff(want, said); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if _, said = w.evicts(time.Hour); len(said) > 0 {
		t.Errorf("said again: %v", said)
	}
	ws := w.spread()
	ws.Annotations[api.ReturnToBaseAnnotation] = "0s"
	if err := w.server.Update(t.Context(), ws); err != nil {
		t.Fatal(err)
	}
	if _, said = w.evicts(time.Hour); len(said) != 1 {
		t.Errorf("said %v of another value", said)
	}
}
