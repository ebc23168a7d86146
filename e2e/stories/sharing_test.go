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

// TestNamespacesChangePlaces: a mapping may exchange names, and each pod's
// downstream pod is where its own namespace leads.
func TestNamespacesChangePlaces(t *testing.T) {
	s := tell(t, nil)
	other := s.namespace + "-other"
	s.must("create a second namespace", s.upstream.CreateNamespace(s.ctx, other, nil))
	node, err := playground.StartVirtualNode(s.ctx, playground.VirtualNodeOptions{
		Binary: s.spillway, Name: "places", Upstream: s.upstream, Downstream: s.downstream,
		Labels:    map[string]string{"clusterID": "places"},
		ExtraArgs: []string{fmt.Sprintf("--namespace-map=%[1]s=%[2]s,%[2]s=%[1]s", s.namespace, other)},
	})
	s.must("start the virtual node", err)
	s.finally(node.Stop)
	s.finally(func(ctx context.Context) error {
		return s.upstream.Client().CoreV1().Nodes().Delete(ctx, "places", metav1.DeleteOptions{})
	})
	leadsTo := map[string]string{s.namespace: other, other: s.namespace}
	for namespace := range leadsTo {
		_, err := s.upstream.Client().CoreV1().Pods(namespace).Create(s.ctx, aimed("from-"+namespace, "places"), metav1.CreateOptions{})
		s.must("create a pod", err)
	}
	for namespace, below := range leadsTo {
		s.eventually("the pod of "+namespace+" runs in "+below, func(ctx context.Context) error {
			return errors.Join(
				runs(ctx, s.upstream.Client().CoreV1().Pods(namespace), "from-"+namespace),
				runs(ctx, s.downstream.Client().CoreV1().Pods(below), "from-"+namespace),
				isGone(ctx, s.downstream, namespace, "from-"+namespace))
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
