package stories

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"golang.org/x/sync/errgroup"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"

	"github.com/spillway-io/spillway/e2e/playground"
)

// story is one test's view of the stage: a namespace of its own upstream, and
// words to tell what happens in it.
type story struct {
	*testing.T
	stage
	ctx       context.Context
	namespace string
}

// tell begins a story on the shared stage, in a new upstream namespace with
// labels.
func tell(t *testing.T, labels map[string]string) *story {
	t.Helper()
	t.Parallel()
	return tellOn(t, shared, labels)
}

// tellOn begins a story on a stage that it may have to itself.
func tellOn(t *testing.T, on stage, labels map[string]string) *story {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), storyTimeout)
	t.Cleanup(cancel)
	namespace := strings.ToLower(strings.NewReplacer("/", "-", "_", "-").Replace(t.Name()))
	namespace = strings.Trim(namespace[max(0, len(namespace)-50):], "-")
	s := &story{T: t, stage: on, ctx: ctx, namespace: namespace}
	s.must("create the story's namespace", s.upstream.CreateNamespace(ctx, namespace, labels))
	s.finally(s.explains)
	return s
}

// explains prints what the upstream cluster knows of a story that failed.
func (s *story) explains(ctx context.Context) error {
	if !s.Failed() {
		return nil
	}
	const enough = 6000 // characters
	for _, question := range []string{"get pods -o wide", "get workloadspreads -o yaml", "get events --sort-by=.lastTimestamp"} {
		answer, _, err := s.upstream.Kubectl(ctx, "", append(strings.Fields(question), "-n", s.namespace)...)
		if err != nil {
			return err
		}
		s.Logf("kubectl %s:\n%s", question, answer[:min(len(answer), enough)])
	}
	return nil
}

func (s *story) must(what string, err error) {
	s.Helper()
	if err != nil {
		s.Fatalf("cannot %s: %v", what, err)
	}
}

// finally undoes something when the story is over, in time of its own.
func (s *story) finally(undo func(context.Context) error) {
	s.Cleanup(func() {
		if err := within(undo)(); err != nil {
			s.Error(err)
		}
	})
}

// applies what a user would, with kubectl, and returns what kubectl said on
// stderr.
func (s *story) applies(manifest string) (warnings string) {
	s.Helper()
	_, stderr, err := s.upstream.Kubectl(s.ctx, manifest, "apply", "-n", s.namespace, "-f", "-")
	s.must("apply the manifest", err)
	return stderr
}

// eventually waits for a condition within the story's time.
func (s *story) eventually(what string, check func(context.Context) error) {
	s.Helper()
	s.must("see that "+what, playground.Eventually(s.ctx, what, check))
}

// pods returns the story's pods in a cluster.
func (s *story) pods(cluster *playground.Cluster) ([]corev1.Pod, error) {
	list, err := cluster.Client().CoreV1().Pods(s.namespace).List(s.ctx, metav1.ListOptions{})
	if err != nil {
		return nil, err
	}
	return list.Items, nil
}

func (s *story) pod(cluster *playground.Cluster, name string) *corev1.Pod {
	s.Helper()
	pod, err := cluster.Client().CoreV1().Pods(s.namespace).Get(s.ctx, name, metav1.GetOptions{})
	s.must("get pod "+name+" "+cluster.Name(), err)
	return pod
}

// runsInBoth waits until exactly n pods run in both clusters, the upstream ones
// on the virtual node, each with the status of its downstream pod.
func (s *story) runsInBoth(ctx context.Context, n int, virtualNode string, downstream *playground.Cluster) error {
	return s.agreeInBoth(ctx, fmt.Sprintf("%d pods run on %s and below it", n, virtualNode), downstream, func(up, down []corev1.Pod) error {
		return agree(n, virtualNode, up, down, true)
	})
}

// isInBoth waits until exactly n pods exist in both clusters, with the same
// status; the downstream cluster may still be busy starting them.
func (s *story) isInBoth(ctx context.Context, n int, virtualNode string, downstream *playground.Cluster) error {
	return s.agreeInBoth(ctx, fmt.Sprintf("%d pods are on %s and below it", n, virtualNode), downstream, func(up, down []corev1.Pod) error {
		return agree(n, virtualNode, up, down, false)
	})
}

func (s *story) agreeInBoth(ctx context.Context, what string, downstream *playground.Cluster, check func(up, down []corev1.Pod) error) error {
	return playground.Eventually(ctx, what, func(context.Context) error {
		up, err := s.pods(s.upstream)
		if err != nil {
			return err
		}
		down, err := s.pods(downstream)
		if err != nil {
			return err
		}
		return check(up, down)
	})
}

func agree(n int, virtualNode string, up, down []corev1.Pod, allRun bool) error {
	if len(up) != n || len(down) != n {
		return fmt.Errorf("%d pods upstream and %d downstream, want %d", len(up), len(down), n)
	}
	below := make(map[string]corev1.Pod, n)
	for _, pod := range down {
		below[pod.Name] = pod
	}
	for _, pod := range up {
		twin, ok := below[pod.Name]
		switch {
		case !ok:
			return fmt.Errorf("pod %s is not downstream", pod.Name)
		case pod.Spec.NodeName != virtualNode:
			return fmt.Errorf("pod %s is on node %q upstream, want %q", pod.Name, pod.Spec.NodeName, virtualNode)
		case pod.Status.Phase != twin.Status.Phase || allRun && pod.Status.Phase != corev1.PodRunning:
			return fmt.Errorf("pod %s is %s upstream and %s downstream", pod.Name, pod.Status.Phase, twin.Status.Phase)
		case pod.Status.PodIP != twin.Status.PodIP:
			return fmt.Errorf("pod %s has address %s upstream and %s downstream", pod.Name, pod.Status.PodIP, twin.Status.PodIP)
		}
	}
	return nil
}

// burst is how many pods createsBurst creates.
const burst = 200

// createsBurst creates plain opted-in pods, several at a time, that are routed
// to one virtual node.
func (s *story) createsBurst(virtualNode string) error {
	group, ctx := errgroup.WithContext(s.ctx)
	group.SetLimit(8)
	for i := range burst {
		group.Go(func() error {
			pod := newPod(fmt.Sprintf("pod-%03d", i))
			pod.Spec.NodeSelector = map[string]string{"clusterID": virtualNode}
			_, err := s.upstream.Client().CoreV1().Pods(s.namespace).Create(ctx, pod, metav1.CreateOptions{})
			return err
		})
	}
	return group.Wait()
}

func newPod(name string) *corev1.Pod {
	return &corev1.Pod{
		TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: "Pod"},
		ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{"virtual-pod": "true"}},
		Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "app", Image: "app:1"}}},
	}
}

func manifest(t *testing.T, object any) string {
	t.Helper()
	text, err := yaml.Marshal(object)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func toJSON(t *testing.T, v any) string {
	t.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
