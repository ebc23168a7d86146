package stories

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/spillway-io/spillway/e2e/playground"
)

const (
	stayingNamespace = `{apiVersion: v1, kind: Namespace, metadata: {name: %s, annotations: {spillway.io/on-node-loss: stay}}}`

	kept = `
apiVersion: apps/v1
kind: Deployment
metadata: {name: kept}
spec:
  replicas: 2
  selector: {matchLabels: {app: kept}}
  template:
    metadata: {labels: {app: kept, virtual-pod: "true"}}
    spec:
      nodeSelector: {clusterID: %s}
      containers: [{name: app, image: "app:1"}]
`
	moving = `
apiVersion: apps/v1
kind: Deployment
metadata: {name: moves}
spec:
  replicas: 3
  selector: {matchLabels: {app: moves}}
  template:
    metadata: {labels: {app: moves, virtual-pod: "true"}}
    spec:
      affinity:
        nodeAffinity:
          requiredDuringSchedulingIgnoredDuringExecution:
            nodeSelectorTerms: [{matchExpressions: [{key: clusterID, operator: In, values: [%[1]s, refuge]}]}]
      containers: [{name: app, image: "app:1"}]
---
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: %[1]s-db}
spec:
  replicas: 1
  selector: {matchLabels: {app: db}}
  template:
    metadata: {labels: {app: db, virtual-pod: "true"}}
    spec:
      affinity:
        nodeAffinity:
          requiredDuringSchedulingIgnoredDuringExecution:
            nodeSelectorTerms: [{matchExpressions: [{key: clusterID, operator: In, values: [%[1]s, refuge]}]}]
      containers: [{name: app, image: "app:1"}]
`
)

// lossStory is the story of one of them, with pods in two namespaces.
type lossStory struct {
	*story
	*losable
	// staying is the namespace whose pods stay.
	staying string
	// stay and move are the upstream pods as they were in the beginning, below the
	// downstream pods of those that stay.
	stay, move, below []corev1.Pod
}

// toldBy has a test of its own tell the rest. Its time begins now: on a busy machine it
// has waited for minutes until it was its turn.
func (s *lossStory) toldBy(t *testing.T) *lossStory {
	told := *s
	inner := *s.story
	inner.T = t
	ctx, cancel := context.WithTimeout(t.Context(), storyTimeout)
	t.Cleanup(cancel)
	inner.ctx = ctx
	told.story = &inner
	return &told
}

func (s *lossStory) appliesIn(namespace, manifest string) {
	s.Helper()
	_, _, err := s.upstream.Kubectl(s.ctx, manifest, "apply", "-n", namespace, "-f", "-")
	s.must("apply the manifest", err)
}

// both lists the pods that stay, and those that move.
func (s *lossStory) both(cluster *playground.Cluster) (stay, move []corev1.Pod, err error) {
	for _, namespace := range []string{s.namespace, s.staying} {
		list, err := cluster.Client().CoreV1().Pods(namespace).List(s.ctx, metav1.ListOptions{})
		if err != nil {
			return nil, nil, err
		}
		for _, pod := range list.Items {
			switch {
			case pod.Name == "stays" || namespace == s.staying:
				stay = append(stay, pod)
			case pod.Labels["app"] != "":
				move = append(move, pod)
			}
		}
	}
	return stay, move, nil
}

func allReady(pods []corev1.Pod, n int, node string) error {
	if len(pods) != n {
		return fmt.Errorf("%d pods, want %d", len(pods), n)
	}
	for i := range pods {
		if pod := &pods[i]; pod.Spec.NodeName != node || !isReady(pod) || pod.DeletionTimestamp != nil {
			return fmt.Errorf("pod %s on %q is %s, not Ready on %q", pod.Name, pod.Spec.NodeName, pod.Status.Phase, node)
		}
	}
	return nil
}

func isReady(pod *corev1.Pod) bool {
	return slices.ContainsFunc(pod.Status.Conditions, func(c corev1.PodCondition) bool {
		return c.Type == corev1.PodReady && c.Status == corev1.ConditionTrue
	})
}

func (s *lossStory) nodeIsNotReady(reason string) error {
	node, err := s.upstream.Client().CoreV1().Nodes().Get(s.ctx, s.name, metav1.GetOptions{})
	if err != nil {
		return err
	}
	for _, c := range node.Status.Conditions {
		if c.Type == corev1.NodeReady && (c.Status == corev1.ConditionTrue || c.Reason != reason) {
			return fmt.Errorf("Ready is %s, %s", c.Status, c.Reason)
		}
	}
	return nil
}

// movedAway says whether all old pods are on their way out, and the Deployment has
// new ones elsewhere. The StatefulSet waits for its old one's end.
func (s *lossStory) movedAway(now []corev1.Pod) error {
	elsewhere := 0
	for i := range now {
		pod := &now[i]
		switch old := s.isOld(pod); {
		case old && pod.DeletionTimestamp == nil:
			return fmt.Errorf("pod %s was not evicted", pod.Name)
		case old:
		case pod.Labels["app"] == "db":
			return fmt.Errorf("the StatefulSet has pod %s, %s, and nobody knows whether the one before has ended", pod.Name, pod.UID)
		case pod.Spec.NodeName == "refuge" && isReady(pod):
			elsewhere++
		}
	}
	if elsewhere != 3 {
		return fmt.Errorf("%d pods run elsewhere, want 3", elsewhere)
	}
	return nil
}

func (s *lossStory) isOld(pod *corev1.Pod) bool {
	return slices.ContainsFunc(s.move, func(old corev1.Pod) bool { return old.UID == pod.UID })
}

// oldOnesGone says whether none of the pods that moved is left in either cluster.
func (s *lossStory) oldOnesGone(now []corev1.Pod) error {
	for i := range now {
		if s.isOld(&now[i]) {
			return fmt.Errorf("pod %s is still there upstream", now[i].Name)
		}
	}
	_, below, err := s.both(s.downstream)
	if err != nil {
		return err
	}
	for _, pod := range below {
		if slices.ContainsFunc(s.move, func(old corev1.Pod) bool { return string(old.UID) == pod.Annotations["spillway.io/upstream-uid"] }) {
			return fmt.Errorf("pod %s is still there downstream", pod.Name)
		}
	}
	return nil
}

// areUntouched compares pods that stay with what they were: the same ones, started
// once, and on their way nowhere.
func (s *lossStory) areUntouched(where string, cluster *playground.Cluster, before []corev1.Pod) {
	s.Helper()
	now, _, err := s.both(cluster)
	s.must("list the pods that stay", err)
	describe := func(pods []corev1.Pod) (lines []string) {
		for _, pod := range pods {
			line := fmt.Sprintf("%s %s on %s, deleted %v, started %v", pod.Name, pod.UID, pod.Spec.NodeName, pod.DeletionTimestamp, pod.Status.StartTime)
			for _, c := range pod.Status.ContainerStatuses {
				line += fmt.Sprintf(", %s %s restarted %d times, runs %v", c.Name, c.ContainerID, c.RestartCount, c.State.Running)
			}
			lines = append(lines, line)
		}
		return lines
	}
	if was, is := describe(before), describe(now); !slices.Equal(was, is) {
		s.Errorf("%s, the pods that stay were\n%s\nand are\n%s", where, strings.Join(was, "\n"), strings.Join(is, "\n"))
	}
}

// isProbed waits until the virtual node has asked its downstream API server once
// more whether it is ready.
func (s *lossStory) isProbed() {
	s.Helper()
	probes := func() (n int) {
		for _, c := range s.proxy.Requests() {
			if c.Resource == "/readyz" {
				n += c.PassedOn
			}
		}
		return n
	}
	before := probes()
	s.eventually("the virtual node probes", func(context.Context) error {
		// The first of them may have been under way.
		if n := probes() - before; n < 2 {
			return fmt.Errorf("%d probes", n)
		}
		return nil
	})
}

func (s *lossStory) identityRuns() error {
	_, move, err := s.both(s.upstream)
	if err != nil {
		return err
	}
	if !slices.ContainsFunc(move, func(pod corev1.Pod) bool { return pod.Labels["app"] == "db" && !s.isOld(&pod) && isReady(&pod) }) {
		return errors.New("not yet")
	}
	return nil
}
