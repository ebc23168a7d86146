package containers

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/tools/remotecommand"
)

// TestDebug: kubectl debug puts a container into a pod that runs, shows what it
// prints and has its user talk to it; the pod's own containers do not notice.
func TestDebug(t *testing.T) {
	s := tell(t, stage.up)
	s.runsPod("box", "Always", waiting)
	// Who attaches sees what is printed from then on.
	const found = "agent:2 looks\nand sees the app\n"
	out := s.kubectl(s.upstream, "", "debug", "box", "--image=agent:2", "--target=app", "-c", "probe", "--attach", "--",
		"sh", "-c", `for i in $(seq 15); do echo "$IMAGE looks"; ps | grep -q "[s]leep 2147483647" && echo "and sees the app"; sleep 0.2; done; exit 3`)
	if !strings.Contains(out, found) {
		t.Errorf("kubectl debug prints %q", out)
	}
	s.debuggingEnds("probe", 3)
	if log := s.kubectl(s.upstream, "", "logs", "box", "-c", "probe", "--tail=2"); log != found {
		t.Errorf("its log ends with %q", log)
	}

	// A second one beside the first, with a terminal, on which its user types.
	s.kubectl(s.upstream, "", "debug", "box", "--image=app:1", "-c", "shell", "-it", "--attach=false", "--", "sh")
	s.reachesPod("box", "has a shell", func(pod *corev1.Pod) error {
		for _, status := range pod.Status.EphemeralContainerStatuses {
			if status.Name == "shell" && status.State.Running != nil {
				return nil
			}
		}
		return fmt.Errorf("it has %+v", pod.Status.EphemeralContainerStatuses)
	})
	if text := s.types("shell", "echo $IMAGE $((6 * 7))\n", "exit 5\n"); !strings.Contains(text, "app:1 42\r\n") {
		t.Errorf("on the terminal it reads %q", text)
	}
	s.debuggingEnds("shell", 5)
	for _, name := range []string{"app", "agent"} {
		if n := s.restarts(s.runs(s.upstream), name); n != 0 {
			t.Errorf("%s was restarted %d times", name, n)
		}
	}
}

// types attaches to a container with a terminal, types lines, and returns what is
// on the terminal when the container has ended.
func (s *story) types(container string, lines ...string) string {
	s.Helper()
	options := &corev1.PodAttachOptions{Container: container, Stdin: true, Stdout: true, TTY: true}
	address := s.upstream.Client().CoreV1().RESTClient().Post().Resource("pods").Namespace(s.namespace).Name("box").SubResource("attach").
		VersionedParams(options, scheme.ParameterCodec).URL()
	executor, err := remotecommand.NewWebSocketExecutor(s.upstream.AdminConfig(), "GET", address.String())
	s.must("connect", err)
	keyboard, keys := io.Pipe()
	defer func() { _ = keyboard.Close() }()
	go func() { // Ends with the story at the latest, which closes the keyboard.
		for _, line := range lines {
			_, _ = io.WriteString(keys, line)
		}
	}()
	screen := &screen{seen: func(string) {}}
	s.must("attach to "+container, executor.StreamWithContext(s.ctx, remotecommand.StreamOptions{Stdin: keyboard, Stdout: screen, Tty: true}))
	return screen.text.String()
}

// debuggingEnds waits until the upstream pod tells how an ephemeral container
// ended.
func (s *story) debuggingEnds(name string, code int32) {
	s.Helper()
	s.reachesPod("box", "tells how its debugging ended", func(pod *corev1.Pod) error {
		for _, status := range pod.Status.EphemeralContainerStatuses {
			if status.Name == name && status.State.Terminated != nil && status.State.Terminated.ExitCode == code {
				return nil
			}
		}
		return fmt.Errorf("it has %+v", pod.Status.EphemeralContainerStatuses)
	})
}

// sized is a container that may be given more and less of the processor.
const sized = `[{name: app, image: "app:1", resources: {requests: {cpu: 100m, memory: 32Mi}, limits: {cpu: 200m, memory: 64Mi}}}]`

// quota asks a container how much of the processor it may have: in microseconds
// of each 100 ms, by either version of cgroups.
const quota = `if [ -e /sys/fs/cgroup/cpu.max ]; then sed 's/ .*//' /sys/fs/cgroup/cpu.max; else cat /sys/fs/cgroup/cpu/cpu.cfs_quota_us; fi`

// TestResize: what a user gives a pod upstream, its containers have downstream,
// without being restarted, and upstream says so.
func TestResize(t *testing.T) {
	s := tell(t, stage.up)
	s.runsPod("box", "Always", sized)
	if before := s.kubectl(s.upstream, "", "exec", "box", "--", "sh", "-c", quota); before != "20000\n" {
		t.Errorf("with 200m it may have %q of 100000", before)
	}
	s.kubectl(s.upstream, "", "patch", "pod", "box", "--subresource", "resize", "-p",
		`{"spec":{"containers":[{"name":"app","resources":{"requests":{"cpu":"150m"},"limits":{"cpu":"400m"}}}]}}`)
	s.reachesPod("box", "has what it was given", func(pod *corev1.Pod) error {
		status, err := containerStatus(pod, "app")
		if err != nil {
			return err
		}
		if status.Resources == nil || !status.Resources.Limits.Cpu().Equal(resource.MustParse("400m")) || !status.Resources.Requests.Cpu().Equal(resource.MustParse("150m")) {
			return fmt.Errorf("it has %v", status.Resources)
		}
		if pod.Status.ObservedGeneration != pod.Generation {
			return fmt.Errorf("generation %d is observed of %d", pod.Status.ObservedGeneration, pod.Generation)
		}
		return nil
	})
	if after := s.kubectl(s.upstream, "", "exec", "box", "--", "sh", "-c", quota); after != "40000\n" {
		t.Errorf("with 400m it may have %q of 100000", after)
	}
	if n := s.restarts(s.runs(s.upstream), "app"); n != 0 {
		t.Errorf("it was restarted %d times", n)
	}
}

// TestRunningPods: through the API server the virtual node tells, as any kubelet,
// which pods it runs: by the UIDs that they have upstream, and no more once they
// are being deleted.
func TestRunningPods(t *testing.T) {
	s := tell(t, stage.up)
	s.runsPod("box", "Always", `[{name: app, image: "app:1", command: [sh, -c, "sleep 3600"]}]`)
	uid := s.runs(s.upstream).UID
	for _, path := range []string{"pods", "runningpods/"} {
		if listed := s.listed(path); !slices.Contains(listed, uid) {
			t.Errorf("%s lists %v, want %s as well", path, listed, uid)
		}
	}
	s.kubectl(s.upstream, "", "delete", "pod", "box", "--wait=false", "--grace-period=5")
	asked := time.Now()
	s.eventually("it is not listed", func(context.Context) error {
		late := time.Since(asked)
		if listed := s.listed("runningpods/"); slices.Contains(listed, uid) {
			if late > time.Second {
				t.Errorf("%s after its deletion it is still listed", late)
			}
			return fmt.Errorf("%v are", listed)
		}
		return nil
	})
}

// listed returns the UIDs of the pods that the virtual node lists.
func (s *story) listed(path string) []types.UID {
	s.Helper()
	var list corev1.PodList
	text := s.kubectl(s.upstream, "", "get", "--raw", "/api/v1/nodes/"+virtualNode+"/proxy/"+path)
	s.must("read the list", json.Unmarshal([]byte(text), &list))
	uids := make([]types.UID, 0, len(list.Items))
	for _, pod := range list.Items {
		uids = append(uids, pod.UID)
	}
	return uids
}
