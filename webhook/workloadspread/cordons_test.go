package workloadspread

import (
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
)

func virtualNode(name string, cordoned bool) *corev1.Node {
	return &corev1.Node{
		ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{"type": "virtual-kubelet", "clusterID": name}},
		Spec:       corev1.NodeSpec{Unschedulable: cordoned},
	}
}

// TestNobodyReturnsToACordonedNode, and who would have does when it is uncordoned.
func TestNobodyReturnsToACordonedNode(t *testing.T) {
	ws := homeAfter("1m", 3)
	ws.Spec.Subsets[0].RequiredNodeSelectorTerm = &corev1.NodeSelectorTerm{
		MatchExpressions: []corev1.NodeSelectorRequirement{{Key: "clusterID", Operator: corev1.NodeSelectorOpIn, Values: []string{"west"}}},
	}
	west := virtualNode("west", true)
	w := newWorld(t, ws, append(objects(away()), west)...)
	w.pass(0)
	if wake, _ := w.evicts(time.Hour); wake != 0 {
		t.Errorf("it looks again in %v, want never", wake)
	}
	west = west.DeepCopy()
	west.Spec.Unschedulable, west.ResourceVersion = false, ""
	if err := w.server.Update(t.Context(), west); err != nil {
		t.Fatal(err)
	}
	w.evicts(time.Second)
	w.evicts(time.Minute, "q1")
}

func TestCordonsAreNoticed(t *testing.T) {
	open, closed := virtualNode("west", false), virtualNode("west", true)
	own := closed.DeepCopy()
	delete(own.Labels, "type")
	lost := open.DeepCopy()
	lost.Spec.Taints = []corev1.Taint{{Key: corev1.TaintNodeUnreachable, Effect: corev1.TaintEffectNoExecute}}
	p := nodeChanges()
	for name, got := range map[string]bool{
		"cordoned":            p.Update(event.UpdateEvent{ObjectOld: open, ObjectNew: closed}),
		"uncordoned":          p.Update(event.UpdateEvent{ObjectOld: closed, ObjectNew: open}),
		"created while it is": p.Create(event.CreateEvent{Object: closed}),
		"gone while it was":   p.Delete(event.DeleteEvent{Object: closed}),
		"lost":                p.Update(event.UpdateEvent{ObjectOld: open, ObjectNew: lost}),
		"back":                p.Update(event.UpdateEvent{ObjectOld: lost, ObjectNew: open}),
		"not a heartbeat":     !p.Update(event.UpdateEvent{ObjectOld: closed, ObjectNew: closed}),
		"not a new node":      !p.Create(event.CreateEvent{Object: open}),
		"not own machines":    !p.Update(event.UpdateEvent{ObjectOld: open, ObjectNew: own}),
	} {
		if !got {
			t.Errorf("%s: no", name)
		}
	}
	w := newWorld(t, adaptive())
	if all := w.reconciler.allSpreads(t.Context(), closed); len(all) != 1 || all[0].NamespacedName != client.ObjectKeyFromObject(w.spread()) {
		t.Errorf("passes for %v", all)
	}
}
