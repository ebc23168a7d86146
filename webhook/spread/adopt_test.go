package spread_test

import (
	"maps"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/openkruise/kruise-api/apps/v1alpha1"
	corev1 "k8s.io/api/core/v1"

	"github.com/spillway-io/spillway/api"
	"github.com/spillway-io/spillway/webhook/spread"
)

func TestAdopt(t *testing.T) {
	onZone := func(zone string) func(*v1alpha1.WorkloadSpreadSubset) {
		return func(s *v1alpha1.WorkloadSpreadSubset) {
			s.RequiredNodeSelectorTerm = &corev1.NodeSelectorTerm{MatchExpressions: []corev1.NodeSelectorRequirement{
				{Key: "zone", Operator: corev1.NodeSelectorOpIn, Values: []string{zone}},
			}}
		}
	}
	prefers := func(zone string) func(*v1alpha1.WorkloadSpreadSubset) {
		return func(s *v1alpha1.WorkloadSpreadSubset) {
			required := &v1alpha1.WorkloadSpreadSubset{}
			onZone(zone)(required)
			s.PreferredNodeSelectorTerms = []corev1.PreferredSchedulingTerm{{Weight: 1, Preference: *required.RequiredNodeSelectorTerm}}
		}
	}
	tolerates := func(t corev1.Toleration) func(*v1alpha1.WorkloadSpreadSubset) {
		return func(s *v1alpha1.WorkloadSpreadSubset) { s.Tolerations = []corev1.Toleration{t} }
	}
	zone := func(zone string, taints ...corev1.Taint) *corev1.Node {
		return node("n1", map[string]string{"zone": zone}, taints...)
	}
	dedicated := corev1.Taint{Key: "dedicated", Value: "batch", Effect: corev1.TaintEffectNoSchedule}
	labelled := func(pod *corev1.Pod) { pod.Labels["pool"] = "b" }
	in := func(subset string) map[string]string {
		return map[string]string{api.MatchedWorkloadSpreadAnnotation: `{"name":"ws","subset":"` + subset + `"}`}
	}
	const nothing = "(removed)"
	cases := map[string]struct {
		reason      string
		view        spread.View
		pod         *corev1.Pod
		node        *corev1.Node
		want        string // the subset
		labels      map[string]string
		annotations map[string]string
	}{
		"term": {
			reason: "the node says which subset it is",
			view:   viewOf("", subset("a", onZone("x")), subset("b", onZone("y"))),
			node:   zone("y"), want: "b",
		},
		"none": {
			reason: "a node of no subset leaves the pod to the fake one",
			view:   viewOf("", subset("a", onZone("x")), subset("b", onZone("y"))),
			node:   zone("z"),
		},
		"empty-term": {
			reason: "a term that asks for nothing is met",
			view: viewOf("", subset("a", func(s *v1alpha1.WorkloadSpreadSubset) {
				s.RequiredNodeSelectorTerm = &corev1.NodeSelectorTerm{}
			})),
			node: zone("x"), want: "a",
		},
		"taint": {
			reason: "pods of a subset that does not tolerate the node are not there",
			view:   viewOf("", subset("b", tolerates(corev1.Toleration{Key: "dedicated", Operator: corev1.TolerationOpExists}))),
			node:   zone("x", dedicated), want: "b",
		},
		"taint-value": {
			reason: "a toleration of another value is none",
			view: viewOf("", subset("a", tolerates(corev1.Toleration{Key: "dedicated", Value: "web"})),
				subset("b", tolerates(corev1.Toleration{Key: "dedicated", Value: "batch", Effect: corev1.TaintEffectNoSchedule}))),
			node: zone("x", dedicated), want: "b",
		},
		"taint-effect": {
			reason: "nor one of another effect",
			view:   viewOf("", subset("a", tolerates(corev1.Toleration{Operator: corev1.TolerationOpExists, Effect: corev1.TaintEffectNoExecute}))),
			node:   zone("x", dedicated),
		},
		"taint-own": {
			reason: "the pod's own toleration does as well",
			view:   viewOf(""),
			pod:    podOf("p", "", func(p *corev1.Pod) { p.Spec.Tolerations = []corev1.Toleration{{Operator: corev1.TolerationOpExists}} }),
			node:   zone("x", dedicated), want: "a",
		},
		"taint-passing": {
			reason: "a node that is not ready, cordoned, or merely to be avoided is still a node of the subset",
			view:   viewOf(""),
			node: zone("x", corev1.Taint{Key: corev1.TaintNodeNotReady, Effect: corev1.TaintEffectNoSchedule},
				corev1.Taint{Key: "old", Effect: corev1.TaintEffectPreferNoSchedule}),
			want: "a",
		},
		"tie":       {reason: "the earlier of equals", view: viewOf(""), node: zone("x"), want: "a"},
		"room":      {reason: "room breaks a tie", view: viewOf("1", pods(podOf("p1", "a"))), node: zone("x"), want: "b"},
		"over-full": {reason: "but a full subset takes a pod that nobody else would", view: viewOf("0", subset("b", onZone("y"))), node: zone("x"), want: "a"},
		"patched": {
			reason: "a pod that looks like the subset's outweighs room; annotations do not matter",
			view: viewOf("", most("b", "0"), subset("a", patch(`{"metadata":{"labels":{"pool":"a"}}}`)),
				subset("b", patch(`{"metadata":{"labels":{"pool":"b"},"annotations":{"n":"1"}}}`))),
			pod: podOf("p", "", labelled), node: zone("x"), want: "b",
			annotations: map[string]string{"n": "1"},
		},
		"preferred": {
			reason: "a preferred node outweighs all",
			view:   viewOf("", most("b", "0"), subset("b", prefers("x"))),
			node:   zone("x"), want: "b",
		},
		"metadata": {
			reason: "labels and annotations of the patch are copied, if they differ, and the rest of it is not",
			view: viewOf("", subset("a", patch(
				`{"metadata":{"labels":{"pool":"b","new":"l"},"annotations":{"old":null,"none":null,"new":"a"}},"spec":{"priorityClassName":"x"}}`))),
			pod: podOf("p", "", labelled, annotated("old", "1")), node: zone("x"), want: "a",
			labels: map[string]string{"new": "l"}, annotations: map[string]string{"old": nothing, "new": "a"},
		},
		"metadata-ignored": {
			reason: "unless the WorkloadSpread says not to",
			view: viewOf("", subset("a", patch(`{"metadata":{"labels":{"new":"l"}}}`)), func(v *spread.View) {
				v.Spread.Annotations = map[string]string{api.IgnorePatchMetadataAnnotation: "true"}
			}),
			node: zone("x"), want: "a",
		},
		"metadata-reserved": {
			reason: "the founding configuration's stash is for pods that are created with it; who owns and handles a pod is settled",
			view: viewOf("", subset("a", patch(`{"metadata":{"labels":{"virtual-pod":"false","pod-template-hash":"v9"},
				"annotations":{"clusterSelector":"{}","apps.kruise.io/matched-workloadspread":"x","subset":"a"}}}`))),
			node: zone("x"), want: "a",
			annotations: map[string]string{"subset": "a"},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if tc.pod == nil {
				tc.pod = podOf("p", "")
			}
			got, ok, err := tc.view.Adopt(tc.pod, tc.node)
			if err != nil {
				t.Fatal(err)
			}
			if ok != (tc.want != "") || got.Subset != tc.want {
				t.Fatalf("%s: adopted %t by %q, want %q", tc.reason, ok, got.Subset, tc.want)
			}
			if !ok {
				return
			}
			want := in(tc.want)
			maps.Copy(want, tc.annotations)
			for what, pair := range map[string]struct {
				want map[string]string
				got  map[string]*string
			}{"labels": {tc.labels, got.Labels}, "annotations": {want, got.Annotations}} {
				flat := map[string]string(nil)
				for key, value := range pair.got {
					if flat == nil {
						flat = map[string]string{}
					}
					flat[key] = nothing
					if value != nil {
						flat[key] = *value
					}
				}
				if diff := cmp.Diff(pair.want, flat); diff != "" {
					t.Errorf("%s: %s: -want +got:\n%s", tc.reason, what, diff)
				}
			}
		})
	}
}

func TestAdoptTellsOfMistakes(t *testing.T) {
	for name, v := range map[string]spread.View{
		"patch": viewOf("", subset("b", patch(`{"spec":3}`))),
		"term": viewOf("", subset("b", func(s *v1alpha1.WorkloadSpreadSubset) {
			s.RequiredNodeSelectorTerm = &corev1.NodeSelectorTerm{MatchExpressions: []corev1.NodeSelectorRequirement{{Key: "k", Operator: "Like"}}}
		})),
		"labels": viewOf("", subset("a", patch(`{"metadata":{"annotations":{"n":1}}}`))),
	} {
		t.Run(name, func(t *testing.T) {
			if _, ok, err := v.Adopt(podOf("p", ""), node("n1", nil)); err == nil || ok {
				t.Errorf("adopted %t, error %v", ok, err)
			}
		})
	}
}

func TestOrphan(t *testing.T) {
	cases := map[string]struct {
		reason string
		pod    *corev1.Pod
		want   bool
	}{
		"older":         {"a pod from before the WorkloadSpread", podOf("p", ""), true},
		"other":         {"one of a WorkloadSpread that is no more", podOf("p", "", annotated(api.MatchedWorkloadSpreadAnnotation, `{"name":"was","subset":"a"}`)), true},
		"garbage":       {"one whose annotation cannot be read", podOf("p", "", annotated(api.MatchedWorkloadSpreadAnnotation, `{`)), true},
		"ours":          {"has a subset", podOf("p", "a"), false},
		"removed":       {"had one that was removed", podOf("p", "gone"), false},
		"case":          {"written as Kruise's own tests do", podOf("p", "", annotated(api.MatchedWorkloadSpreadAnnotation, `{"Name":"ws","Subset":"a"}`)), false},
		"unbound":       {"W10: its node will say where it belongs", podOf("p", "", unschedulable(-9)), false},
		"finished":      {"counts nowhere", podOf("p", "", inPhase(corev1.PodSucceeded)), false},
		"being-deleted": {"counts nowhere", podOf("p", "", deleted), false},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if got := viewOf("").Orphan(tc.pod); got != tc.want {
				t.Errorf("%s: %t, want %t", tc.reason, got, tc.want)
			}
		})
	}
}
