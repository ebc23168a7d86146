package drain

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/openkruise/kruise-api/apps/v1alpha1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/spillway-io/spillway/webhook/spread"
)

func virtualNode(name string, change ...func(*corev1.Node)) *corev1.Node {
	node := &corev1.Node{
		ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{"type": "virtual-kubelet", "clusterID": name}},
		Spec:       corev1.NodeSpec{Taints: []corev1.Taint{{Key: "virtual-kubelet.io/provider", Value: "spillway", Effect: corev1.TaintEffectNoSchedule}}},
		Status:     corev1.NodeStatus{Conditions: []corev1.NodeCondition{{Type: corev1.NodeReady, Status: corev1.ConditionTrue}}},
	}
	for _, c := range change {
		c(node)
	}
	return node
}

// podOf is one of ReplicaSet web-1 that runs on east.
func podOf(name, subset string, change ...func(*corev1.Pod)) *corev1.Pod {
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: "shop", Name: name, UID: types.UID(name),
			Labels:          map[string]string{"virtual-pod": "true", "pod-template-hash": "v1"},
			Annotations:     map[string]string{},
			OwnerReferences: []metav1.OwnerReference{{APIVersion: "apps/v1", Kind: "ReplicaSet", Name: "web-1", UID: "web-1", Controller: new(true)}},
		},
		Spec: corev1.PodSpec{
			NodeName: "east", RestartPolicy: corev1.RestartPolicyAlways,
			NodeSelector: map[string]string{"type": "virtual-kubelet"},
			Tolerations:  []corev1.Toleration{{Key: "virtual-kubelet.io/provider", Operator: corev1.TolerationOpExists}},
		},
		Status: corev1.PodStatus{Phase: corev1.PodRunning, Conditions: []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionTrue}}},
	}
	if subset != "" {
		pod.Annotations["apps.kruise.io/matched-workloadspread"] = fmt.Sprintf(`{"name":"ws","subset":%q}`, subset)
	}
	for _, c := range change {
		c(pod)
	}
	return pod
}

func controlledBy(apiVersion, kind string) func(*corev1.Pod) {
	return func(pod *corev1.Pod) {
		pod.OwnerReferences[0].APIVersion, pod.OwnerReferences[0].Kind = apiVersion, kind
	}
}

// in is a subset on the nodes of a cluster; most is -1 for any number.
func in(name, cluster string, most int32) v1alpha1.WorkloadSpreadSubset {
	s := v1alpha1.WorkloadSpreadSubset{Name: name, RequiredNodeSelectorTerm: &corev1.NodeSelectorTerm{
		MatchExpressions: []corev1.NodeSelectorRequirement{{Key: "clusterID", Operator: corev1.NodeSelectorOpIn, Values: []string{cluster}}},
	}}
	if most >= 0 {
		s.MaxReplicas = new(intstr.FromInt32(most))
	}
	return s
}

// worldOf has node east drained, of own machines and the virtual nodes east and west.
func worldOf(subsets []v1alpha1.WorkloadSpreadSubset, pods ...*corev1.Pod) World {
	own := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "own-1", Labels: map[string]string{"clusterID": "own"}}}
	w := World{Node: "east", Nodes: []*corev1.Node{own, virtualNode("east"), virtualNode("west")}, Peers: pods, Spreadings: map[types.UID]*Spreading{}}
	ws := &v1alpha1.WorkloadSpread{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "ws", UID: "ws"}}
	ws.Spec.TargetReference = &v1alpha1.TargetReference{APIVersion: "apps/v1", Kind: "Deployment", Name: "web"}
	ws.Spec.Subsets = subsets
	s := &Spreading{Object: ws, Target: spread.Target{Replicas: new(int32(10)), Version: "v1"}, Pods: pods}
	for _, pod := range pods {
		if subsets != nil {
			w.Spreadings[pod.UID] = s
		}
		if pod.Spec.NodeName == "east" || subsets != nil && w.waitsFor(pod, s) {
			w.Pods = append(w.Pods, pod)
		}
	}
	return w
}

// summary is what was planned, as "p1: home a", "p2: on c" and "p3: stays".
func summary(fates []Fate) (all []string) {
	for _, f := range fates {
		text := "stays"
		if f.Goes && f.Home {
			text = "home " + f.To
		} else if f.Goes {
			text = strings.TrimSpace("on " + f.To)
		}
		all = append(all, f.Pod.Name+": "+text)
	}
	return all
}

func onOwn(pod *corev1.Pod)  { pod.Spec.NodeName = "own-1" }
func onWest(pod *corev1.Pod) { pod.Spec.NodeName = "west" }

func unschedulable(pod *corev1.Pod) {
	pod.Spec.NodeName, pod.Status.Phase = "", corev1.PodPending
	pod.Status.Conditions = []corev1.PodCondition{{Type: corev1.PodScheduled, Status: corev1.ConditionFalse, Reason: corev1.PodReasonUnschedulable, Message: "0/3 nodes"}}
}

func toleratesAll(pod *corev1.Pod) {
	pod.Spec.Tolerations = []corev1.Toleration{{Operator: corev1.TolerationOpExists}}
}

func TestPlan(t *testing.T) {
	three := func(most int32) []v1alpha1.WorkloadSpreadSubset {
		return []v1alpha1.WorkloadSpreadSubset{in("a", "own", most), in("b", "east", -1), in("c", "west", -1)}
	}
	two := func(most int32) []v1alpha1.WorkloadSpreadSubset { return three(most)[:2] }
	homeOnly := func(w World) World { w.HomeOnly = true; return w }
	lost := func(w World) World {
		w.Nodes[2] = virtualNode("west", func(n *corev1.Node) { n.Status.Conditions[0].Status = corev1.ConditionUnknown })
		return w
	}
	cases := map[string]struct {
		reason string
		world  World
		want   []string
		says   string
	}{
		"home":              {"as many as there is room for, the rest to the next", worldOf(three(3), podOf("p1", "a", onOwn), podOf("q1", "b"), podOf("q2", "b"), podOf("q3", "b")), []string{"q1: home a", "q2: home a", "q3: on c"}, ""},
		"home-only":         {"and no further", homeOnly(worldOf(three(2), podOf("p1", "a", onOwn), podOf("q1", "b"), podOf("q2", "b"))), []string{"q1: home a", "q2: stays"}, `it gets subset "c" of WorkloadSpread "ws": a is full (2 of 2), b is cordoned`},
		"nowhere":           {"no other subset has room", worldOf(two(1), podOf("p1", "a", onOwn), podOf("q1", "b")), []string{"q1: stays"}, "no other subset has room: "},
		"next-is-lost":      {"the node of the next subset is not ready", lost(worldOf(three(0), podOf("q1", "b"))), []string{"q1: stays"}, `subset "c", which has no virtual node that is ready and not cordoned`},
		"same-subset":       {"a subset of two virtual nodes", worldOf([]v1alpha1.WorkloadSpreadSubset{{Name: "v", RequiredNodeSelectorTerm: &corev1.NodeSelectorTerm{MatchExpressions: []corev1.NodeSelectorRequirement{spread.VirtualNodes()}}, MaxReplicas: new(intstr.FromInt32(2))}}, podOf("q1", "v"), podOf("q2", "v", onWest)), []string{"q1: on v"}, ""},
		"back":              {"but a pod that tolerates cordons could come back", worldOf([]v1alpha1.WorkloadSpreadSubset{{Name: "v", RequiredNodeSelectorTerm: &corev1.NodeSelectorTerm{MatchExpressions: []corev1.NodeSelectorRequirement{spread.VirtualNodes()}}}}, podOf("q1", "v", toleratesAll)), []string{"q1: stays"}, "could come back"},
		"home-tolerates":    {"not from home", worldOf(two(1), podOf("q1", "b", toleratesAll)), []string{"q1: home a"}, ""},
		"orphan":            {"a pod that is older than the WorkloadSpread", worldOf(two(1), podOf("q1", "")), []string{"q1: home a"}, ""},
		"waiting":           {"pods that wait for the node go, too", worldOf(two(1), podOf("q1", "b", unschedulable)), []string{"q1: home a"}, ""},
		"waiting-elsewhere": {"and one that waits elsewhere has the others stay", worldOf(two(2), podOf("p1", "a", unschedulable), podOf("q1", "b")), []string{"q1: stays"}, `pod "p1" of the same ReplicaSet waits for a node already: 0/3 nodes`},
		"no-spread":         {"to another virtual node", worldOf(nil, podOf("q1", "")), []string{"q1: on"}, ""},
		"no-spread-home":    {"which is not home", homeOnly(worldOf(nil, podOf("q1", ""))), []string{"q1: stays"}, "no WorkloadSpread targets it"},
		"no-spread-routed":  {"it asks for this one", worldOf(nil, podOf("q1", "", func(pod *corev1.Pod) { pod.Spec.NodeSelector["clusterID"] = "east" })), []string{"q1: stays"}, "that its scheduling fields admit"},
		"no-spread-taint":   {"it does not tolerate the other's taint", worldOf(nil, podOf("q1", "", func(pod *corev1.Pod) { pod.Spec.Tolerations = nil })), []string{"q1: stays"}, "that its scheduling fields admit"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			fates := Plan(tc.world)
			if diff := cmp.Diff(tc.want, summary(fates)); diff != "" {
				t.Errorf("%s: -want +got:\n%s", tc.reason, diff)
			}
			for _, f := range fates {
				if !f.Goes && (!strings.Contains(f.Why, tc.says) || tc.says == "" || !f.Holds || f.Do == "") {
					t.Errorf("%s: %s stays because %s; do: %s; holds: %t", tc.reason, f.Pod.Name, f.Why, f.Do, f.Holds)
				}
			}
		})
	}
}

// TestPlanOrder: one workload after the other, and of each the pod first that a scale-in
// takes first; the world is as it was.
func TestPlanOrder(t *testing.T) {
	other := func(pod *corev1.Pod) { pod.OwnerReferences[0].Name, pod.OwnerReferences[0].UID = "api-1", "api-1" }
	notReady := func(pod *corev1.Pod) { pod.Status.Conditions[0].Status = corev1.ConditionFalse }
	w := worldOf(nil, podOf("q1", ""), podOf("r1", "", other), podOf("q2", "", notReady), podOf("r2", "", other))
	if diff := cmp.Diff([]string{"r1: on", "r2: on", "q2: on", "q1: on"}, summary(Plan(w))); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if w.Nodes[1].Spec.Unschedulable || w.Pods[0].Name != "q1" {
		t.Error("the world was modified")
	}
}

// BenchmarkPlan is a plan for 5000 pods of one workload, which is made before each step.
func BenchmarkPlan(b *testing.B) {
	var pods []*corev1.Pod
	for i := range 5000 {
		pods = append(pods, podOf(fmt.Sprintf("q-%04d", i), "b"))
	}
	w := worldOf([]v1alpha1.WorkloadSpreadSubset{in("a", "own", 2000), in("b", "east", -1), in("c", "west", -1)}, pods...)
	for b.Loop() {
		if fates := Plan(w); !fates[0].Home || fates[4999].To != "c" {
			b.Fatal("another plan")
		}
	}
}
