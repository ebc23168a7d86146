package sidecarset

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/openkruise/kruise-api/apps/v1alpha1"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"

	"github.com/spillway-io/spillway/api"
	"github.com/spillway-io/spillway/webhook/catalog"
	"github.com/spillway-io/spillway/webhook/pace"
)

func startingWith(prefix string, all []string) []string {
	return slices.DeleteFunc(slices.Clone(all), func(s string) bool { return !strings.HasPrefix(s, prefix) })
}

// manyPods are more than one pass writes.
func manyPods(t *testing.T) []client.Object {
	t.Helper()
	var objects []client.Object
	for i := range maxUpdates + 10 {
		objects = append(objects, podWith(t, agents("log:v1"), fmt.Sprintf("p%03d", i)))
	}
	return objects
}

// TestManyUpdates are made in several passes.
func TestManyUpdates(t *testing.T) {
	set := agents("log:v2")
	set.Spec.UpdateStrategy.MaxUnavailable = new(intstr.FromString("100%"))
	w := newWorld(t, append(manyPods(t), set)...)
	result, writes, _ := w.pass(0)
	if n := len(startingWith("patch", writes)); n != maxUpdates || result.RequeueAfter != writePause {
		t.Errorf("%d pods updated in the first pass, looks again in %v", n, result.RequeueAfter)
	}
	if _, writes, _ = w.pass(writePause); len(startingWith("patch", writes)) != 10 {
		t.Errorf("in the second pass it wrote %v", writes)
	}
}

// TestManyConditions are written in several passes.
func TestManyConditions(t *testing.T) {
	set := agents("log:v1")
	set.Spec.Containers[0].Args = []string{"-v"}
	w := newWorld(t, append(manyPods(t), set)...)
	result, writes, _ := w.pass(0)
	if n := len(startingWith("status p", writes)); n != maxConditions || result.RequeueAfter != writePause {
		t.Errorf("%d conditions in the first pass, looks again in %v", n, result.RequeueAfter)
	}
	if _, writes, _ = w.pass(writePause); len(startingWith("status p", writes)) != 10 {
		t.Errorf("in the second pass it wrote %v", writes)
	}
}

// TestConditionConflict: another set wrote the pod's condition meanwhile.
func TestConditionConflict(t *testing.T) {
	set := agents("log:v1")
	set.Spec.Containers[0].Args = []string{"-v"}
	w := newWorld(t, podWith(t, agents("log:v1"), "p0"), set)
	w.refuse["status p0"] = conflict()
	if result, _, _ := w.pass(0); result.RequeueAfter != writePause {
		t.Errorf("it looks again in %v", result.RequeueAfter)
	}
	w.refuse = nil
	if _, writes, _ := w.pass(writePause); len(startingWith("status p0", writes)) != 1 {
		t.Errorf("it wrote %v", writes)
	}
}

// TestMetadataThatCannotBeMerged is told on the pod, and holds up no other.
func TestMetadataThatCannotBeMerged(t *testing.T) {
	set := agents("log:v2")
	set.Spec.PatchPodMetadata = []v1alpha1.SidecarSetPatchPodMetadata{{
		Annotations: map[string]string{"merged": `{"a":1}`}, PatchPolicy: v1alpha1.SidecarSetMergePatchJsonPatchPolicy,
	}}
	objects := threePods(t)
	objects[0].GetAnnotations()["merged"] = "text"
	w := newWorld(t, append(objects, set)...)
	_, _, said := w.pass(0)
	if len(said) != 1 || !strings.HasPrefix(said[0], "Warning SidecarUpdateFailed ") || !strings.Contains(said[0], `"merged"`) {
		t.Errorf("said %v", said)
	}
	w.pass(writePause)
	if got := w.pods()[1]; w.images() != "log:v1 log:v2 log:v1" || got.Annotations["merged"] != `{"a":1}` {
		t.Errorf("images are %s, annotations %v", w.images(), got.Annotations)
	}
}

// TestForeignVirtualNode: an image would never get there.
func TestForeignVirtualNode(t *testing.T) {
	node := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "n1", Labels: map[string]string{api.NodeTypeLabel: api.NodeTypeVirtual}}}
	w := newWorld(t, append(threePods(t), agents("log:v2"), node)...)
	_, writes, said := w.pass(0)
	if len(startingWith("patch", writes)) > 0 || len(said) != 1 || !strings.HasSuffix(said[0], "NodeImmutable") {
		t.Errorf("wrote %v, said %v", writes, said)
	}
}

// TestWhatCannotBeRead is told.
func TestWhatCannotBeRead(t *testing.T) {
	w := newWorld(t, agents("log:v1"))
	object := catalog.NewObject()
	object.SetName("agents")
	object.Object["spec"] = map[string]any{"containers": "none"}
	w.reconciler.cache = oneSet{w.server, object}
	_, writes, said := w.pass(0)
	if len(writes) > 0 || len(said) != 1 || !strings.HasPrefix(said[0], "Warning InvalidSidecarSet ") {
		t.Errorf("wrote %v, said %v", writes, said)
	}
}

// TestStatusIsNotWrittenTooOften while pods come and go.
func TestStatusIsNotWrittenTooOften(t *testing.T) {
	w := newWorld(t, append(threePods(t), agents("log:v1"))...)
	w.pass(0)
	w.changePod("p0", func(pod *corev1.Pod) { readied(pod, corev1.ConditionFalse) })
	if result, writes, _ := w.pass(pace.Shortest); len(writes) > 0 || result.RequeueAfter != writePause-pace.Shortest {
		t.Errorf("wrote %v, looks again in %v", writes, result.RequeueAfter)
	}
	w.pass(writePause - pace.Shortest)
	if w.set().Status.ReadyPods != 2 {
		t.Errorf("the status is %+v", w.set().Status)
	}
}

// TestRevisionConflict: the revision that is to get a name was changed by somebody
// else, or the cache has not seen it yet.
func TestRevisionConflict(t *testing.T) {
	w := newWorld(t, agents("log:v1"))
	w.pass(0)
	named := func(set *v1alpha1.SidecarSet) {
		set.Labels = map[string]string{v1alpha1.SidecarSetCustomVersionLabel: "one"}
	}
	w.changeSet(named)
	w.staleRevisions = true
	if result, writes, _ := w.pass(time.Second); len(startingWith("patch", writes)) > 0 || result.RequeueAfter != writePause {
		t.Errorf("with a stale cache it wrote %v, and looks again in %v", writes, result.RequeueAfter)
	}
	w.staleRevisions, w.refuse["patch"] = false, conflict()
	if result, _, _ := w.pass(time.Second); result.RequeueAfter != writePause {
		t.Errorf("after a conflict it looks again in %v", result.RequeueAfter)
	}
	w.refuse = nil
	w.pass(time.Second)
	if got := w.revisions(); len(got) != 1 || got[0].Labels[v1alpha1.SidecarSetCustomVersionLabel] != "one" {
		t.Errorf("the revisions are %+v", got)
	}
}

// TestRevisionChanges: only one that is deleted is news.
func TestRevisionChanges(t *testing.T) {
	revision := &appsv1.ControllerRevision{ObjectMeta: metav1.ObjectMeta{Labels: map[string]string{api.SidecarSetNameLabel: "agents"}}}
	if deletions().Create(event.CreateEvent{Object: revision}) || deletions().Update(event.UpdateEvent{ObjectOld: revision, ObjectNew: revision}) ||
		!deletions().Delete(event.DeleteEvent{Object: revision}) {
		t.Error("the wrong events are let through")
	}
	if diff := cmp.Diff(requests("agents"), setOfRevision(t.Context(), revision)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}
