package site

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// TestJoin: a virtual node is one that has a Node of ours, or a Deployment, or both.
func TestJoin(t *testing.T) {
	node := func(name string, taints ...corev1.Taint) corev1.Node {
		return corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: corev1.NodeSpec{Taints: taints}}
	}
	ours := corev1.Taint{Key: "virtual-kubelet.io/provider", Value: "spillway", Effect: corev1.TaintEffectNoSchedule}
	theirs := corev1.Taint{Key: "virtual-kubelet.io/provider", Value: "azure", Effect: corev1.TaintEffectNoSchedule}
	deployment := func(name string) *appsv1.Deployment {
		return &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Labels: map[string]string{"spillway.io/virtual-node": name}}}
	}
	var got []string
	for _, n := range join([]corev1.Node{node("west", ours), node("aci", theirs), node("east", ours)}, []*appsv1.Deployment{deployment("east"), deployment("north"), deployment("")}) {
		has := n.Name
		if n.Node != nil {
			has += " node"
		}
		if n.Deployment != nil {
			has += " deployment"
		}
		got = append(got, has)
	}
	if diff := cmp.Diff([]string{"east node deployment", "north deployment", "west node"}, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestArguments(t *testing.T) {
	deployment := &appsv1.Deployment{Spec: appsv1.DeploymentSpec{Template: corev1.PodTemplateSpec{Spec: corev1.PodSpec{
		Containers: []corev1.Container{{Name: "sidecar", Args: []string{"x", "y"}}, {Name: "node", Args: []string{"node", "--name=east"}}},
	}}}}
	if diff := cmp.Diff([]string{"--name=east"}, Arguments(deployment, "node")); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if got := Arguments(nil, "node"); got != nil {
		t.Errorf("without a Deployment they are %q", got)
	}
}
