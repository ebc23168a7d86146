package capacity_test

import (
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// list reads "cpu=2 memory=4Gi".
func list(text string) corev1.ResourceList {
	resources := corev1.ResourceList{}
	for pair := range strings.FieldsSeq(text) {
		name, quantity, _ := strings.Cut(pair, "=")
		resources[corev1.ResourceName(name)] = resource.MustParse(quantity)
	}
	return resources
}

// plain is a list as text, for comparing.
func plain(list corev1.ResourceList) map[string]string {
	text := map[string]string{}
	for name, quantity := range list {
		text[string(name)] = quantity.String()
	}
	return text
}

// written reads "cpu=2 memory=4Gi" as plain writes it.
func written(text string) map[string]string { return plain(list(text)) }

type nodeOption func(*corev1.Node)

// node is ready and has what allocatable says, and room for ten pods.
func node(name, allocatable string, options ...nodeOption) corev1.Node {
	n := corev1.Node{
		ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{}},
		Status: corev1.NodeStatus{
			Allocatable: list("pods=10 " + allocatable),
			Conditions:  []corev1.NodeCondition{{Type: corev1.NodeReady, Status: corev1.ConditionTrue}},
		},
	}
	for _, option := range options {
		option(&n)
	}
	return n
}

func isCordoned(n *corev1.Node) { n.Spec.Unschedulable = true }

func isDeleted(n *corev1.Node) { n.DeletionTimestamp = new(metav1.Now()) }

func isNew(n *corev1.Node) { n.Status.Conditions = nil }

func ready(status corev1.ConditionStatus) nodeOption {
	return func(n *corev1.Node) { n.Status.Conditions[0].Status = status }
}

func taint(key, value string, effect corev1.TaintEffect) nodeOption {
	return func(n *corev1.Node) {
		n.Spec.Taints = append(n.Spec.Taints, corev1.Taint{Key: key, Value: value, Effect: effect})
	}
}

func label(key, value string) nodeOption {
	return func(n *corev1.Node) { n.Labels[key] = value }
}

type podOption func(*corev1.Pod)

// pod is bound to a node and runs.
func pod(nodeName, requests string, options ...podOption) corev1.Pod {
	p := corev1.Pod{
		Spec: corev1.PodSpec{
			NodeName:   nodeName,
			Containers: []corev1.Container{{Name: "c", Resources: corev1.ResourceRequirements{Requests: list(requests)}}},
		},
		Status: corev1.PodStatus{Phase: corev1.PodRunning},
	}
	for _, option := range options {
		option(&p)
	}
	return p
}

func own(p *corev1.Pod) { p.Labels = map[string]string{"own": "yes"} }

func isOwn(p *corev1.Pod) bool { return p.Labels["own"] == "yes" }

func phase(to corev1.PodPhase) podOption { return func(p *corev1.Pod) { p.Status.Phase = to } }

// resizing is a pod whose node still grants it what it had.
func resizing(granted string) podOption {
	return func(p *corev1.Pod) {
		p.Status.ContainerStatuses = []corev1.ContainerStatus{{
			Name: "c", AllocatedResources: list(granted), Resources: &corev1.ResourceRequirements{Requests: list(granted)},
		}}
	}
}
