package workloadspread

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/openkruise/kruise-api/apps/v1alpha1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/spillway-io/spillway/api"
	"github.com/spillway-io/spillway/webhook/pace"
)

func conflict() error {
	return apierrors.NewConflict(schema.GroupResource{Resource: "workloadspreads"}, "ws", errors.New("changed"))
}

// TestStatusIsWrittenWithTheVersionThatWasRead, and not at all when it says the
// same.
func TestStatusIsWrittenWithTheVersionThatWasRead(t *testing.T) {
	w := newWorld(t, adaptive(), running("p1", "a"))
	read := w.spread().ResourceVersion
	_, writes, _ := w.pass(0)
	if diff := cmp.Diff([]string{"status: if version " + read}, writes); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if got := w.spread().Status.SubsetStatuses; len(got) != 2 || got[0].Replicas != 1 {
		t.Errorf("the status is %+v", got)
	}
	result, writes, said := w.pass(time.Minute)
	if len(writes)+len(said) > 0 || result.RequeueAfter != 0 {
		t.Errorf("a second pass wrote %v, said %v and asked for %v", writes, said, result)
	}
}

// TestStatusConflict: the webhook was faster. Its reservation is carried over by
// the next pass, until it expires.
func TestStatusConflict(t *testing.T) {
	w := newWorld(t, adaptive(), running("p1", "a"))
	w.refuse["status"] = conflict()
	result, _, _ := w.pass(0)
	if result.RequeueAfter != writePause {
		t.Errorf("after a conflict it looks again in %v, want %v", result.RequeueAfter, writePause)
	}
	w.refuse = nil
	ws := w.spread()
	ws.Status.VersionedSubsetStatuses = map[string][]v1alpha1.WorkloadSpreadSubsetStatus{
		"v1": {{Name: "a", CreatingPods: map[string]metav1.Time{"u1": metav1.NewTime(noon())}}},
	}
	if err := w.server.Status().Update(t.Context(), ws); err != nil {
		t.Fatal(err)
	}
	result, _, _ = w.pass(writePause)
	if got := w.spread().Status.VersionedSubsetStatuses["v1"][0]; len(got.CreatingPods) != 1 || got.Replicas != 1 {
		t.Errorf("the subset is %+v, want its pod and the reservation", got)
	}
	if want := 30*time.Second - writePause; result.RequeueAfter != want {
		t.Errorf("it looks again in %v, want %v, when the reservation expires", result.RequeueAfter, want)
	}
	w.pass(result.RequeueAfter)
	if got := w.spread().Status.VersionedSubsetStatuses["v1"][0]; len(got.CreatingPods) != 0 {
		t.Errorf("the reservation did not expire: %+v", got)
	}
}

// TestClosedSubsetIsLeftWhenAllKnow tells a reschedule from its beginning: the
// subset is closed, then nothing happens for two seconds, then the pods leave.
func TestClosedSubsetIsLeftWhenAllKnow(t *testing.T) {
	w := newWorld(t, adaptive(), running("p1", "a"), stuck("p2", 25*time.Second))
	result, writes, said := w.pass(0)
	if result.RequeueAfter != 5*time.Second || len(startingWith("delete", writes))+len(said) > 0 {
		t.Fatalf("at first it looks again in %v, wrote %v and said %v", result.RequeueAfter, writes, said)
	}
	result, writes, said = w.pass(result.RequeueAfter)
	want := []string{`Warning SubsetUnschedulable New pods pass over subset "a" for 5m0s: 0/2 nodes are available`}
	if diff := cmp.Diff(want, said); diff != "" {
		t.Errorf("events: -want +got:\n%s", diff)
	}
	if got := startingWith("delete", writes); len(got) > 0 {
		t.Errorf("deleted while the webhook may not know: %v", got)
	}
	if result, writes, _ = w.pass(pace.Shortest); len(writes) > 0 || result.RequeueAfter != 2*time.Second-pace.Shortest {
		t.Errorf("too early: wrote %v, looks again in %v", writes, result.RequeueAfter)
	}
	_, writes, said = w.pass(result.RequeueAfter)
	if diff := cmp.Diff([]string{"delete: p2 if uid-p2 at version 999"}, writes); diff != "" {
		t.Errorf("writes: -want +got:\n%s", diff)
	}
	moved := `Normal Rescheduled Pod p2 leaves subset "a", where the scheduler found no node: 0/2 nodes are available`
	if diff := cmp.Diff([]string{moved, moved}, said); diff != "" {
		t.Errorf("events, on the target and the WorkloadSpread: -want +got:\n%s", diff)
	}
	// The cache still shows the pod.
	if _, writes, _ = w.pass(time.Second); len(startingWith("delete", writes)) > 0 {
		t.Errorf("deleted again: %v", writes)
	}
}

// TestWhatHappenedMeanwhileSavesThePod: W9, by reading it again and by the
// precondition.
func TestWhatHappenedMeanwhileSavesThePod(t *testing.T) {
	cases := map[string]func(w *world){
		"bound":     func(w *world) { w.changes("p1", func(pod *corev1.Pod) { pod.Spec.NodeName = "n1" }) },
		"nominated": func(w *world) { w.changes("p1", func(pod *corev1.Pod) { pod.Status.NominatedNodeName = "n1" }) },
		"gone":      func(w *world) { _ = w.server.Delete(w.Context(), stuck("p1", 0)) },
		"opened": func(w *world) {
			ws := w.spread()
			w.reconciler.client = stale{w.reconciler.client, ws.DeepCopy()}
			ws.Status.SubsetStatuses[0].Conditions[0].Status = corev1.ConditionTrue
			if err := w.server.Status().Update(w.Context(), ws); err != nil {
				w.Fatal(err)
			}
		},
	}
	for name, change := range cases {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, closed(), stuck("p1", time.Minute))
			change(w)
			_, writes, said := w.pass(0)
			if got := startingWith("delete", writes); len(got) > 0 || strings.Contains(strings.Join(said, ""), reasonRescheduled) {
				t.Errorf("wrote %v, said %v", writes, said)
			}
		})
	}
	t.Run("conflict", func(t *testing.T) {
		w := newWorld(t, closed(), stuck("p1", time.Minute))
		w.refuse["delete"] = conflict()
		result, _, said := w.pass(0)
		if len(said) > 0 || result.RequeueAfter != movePause {
			t.Errorf("after a conflict it said %v and looks again in %v", said, result.RequeueAfter)
		}
	})
}

// TestMovesAreRateLimited: ten pods twice a second.
func TestMovesAreRateLimited(t *testing.T) {
	var pods []*corev1.Pod
	for i := range 25 {
		pods = append(pods, stuck(fmt.Sprintf("p%02d", i), time.Minute))
	}
	w := newWorld(t, closed(), objects(pods)...)
	var moved []int
	for _, after := range []time.Duration{0, pace.Shortest, movePause - pace.Shortest, movePause} {
		_, writes, _ := w.pass(after)
		moved = append(moved, len(startingWith("delete", writes)))
	}
	if diff := cmp.Diff([]int{10, 0, 10, 5}, moved); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// TestJobsAreSpared: a deleted pod counts against backoffLimit, unless the Job
// says that disruptions do not.
func TestJobsAreSpared(t *testing.T) {
	t.Run("plain", func(t *testing.T) {
		w := newWorld(t, closed(), plainJob(), ofJob(stuck("p1", time.Minute)))
		_, writes, said := w.pass(0)
		if got := append(startingWith("delete", writes), startingWith("eviction", writes)...); len(got) > 0 {
			t.Errorf("wrote %v", got)
		}
		if len(said) != 2 || !strings.HasPrefix(said[0], "Warning NotRescheduled Pod p1 stays in subset") {
			t.Errorf("said %v", said)
		}
		if _, _, said = w.pass(time.Second); len(said) > 0 {
			t.Errorf("said it again: %v", said)
		}
	})
	t.Run("forgiving", func(t *testing.T) {
		w := newWorld(t, closed(), forgivingJob(), ofJob(stuck("p1", time.Minute)))
		_, writes, _ := w.pass(0)
		if diff := cmp.Diff([]string{"eviction: p1 if uid-p1 at version 999"}, startingWith("eviction", writes)); diff != "" {
			t.Errorf("-want +got:\n%s", diff)
		}
	})
}

// TestProbing: after the backoff the subset is probed; a probe that fails doubles
// the backoff, one that is scheduled opens it.
func TestProbing(t *testing.T) {
	w := newWorld(t, adaptive())
	stuckNow := func() []*corev1.Pod { return []*corev1.Pod{stuck("probe", noon().Sub(w.clock.Now()))} }
	becomes := func(after time.Duration, want corev1.ConditionStatus, event string) (next time.Duration) {
		t.Helper()
		result, _, said := w.pass(after)
		if got := w.spread().Status.SubsetStatuses[0].Conditions[0].Status; got != want {
			t.Errorf("the condition is %s, want %s", got, want)
		}
		if text := strings.Join(said, "\n"); event == "" && text != "" || !strings.HasPrefix(text, event) {
			t.Errorf("said %q, want %q", text, event)
		}
		return result.RequeueAfter
	}
	waits := func(got, want time.Duration) {
		t.Helper()
		if got != want {
			t.Errorf("it looks again in %v, want %v", got, want)
		}
	}
	w.cached = stuckNow()
	waits(becomes(0, corev1.ConditionTrue, ""), 30*time.Second)
	becomes(30*time.Second, corev1.ConditionFalse, "Warning SubsetUnschedulable")
	w.cached = nil
	waits(becomes(time.Second, corev1.ConditionFalse, ""), 5*time.Minute-time.Second)
	becomes(5*time.Minute-time.Second, corev1.ConditionUnknown, "Normal SubsetProbing One pod at a time")
	w.cached = stuckNow()
	waits(becomes(time.Second, corev1.ConditionUnknown, ""), 29*time.Second)
	becomes(30*time.Second, corev1.ConditionFalse, `Warning SubsetUnschedulable New pods pass over subset "a" for 10m0s`)
	w.cached = nil
	waits(becomes(time.Second, corev1.ConditionFalse, ""), 10*time.Minute-time.Second)
	becomes(10*time.Minute-time.Second, corev1.ConditionUnknown, "Normal SubsetProbing")
	probe := running("probe", "a")
	probe.Status.Conditions = []corev1.PodCondition{{
		Type: corev1.PodScheduled, Status: corev1.ConditionTrue, LastTransitionTime: metav1.NewTime(w.clock.Now()),
	}}
	w.cached = []*corev1.Pod{probe}
	becomes(time.Second, corev1.ConditionTrue, `Normal SubsetRecovered Subset "a" can schedule pods again`)
	w.cached = stuckNow()
	becomes(31*time.Second, corev1.ConditionFalse, `Warning SubsetUnschedulable New pods pass over subset "a" for 5m0s`)
}

// TestAdoption: an older pod gets its subset by what the server knows of it, and
// the status and the costs of the same pass know it there.
func TestAdoption(t *testing.T) {
	ws := adaptive()
	ws.Spec.Subsets[0].Patch = runtime.RawExtension{Raw: []byte(`{"metadata":{"labels":{"pool":"own"}}}`)}
	node := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "n1"}}
	old := running("old", "")
	delete(old.Annotations, corev1.PodDeletionCost)
	w := newWorld(t, ws, node, old)
	_, writes, _ := w.pass(0)
	want := []string{
		`patch: old {"metadata":{"uid":"uid-old","labels":{"pool":"own"},"annotations":{"` + api.MatchedWorkloadSpreadAnnotation + `":"{\"name\":\"ws\",\"subset\":\"a\"}"}}}`,
		`patch: old {"metadata":{"uid":"uid-old","annotations":{"` + corev1.PodDeletionCost + `":"200"}}}`,
	}
	if diff := cmp.Diff(want, startingWith("patch", writes)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if got := w.spread().Status.SubsetStatuses[0].Replicas; got != 1 {
		t.Errorf("the status counts %d pods in a, want the adopted one", got)
	}
	if w.cached[0].Labels["pool"] != "" {
		t.Error("the cache was modified")
	}
	// The cache still shows the pod as it was; the server does not.
	_, writes, _ = w.pass(time.Second)
	if got := startingWith("patch: old {\"metadata\":{\"uid\":\"uid-old\",\"labels\"", writes); len(got) > 0 {
		t.Errorf("adopted again: %v", got)
	}
}

// TestPodsOfOthersAreLeftAlone: another WorkloadSpread chose their subset.
func TestPodsOfOthersAreLeftAlone(t *testing.T) {
	other := adaptive()
	other.Name = "other"
	pod := running("p1", "")
	pod.Annotations = map[string]string{api.MatchedWorkloadSpreadAnnotation: `{"name":"other","subset":"a"}`}
	w := newWorld(t, adaptive(), other, &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "n1"}}, pod)
	if _, writes, _ := w.pass(0); len(startingWith("patch", writes)) > 0 {
		t.Errorf("wrote %v", writes)
	}
}

// TestGoneSpreadIsForgotten with its metrics.
func TestGoneSpreadIsForgotten(t *testing.T) {
	w := newWorld(t, adaptive(), running("p1", "a"))
	w.pass(0)
	if err := w.server.Delete(t.Context(), w.spread()); err != nil {
		t.Fatal(err)
	}
	w.pass(time.Second)
	if n := len(w.reconciler.memories) + gauges(t, w.reconciler.metrics); n > 0 {
		t.Errorf("%d memories and gauges are left", n)
	}
}
