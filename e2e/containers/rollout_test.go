package containers

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"

	"github.com/spillway-io/spillway/e2e/playground"
)

// agents is a SidecarSet with an image, and a strategy that lets one pod at a time
// be without its agent.
func agents(image string) string {
	return strings.ReplaceAll(`
apiVersion: apps.kruise.io/v1alpha1
kind: SidecarSet
metadata: {name: agents}
spec:
  namespace: testsidecarrollout
  selector: {matchLabels: {app: web}}
  updateStrategy: {maxUnavailable: 1}
  containers:
  - {name: agent, image: "$image", imagePullPolicy: IfNotPresent}
`, "$image", image)
}

const threeWebs = `
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 3
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web, virtual-pod: "true"}}
    spec:
      terminationGracePeriodSeconds: 2
      containers:
      - {name: app, image: "app:1"}
`

// TestSidecarRollout: a new image of an agent gets into real containers below the
// virtual node, one pod after the other; the app beside it goes on. An image that
// nobody can pull stops at the first pod, and the next good one gets everywhere.
func TestSidecarRollout(t *testing.T) {
	s := tell(t, stage.up)
	s.injects(agents("agent:1"))
	s.kubectl(s.upstream, threeWebs, "apply", "-f", "-")
	s.agentsRun("agent:1", 3)
	before := s.allPods(s.downstream)

	s.kubectl(s.upstream, agents("agent:2"), "apply", "-f", "-")
	s.agentsRun("agent:2", 3)

	s.kubectl(s.upstream, agents("agent:nowhere"), "apply", "-f", "-")
	s.eventually("one pod waits for an image that there is not", func(context.Context) error {
		waiting := 0
		for _, pod := range s.allPods(s.upstream) {
			status, err := containerStatus(&pod, "agent")
			if err == nil && status.State.Waiting != nil && slices.Contains([]string{"ErrImagePull", "ImagePullBackOff"}, status.State.Waiting.Reason) {
				waiting++
			}
		}
		if waiting != 1 {
			return fmt.Errorf("%d do", waiting)
		}
		return nil
	})
	s.agentsRun("agent:2", 2)

	s.kubectl(s.upstream, agents("agent:3"), "apply", "-f", "-")
	s.agentsRun("agent:3", 3)

	after := s.allPods(s.downstream)
	for _, pod := range before {
		at := slices.IndexFunc(after, func(now corev1.Pod) bool { return now.UID == pod.UID })
		if at < 0 {
			t.Errorf("pod %s is gone", pod.Name)
			continue
		}
		was, err := containerStatus(&pod, "app")
		s.must("find the app", err)
		is, err := containerStatus(&after[at], "app")
		s.must("find the app", err)
		if is.ContainerID != was.ContainerID || is.RestartCount != 0 {
			t.Errorf("the app of %s was started again: %d restarts", pod.Name, is.RestartCount)
		}
		s.prints(s.downstream, pod.Name, "agent", "agent:3 runs\n")
	}
}

// agentsRun waits until n pods are ready with an image of the agent, in both
// clusters.
func (s *story) agentsRun(image string, n int) {
	s.Helper()
	s.eventually(fmt.Sprintf("%d pods run %s", n, image), func(context.Context) error {
		for _, cluster := range []*playground.Cluster{s.upstream, s.downstream} {
			running := 0
			for _, pod := range s.allPods(cluster) {
				status, err := containerStatus(&pod, "agent")
				if err == nil && status.Ready && strings.HasSuffix(status.Image, "/"+image) {
					running++
				}
			}
			if running != n {
				return fmt.Errorf("%d do %s", running, cluster.Name())
			}
		}
		return nil
	})
}
