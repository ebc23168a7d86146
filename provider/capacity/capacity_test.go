package capacity_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/spillway-io/spillway/provider/capacity"
)

func TestFree(t *testing.T) {
	cases := map[string]struct {
		reason string
		nodes  []corev1.Node
		pods   []corev1.Pod
		want   map[corev1.ResourceName]string
	}{
		"no-nodes": {
			reason: "without downstream nodes there is nothing to offer",
			want:   map[corev1.ResourceName]string{},
		},
		"foreign-pods-count": {
			reason: "what others requested is not ours to offer, and every pod takes one of the node's pods",
			nodes:  []corev1.Node{node("a", "4", "8Gi", "10")},
			pods:   []corev1.Pod{pod("theirs", "a", "1500m", "1Gi")},
			want:   map[corev1.ResourceName]string{"cpu": "2500m", "memory": "7Gi", "pods": "9"},
		},
		"own-pods-do-not-count": {
			reason: "the upstream scheduler subtracts our pods itself",
			nodes:  []corev1.Node{node("a", "4", "8Gi", "10")},
			pods:   []corev1.Pod{own(pod("ours", "a", "1", "1Gi"))},
			want:   map[corev1.ResourceName]string{"cpu": "4", "memory": "8Gi", "pods": "10"},
		},
		"ended-pods-do-not-count": {
			reason: "a pod that ended holds nothing",
			nodes:  []corev1.Node{node("a", "4", "8Gi", "10")},
			pods:   []corev1.Pod{phase(pod("done", "a", "1", "1Gi"), corev1.PodSucceeded), phase(pod("failed", "a", "1", "1Gi"), corev1.PodFailed)},
			want:   map[corev1.ResourceName]string{"cpu": "4", "memory": "8Gi", "pods": "10"},
		},
		"overcommitted-node-takes-nothing-from-others": {
			reason: "the debt of one node cannot be paid by another",
			nodes:  []corev1.Node{node("a", "1", "1Gi", "10"), node("b", "2", "2Gi", "10")},
			pods:   []corev1.Pod{pod("big", "a", "3", "512Mi")},
			want:   map[corev1.ResourceName]string{"cpu": "2", "memory": "2560Mi", "pods": "19"},
		},
		"nothing-left-is-zero": {
			reason: "a resource of which nothing is left is offered as zero, not left out",
			nodes:  []corev1.Node{node("a", "1", "1Gi", "1")},
			pods:   []corev1.Pod{pod("all", "a", "1", "1Gi")},
			want:   map[corev1.ResourceName]string{"cpu": "0", "memory": "0", "pods": "0"},
		},
		"unusable-nodes": {
			reason: "cordoned, unready, silent and vanishing nodes offer nothing",
			nodes: []corev1.Node{
				cordoned(node("cordoned", "1", "1Gi", "10")), ready(node("unready", "1", "1Gi", "10"), corev1.ConditionFalse),
				ready(node("silent", "1", "1Gi", "10"), corev1.ConditionUnknown), deleted(node("deleted", "1", "1Gi", "10")),
				{ObjectMeta: metav1.ObjectMeta{Name: "new"}, Status: corev1.NodeStatus{Allocatable: list("1", "1Gi", "10")}},
			},
			want: map[corev1.ResourceName]string{},
		},
		"unbound-pods-do-not-count": {
			reason: "a pod that waits for a node holds nothing",
			nodes:  []corev1.Node{node("a", "1", "1Gi", "10")},
			pods:   []corev1.Pod{pod("pending", "", "1", "1Gi")},
			want:   map[corev1.ResourceName]string{"cpu": "1", "memory": "1Gi", "pods": "10"},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			got := map[corev1.ResourceName]string{}
			for resourceName, quantity := range capacity.Free(tc.nodes, tc.pods, isOwn) {
				got[resourceName] = quantity.String()
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("%s: Free(): -want +got:\n%s", tc.reason, diff)
			}
		})
	}
}

// TestFreeAgainstTruth drives a cluster through random events and compares each
// state with integer arithmetic over the same state.
func TestFreeAgainstTruth(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 1))
	cluster := newModel()
	for step := range 20000 {
		event := cluster.change(random)
		want := cluster.truth()
		free := capacity.Free(cluster.nodeList(), cluster.podList(), isOwn)
		got := map[corev1.ResourceName]int64{}
		for name, quantity := range free {
			got[name] = quantity.MilliValue()
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("seed %d, step %d, after %s: -want +got:\n%s", seed, step, event, diff)
		}
	}
}

type model struct {
	nodes map[string]*corev1.Node
	pods  map[string]*corev1.Pod
	next  int
}

func newModel() *model {
	return &model{nodes: map[string]*corev1.Node{}, pods: map[string]*corev1.Pod{}}
}

func (m *model) change(random *rand.Rand) string {
	m.next++
	name := fmt.Sprintf("n%d", random.IntN(5))
	podName := fmt.Sprintf("p%d", random.IntN(30))
	n, p := m.nodes[name], m.pods[podName]
	switch kind := random.IntN(9); {
	case n == nil:
		m.nodes[name] = new(node(name, fmt.Sprintf("%dm", random.IntN(4000)), fmt.Sprintf("%d", random.IntN(1<<30)), fmt.Sprint(random.IntN(8))))
		return "node created"
	case kind == 0:
		delete(m.nodes, name)
		return "node deleted"
	case kind == 1:
		n.Spec.Unschedulable = !n.Spec.Unschedulable
		return "node cordoned or uncordoned"
	case kind == 2:
		n.Status.Conditions[0].Status = []corev1.ConditionStatus{corev1.ConditionTrue, corev1.ConditionFalse, corev1.ConditionUnknown}[random.IntN(3)]
		return "node readiness changed"
	case kind == 3:
		n.Status.Allocatable = list(fmt.Sprintf("%dm", random.IntN(4000)), fmt.Sprintf("%d", random.IntN(1<<30)), fmt.Sprint(random.IntN(8)))
		return "node resized"
	case p == nil:
		created := pod(podName, []string{"", name}[random.IntN(2)], fmt.Sprintf("%dm", random.IntN(2000)), fmt.Sprintf("%d", random.IntN(1<<28)))
		if random.IntN(3) == 0 {
			created = own(created)
		}
		m.pods[podName] = &created
		return "pod created"
	case kind == 4:
		delete(m.pods, podName)
		return "pod deleted"
	case kind == 5 && p.Spec.NodeName == "":
		p.Spec.NodeName = name
		return "pod bound"
	default:
		p.Status.Phase = []corev1.PodPhase{corev1.PodPending, corev1.PodRunning, corev1.PodSucceeded, corev1.PodFailed}[random.IntN(4)]
		return "pod phase changed"
	}
}

// truth counts in thousandths, without the code under test or its libraries.
func (m *model) truth() map[corev1.ResourceName]int64 {
	total := map[corev1.ResourceName]int64{}
	for name, n := range m.nodes {
		if n.Spec.Unschedulable || n.Status.Conditions[0].Status != corev1.ConditionTrue {
			continue
		}
		for resourceName, quantity := range n.Status.Allocatable {
			left := quantity.MilliValue()
			for _, p := range m.pods {
				if p.Spec.NodeName != name || isOwn(p) || p.Status.Phase == corev1.PodSucceeded || p.Status.Phase == corev1.PodFailed {
					continue
				}
				if resourceName == corev1.ResourcePods {
					left -= 1000
				} else {
					left -= p.Spec.Containers[0].Resources.Requests.Name(resourceName, resource.DecimalSI).MilliValue()
				}
			}
			total[resourceName] += max(left, 0)
		}
	}
	return total
}

func (m *model) nodeList() (nodes []corev1.Node) {
	for _, n := range m.nodes {
		nodes = append(nodes, *n)
	}
	return nodes
}

func (m *model) podList() (pods []corev1.Pod) {
	for _, p := range m.pods {
		pods = append(pods, *p)
	}
	return pods
}

func isOwn(p *corev1.Pod) bool { return p.Labels["own"] == "yes" }

func list(cpu, memory, pods string) corev1.ResourceList {
	return corev1.ResourceList{
		corev1.ResourceCPU: resource.MustParse(cpu), corev1.ResourceMemory: resource.MustParse(memory), corev1.ResourcePods: resource.MustParse(pods),
	}
}

func node(name, cpu, memory, pods string) corev1.Node {
	return corev1.Node{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Status: corev1.NodeStatus{
			Allocatable: list(cpu, memory, pods),
			Conditions:  []corev1.NodeCondition{{Type: corev1.NodeReady, Status: corev1.ConditionTrue}},
		},
	}
}

func cordoned(n corev1.Node) corev1.Node {
	n.Spec.Unschedulable = true
	return n
}

func ready(n corev1.Node, status corev1.ConditionStatus) corev1.Node {
	n.Status.Conditions[0].Status = status
	return n
}

func deleted(n corev1.Node) corev1.Node {
	n.DeletionTimestamp = new(metav1.Now())
	return n
}

func pod(name, nodeName, cpu, memory string) corev1.Pod {
	requests := list(cpu, memory, "0")
	delete(requests, corev1.ResourcePods)
	return corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec: corev1.PodSpec{
			NodeName:   nodeName,
			Containers: []corev1.Container{{Name: "c", Resources: corev1.ResourceRequirements{Requests: requests}}},
		},
	}
}

func own(p corev1.Pod) corev1.Pod {
	p.Labels = map[string]string{"own": "yes"}
	return p
}

func phase(p corev1.Pod, to corev1.PodPhase) corev1.Pod {
	p.Status.Phase = to
	return p
}
