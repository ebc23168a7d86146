package translate_test

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/spillway-io/spillway/provider/translate"
	"github.com/spillway-io/spillway/webhook/stash"
)

func TestMarksAreNeededAll(t *testing.T) {
	id := translate.Identity{UpstreamID: upstreamID, Node: stash.VirtualNode{Name: "east"}}
	marked := &corev1.Pod{}
	id.Mark(&marked.ObjectMeta, "up")
	upstream := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{UID: "up"}}
	if !id.Owns(marked) || !id.StandsFor(marked, upstream) {
		t.Errorf("a pod with all marks, %v %v, is not owned", marked.Labels, marked.Annotations)
	}
	for what, unmark := range map[string]func(*corev1.Pod){
		"another upstream cluster": func(p *corev1.Pod) { p.Labels["spillway.io/upstream"] = "other" },
		"another virtual node":     func(p *corev1.Pod) { p.Labels["spillway.io/virtual-node"] = "other" },
		"no upstream UID":          func(p *corev1.Pod) { p.Annotations = nil },
		"no labels":                func(p *corev1.Pod) { p.Labels = nil },
	} {
		foreign := marked.DeepCopy()
		unmark(foreign)
		if id.Owns(foreign) {
			t.Errorf("a pod with %s is owned", what)
		}
	}
	if id.StandsFor(marked, &corev1.Pod{ObjectMeta: metav1.ObjectMeta{UID: "next"}}) {
		t.Error("a pod stands for the successor of the pod it was made for")
	}
}
