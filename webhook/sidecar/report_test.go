package sidecar

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/openkruise/kruise-api/apps/v1alpha1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/spillway-io/spillway/api"
)

func TestReport(t *testing.T) {
	v1, v2 := rolling("log:v1", nil), rolling("log:v2", nil)
	v2.Revision = "agents-2"
	view := View{Set: v2}
	for i := range 6 {
		view.Pods = append(view.Pods, podOf(t, v1, fmt.Sprintf("p%d", i)))
	}
	readied(view.Pods[0], false)
	view.Pods[1] = updated(t, view.Pods[1], v2)
	for i := 2; i < 5; i++ {
		view.Pods[i] = updated(t, view.Pods[i], v2)
		runs(view.Pods[i], "second")
	}
	readied(view.Pods[4], false)
	want := Report{Status: v1alpha1.SidecarSetStatus{
		ObservedGeneration: 7, MatchedPods: 6, UpdatedPods: 4, ReadyPods: 3, UpdatedReadyPods: 2,
		LatestRevision: "agents-2", CollisionCount: new(int32(1)),
	}}
	if diff := cmp.Diff(want, view.Report(new(int32(1)), midnight())); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// TestReportOfBlockedPods: which pods have to be created again, as far as the set
// asks them to follow.
func TestReportOfBlockedPods(t *testing.T) {
	changed := func(change func(*v1alpha1.SidecarSetUpdateStrategy)) *Set {
		object := agents("log:v2")
		object.Spec.Containers[0].Args = []string{"-v"}
		if change != nil {
			change(&object.Spec.UpdateStrategy)
		}
		return Compile(object, nil)
	}
	v1 := rolling("log:v1", nil)
	virtual := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Labels: map[string]string{api.NodeTypeLabel: api.NodeTypeVirtual}}}
	cases := map[string]struct {
		set  *Set
		node *corev1.Node
		want string
	}{
		"image":         {rolling("log:v2", nil), nil, ""},
		"arguments":     {changed(nil), nil, "UpdateImmutableField"},
		"node":          {rolling("log:v2", nil), virtual, "NodeImmutable"},
		"both":          {changed(nil), virtual, "UpdateImmutableField"},
		"node, updated": {v1, virtual, ""},
		"not update": {changed(func(s *v1alpha1.SidecarSetUpdateStrategy) {
			s.Type = v1alpha1.NotUpdateSidecarSetStrategyType
		}), nil, ""},
		"paused": {changed(func(s *v1alpha1.SidecarSetUpdateStrategy) { s.Paused = true }), nil, ""},
		"others": {changed(func(s *v1alpha1.SidecarSetUpdateStrategy) {
			s.Selector = &metav1.LabelSelector{MatchLabels: map[string]string{"app": "other"}}
		}), nil, ""},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			report := View{Set: tc.set, Pods: []*corev1.Pod{podOf(t, v1, "p")}, Nodes: map[string]*corev1.Node{"n1": tc.node}}.Report(nil, midnight())
			got, condition := "", ""
			for _, blocked := range report.NeedRecreation {
				got += blocked.Reason
			}
			for _, c := range report.Conditions {
				condition += c.Condition.Reason
			}
			if got != tc.want || condition != tc.want {
				t.Errorf("blocked by %q, condition %q, want %q", got, condition, tc.want)
			}
		})
	}
}

// TestUpgradable: the condition is written once there is something in the way, and
// again when that changes.
func TestUpgradable(t *testing.T) {
	before, now := metav1.NewTime(midnight().Add(-time.Hour)), metav1.NewTime(midnight())
	condition := func(status corev1.ConditionStatus, reason, message string, at metav1.Time) *corev1.PodCondition {
		return &corev1.PodCondition{Type: api.SidecarSetUpgradableCondition, Status: status, Reason: reason, Message: message, LastTransitionTime: at}
	}
	cases := map[string]struct {
		reason   string
		had      *corev1.PodCondition
		obstacle string
		want     *corev1.PodCondition
	}{
		"never in the way": {"Nothing is written.", nil, "", nil},
		"first": {
			"", nil, "UpdateImmutableField",
			condition("False", "UpdateImmutableField", `{"agents":false}`, now),
		},
		"known": {
			"It is told once.", condition("False", "UpdateImmutableField", `{"agents":false}`, before), "UpdateImmutableField", nil,
		},
		"out of the way": {
			"", condition("False", "NodeImmutable", `{"agents":false}`, before), "",
			condition("True", "AllSidecarsetUpgradable", `{"agents":true}`, now),
		},
		"still out of the way": {"", condition("True", "AllSidecarsetUpgradable", `{"agents":true}`, before), "", nil},
		"again": {
			"", condition("True", "AllSidecarsetUpgradable", `{"agents":true}`, before), "NodeImmutable",
			condition("False", "NodeImmutable", `{"agents":false}`, now),
		},
		"beside another": {
			"The status does not change, and so its time does not.",
			condition("False", "UpdateImmutableField", `{"mesh":false}`, before), "NodeImmutable",
			condition("False", "NodeImmutable", `{"agents":false,"mesh":false}`, before),
		},
		"another stays": {
			"The other set is still in the way.",
			condition("False", "UpdateImmutableField", `{"agents":false,"mesh":false}`, before), "",
			condition("False", "UpdateImmutableField", `{"agents":true,"mesh":false}`, before),
		},
		"only another": {"This set has nothing to say.", condition("False", "UpdateImmutableField", `{"mesh":false}`, before), "", nil},
		"garbage": {
			"", condition("False", "Other", "words", before), "NodeImmutable",
			condition("False", "NodeImmutable", `{"agents":false}`, before),
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			pod := podOf(t, rolling("log:v1", nil), "p")
			if tc.had != nil {
				pod.Status.Conditions = append(pod.Status.Conditions, *tc.had)
			}
			got, changes := upgradable(pod, "agents", tc.obstacle, midnight())
			if changes != (tc.want != nil) {
				t.Fatalf("%s changes: %t", tc.reason, changes)
			}
			if tc.want == nil {
				return
			}
			if diff := cmp.Diff(*tc.want, got); diff != "" {
				t.Errorf("%s\n-want +got:\n%s", tc.reason, diff)
			}
		})
	}
}

func TestConditionPatch(t *testing.T) {
	pod := podOf(t, rolling("log:v1", nil), "p")
	patch, err := ConditionPatch(Condition{Pod: pod, Condition: corev1.PodCondition{Type: "T", Status: "True"}})
	if err != nil {
		t.Fatal(err)
	}
	want := `{"metadata":{"resourceVersion":"1","uid":"uid-p"},"status":{"conditions":[{"type":"T","status":"True","lastProbeTime":null,"lastTransitionTime":null}]}}`
	if diff := cmp.Diff(want, string(patch)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// TestStatusPatch: zeros are written too, and a count that is not kept any more is
// removed.
func TestStatusPatch(t *testing.T) {
	set := agents("log:v1")
	set.ResourceVersion = "5"
	patch, err := StatusPatch(set, v1alpha1.SidecarSetStatus{ObservedGeneration: 7})
	if err != nil {
		t.Fatal(err)
	}
	want := `{"metadata":{"resourceVersion":"5","uid":"set-uid"},"status":{"collisionCount":null,"latestRevision":"",` +
		`"matchedPods":0,"observedGeneration":7,"readyPods":0,"updatedPods":0,"updatedReadyPods":0}}`
	if diff := cmp.Diff(want, string(patch)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestFollows(t *testing.T) {
	set := rolling("log:v1", nil)
	cases := map[string]struct {
		change func(*corev1.Pod)
		want   bool
	}{
		"follows":     {func(*corev1.Pod) {}, true},
		"succeeded":   {func(p *corev1.Pod) { p.Status.Phase = corev1.PodSucceeded }, false},
		"failed":      {func(p *corev1.Pod) { p.Status.Phase = corev1.PodFailed }, false},
		"terminating": {func(p *corev1.Pod) { p.DeletionTimestamp = new(metav1.Now()) }, false},
		"relabelled":  {func(p *corev1.Pod) { p.Labels["app"] = "db" }, false},
		"without it":  {func(p *corev1.Pod) { p.Annotations[api.SidecarSetListAnnotation] = "agents2,mesh" }, false},
		"with others": {func(p *corev1.Pod) { p.Annotations[api.SidecarSetListAnnotation] = "a,agents,z" }, true},
		"never":       {func(p *corev1.Pod) { p.Annotations = nil }, false},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			pod := podOf(t, set, "p")
			tc.change(pod)
			if got := set.Follows(pod, Namespace{Name: "default"}); got != tc.want {
				t.Errorf("got %t, want %t", got, tc.want)
			}
		})
	}
}
