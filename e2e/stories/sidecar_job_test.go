package stories

import (
	"context"
	"fmt"
	"testing"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/spillway-io/spillway/e2e/playground"
)

const fiveTimes = `
apiVersion: batch/v1
kind: Job
metadata: {name: web}
spec:
  parallelism: 5
  completions: 5
  template:
    metadata: {labels: {app: web, virtual-pod: "true"}}
    spec:
      restartPolicy: Never
      nodeSelector: {clusterID: east}
      containers:
      - {name: app, image: "web:1"}
`

// TestJobWithSidecarCompletes: an agent that never ends by itself does not keep a
// Job on the virtual node from completing, and is stopped when the app is done.
func TestJobWithSidecarCompletes(t *testing.T) {
	s := tell(t, nil)
	s.injects(s.agentSet("agent:1", ""), map[string]string{"app": "web"}, images{"app": "app:1", "agent": "agent:1"})
	s.applies(fiveTimes)
	s.eventually("the Job is complete", func(ctx context.Context) error {
		job, err := s.upstream.Client().BatchV1().Jobs(s.namespace).Get(ctx, "web", metav1.GetOptions{})
		if err != nil {
			return err
		}
		for _, condition := range job.Status.Conditions {
			if condition.Type == batchv1.JobComplete && condition.Status == corev1.ConditionTrue {
				return nil
			}
		}
		return fmt.Errorf("its status is %+v", job.Status)
	})
	for _, cluster := range []*playground.Cluster{s.upstream, s.downstream} {
		pods, err := s.pods(cluster)
		s.must("list the pods", err)
		if len(pods) != 5 {
			t.Errorf("%d pods %s, want 5", len(pods), cluster.Name())
		}
		for _, pod := range pods {
			s.endedTogether(cluster.Name(), &pod)
		}
	}
}

// endedTogether checks a pod whose app is done.
func (s *story) endedTogether(cluster string, pod *corev1.Pod) {
	s.Helper()
	if policy := container(pod, "agent").RestartPolicy; policy == nil || *policy != corev1.ContainerRestartPolicyAlways || len(pod.Spec.Containers) != 1 {
		s.Errorf("the agent of %s %s is no native sidecar", pod.Name, cluster)
	}
	if pod.Status.Phase != corev1.PodSucceeded {
		s.Errorf("%s %s is %s", pod.Name, cluster, pod.Status.Phase)
	}
	for _, name := range []string{"app", "agent"} {
		if end := statusOf(pod, name).State.Terminated; end == nil || end.ExitCode != 0 {
			s.Errorf("container %s of %s %s is in the state %+v, want it ended", name, pod.Name, cluster, statusOf(pod, name).State)
		}
	}
}
