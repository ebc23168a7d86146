package stories

import (
	"context"
	"fmt"
	"testing"
)

const antiAffineDeployment = `
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: %d
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web, virtual-pod: "true"}}
    spec:
      nodeSelector: {clusterID: east}
      terminationGracePeriodSeconds: 1
      tolerations:
      - {key: dedicated, operator: Exists}
      affinity:
        podAntiAffinity:
          requiredDuringSchedulingIgnoredDuringExecution:
          - topologyKey: kubernetes.io/hostname
            labelSelector: {matchLabels: {app: web}}
      containers:
      - {name: app, image: web:1}
`

// TestAntiAffinityThroughOneVirtualNode: replicas that may not share a host all
// run, on as many downstream nodes, through one virtual node; and none is left
// when they are scaled away.
func TestAntiAffinityThroughOneVirtualNode(t *testing.T) {
	s := tell(t, nil)
	s.applies(fmt.Sprintf(antiAffineDeployment, 3))
	s.must("see three replicas run", s.runsInBoth(s.ctx, 3, "east", s.downstream))
	s.eachOnItsOwnNode(3)

	s.applies(fmt.Sprintf(antiAffineDeployment, 10))
	s.must("see ten replicas run", s.runsInBoth(s.ctx, 10, "east", s.downstream))
	s.eachOnItsOwnNode(10)

	s.applies(fmt.Sprintf(antiAffineDeployment, 0))
	s.eventually("no pod is left in either cluster", func(context.Context) error {
		up, err := s.pods(s.upstream)
		if err != nil {
			return err
		}
		down, err := s.pods(s.downstream)
		if err != nil {
			return err
		}
		if len(up)+len(down) > 0 {
			return fmt.Errorf("%d upstream, %d downstream", len(up), len(down))
		}
		return nil
	})
}

// eachOnItsOwnNode checks that the downstream pods are on n nodes, no two on one.
func (s *story) eachOnItsOwnNode(n int) {
	s.Helper()
	pods, err := s.pods(s.downstream)
	s.must("list the downstream pods", err)
	nodes := map[string]string{}
	for _, pod := range pods {
		if other, taken := nodes[pod.Spec.NodeName]; taken {
			s.Errorf("%s and %s share node %s", pod.Name, other, pod.Spec.NodeName)
		}
		nodes[pod.Spec.NodeName] = pod.Name
	}
	if len(nodes) != n {
		s.Errorf("pods on %d nodes, want %d: %v", len(nodes), n, nodes)
	}
}
