package sidecarset

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/openkruise/kruise-api/apps/v1alpha1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/spillway-io/spillway/api"
)

func conflict() error {
	return apierrors.NewConflict(schema.GroupResource{Resource: "pods"}, "p", errors.New("changed"))
}

// TestRollout tells a rollout from its beginning: one pod after the other, each
// when the one before is available.
func TestRollout(t *testing.T) {
	w := newWorld(t, append(threePods(t), agents("log:v2"))...)
	_, writes, said := w.pass(0)
	name := w.revisions()[0].Name
	want := []string{"create " + name, "status agents at version 999", "patch p0 at version 999"}
	if diff := cmp.Diff(want, writes); diff != "" {
		t.Errorf("writes: -want +got:\n%s", diff)
	}
	if diff := cmp.Diff([]string{`Normal SidecarUpdated SidecarSet "agents" changed images of its containers`}, said); diff != "" {
		t.Errorf("events: -want +got:\n%s", diff)
	}
	if got := w.pods()[0]; got.Spec.Containers[1].Image != "app:v1" || !strings.Contains(got.Annotations[api.SidecarSetHashAnnotation], name) {
		t.Errorf("the pod is %+v, want its app as it was, and the revision %s", got, name)
	}
	if result, writes, _ := w.pass(time.Second); len(writes) != 1 || w.images() != "log:v2 log:v1 log:v1" {
		t.Errorf("while the first is under way it wrote %v and looks again in %v", writes, result.RequeueAfter)
	}
	for _, want := range []string{"log:v2 log:v2 log:v1", "log:v2 log:v2 log:v2"} {
		w.runAll()
		w.pass(time.Second)
		if got := w.images(); got != want {
			t.Fatalf("images are %s, want %s", got, want)
		}
	}
	w.runAll()
	w.pass(time.Second)
	wantStatus := v1alpha1.SidecarSetStatus{
		ObservedGeneration: 1, MatchedPods: 3, UpdatedPods: 3, ReadyPods: 3, UpdatedReadyPods: 3,
		LatestRevision: name, CollisionCount: new(int32(0)),
	}
	if diff := cmp.Diff(wantStatus, w.set().Status); diff != "" {
		t.Errorf("the status: -want +got:\n%s", diff)
	}
	if result, writes, said := w.pass(time.Second); len(writes)+len(said) > 0 || result.RequeueAfter != 0 {
		t.Errorf("with nothing left to do it wrote %v, said %v and looks again in %v", writes, said, result.RequeueAfter)
	}
}

// TestStaleCache: pods are counted as they are after our own writes, whatever the
// cache still shows, and are not written again before it shows them.
func TestStaleCache(t *testing.T) {
	w := newWorld(t, append(threePods(t), agents("log:v2"))...)
	w.stale = w.pods()
	w.pass(0)
	for range 3 {
		if _, writes, _ := w.pass(time.Second); strings.Contains(strings.Join(writes, " "), "patch") {
			t.Fatalf("with a stale cache it wrote %v", writes)
		}
	}
	if got := w.set().Status; got.UpdatedPods != 1 || got.UpdatedReadyPods != 0 {
		t.Errorf("the status is %+v, want the pod that was updated in it", got)
	}
	// Another version, and the pod hangs already: but the cache does not show it yet.
	w.stale[0].Status.Conditions[0].Status = corev1.ConditionFalse
	w.changeSet(func(set *v1alpha1.SidecarSet) { set.Spec.Containers[0].Image = "log:v3" })
	w.pass(time.Second)
	w.stale = nil
	w.changePod("p0", func(pod *corev1.Pod) { readied(pod, corev1.ConditionFalse) })
	w.pass(time.Second)
	if w.images() != "log:v3 log:v1 log:v1" {
		t.Errorf("after the cache has caught up, images are %s", w.images())
	}
	w.runAll()
	w.pass(time.Second)
	if n := len(w.reconciler.memories["agents"].written); n > 1 {
		t.Errorf("%d pods are remembered as written", n)
	}
}

// TestConflict: a pod that changed since it was read is looked at again soon, and
// nothing is written over.
func TestConflict(t *testing.T) {
	w := newWorld(t, append(threePods(t), agents("log:v2"))...)
	w.stale = w.pods()
	w.changePod("p0", func(pod *corev1.Pod) { pod.Labels["new"] = "yes" })
	result, _, said := w.pass(0)
	if result.RequeueAfter != writePause || len(said) > 0 || w.images() != "log:v1 log:v1 log:v1" {
		t.Errorf("it looks again in %v, said %v, and images are %s", result.RequeueAfter, said, w.images())
	}
	w.stale = nil
	w.pass(writePause)
	if w.images() != "log:v2 log:v1 log:v1" {
		t.Errorf("images are %s", w.images())
	}
}

// TestRefusedPod: one that the API server does not let us change holds up no
// other, and is tried again a minute later.
func TestRefusedPod(t *testing.T) {
	w := newWorld(t, append(threePods(t), agents("log:v2"))...)
	w.refuse["patch p0"] = apierrors.NewForbidden(schema.GroupResource{Resource: "pods"}, "p0", errors.New("policy"))
	result, _, said := w.pass(0)
	if result.RequeueAfter != writePause || len(said) != 1 || !strings.HasPrefix(said[0], "Warning SidecarUpdateFailed ") {
		t.Errorf("it looks again in %v, and said %v", result.RequeueAfter, said)
	}
	if _, _, said := w.pass(writePause); w.images() != "log:v1 log:v2 log:v1" || len(said) != 1 {
		t.Errorf("images are %s, said %v", w.images(), said)
	}
	w.runAll()
	w.pass(time.Second)
	w.runAll()
	delete(w.refuse, "patch p0")
	result, _, _ = w.pass(time.Second)
	if want := refusedPause - writePause - 2*time.Second; w.images() != "log:v1 log:v2 log:v2" || result.RequeueAfter != want {
		t.Errorf("images are %s, looks again in %v, want %v", w.images(), result.RequeueAfter, want)
	}
	w.pass(result.RequeueAfter)
	if w.images() != "log:v2 log:v2 log:v2" {
		t.Errorf("a minute later, images are %s", w.images())
	}
}

// TestWhatIsNotUnderstood is told, once, and nothing is written.
func TestWhatIsNotUnderstood(t *testing.T) {
	w := newWorld(t, append(threePods(t), agents("log:v2"))...)
	withUnknown(w)
	_, writes, said := w.pass(0)
	if len(writes) > 0 || len(said) != 1 || !strings.HasPrefix(said[0], "Warning InvalidSidecarSet ") || !strings.Contains(said[0], "spec.updateStrategy.when") {
		t.Errorf("wrote %v, said %v", writes, said)
	}
	if _, writes, said := w.pass(time.Second); len(writes)+len(said) > 0 {
		t.Errorf("again: wrote %v, said %v", writes, said)
	}
	w.reconciler.cache = w.server
	w.pass(time.Second)
	if w.images() != "log:v2 log:v1 log:v1" {
		t.Errorf("understood, images are %s", w.images())
	}
}

// TestStandBack: nothing is written beside another server of SidecarSets.
func TestStandBack(t *testing.T) {
	w := newWorld(t, append(threePods(t), agents("log:v2"))...)
	other, errBoom := "kruise-manager", error(nil)
	w.reconciler.standBack = func(context.Context) (string, error) { return other, errBoom }
	if result, writes, said := w.pass(0); len(writes)+len(said) > 0 || result.RequeueAfter != time.Minute {
		t.Errorf("wrote %v, said %v, looks again in %v", writes, said, result.RequeueAfter)
	}
	other = ""
	w.pass(time.Minute)
	if w.images() != "log:v2 log:v1 log:v1" {
		t.Errorf("when it is gone, images are %s", w.images())
	}
	errBoom = errors.New("boom")
	_, err := w.reconciler.Reconcile(t.Context(), reconcile.Request{NamespacedName: types.NamespacedName{Name: "agents"}})
	if !errors.Is(err, errBoom) {
		t.Errorf("got %v, want %v", err, errBoom)
	}
}

// TestNeedRecreation: what cannot follow in place is told, counted and marked, and
// unmarked when it can.
func TestNeedRecreation(t *testing.T) {
	set := agents("log:v2")
	set.Spec.Containers[0].Args = []string{"-v"}
	w := newWorld(t, append(threePods(t), set)...)
	_, writes, said := w.pass(0)
	want := []string{"Warning NeedRecreation 3 of 3 pods keep the version they have until they are created again, such as default/p0: UpdateImmutableField"}
	if diff := cmp.Diff(want, said); diff != "" {
		t.Errorf("events: -want +got:\n%s", diff)
	}
	if diff := cmp.Diff([]string{"status p0 at version 999", "status p1 at version 999", "status p2 at version 999"}, writes[2:]); diff != "" {
		t.Errorf("writes: -want +got:\n%s", diff)
	}
	if got := w.gauge("needs_recreation"); got != 3 {
		t.Errorf("the metric says %v", got)
	}
	if _, writes, said := w.pass(time.Second); len(writes)+len(said) > 0 {
		t.Errorf("again: wrote %v, said %v", writes, said)
	}
	w.changeSet(func(set *v1alpha1.SidecarSet) { set.Spec.Containers[0].Args = nil })
	w.pass(time.Second)
	w.pass(time.Second)
	for _, pod := range w.pods() {
		i := slices.IndexFunc(pod.Status.Conditions, func(c corev1.PodCondition) bool { return c.Type == api.SidecarSetUpgradableCondition })
		if i < 0 || pod.Status.Conditions[i].Status != corev1.ConditionTrue {
			t.Errorf("pod %s has the conditions %+v", pod.Name, pod.Status.Conditions)
		}
	}
}

// TestStuck: a rollout that does not get on is told after ten minutes, once.
func TestStuck(t *testing.T) {
	w := newWorld(t, append(threePods(t), agents("log:bad"))...)
	w.pass(0)
	result, _, said := w.pass(time.Second)
	if result.RequeueAfter != patience-time.Second || len(said) > 0 {
		t.Errorf("it looks again in %v, and said %v", result.RequeueAfter, said)
	}
	_, _, said = w.pass(result.RequeueAfter)
	want := []string{"Warning RolloutStuck 2 pods wait because 1 that have been changed do not become available, such as default/p0"}
	if diff := cmp.Diff(want, said); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if _, _, said = w.pass(time.Second); len(said) > 0 {
		t.Errorf("again: %v", said)
	}
}

// TestWhoIsLeftAlone: pods that did not opt in, or are not in the set's
// namespaces.
func TestWhoIsLeftAlone(t *testing.T) {
	objects := threePods(t)
	delete(objects[0].GetLabels(), api.OptInLabel)
	objects[1].SetNamespace("other")
	set := agents("log:v2")
	set.Spec.NamespaceSelector = &metav1.LabelSelector{MatchLabels: map[string]string{"agents": "yes"}}
	for _, name := range []string{"default", "other"} {
		namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}
		if name == "default" {
			namespace.Labels = map[string]string{"agents": "yes"}
		}
		objects = append(objects, namespace)
	}
	w := newWorld(t, append(objects, set)...)
	w.pass(0)
	for _, pod := range w.pods() {
		if got := pod.Spec.Containers[0].Image == "log:v2"; got != (pod.Name == "p2") {
			t.Errorf("pod %s was updated: %t", pod.Name, got)
		}
	}
	if got := w.set().Status.MatchedPods; got != 1 {
		t.Errorf("%d pods match", got)
	}
}
