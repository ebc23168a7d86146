package install

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/spillway-io/spillway/e2e/playground"
)

// story is one phase's view of the stage, and words to tell what happens.
type story struct {
	*testing.T
	*stage
	ctx context.Context
}

// phase tells a part of the story, and how long it took.
func (s *story) phase(name string, tell func(*story)) {
	s.Helper()
	s.Run(name, func(t *testing.T) {
		begun := time.Now()
		part := *s
		part.T = t
		t.Cleanup(func() { part.explains(context.WithoutCancel(s.ctx)) })
		tell(&part)
		t.Logf("%s: %.1f s", name, time.Since(begun).Seconds())
	})
	if s.Failed() {
		s.Fatalf("%s: what comes next builds on it", name)
	}
}

// explains prints what the clusters know of a phase that failed.
func (s *story) explains(ctx context.Context) {
	if !s.Failed() || s.upstream == nil {
		return
	}
	const enough = 8000 // characters
	ask := func(cluster *playground.Cluster, question string) {
		answer, _, err := cluster.Kubectl(ctx, "", strings.Fields(question)...)
		s.Logf("%s: kubectl %s: %v\n%s", cluster.Name(), question, err, answer[max(0, len(answer)-enough):])
	}
	for _, question := range []string{
		"get nodes", "get pods -A -o wide -l app!=load", "get events -A --sort-by=.lastTimestamp",
		"logs -n " + namespace + " -l app.kubernetes.io/component=webhook --tail=20", "logs -n " + namespace + " -l app.kubernetes.io/component=node --tail=30",
	} {
		ask(s.upstream, question)
	}
	for _, question := range []string{"get pods -A -o wide", "get events -A --sort-by=.lastTimestamp"} {
		ask(s.downstream, question)
	}
}

func (s *story) must(what string, err error) {
	s.Helper()
	if err != nil {
		s.Fatalf("cannot %s: %v", what, err)
	}
}

// eventually waits for a condition within the story's time.
func (s *story) eventually(what string, check func(context.Context) error) {
	s.Helper()
	s.must("see that "+what, playground.Eventually(s.ctx, what, check))
}

// kubectl is what a user of a cluster types; it returns stdout.
func (s *story) kubectl(cluster *playground.Cluster, stdin string, args ...string) string {
	s.Helper()
	stdout, _, err := cluster.Kubectl(s.ctx, stdin, args...)
	s.must("kubectl", err)
	return stdout
}

// ours is kubectl in Spillway's own namespace upstream.
func (s *story) ours(args ...string) string {
	s.Helper()
	return s.kubectl(s.upstream, "", append([]string{"-n", namespace}, args...)...)
}

// rolledOut waits until everything that Spillway runs upstream does so in its
// latest version.
func (s *story) rolledOut() {
	s.Helper()
	for deployment := range strings.FieldsSeq(s.ours("get", "deployments", "-o", "name")) {
		s.ours("rollout", "status", deployment, "--timeout=90s")
	}
	s.kubectl(s.upstream, "", "wait", "node/"+virtualNode, "--for=condition=Ready", "--timeout=60s")
}

// pods returns those with a label, of the namespace that users have.
func (s *story) pods(ctx context.Context, cluster *playground.Cluster, selector string) ([]corev1.Pod, error) {
	list, err := cluster.Client().CoreV1().Pods(corev1.NamespaceDefault).List(ctx, metav1.ListOptions{LabelSelector: selector})
	if err != nil {
		return nil, err
	}
	return list.Items, nil
}

// run waits until n pods with a label are ready in a cluster.
func (s *story) run(cluster *playground.Cluster, selector string, n int) []corev1.Pod {
	s.Helper()
	var pods []corev1.Pod
	s.eventually(fmt.Sprintf("%d pods with %s run %s", n, selector, cluster.Name()), func(ctx context.Context) (err error) {
		if pods, err = s.pods(ctx, cluster, selector); err != nil {
			return err
		}
		if len(pods) != n {
			return fmt.Errorf("there are %d", len(pods))
		}
		for _, pod := range pods {
			if !slices.ContainsFunc(pod.Status.Conditions, func(c corev1.PodCondition) bool {
				return c.Type == corev1.PodReady && c.Status == corev1.ConditionTrue
			}) {
				return fmt.Errorf("%s is %s and not ready", pod.Name, pod.Status.Phase)
			}
		}
		return nil
	})
	return pods
}

// containers are the ids of all containers that users have in a cluster, each with
// how often it was started again. They are the same as long as nothing happens to
// the containers.
func (s *story) containers(cluster *playground.Cluster) map[string]int32 {
	s.Helper()
	pods, err := s.pods(s.ctx, cluster, "app in (web, shop)")
	s.must("list the pods", err)
	ids := map[string]int32{}
	for _, pod := range pods {
		for _, status := range pod.Status.ContainerStatuses {
			ids[pod.Name+" "+status.ContainerID] = status.RestartCount
		}
	}
	return ids
}

// ready is the condition of the virtual node that says whether it is.
func (s *story) ready(ctx context.Context) (corev1.NodeCondition, error) {
	node, err := s.upstream.Client().CoreV1().Nodes().Get(ctx, virtualNode, metav1.GetOptions{})
	if err != nil {
		return corev1.NodeCondition{}, err
	}
	for _, c := range node.Status.Conditions {
		if c.Type == corev1.NodeReady {
			return c, nil
		}
	}
	return corev1.NodeCondition{}, errors.New("it does not say whether it is ready")
}
