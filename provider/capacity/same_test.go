package capacity_test

import (
	"testing"

	corev1 "k8s.io/api/core/v1"

	"github.com/spillway-io/spillway/provider/capacity"
)

func TestSameNode(t *testing.T) {
	plain := func() corev1.Node {
		return node("a", "cpu=4", taint("k", "v", corev1.TaintEffectNoSchedule), label("topology.kubernetes.io/zone", "z"))
	}
	cases := map[string]struct {
		change nodeOption
		want   bool
	}{
		"nothing":             {func(*corev1.Node) {}, true},
		"heartbeat":           {func(n *corev1.Node) { n.Status.Conditions[0].Message = "still here" }, true},
		"images":              {func(n *corev1.Node) { n.Status.Images = []corev1.ContainerImage{{}} }, true},
		"other-label":         {label("disktype", "ssd"), true},
		"quantity-rewritten":  {func(n *corev1.Node) { n.Status.Allocatable["cpu"] = list("cpu=4000m")["cpu"] }, true},
		"readiness":           {ready(corev1.ConditionUnknown), false},
		"cordon":              {isCordoned, false},
		"deletion":            {isDeleted, false},
		"allocatable":         {func(n *corev1.Node) { n.Status.Allocatable["cpu"] = list("cpu=5")["cpu"] }, false},
		"new-resource":        {func(n *corev1.Node) { n.Status.Allocatable["nvidia.com/gpu"] = list("gpu=0")["gpu"] }, false},
		"further-taint":       {taint("l", "", corev1.TaintEffectNoSchedule), false},
		"taint-value":         {func(n *corev1.Node) { n.Spec.Taints[0].Value = "w" }, false},
		"taint-effect":        {func(n *corev1.Node) { n.Spec.Taints[0].Effect = corev1.TaintEffectPreferNoSchedule }, false},
		"feature":             {declares("RestartAllContainersOnContainerExits"), false},
		"zone":                {label("topology.kubernetes.io/zone", "y"), false},
		"zone-without-a-name": {label("topology.kubernetes.io/region", ""), false},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			before, after := plain(), plain()
			tc.change(&after)
			if capacity.SameNode(&before, &after) != tc.want || capacity.SameNode(&after, &before) != tc.want {
				t.Errorf("SameNode() is not %t, both ways", tc.want)
			}
		})
	}
}

func TestSamePod(t *testing.T) {
	cases := map[string]struct {
		change podOption
		want   bool
	}{
		"nothing":        {func(*corev1.Pod) {}, true},
		"starts":         {phase(corev1.PodPending), true},
		"becomes-ready":  {func(p *corev1.Pod) { p.Status.Conditions = []corev1.PodCondition{{Type: corev1.PodReady}} }, true},
		"terminates":     {func(p *corev1.Pod) { p.DeletionGracePeriodSeconds = new(int64(30)) }, true},
		"granted":        {resizing("cpu=1"), true},
		"ends":           {phase(corev1.PodSucceeded), false},
		"other-node":     {func(p *corev1.Pod) { p.Spec.NodeName = "b" }, false},
		"granted-more":   {resizing("cpu=2"), false},
		"asks-for-more":  {func(p *corev1.Pod) { p.Spec.Containers[0].Resources.Requests = list("cpu=2") }, false},
		"asks-for-other": {func(p *corev1.Pod) { p.Spec.Containers[0].Resources.Requests = list("cpu=1 memory=1") }, false},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			before, after := pod("a", "cpu=1"), pod("a", "cpu=1")
			tc.change(&after)
			if capacity.SamePod(&before, &after) != tc.want || capacity.SamePod(&after, &before) != tc.want {
				t.Errorf("SamePod() is not %t, both ways", tc.want)
			}
		})
	}
}
