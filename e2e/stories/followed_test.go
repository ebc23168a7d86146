package stories

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/spillway-io/spillway/e2e/playground"
)

// hasNodesBelow adds downstream nodes that take only the pods of this story, which
// ask for the pool of its name.
func (s *story) hasNodesBelow(names ...string) {
	s.Helper()
	for _, name := range names {
		node := playground.FakeNode(name, playground.Label("pool", s.namespace), playground.Taint("pool", s.namespace, corev1.TaintEffectNoSchedule))
		s.must("add node "+name, s.downstream.CreateNodes(s.ctx, node))
		s.finally(func(ctx context.Context) error {
			return s.downstream.Client().CoreV1().Nodes().Delete(ctx, name, metav1.DeleteOptions{})
		})
	}
}

// taintsBelow has a downstream node evict its pods.
func (s *story) taintsBelow(name string) {
	s.Helper()
	const patch = `{"spec":{"taints":[{"key":"broken","effect":"NoExecute"}]}}`
	_, err := s.downstream.Client().CoreV1().Nodes().Patch(s.ctx, name, types.StrategicMergePatchType, []byte(patch), metav1.PatchOptions{})
	s.must("taint node "+name, err)
}

// evictsBelow asks the downstream cluster to evict a pod.
func (s *story) evictsBelow(name string) {
	s.Helper()
	eviction := &policyv1.Eviction{ObjectMeta: metav1.ObjectMeta{Namespace: s.namespace, Name: name}}
	s.must("evict pod "+name, s.downstream.Client().CoreV1().Pods(s.namespace).EvictV1(s.ctx, eviction))
}

// isReplacedOnce waits until the upstream pod has failed for being gone
// downstream, and another one runs. The pods that there are then must be all there
// ever were, each with one downstream pod.
func (s *story) isReplacedOnce(lost string, upstream, downstream *witness) {
	s.Helper()
	s.eventually(lost+" has failed and another runs", func(context.Context) error {
		pods, err := s.pods(s.upstream)
		if err != nil {
			return err
		}
		running := 0
		for _, pod := range pods {
			switch {
			case pod.Name == lost && (pod.Status.Phase != corev1.PodFailed || pod.Status.Reason != "DownstreamPodDeleted"):
				return fmt.Errorf("%s is %s with reason %q", lost, pod.Status.Phase, pod.Status.Reason)
			case pod.Name != lost && pod.Status.Phase == corev1.PodRunning:
				running++
			}
		}
		if running != 1 {
			return fmt.Errorf("%d others run", running)
		}
		return nil
	})
	above, below := upstream.seen(), downstream.seen()
	if above != 2 || below != 2 {
		s.Errorf("there have been %d pods upstream and %d downstream, want 2 and 2", above, below)
	}
}

// disrupted is why an upstream pod was disrupted.
func (s *story) disrupted(name string) string {
	s.Helper()
	for _, c := range s.pod(s.upstream, name).Status.Conditions {
		if c.Type == corev1.DisruptionTarget && c.Status == corev1.ConditionTrue {
			return c.Reason
		}
	}
	return ""
}

// runsAlone waits until the only pod of the story runs, and returns its name.
func (s *story) runsAlone() string {
	s.Helper()
	s.must("see the pod run", s.runsInBoth(s.ctx, 1, "east", s.downstream))
	pods, err := s.pods(s.upstream)
	s.must("list the pods", err)
	return pods[0].Name
}

const oneReplica = `
apiVersion: apps/v1
kind: ReplicaSet
metadata: {name: web}
spec:
  replicas: 1
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web, virtual-pod: "true"}}
    spec:
      terminationGracePeriodSeconds: 1
      nodeSelector: {clusterID: east, pool: %[1]s}
      tolerations: [{key: pool, operator: Equal, value: %[1]s, effect: NoSchedule}]
      containers: [{name: app, image: "app:1"}]
`

// TestNodeEvictsDownstream: a downstream node that evicts its pods costs their
// ReplicaSet just these, and it makes one in the place of each.
func TestNodeEvictsDownstream(t *testing.T) {
	s := tell(t, nil)
	first, second := s.namespace+"-1", s.namespace+"-2"
	s.hasNodesBelow(first)
	upstream, _ := s.watches(s.upstream)
	downstream, _ := s.watches(s.downstream)
	s.applies(fmt.Sprintf(oneReplica, s.namespace))
	lost := s.runsAlone()

	s.hasNodesBelow(second)
	s.taintsBelow(first)
	s.isReplacedOnce(lost, upstream, downstream)
	if reason := s.disrupted(lost); reason != "DeletionByTaintManager" && reason != "DownstreamPodDeleted" {
		t.Errorf("it was disrupted by %q", reason)
	}
	s.tellsOnce("DownstreamPodDeleted")
}

// A failure of its own would end this Job at once; a disruption does not count.
const oneTry = `
apiVersion: batch/v1
kind: Job
metadata: {name: report}
spec:
  backoffLimit: 0
  podFailurePolicy:
    rules: [{action: Ignore, onPodConditions: [{type: DisruptionTarget, status: "True"}]}]
  template:
    metadata:
      labels: {virtual-pod: "true"}
      annotations: {playground.spillway.io/run-for: 1h}
    spec:
      restartPolicy: Never
      terminationGracePeriodSeconds: 1
      nodeSelector: {clusterID: east}
      containers: [{name: app, image: "app:1"}]
`

// TestEvictionDownstream: a pod that is evicted in the downstream cluster is a
// disrupted one for its Job, not one that failed: a Job that allows no failure
// makes one other, and goes on.
func TestEvictionDownstream(t *testing.T) {
	s := tell(t, nil)
	upstream, _ := s.watches(s.upstream)
	downstream, _ := s.watches(s.downstream)
	s.applies(oneTry)
	lost := s.runsAlone()

	s.evictsBelow(lost)
	s.isReplacedOnce(lost, upstream, downstream)
	if reason := s.disrupted(lost); reason != "EvictionByEvictionAPI" && reason != "DownstreamPodDeleted" {
		t.Errorf("it was disrupted by %q", reason)
	}
	job, err := s.upstream.Client().BatchV1().Jobs(s.namespace).Get(s.ctx, "report", metav1.GetOptions{})
	s.must("get the job", err)
	for _, c := range job.Status.Conditions {
		if c.Type == batchv1.JobFailed || c.Type == batchv1.JobFailureTarget {
			t.Errorf("the job has failed: %s", c.Message)
		}
	}
	s.tellsOnce("DownstreamPodDeleted")
}

// tellsOnce waits for an event with the reason, and looks for a second one.
func (s *story) tellsOnce(reason string) {
	s.Helper()
	s.eventually("an event says "+reason, func(ctx context.Context) error {
		list, err := s.upstream.Client().EventsV1().Events(s.namespace).List(ctx, metav1.ListOptions{FieldSelector: "reason=" + reason})
		if err != nil {
			return err
		}
		if len(list.Items) != 1 || list.Items[0].Series != nil {
			return fmt.Errorf("%d do, want one: %s", len(list.Items), toJSON(s.T, list.Items))
		}
		return nil
	})
}

// TestTooLargeDownstream: a pod that no downstream node could ever hold says so
// upstream within ten seconds, and no more once a larger node has come.
func TestTooLargeDownstream(t *testing.T) {
	s := tell(t, nil)
	pod := newPod("web")
	pod.Spec.NodeSelector = map[string]string{"clusterID": "east", "pool": s.namespace}
	pod.Spec.Tolerations = []corev1.Toleration{{Key: "pool", Operator: corev1.TolerationOpEqual, Value: s.namespace, Effect: corev1.TaintEffectNoSchedule}}
	pod.Spec.Containers[0].Resources.Requests = cpus("64")
	s.applies(manifest(t, pod))

	began := time.Now()
	s.eventually("the pod says that it is too large", func(context.Context) error {
		for _, c := range s.pod(s.upstream, "web").Status.Conditions {
			if c.Type == "spillway.io/DownstreamScheduled" && c.Reason == "LargerThanAnyNode" && strings.HasPrefix(c.Message, "The pod requests cpu 64") {
				return nil
			}
		}
		return fmt.Errorf("it has the conditions %s", toJSON(t, s.pod(s.upstream, "web").Status.Conditions))
	})
	if took := time.Since(began); took > 10*time.Second {
		t.Errorf("it took %s", took)
	}
	s.tellsOnce("LargerThanAnyNode")

	large := s.namespace
	node := playground.FakeNode(large, playground.Capacity("96", "64Gi", "10"), playground.Label("pool", s.namespace), playground.Taint("pool", s.namespace, corev1.TaintEffectNoSchedule))
	s.must("add node "+large, s.downstream.CreateNodes(s.ctx, node))
	s.finally(func(ctx context.Context) error {
		return s.downstream.Client().CoreV1().Nodes().Delete(ctx, large, metav1.DeleteOptions{})
	})
	s.runsAlone()
	for _, c := range s.pod(s.upstream, "web").Status.Conditions {
		if c.Type == "spillway.io/DownstreamScheduled" {
			t.Errorf("it runs, and says %s", toJSON(t, c))
		}
	}
}

// cpus is a request for them.
func cpus(n string) corev1.ResourceList {
	return corev1.ResourceList{corev1.ResourceCPU: resource.MustParse(n)}
}

// TestNamespacesElsewhere: where downstream namespaces have other names, a pod is
// made in the namespace that its own stands for, which is made for it, and what is
// in the namespace of the same name is none of its business.
func TestNamespacesElsewhere(t *testing.T) {
	s := tell(t, nil)
	const prefix = "of-upstream-"
	node, err := playground.StartVirtualNode(s.ctx, playground.VirtualNodeOptions{
		Binary: s.spillway, Name: "elsewhere", Upstream: s.upstream, Downstream: s.downstream,
		Labels: map[string]string{"clusterID": "elsewhere"}, ExtraArgs: []string{"--namespace-prefix=" + prefix},
	})
	s.must("start a virtual node", err)
	s.finally(node.Stop)
	s.finally(func(ctx context.Context) error {
		return s.upstream.Client().CoreV1().Nodes().Delete(ctx, "elsewhere", metav1.DeleteOptions{})
	})
	s.must("create the namespace downstream", s.downstream.CreateNamespace(s.ctx, s.namespace, nil))
	foreign := newPod("web")
	_, err = s.downstream.Client().CoreV1().Pods(s.namespace).Create(s.ctx, foreign, metav1.CreateOptions{})
	s.must("create a foreign pod", err)

	pod := newPod("web")
	pod.Spec.NodeSelector = map[string]string{"clusterID": "elsewhere"}
	s.applies(manifest(t, pod))
	below := s.downstream.Client().CoreV1().Pods(prefix + s.namespace)
	s.eventually("the pod runs, with the status that its downstream pod has", func(ctx context.Context) error {
		twin, err := below.Get(ctx, "web", metav1.GetOptions{})
		if err != nil {
			return err
		}
		if up := s.pod(s.upstream, "web"); up.Status.Phase != corev1.PodRunning || up.Status.PodIP != twin.Status.PodIP {
			return fmt.Errorf("it is %s with address %q, and %s with %q downstream", up.Status.Phase, up.Status.PodIP, twin.Status.Phase, twin.Status.PodIP)
		}
		return nil
	})
	namespace, err := s.downstream.Client().CoreV1().Namespaces().Get(s.ctx, prefix+s.namespace, metav1.GetOptions{})
	s.must("get the downstream namespace", err)
	origin, err := s.upstream.Client().CoreV1().Namespaces().Get(s.ctx, s.namespace, metav1.GetOptions{})
	s.must("get the upstream namespace", err)
	if uid := namespace.Annotations["spillway.io/upstream-uid"]; uid != string(origin.UID) {
		t.Errorf("the downstream namespace is of %q, want %q", uid, origin.UID)
	}

	_, _, err = s.upstream.Kubectl(s.ctx, "", "delete", "pod", "-n", s.namespace, "web")
	s.must("delete the pod", err)
	if left, err := below.List(s.ctx, metav1.ListOptions{}); err != nil || len(left.Items) > 0 {
		t.Errorf("%d pods are left downstream (%v)", len(left.Items), err)
	}
	if pods, err := s.pods(s.downstream); err != nil || len(pods) != 1 || pods[0].DeletionTimestamp != nil {
		t.Errorf("the foreign pod did not stay as it was: %v (%v)", pods, err)
	}
}
