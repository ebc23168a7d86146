package containers

import "testing"

// What the upstream author sees of a pod whose containers really run elsewhere,
// and that a new image for one of them restarts that one only.
func TestVirtualNode(t *testing.T) {
	s := tell(t, stage.up)
	s.kubectl(s.upstream, shopDeployment, "apply", "-f", "-")
	pod := s.runs(s.upstream)
	below := s.runs(s.downstream)
	if pod.Spec.NodeName != virtualNode || below.Spec.NodeName != realNode {
		t.Errorf("it is on %s and runs on %s", pod.Spec.NodeName, below.Spec.NodeName)
	}
	if pod.Status.PodIP != below.Status.PodIP {
		t.Errorf("its address is %s upstream and %s downstream", pod.Status.PodIP, below.Status.PodIP)
	}

	s.kubectl(s.upstream, "", "patch", "pod", pod.Name, "-p", `{"spec":{"containers":[{"name":"agent","image":"agent:2"}]}}`)
	before, err := containerStatus(pod, "agent")
	s.must("find the container", err)
	pod = s.runsImage(s.upstream, "agent", "agent:2")
	if after, err := containerStatus(pod, "agent"); err != nil || after.ImageID == before.ImageID {
		t.Errorf("the image id is still %s (%v)", before.ImageID, err)
	}
	if n := s.restarts(pod, "agent"); n != 1 {
		t.Errorf("the changed container was restarted %d times", n)
	}
	if n := s.restarts(pod, "app"); n != 0 {
		t.Errorf("the container beside it was restarted %d times", n)
	}
	s.prints(s.downstream, pod.Name, "agent", "agent:2 runs\n")
}
