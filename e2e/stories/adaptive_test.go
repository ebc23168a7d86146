package stories

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/spillway-io/spillway/e2e/playground"
)

// critical is rescheduleCriticalSeconds in these stories, and grace what pods
// may take beyond it to run elsewhere.
const (
	critical = 3 * time.Second
	grace    = 5 * time.Second
)

// commonFirst: up to four pods in common, the nodes of a pool, and the rest on
// the virtual node.
const commonFirst = `
apiVersion: apps.kruise.io/v1alpha1
kind: WorkloadSpread
metadata: {name: web}
spec:
  targetRef: {apiVersion: apps/v1, kind: %s, name: web}
  scheduleStrategy: {type: Adaptive, adaptive: {rescheduleCriticalSeconds: 3}}
  subsets:
  - name: common
    maxReplicas: 4
    requiredNodeSelectorTerm: {matchExpressions: [{key: pool, operator: In, values: [%[2]s]}]}
    tolerations: [{key: pool, operator: Equal, value: %[2]s, effect: NoSchedule}]
  - name: b
    requiredNodeSelectorTerm: {matchExpressions: [{key: clusterID, operator: In, values: [east]}]}
`

// hasNode adds a node of a pool that others do not use, with as many CPUs and as
// much room for pods.
func (s *story) hasNode(name, cpus, pods string) {
	s.Helper()
	pool, _, _ := strings.Cut(name, "-")
	node := playground.FakeNode(name, playground.Capacity(cpus, "64Gi", pods),
		playground.Label("pool", pool), playground.Taint("pool", pool, corev1.TaintEffectNoSchedule))
	s.must("add node "+name, s.upstream.CreateNodes(s.ctx, node))
	s.finally(func(ctx context.Context) error {
		return s.upstream.Client().CoreV1().Nodes().Delete(ctx, name, metav1.DeleteOptions{})
	})
}

// moves waits until the pods are distributed as wanted, in the time that pods
// without room have.
func (s *story) moves(want distribution) {
	s.Helper()
	began := time.Now()
	s.isSpread("web:1", want)
	took := time.Since(began)
	s.Logf("moved in %.1f s", took.Seconds())
	if took > critical+grace {
		s.Errorf("that took %s, want %s at most", took, critical+grace)
	}
}

// TestStatefulSetLeavesASubsetWithoutRoom: its pods move on to the virtual node,
// and no ordinal ever runs twice.
func TestStatefulSetLeavesASubsetWithoutRoom(t *testing.T) {
	s := tell(t, nil)
	s.hasNode("narrow-1", "32", "0")
	upstream, stopUpstream := s.watches(s.upstream)
	downstream, stopDownstream := s.watches(s.downstream)
	s.spreads(fmt.Sprintf(commonFirst, "StatefulSet", "narrow"))
	s.applies(workload("apps/v1", "StatefulSet", 3, "web:1"))
	s.moves(distribution{"b on east": 3})
	stopUpstream()
	stopDownstream()
	if err := errors.Join(upstream.sawOneCopyRun(), downstream.sawOneCopyRun()); err != nil {
		t.Error(err)
	}
}

// TestOnePodTriesAgain: pods of a Deployment move on as well. After the backoff
// a single one tries the subset that had no room, and when it found some, others
// follow.
func TestOnePodTriesAgain(t *testing.T) {
	s := tell(t, nil)
	s.hasNode("tiny-1", "32", "0")
	upstream, _ := s.watches(s.upstream)
	putInto := func(subset string) int { return upstream.sawSubsets(func(*corev1.Pod) bool { return true })[subset] }

	s.spreads(fmt.Sprintf(commonFirst, "Deployment", "tiny"))
	s.applies(workload("apps/v1", "Deployment", 3, "web:1"))
	s.moves(distribution{"b on east": 3})
	tried, moved := putInto("common"), time.Now()

	s.scales("Deployment", 4)
	s.isSpread("web:1", distribution{"b on east": 4})
	if now := putInto("common"); now != tried {
		t.Errorf("%d pods were put into common before the backoff was over", now-tried)
	}
	s.eventually("common may be tried again", func(context.Context) error { return s.schedulable("common", "Unknown") })
	t.Logf("that was %.1f s after all pods had moved", time.Since(moved).Seconds())
	// There is room only when all have their subset: once the one pod has found some,
	// the others may follow it.
	before := putInto("b")
	s.scales("Deployment", 8)
	s.eventually("the other three are put into b", func(context.Context) error {
		if now := putInto("b"); now != before+3 {
			return fmt.Errorf("%d pods were put into b, want 3", now-before)
		}
		return nil
	})
	s.hasNode("tiny-2", "32", "10")
	s.isSpread("web:1", distribution{"common on tiny": 1, "b on east": 7})
	if now := putInto("common"); now != tried+1 {
		t.Errorf("%d pods tried common after the backoff, want one", now-tried)
	}
	s.eventually("common can schedule pods again", func(context.Context) error { return s.schedulable("common", "True") })
	s.scales("Deployment", 12)
	s.isSpread("web:1", distribution{"common on tiny": 4, "b on east": 8})
}

// TestNextRevisionRemembers: a rollout does not send pods to a subset that could
// not schedule those of the revision before.
func TestNextRevisionRemembers(t *testing.T) {
	s := tell(t, nil)
	s.hasNode("none-1", "32", "0")
	upstream, _ := s.watches(s.upstream)
	s.spreads(fmt.Sprintf(commonFirst, "Deployment", "none"))
	s.applies(workload("apps/v1", "Deployment", 3, "web:1"))
	s.moves(distribution{"b on east": 3})
	s.must("see that common cannot schedule pods", s.schedulable("common", "False"))

	s.applies(workload("apps/v1", "Deployment", 3, "web:2"))
	s.isSpread("web:2", distribution{"b on east": 3})
	next := upstream.sawSubsets(func(pod *corev1.Pod) bool { return pod.Spec.Containers[0].Image == "web:2" })
	if next["common"] > 0 || next["b"] < 3 {
		t.Errorf("the pods of the next revision were put into %v, want all in b", next)
	}
}

// schedulable says whether the Schedulable condition of a subset has a status.
func (s *story) schedulable(name, status string) error {
	ws, err := s.workloadSpread()
	if err != nil {
		return err
	}
	for _, subset := range ws.Status.SubsetStatuses {
		for _, condition := range subset.Conditions {
			if subset.Name == name && condition.Type == "Schedulable" && condition.Status == status {
				return nil
			}
		}
	}
	return fmt.Errorf("the subsets are %+v", ws.Status.SubsetStatuses)
}

// TestPodsLeaveAFullDownstreamCluster: what the downstream scheduler says counts
// as well, and the user can read it upstream.
func TestPodsLeaveAFullDownstreamCluster(t *testing.T) {
	s := tell(t, nil)
	s.hasNode("big-1", "256", "110")
	upstream, stopUpstream := s.watches(s.upstream)
	downstream, stopDownstream := s.watches(s.downstream)
	s.spreads(`
apiVersion: apps.kruise.io/v1alpha1
kind: WorkloadSpread
metadata: {name: web}
spec:
  targetRef: {apiVersion: apps/v1, kind: StatefulSet, name: web}
  scheduleStrategy: {type: Adaptive, adaptive: {rescheduleCriticalSeconds: 3}}
  subsets:
  - name: virtual
    maxReplicas: 2
    requiredNodeSelectorTerm: {matchExpressions: [{key: clusterID, operator: In, values: [east]}]}
  - name: big
    requiredNodeSelectorTerm: {matchExpressions: [{key: pool, operator: In, values: [big]}]}
    tolerations: [{key: pool, operator: Exists}]
`)
	// The downstream cluster has ten times 32 CPUs, and on no node 40.
	s.applies(strings.Replace(workload("apps/v1", "StatefulSet", 3, "web:1"),
		`image: "web:1"}`, `image: "web:1", resources: {requests: {cpu: "40"}}}`, 1))
	s.moves(distribution{"big on big": 3})
	s.eventually("an event says what the downstream scheduler said", func(context.Context) error {
		events, _, err := s.upstream.Kubectl(s.ctx, "", "get", "events", "-n", s.namespace,
			`-o=jsonpath={range .items[*]}{.involvedObject.kind} {.reason}: {.message}{"\n"}{end}`)
		if err != nil {
			return err
		}
		for line := range strings.Lines(events) {
			kind, _, _ := strings.Cut(line, " ")
			if (kind == "WorkloadSpread" || kind == "StatefulSet") && strings.Contains(line, "Insufficient cpu") {
				return nil
			}
		}
		return fmt.Errorf("the events are:\n%s", events)
	})
	stopUpstream()
	stopDownstream()
	if err := errors.Join(upstream.sawOneCopyRun(), downstream.sawOneCopyRun()); err != nil {
		t.Error(err)
	}
	if below, err := s.pods(s.downstream); err != nil || len(below) > 0 {
		t.Errorf("%d pods are left downstream (%v)", len(below), err)
	}
}
