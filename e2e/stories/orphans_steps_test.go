package stories

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/spillway-io/spillway/e2e/faults"
	"github.com/spillway-io/spillway/e2e/playground"
)

// inOrder is how long anything may take until both clusters agree again.
const inOrder = 15 * time.Second

// proxied is a virtual node of a story's own that reaches both clusters through
// proxies.
type proxied struct {
	*playground.VirtualNode
	options   playground.VirtualNodeOptions
	up, below *faults.Proxy
}

func (s *story) hasProxiedNode(name string, args ...string) proxied {
	s.Helper()
	p := proxied{up: s.hasProxy(name, s.upstream), below: s.hasProxy(name, s.downstream)}
	p.options = playground.VirtualNodeOptions{
		Binary: s.spillway, Name: name, Upstream: s.upstream, Downstream: s.downstream, Labels: map[string]string{"clusterID": name},
		UpstreamKubeconfig: p.up.Kubeconfig(), DownstreamKubeconfig: p.below.Kubeconfig(), ExtraArgs: args,
	}
	var err error
	p.VirtualNode, err = playground.StartVirtualNode(s.ctx, p.options)
	s.must("start virtual node "+name, err)
	s.finally(p.Stop)
	return p
}

func (s *story) hasProxy(node string, cluster *playground.Cluster) *faults.Proxy {
	s.Helper()
	config, err := cluster.NodeConfig(node)
	if cluster == s.downstream {
		config, err = cluster.DownstreamNodeConfig(node)
	}
	s.must("certify virtual node "+node, err)
	proxy, err := faults.Start(s.ctx, faults.Options{Name: node + "-" + cluster.Name(), Dir: filepath.Join(s.dir, "proxies"), Target: config})
	s.must("start a proxy", err)
	s.finally(proxy.Stop)
	return proxy
}

// hasPods runs pods on a virtual node, of which the first few carry a label, and
// returns the downstream pods.
func (s *story) hasPods(n int, virtualNode string, first int, label string) map[string]types.UID {
	s.Helper()
	var manifests strings.Builder
	for i := range n {
		pod := newPod(fmt.Sprintf("pod-%02d", i))
		pod.Spec.NodeSelector = map[string]string{"clusterID": virtualNode}
		if i < first {
			pod.Labels[label] = "true"
		}
		manifests.WriteString("---\n" + manifest(s.T, pod))
	}
	s.applies(manifests.String())
	s.must(fmt.Sprintf("see %d pods run", n), s.runsInBoth(s.ctx, n, virtualNode, s.downstream))
	return s.podsBelow()
}

// podsBelow are the downstream pods of the story.
func (s *story) podsBelow() map[string]types.UID {
	s.Helper()
	pods, err := s.pods(s.downstream)
	s.must("list the downstream pods", err)
	all := make(map[string]types.UID, len(pods))
	for _, pod := range pods {
		all[pod.Name] = pod.UID
		if pod.DeletionTimestamp != nil {
			all[pod.Name] += ", going"
		}
	}
	return all
}

// untouched says that the downstream pods are still the same.
func (s *story) untouched(when string, before map[string]types.UID) {
	s.Helper()
	if now := s.podsBelow(); !maps.Equal(now, before) {
		s.Errorf("%s: the downstream pods are %v, want %v", when, now, before)
	}
}

// forces force-deletes upstream pods.
func (s *story) forces(which ...string) {
	s.Helper()
	_, _, err := s.upstream.Kubectl(s.ctx, "", append([]string{"delete", "pods", "-n", s.namespace, "--force", "--grace-period=0"}, which...)...)
	s.must("force-delete pods", err)
}

// forcedInMass: all pods of a virtual node are force-deleted before its eyes. Downstream
// does not answer meanwhile, or it would delete some in the moment that they terminate.
func (s *story) forcedInMass(astray proxied) {
	s.Helper()
	s.hasPods(15, "astray", 15, "goes")
	heal := astray.below.Inject(faults.Fault{Refused: true})
	s.forces("-l", "goes")
	heal()
	s.Logf("15 of 15 pods are gone downstream %.1f s after its API server's return", s.leftBelow(nil).Seconds())
	list, err := s.upstream.Client().CoreV1().Events(metav1.NamespaceDefault).List(s.ctx, metav1.ListOptions{
		FieldSelector: "reason=OrphansWithheld,involvedObject.kind=Node,involvedObject.name=astray",
	})
	s.must("list the Node's events", err)
	for i := range list.Items {
		s.Errorf("the Node says %q, want nothing", list.Items[i].Message)
	}
}

// soon waits for a condition no longer than the clusters may disagree, and returns
// how long it took.
func (s *story) soon(what string, check func(context.Context) error) time.Duration {
	s.Helper()
	ctx, cancel := context.WithTimeout(s.ctx, inOrder)
	defer cancel()
	began := time.Now()
	s.must("see within 15 s that "+what, playground.Eventually(ctx, what, check))
	return time.Since(began)
}

// leftBelow waits until exactly these pods are left downstream.
func (s *story) leftBelow(want map[string]types.UID) time.Duration {
	s.Helper()
	return s.soon(fmt.Sprintf("%d pods are left downstream", len(want)), func(context.Context) error {
		if now := s.podsBelow(); !maps.Equal(now, want) {
			return fmt.Errorf("there are %d: %v", len(now), slices.Sorted(maps.Keys(now)))
		}
		return nil
	})
}

// nodeSays waits for an event about the Node.
func (s *story) nodeSays(reason string, words ...string) {
	s.Helper()
	s.eventually(fmt.Sprintf("the Node says %q", words), func(context.Context) error {
		events, err := s.eventsIn(metav1.NamespaceDefault, "Node", reason)
		if err == nil && !slices.ContainsFunc(events, func(e string) bool { return containsAll(e, words) }) {
			err = fmt.Errorf("the events are %q", events)
		}
		return err
	})
}

// holdsBelow keeps a downstream pod from going, as a kubelet does that still has
// to stop its containers; the return value lets it go.
func (s *story) holdsBelow(name string) (letGo func()) {
	s.Helper()
	patch := func(ctx context.Context, finalizers string) error {
		_, err := s.downstream.Client().CoreV1().Pods(s.namespace).Patch(ctx, name, types.MergePatchType,
			[]byte(`{"metadata":{"finalizers":`+finalizers+`}}`), metav1.PatchOptions{})
		return err
	}
	s.must("hold pod "+name, patch(s.ctx, `["example.com/held"]`))
	return func() {
		s.Helper()
		s.must("let pod "+name+" go", patch(s.ctx, "null"))
	}
}

// sees watches a pod from now on. The return value waits until its deletion was asked
// for, and returns it as it was then: kwok takes its grace period away a moment later.
func (s *story) sees(cluster *playground.Cluster, name string) (deleted func() *corev1.Pod) {
	s.Helper()
	watched, err := cluster.Client().CoreV1().Pods(s.namespace).Watch(s.ctx, metav1.ListOptions{FieldSelector: "metadata.name=" + name})
	s.must("watch pod "+name, err)
	s.Cleanup(watched.Stop)
	return func() *corev1.Pod {
		s.Helper()
		for event := range watched.ResultChan() {
			if pod, isPod := event.Object.(*corev1.Pod); isPod && pod.DeletionTimestamp != nil {
				return pod
			}
		}
		s.Fatalf("nobody has deleted pod %s", name)
		return nil
	}
}

// going waits until a pod is being deleted, and returns it.
func (s *story) going(cluster *playground.Cluster, name string) (pod *corev1.Pod) {
	s.Helper()
	s.eventually(fmt.Sprintf("pod %s is being deleted %s", name, cluster.Name()), func(context.Context) error {
		pod = s.pod(cluster, name)
		if pod.DeletionTimestamp == nil {
			return errors.New("not yet")
		}
		return nil
	})
	return pod
}

// only returns the one pod with a label.
func (s *story) only(cluster *playground.Cluster, selector string) (*corev1.Pod, error) {
	list, err := cluster.Client().CoreV1().Pods(s.namespace).List(s.ctx, metav1.ListOptions{LabelSelector: selector})
	if err != nil {
		return nil, err
	}
	if len(list.Items) != 1 {
		return nil, fmt.Errorf("%d pods have %s", len(list.Items), selector)
	}
	return &list.Items[0], nil
}
