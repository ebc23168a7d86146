package containers

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

// story is one test's view of the stage: a namespace of its own, of the same
// name in both clusters once a pod of it runs downstream, and words to tell what
// happens in it.
type story struct {
	*testing.T
	stage
	ctx       context.Context
	namespace string
}

// tell begins a story in a new namespace of the cluster where its author works.
func tell(t *testing.T, in func(stage) *playground.Cluster) *story {
	t.Helper()
	t.Parallel()
	return tellAlone(t, in)
}

// tellAlone begins a story beside which no other is told, for what can only be
// counted in a process that does nothing else.
func tellAlone(t *testing.T, in func(stage) *playground.Cluster) *story {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), storyTimeout)
	t.Cleanup(cancel)
	s := &story{T: t, stage: shared, ctx: ctx, namespace: strings.ToLower(t.Name())}
	s.must("create the story's namespace", in(s.stage).CreateNamespace(ctx, s.namespace, nil))
	t.Cleanup(func() { s.explains(context.WithoutCancel(ctx)) })
	return s
}

func (s stage) up() *playground.Cluster   { return s.upstream }
func (s stage) down() *playground.Cluster { return s.downstream }

// explains prints what the clusters know of a story that failed.
func (s *story) explains(ctx context.Context) {
	if !s.Failed() {
		return
	}
	const enough = 6000 // characters
	for _, cluster := range []*playground.Cluster{s.upstream, s.downstream} {
		for _, question := range []string{"get pods -o yaml", "get events --sort-by=.lastTimestamp"} {
			answer, _, err := cluster.Kubectl(ctx, "", append(strings.Fields(question), "-n", s.namespace)...)
			s.Logf("%s: kubectl %s: %v\n%s", cluster.Name(), question, err, answer[:min(len(answer), enough)])
		}
	}
}

func (s *story) must(what string, err error) {
	s.Helper()
	if err != nil {
		s.Fatalf("cannot %s: %v", what, err)
	}
}

// kubectl is what a user of a cluster types, in the story's namespace; it
// returns stdout.
func (s *story) kubectl(cluster *playground.Cluster, stdin string, args ...string) string {
	s.Helper()
	stdout, _, err := cluster.Kubectl(s.ctx, stdin, append([]string{"-n", s.namespace}, args...)...)
	s.must("kubectl", err)
	return stdout
}

// eventually waits for a condition within the story's time.
func (s *story) eventually(what string, check func(context.Context) error) {
	s.Helper()
	s.must("see that "+what, playground.Eventually(s.ctx, what, check))
}

// onlyPod returns the one pod of the story in a cluster.
func (s *story) onlyPod(ctx context.Context, cluster *playground.Cluster) (*corev1.Pod, error) {
	list, err := cluster.Client().CoreV1().Pods(s.namespace).List(ctx, metav1.ListOptions{})
	if err != nil {
		return nil, err
	}
	if len(list.Items) != 1 {
		return nil, fmt.Errorf("%d pods %s, want one", len(list.Items), cluster.Name())
	}
	return &list.Items[0], nil
}

// allPods returns the story's pods in a cluster.
func (s *story) allPods(cluster *playground.Cluster) []corev1.Pod {
	s.Helper()
	list, err := cluster.Client().CoreV1().Pods(s.namespace).List(s.ctx, metav1.ListOptions{})
	s.must("list the pods", err)
	return list.Items
}

// injects applies a SidecarSet upstream and waits until new pods get it.
func (s *story) injects(manifest string) {
	s.Helper()
	s.kubectl(s.upstream, manifest, "apply", "-f", "-")
	s.kubectl(s.upstream, manifest, "wait", "-f", "-", "--for=jsonpath={.status.observedGeneration}=1", "--timeout=30s")
}

// runs waits until the story's only pod in a cluster runs, has an address, and
// each of its containers is ready.
func (s *story) runs(cluster *playground.Cluster) *corev1.Pod {
	s.Helper()
	return s.reaches(cluster, "runs", func(pod *corev1.Pod) error {
		if pod.Status.Phase != corev1.PodRunning || pod.Status.PodIP == "" {
			return fmt.Errorf("it is %s with address %q", pod.Status.Phase, pod.Status.PodIP)
		}
		for _, container := range pod.Spec.Containers {
			status, err := containerStatus(pod, container.Name)
			if err != nil {
				return err
			}
			if !status.Ready {
				return fmt.Errorf("container %s is not ready", container.Name)
			}
		}
		return nil
	})
}

// runsImage waits until a container of the story's only pod runs with an image,
// as the cluster reports it.
func (s *story) runsImage(cluster *playground.Cluster, container, image string) *corev1.Pod {
	s.Helper()
	return s.reaches(cluster, container+" runs "+image, func(pod *corev1.Pod) error {
		status, err := containerStatus(pod, container)
		if err != nil {
			return err
		}
		if status.State.Running == nil || !strings.HasSuffix(status.Image, "/"+image) {
			return fmt.Errorf("it has image %s in state %v", status.Image, status.State)
		}
		return nil
	})
}

// reaches waits until the story's only pod in a cluster is as it should be.
func (s *story) reaches(cluster *playground.Cluster, what string, check func(*corev1.Pod) error) *corev1.Pod {
	s.Helper()
	var pod *corev1.Pod
	s.eventually("the pod "+cluster.Name()+": "+what, func(ctx context.Context) (err error) {
		if pod, err = s.onlyPod(ctx, cluster); err != nil {
			return err
		}
		return check(pod)
	})
	return pod
}

// prints waits until a container's log is as it should be: a container runs before
// its first line is written.
func (s *story) prints(cluster *playground.Cluster, pod, container, want string) {
	s.Helper()
	s.eventually(container+" of "+pod+" has printed", func(ctx context.Context) error {
		log, _, err := cluster.Kubectl(ctx, "", "-n", s.namespace, "logs", pod, "-c", container)
		if err != nil {
			return err
		}
		if log != want {
			return fmt.Errorf("it has printed %q, want %q", log, want)
		}
		return nil
	})
}

// restarts tells how often a container was restarted.
func (s *story) restarts(pod *corev1.Pod, container string) int32 {
	s.Helper()
	status, err := containerStatus(pod, container)
	s.must("find the container", err)
	return status.RestartCount
}

func containerStatus(pod *corev1.Pod, name string) (corev1.ContainerStatus, error) {
	all := slices.Concat(pod.Status.InitContainerStatuses, pod.Status.ContainerStatuses)
	at := slices.IndexFunc(all, func(status corev1.ContainerStatus) bool { return status.Name == name })
	if at < 0 {
		return corev1.ContainerStatus{}, errors.New("nothing is known about container " + name)
	}
	return all[at], nil
}
