package stories

import (
	"context"
	"errors"
	"fmt"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/spillway-io/spillway/e2e/playground"
)

// aimed is a pod that names the virtual node by hand and did not opt in.
func aimed(name, virtualNode string) *corev1.Pod {
	pod := newPod(name)
	pod.Labels = nil
	pod.Spec.NodeSelector = map[string]string{"type": "virtual-kubelet", "clusterID": virtualNode}
	pod.Spec.Tolerations = []corev1.Toleration{{Key: "virtual-kubelet.io/provider", Operator: corev1.TolerationOpExists}}
	return pod
}

// TestNamespacesAreMapped: a virtual node with a prefix and a mapping of its own
// runs pods in other namespaces of a downstream cluster that another virtual node
// uses too, and the pods come and go like any.
func TestNamespacesAreMapped(t *testing.T) {
	cases := map[string]func(upstream string) (flag, below string){
		"prefix": func(upstream string) (flag, below string) {
			return "--namespace-prefix=west-", "west-" + upstream
		},
		"name": func(upstream string) (flag, below string) {
			return fmt.Sprintf("--namespace-map=%[1]s=elsewhere,elsewhere=%[1]s", upstream), "elsewhere"
		},
	}
	for name, maps := range cases {
		t.Run(name, func(t *testing.T) {
			s := tell(t, nil)
			flag, below := maps(s.namespace)
			virtualNode := "mapped-" + name
			node, err := playground.StartVirtualNode(s.ctx, playground.VirtualNodeOptions{
				Binary: s.spillway, Name: virtualNode, Upstream: s.upstream, Downstream: s.downstream,
				Labels: map[string]string{"clusterID": virtualNode}, ExtraArgs: []string{flag},
			})
			s.must("start the virtual node", err)
			s.finally(node.Stop)

			s.applies(manifest(t, aimed("web", virtualNode)))
			s.eventually("the pod runs in "+below, func(ctx context.Context) error {
				twin, err := s.downstream.Client().CoreV1().Pods(below).Get(ctx, "web", metav1.GetOptions{})
				if err != nil {
					return err
				}
				pod, err := s.upstream.Client().CoreV1().Pods(s.namespace).Get(ctx, "web", metav1.GetOptions{})
				if err != nil {
					return err
				}
				if pod.Status.Phase != corev1.PodRunning || pod.Status.PodIP != twin.Status.PodIP {
					return fmt.Errorf("upstream it is %s at %q, downstream at %q", pod.Status.Phase, pod.Status.PodIP, twin.Status.PodIP)
				}
				return nil
			})
			if twins, err := s.pods(s.downstream); err != nil || len(twins) != 0 {
				t.Errorf("%d pods are downstream in a namespace of the upstream name, want none (%v)", len(twins), err)
			}
			s.must("delete the pod", s.upstream.Client().CoreV1().Pods(s.namespace).Delete(s.ctx, "web", metav1.DeleteOptions{}))
			s.eventually("both pods are gone", func(ctx context.Context) error {
				return errors.Join(isGone(ctx, s.upstream, s.namespace, "web"), isGone(ctx, s.downstream, below, "web"))
			})
		})
	}
}

// TestTwoUpstreamsShareOneDownstream: the downstream cluster overflows into
// itself, so that it holds the pods of two upstream clusters. Neither touches the
// other's.
func TestTwoUpstreamsShareOneDownstream(t *testing.T) {
	s := tell(t, nil)
	node, err := playground.StartVirtualNode(s.ctx, playground.VirtualNodeOptions{
		Binary: s.spillway, Name: "loop", Upstream: s.downstream, Downstream: s.downstream,
		Labels: map[string]string{"clusterID": "loop"}, ExtraArgs: []string{"--namespace-prefix=loop-"},
	})
	s.must("start the second upstream cluster's virtual node", err)
	s.finally(node.Stop)
	s.finally(func(ctx context.Context) error {
		return s.downstream.Client().CoreV1().Nodes().Delete(ctx, "loop", metav1.DeleteOptions{})
	})

	s.applies(manifest(t, aimed("ours", "east")))
	s.must("see the first cluster's pod run", s.runsInBoth(s.ctx, 1, "east", s.downstream))
	second := s.downstream.Client().CoreV1().Pods(s.namespace)
	_, err = second.Create(s.ctx, aimed("theirs", "loop"), metav1.CreateOptions{})
	s.must("create a pod of the second cluster", err)
	twins := s.downstream.Client().CoreV1().Pods("loop-" + s.namespace)
	s.eventually("the second cluster's pod runs", func(ctx context.Context) error {
		return runs(ctx, twins, "theirs")
	})

	s.must("delete the first cluster's pod", s.upstream.Client().CoreV1().Pods(s.namespace).Delete(s.ctx, "ours", metav1.DeleteOptions{}))
	s.eventually("the first cluster's pods are gone", func(ctx context.Context) error {
		return errors.Join(isGone(ctx, s.upstream, s.namespace, "ours"), isGone(ctx, s.downstream, s.namespace, "ours"))
	})
	s.must("see the second cluster's pod run on", errors.Join(runs(s.ctx, twins, "theirs"), runs(s.ctx, second, "theirs")))
	s.must("delete the second cluster's pod", second.Delete(s.ctx, "theirs", metav1.DeleteOptions{}))
	s.eventually("the second cluster's pods are gone", func(ctx context.Context) error {
		return errors.Join(isGone(ctx, s.downstream, s.namespace, "theirs"), isGone(ctx, s.downstream, "loop-"+s.namespace, "theirs"))
	})
}

type podGetter interface {
	Get(ctx context.Context, name string, options metav1.GetOptions) (*corev1.Pod, error)
}

func runs(ctx context.Context, pods podGetter, name string) error {
	pod, err := pods.Get(ctx, name, metav1.GetOptions{})
	if err != nil {
		return err
	}
	if pod.Status.Phase != corev1.PodRunning {
		return fmt.Errorf("pod %s is %s", name, pod.Status.Phase)
	}
	return nil
}

func isGone(ctx context.Context, cluster *playground.Cluster, namespace, name string) error {
	_, err := cluster.Client().CoreV1().Pods(namespace).Get(ctx, name, metav1.GetOptions{})
	switch {
	case apierrors.IsNotFound(err):
		return nil
	case err != nil:
		return err
	default:
		return fmt.Errorf("pod %s is still there %s", name, cluster.Name())
	}
}
