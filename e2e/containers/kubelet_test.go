package containers

import (
	"strings"
	"testing"
)

const shopDeployment = `
apiVersion: apps/v1
kind: Deployment
metadata:
  name: shop
spec:
  replicas: 1
  selector:
    matchLabels: {app: shop}
  template:
    metadata:
      labels: {app: shop, virtual-pod: "true"}
    spec:
      nodeSelector: {disktype: ssd}
      containers:
      - {name: app, image: "app:1"}
      - {name: agent, image: "agent:1"}
`

// The node of the downstream cluster is one: before anything is said about
// virtual nodes, this shows what there is to compare with.
func TestRealKubelet(t *testing.T) {
	s := tell(t, stage.down)
	s.kubectl(s.downstream, shopDeployment, "apply", "-f", "-")
	pod := s.runs(s.downstream)
	if pod.Spec.NodeName != realNode {
		t.Errorf("it is on %s", pod.Spec.NodeName)
	}
	s.prints(s.downstream, pod.Name, "agent", "agent:1 runs\n")
	if out := s.kubectl(s.downstream, "hello", "exec", "-i", pod.Name, "-c", "app", "--", "sh", "-c", `echo "$(cat) from $IMAGE"`); out != "hello from app:1\n" {
		t.Errorf("exec prints %q", out)
	}
	// The containers of a pod share a network, pods have their own addresses.
	if out := s.kubectl(s.downstream, "", "exec", pod.Name, "-c", "agent", "--", "ip", "-o", "addr"); !strings.Contains(out, pod.Status.PodIP+"/") {
		t.Errorf("its address is %s, but it has\n%s", pod.Status.PodIP, out)
	}

	s.kubectl(s.downstream, "", "patch", "pod", pod.Name, "-p", `{"spec":{"containers":[{"name":"agent","image":"agent:2"}]}}`)
	pod = s.runsImage(s.downstream, "agent", "agent:2")
	if n := s.restarts(pod, "agent"); n != 1 {
		t.Errorf("the changed container was restarted %d times", n)
	}
	if n := s.restarts(pod, "app"); n != 0 {
		t.Errorf("the container beside it was restarted %d times", n)
	}
}
