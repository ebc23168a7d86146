package stories

import (
	"context"
	"fmt"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/spillway-io/spillway/api"
)

// handled says whether the webhook did its work on a pod.
func handled(pod *corev1.Pod) bool {
	_, stashed := pod.Annotations[api.StashAnnotation]
	return stashed
}

// waiting is a pod that nobody schedules: these stories end at admission.
func waiting(name string, labels map[string]string) *corev1.Pod {
	pod := newPod(name)
	pod.Labels = labels
	pod.Spec.SchedulerName = "nobody"
	pod.Spec.NodeSelector = map[string]string{"disktype": "ssd"}
	return pod
}

// applyAndGet applies the pod as a user would and returns what became of it.
func (s *story) applyAndGet(pod *corev1.Pod) (applied *corev1.Pod, warnings string) {
	s.Helper()
	warnings = s.applies(manifest(s.T, pod))
	return s.pod(s.upstream, pod.Name), warnings
}

func TestOptInByNamespaceLabelOnly(t *testing.T) {
	s := tell(t, map[string]string{"virtual-pod": "true"})
	pod, warnings := s.applyAndGet(waiting("web", map[string]string{"app": "web"}))
	if !handled(pod) || pod.Labels["virtual-pod"] != "true" || warnings != "" {
		t.Errorf("annotations %v, labels %v, warnings %q; want the pod handled and labelled", pod.Annotations, pod.Labels, warnings)
	}
}

func TestOptInByNamespaceLabelForPodWithoutLabels(t *testing.T) {
	s := tell(t, map[string]string{"virtual-pod": "true"})
	if pod, _ := s.applyAndGet(waiting("web", nil)); !handled(pod) {
		t.Errorf("annotations %v; want the pod handled", pod.Annotations)
	}
}

func TestOptedOutByPodLabel(t *testing.T) {
	s := tell(t, map[string]string{"virtual-pod": "true"})
	pod, warnings := s.applyAndGet(waiting("web", map[string]string{"virtual-pod": "false"}))
	if handled(pod) || warnings != "" {
		t.Errorf("annotations %v, warnings %q; want the pod left alone without a word", pod.Annotations, warnings)
	}
}

func TestPodWithoutLabelsIsNotOptedIn(t *testing.T) {
	s := tell(t, nil)
	pod, warnings := s.applyAndGet(waiting("web", nil))
	if handled(pod) || pod.Labels != nil || warnings != "" {
		t.Errorf("annotations %v, labels %v, warnings %q; want the pod left alone", pod.Annotations, pod.Labels, warnings)
	}
}

func TestTypoIsLeftAloneWithAWarning(t *testing.T) {
	s := tell(t, nil)
	pod, warnings := s.applyAndGet(waiting("web", map[string]string{"virtual-pod": "True"}))
	if handled(pod) {
		t.Errorf("annotations %v; want the pod left alone", pod.Annotations)
	}
	if want := `Warning: label virtual-pod="True" opts the pod out of Spillway; to opt in, the value must be "true"`; !strings.Contains(warnings, want) {
		t.Errorf("kubectl said %q, want %q in it", warnings, want)
	}
}

// TestDaemonSetPodsStayOnTheirNodes: in a namespace that opted in, a DaemonSet
// still runs on each of the upstream cluster's own nodes and on no other.
func TestDaemonSetPodsStayOnTheirNodes(t *testing.T) {
	s := tell(t, map[string]string{"virtual-pod": "true"})
	s.applies(`
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: agent}
spec:
  selector: {matchLabels: {app: agent}}
  template:
    metadata: {labels: {app: agent}}
    spec:
      containers:
      - {name: agent, image: agent:1}
`)
	s.eventually("the agent runs on both own nodes", func(context.Context) error { return s.daemonSetRuns("agent", 2) })
	pods, err := s.pods(s.upstream)
	s.must("list the agents", err)
	for _, pod := range pods {
		if handled(&pod) || !strings.HasPrefix(pod.Spec.NodeName, "own-") {
			t.Errorf("pod on %s with annotations %v; want it left alone on an own node", pod.Spec.NodeName, pod.Annotations)
		}
	}
	if below, err := s.pods(s.downstream); err != nil || len(below) > 0 {
		t.Errorf("%d pods downstream (%v), want none", len(below), err)
	}
}

// TestMirrorPodIsLeftAlone: a kubelet reports its static pods as mirror pods.
func TestMirrorPodIsLeftAlone(t *testing.T) {
	s := tell(t, map[string]string{"virtual-pod": "true"})
	mirror := waiting("static-web", nil)
	mirror.Annotations = map[string]string{corev1.MirrorPodAnnotationKey: "hash"}
	mirror.Spec.NodeName = "own-1"
	mirror.Spec.NodeSelector = nil
	node, err := s.upstream.Client().CoreV1().Nodes().Get(s.ctx, "own-1", metav1.GetOptions{})
	s.must("get the node", err)
	controller := true
	mirror.OwnerReferences = []metav1.OwnerReference{{APIVersion: "v1", Kind: "Node", Name: node.Name, UID: node.UID, Controller: &controller}}
	if pod, _ := s.applyAndGet(mirror); handled(pod) {
		t.Errorf("annotations %v; want the mirror pod left alone", pod.Annotations)
	}
}

func TestKubeSystemIsLeftAlone(t *testing.T) {
	s := tell(t, nil)
	s.namespace = metav1.NamespaceSystem
	pod := waiting("left-alone", map[string]string{"virtual-pod": "true"})
	applied, warnings := s.applyAndGet(pod)
	if handled(applied) || warnings != "" {
		t.Errorf("annotations %v, warnings %q; want the pod left alone", applied.Annotations, warnings)
	}
	_, _, err := s.upstream.Kubectl(s.ctx, "", "delete", "pod", "-n", s.namespace, pod.Name, "--now")
	s.must("remove the pod from kube-system", err)
}

// daemonSetRuns says whether a DaemonSet runs on exactly n nodes.
func (s *story) daemonSetRuns(name string, n int32) error {
	set, err := s.upstream.Client().AppsV1().DaemonSets(s.namespace).Get(s.ctx, name, metav1.GetOptions{})
	if err != nil {
		return err
	}
	if status := set.Status; status.DesiredNumberScheduled != n || status.NumberReady != n {
		return fmt.Errorf("%d wanted, %d ready", status.DesiredNumberScheduled, status.NumberReady)
	}
	return nil
}
