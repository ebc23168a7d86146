package sidecarset

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/openkruise/kruise-api/apps/v1alpha1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/spillway-io/spillway/api"
	"github.com/spillway-io/spillway/webhook/eventnote"
	"github.com/spillway-io/spillway/webhook/pace"
)

// gauge is what the metrics say of the set's pods, -1 if nothing.
func (w *world) gauge(state string) float64 {
	w.Helper()
	families, err := w.registry.Gather()
	if err != nil {
		w.Fatal(err)
	}
	for _, family := range families {
		for _, metric := range family.GetMetric() {
			for _, label := range metric.GetLabel() {
				if family.GetName() == "spillway_sidecarset_pods" && label.GetValue() == state {
					return metric.GetGauge().GetValue()
				}
				if family.GetName() == "spillway_sidecarset_updates_total" && state == "updates" {
					return metric.GetCounter().GetValue()
				}
			}
		}
	}
	return -1
}

func TestMetrics(t *testing.T) {
	w := newWorld(t, append(threePods(t), agents("log:v2"))...)
	w.pass(0)
	w.pass(time.Second)
	got := map[string]float64{}
	for _, state := range []string{"matched", "updated", "ready", "updated_ready", "needs_recreation", "updates"} {
		got[state] = w.gauge(state)
	}
	want := map[string]float64{"matched": 3, "updated": 1, "ready": 2, "updated_ready": 0, "needs_recreation": 0, "updates": 1}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if err := w.server.Delete(t.Context(), agents("")); err != nil {
		t.Fatal(err)
	}
	w.pass(time.Second)
	if w.gauge("matched") != -1 || w.gauge("updates") != -1 || len(w.reconciler.memories) > 0 {
		t.Error("a set that is gone is not forgotten")
	}
}

// TestHistory: versions, one that returns, and a name for one of them.
func TestHistory(t *testing.T) {
	set := agents("log:v1")
	set.Spec.RevisionHistoryLimit = new(int32(2))
	set.Spec.UpdateStrategy.Type = v1alpha1.NotUpdateSidecarSetStrategyType
	w := newWorld(t, set)
	step := func(image, version string) {
		w.changeSet(func(set *v1alpha1.SidecarSet) {
			set.Spec.Containers[0].Image = image
			set.Labels = map[string]string{v1alpha1.SidecarSetCustomVersionLabel: version}
		})
		w.pass(time.Second)
	}
	has := func(want ...string) {
		t.Helper()
		var got []string
		for _, r := range w.revisions() {
			_, image, _ := strings.Cut(string(r.Data.Raw), `"image":"`)
			image, _, _ = strings.Cut(image, `"`)
			got = append(got, image+" "+r.Labels[v1alpha1.SidecarSetCustomVersionLabel])
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("revisions: -want +got:\n%s", diff)
		}
		revisions := w.revisions()
		if latest := revisions[len(revisions)-1].Name; w.set().Status.LatestRevision != latest {
			t.Errorf("the status says %s, want %s", w.set().Status.LatestRevision, latest)
		}
	}
	step("log:v1", "one")
	has("log:v1 one")
	step("log:v2", "two")
	has("log:v1 one", "log:v2 two")
	step("log:v3", "three")
	has("log:v2 two", "log:v3 three")
	step("log:v2", "two again")
	has("log:v3 three", "log:v2 two again")
	if r := w.revisions()[1]; r.Revision != 4 || r.OwnerReferences[0].UID != "set-uid" || r.OwnerReferences[0].Kind != "SidecarSet" {
		t.Errorf("the last revision is %+v", r)
	}
	w.staleRevisions = true
	if _, writes, _ := w.pass(time.Second); len(w.revisions()) != 2 || w.set().Status.LatestRevision != w.revisions()[1].Name {
		t.Errorf("with a stale cache it wrote %v", writes)
	}
}

// TestHistoryFails: pods are not given a version that has no name.
func TestHistoryFails(t *testing.T) {
	w := newWorld(t, append(threePods(t), agents("log:v2"))...)
	errBoom := errors.New("boom")
	w.refuse["create"] = errBoom
	_, err := w.reconciler.Reconcile(t.Context(), reconcile.Request{NamespacedName: types.NamespacedName{Name: "agents"}})
	if !errors.Is(err, errBoom) || w.images() != "log:v1 log:v1 log:v1" {
		t.Errorf("got %v, want %v; images are %s", err, errBoom, w.images())
	}
}

// TestWithoutNamespace there is no history, and all else is as ever.
func TestWithoutNamespace(t *testing.T) {
	w := newWorld(t, append(threePods(t), agents("log:v2"))...)
	w.reconciler.namespace = ""
	w.pass(0)
	if got := w.set().Status; w.images() != "log:v2 log:v1 log:v1" || len(w.revisions()) > 0 || got.LatestRevision != "" || got.MatchedPods != 3 {
		t.Errorf("images are %s, status %+v", w.images(), got)
	}
}

// TestStatusConflict: somebody else wrote the set, and it is looked at again.
func TestStatusConflict(t *testing.T) {
	w := newWorld(t, agents("log:v1"))
	w.refuse["status"] = conflict()
	if result, _, _ := w.pass(0); result.RequeueAfter != writePause {
		t.Errorf("it looks again in %v, want %v", result.RequeueAfter, writePause)
	}
	w.refuse = nil
	w.pass(writePause)
	if w.set().Status.ObservedGeneration != 1 {
		t.Error("the status is not written")
	}
}

// TestFailedWrites have the pass tried again, and do not keep it from its other
// work.
func TestFailedWrites(t *testing.T) {
	set := agents("log:v2")
	objects := append(threePods(t), set)
	blocked := podWith(t, agents("log:v1"), "p9")
	blocked.Annotations[api.SidecarSetHashWithoutImageAnnotation] = "{}"
	w := newWorld(t, append(objects, blocked)...)
	errStatus, errPatch := errors.New("status"), errors.New("patch")
	w.refuse["status agents"], w.refuse["patch p0"] = errStatus, errPatch
	_, err := w.reconciler.Reconcile(t.Context(), reconcile.Request{NamespacedName: types.NamespacedName{Name: "agents"}})
	if !errors.Is(err, errStatus) || !errors.Is(err, errPatch) {
		t.Errorf("got %v", err)
	}
	if got := w.writes[len(w.writes)-1]; !strings.HasPrefix(got, "status p9 ") {
		t.Errorf("the last write is %s", got)
	}
}

// TestPassesAreRare in a burst.
func TestPassesAreRare(t *testing.T) {
	w := newWorld(t, agents("log:v1"))
	w.pass(0)
	if result, writes, _ := w.pass(pace.Shortest / 4); len(writes) > 0 || result.RequeueAfter != 3*pace.Shortest/4 {
		t.Errorf("wrote %v, looks again in %v", writes, result.RequeueAfter)
	}
}

// TestPodChanges: what wakes the controller, and what does not.
func TestPodChanges(t *testing.T) {
	cases := map[string]struct {
		change func(*corev1.Pod)
		want   bool
	}{
		"nothing":     {func(*corev1.Pod) {}, false},
		"words":       {func(p *corev1.Pod) { p.Status.Conditions[0].Message = "m" }, false},
		"restart":     {func(p *corev1.Pod) { p.Status.ContainerStatuses[1].RestartCount++ }, false},
		"annotation":  {func(p *corev1.Pod) { p.Annotations["a"] = "b" }, false},
		"ready":       {func(p *corev1.Pod) { readied(p, corev1.ConditionFalse) }, true},
		"label":       {func(p *corev1.Pod) { p.Labels["x"] = "y" }, true},
		"record":      {func(p *corev1.Pod) { p.Annotations[api.SidecarSetHashAnnotation] = "{}" }, true},
		"left":        {func(p *corev1.Pod) { delete(p.Annotations, api.SidecarSetListAnnotation) }, true},
		"bound":       {func(p *corev1.Pod) { p.Spec.NodeName = "n2" }, true},
		"finished":    {func(p *corev1.Pod) { p.Status.Phase = corev1.PodFailed }, true},
		"terminating": {func(p *corev1.Pod) { p.DeletionTimestamp = new(metav1.Now()) }, true},
		"image":       {func(p *corev1.Pod) { p.Status.ContainerStatuses[0].ImageID = "new" }, true},
		"container":   {func(p *corev1.Pod) { p.Status.ContainerStatuses[0].ContainerID = "new" }, true},
		"observed":    {func(p *corev1.Pod) { p.Status.ObservedGeneration++ }, true},
		"condition": {func(p *corev1.Pod) {
			p.Status.Conditions = append(p.Status.Conditions, corev1.PodCondition{Type: api.SidecarSetUpgradableCondition, Status: corev1.ConditionFalse})
		}, true},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			before := podWith(t, agents("log:v1"), "p")
			after := before.DeepCopy()
			tc.change(after)
			if got := podChanges().Update(event.UpdateEvent{ObjectOld: before, ObjectNew: after}); got != tc.want {
				t.Errorf("let through: %t, want %t", got, tc.want)
			}
		})
	}
	plain := podWith(t, agents("log:v1"), "p")
	plain.Annotations = nil
	changed := plain.DeepCopy()
	readied(changed, corev1.ConditionFalse)
	if podChanges().Create(event.CreateEvent{Object: plain}) || podChanges().Update(event.UpdateEvent{ObjectOld: plain, ObjectNew: changed}) {
		t.Error("a pod without sidecars is let through")
	}
}

func TestRequests(t *testing.T) {
	pod := podWith(t, agents("log:v1"), "p")
	pod.Annotations[api.SidecarSetListAnnotation] = "agents,mesh"
	if diff := cmp.Diff(requests("agents", "mesh"), setsIn(t.Context(), pod)); diff != "" {
		t.Errorf("of a pod: -want +got:\n%s", diff)
	}
	asking := agents("log:v1")
	asking.Name, asking.Spec.NamespaceSelector = "asking", &metav1.LabelSelector{MatchLabels: map[string]string{"a": "b"}}
	w := newWorld(t, agents("log:v1"), asking)
	if diff := cmp.Diff(requests("asking"), w.reconciler.setsAskingNamespaces(t.Context(), &corev1.Namespace{})); diff != "" {
		t.Errorf("of a namespace: -want +got:\n%s", diff)
	}
}

func TestNoteFitsIntoAnEvent(t *testing.T) {
	if got := eventnote.Format("%s", strings.Repeat("x", 3*eventnote.Max)); len(got) != eventnote.Max || !strings.HasSuffix(got, "...") {
		t.Errorf("%d bytes, ends with %q", len(got), got[len(got)-3:])
	}
}
