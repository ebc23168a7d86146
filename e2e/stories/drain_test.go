package stories

import (
	"fmt"
	"os"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// draining: so many pods on the nodes of a pool, the rest on a virtual node that is to
// be drained, and then on another one.
const draining = `
apiVersion: apps.kruise.io/v1alpha1
kind: WorkloadSpread
metadata: {name: web}
spec:
  targetRef: {apiVersion: apps/v1, kind: Deployment, name: web}
  subsets:
  - name: a
    maxReplicas: %d
    requiredNodeSelectorTerm: {matchExpressions: [{key: pool, operator: In, values: [%s]}]}
    tolerations: [{key: pool, operator: Exists}]
  - name: b
    requiredNodeSelectorTerm: {matchExpressions: [{key: clusterID, operator: In, values: [%s]}]}
  - name: c
    requiredNodeSelectorTerm: {matchExpressions: [{key: clusterID, operator: In, values: [%s]}]}
`

// TestDrainHome: own machines have room again. Pods come home one at a time, and never
// fewer are ready than the disruption budget says, also when the drain is killed and run
// again. New pods go elsewhere meanwhile. Who has no room at home stays as long as only
// that counts, and goes to the next virtual node when not; who is replaced by nobody
// stays, and is told of.
func TestDrainHome(t *testing.T) {
	const (
		budget = "{apiVersion: policy/v1, kind: PodDisruptionBudget, metadata: {name: web}, spec: {minAvailable: 4, selector: {matchLabels: {app: web}}}}"
		bare   = `{apiVersion: v1, kind: Pod, metadata: {name: bare, labels: {virtual-pod: "true"}}, spec: {nodeSelector: {clusterID: ebb}, terminationGracePeriodSeconds: 1, containers: [{name: app, image: "web:1"}]}}`
	)
	s := tell(t, nil)
	s.must("grant rights", s.upstream.Apply(s.ctx, drainers))
	s.hasVirtualNode("ebb", s.downstream)
	s.hasVirtualNode("flow", s.downstream)
	s.spreads(fmt.Sprintf(draining, 2, "own", "ebb", "flow"))
	s.applies(workload("apps/v1", "Deployment", 5, "web:1"))
	s.applies(budget)
	s.applies(bare)
	s.stands(distribution{"a on own": 2, "b on ebb": 3})
	s.remainBelow("ebb", 4)

	if _, complaint, code := s.spillwaySays(s.drainArgs("own-1")...); code != 1 || !strings.Contains(complaint, "it is no virtual node") {
		t.Errorf("of an own machine it says with exit code %d: %s", code, complaint)
	}
	events, code := s.drains("ebb", "--dry-run")
	if node, err := s.upstream.Client().CoreV1().Nodes().Get(s.ctx, "ebb", metav1.GetOptions{}); err != nil || node.Spec.Unschedulable {
		t.Errorf("after a dry run the node is cordoned (%v)", err)
	}
	if goes := of("goes", events); code != 2 || len(goes) != 3 || goes[0].Why != "to another virtual node, subset c" || len(of("stays", events)) != 1 {
		t.Errorf("exit code %d, and the plan is: %+v", code, events)
	}

	// There is no room yet, and nothing happens but that the node is cordoned.
	before := s.in("b")
	events, code = s.drains("ebb", "--home")
	if stay := of("stays", events); code != 2 || len(stay) != 4 || len(of("moved", events)) > 0 {
		t.Errorf("exit code %d, and these stay: %+v", code, stay)
	}
	for _, e := range of("stays", events) {
		want := `subset "c" of WorkloadSpread "web": a is full (2 of 2), b is cordoned`
		if e.Pod == "bare" {
			want = "nobody would replace it"
		}
		if !strings.Contains(e.Why, want) || e.Do == "" {
			t.Errorf("pod %s stays because %s; to do: %s", e.Pod, e.Why, e.Do)
		}
	}
	for name := range before {
		if s.in("b")[name] == nil {
			t.Errorf("pod %s is gone", name)
		}
	}

	// New pods do not go there.
	s.scales("deployment", 6)
	s.stands(distribution{"a on own": 2, "b on ebb": 3, "c on flow": 1})

	// There is room for two. The drain is killed after the first.
	s.spreads(fmt.Sprintf(draining, 4, "own", "ebb", "flow"))
	ready, stop := s.countsReady()
	s.drainsUntil("moved", os.Kill, "ebb", "--home")
	events, code = s.drains("ebb", "--home")
	if moved := of("moved", events); code != 2 || len(moved) > 1 {
		t.Errorf("exit code %d, and these moved after the drain was killed: %+v", code, moved)
	}
	s.stands(distribution{"a on own": 4, "b on ebb": 1, "c on flow": 1})

	// The last goes to the next virtual node.
	events, code = s.drains("ebb")
	moved := of("moved", events)
	if code != 2 || len(moved) != 1 || len(moved[0].Instead) != 1 || moved[0].Instead[0].Node != "flow" {
		t.Errorf("exit code %d, and these moved: %+v", code, moved)
	}
	s.stands(distribution{"a on own": 4, "c on flow": 2})
	stop()
	if ready.least < 5 {
		t.Errorf("%d pods were ready at one time, want five of six", ready.least)
	}
	s.remainBelow("ebb", 1)

	_, _, err := s.upstream.Kubectl(s.ctx, "", "delete", "pod", "bare", "-n", s.namespace)
	s.must("delete the bare pod", err)
	if events, code = s.drains("ebb"); code != 0 {
		t.Errorf("exit code %d of a node without pods: %+v", code, events)
	}
	s.remainBelow("ebb", 0)
}

// TestDrainStops: home takes two more pods by its cap, and has a node for one. The pod
// that has none waits, the drain stops there, and says which and why; no other pod is
// touched, nor by another try.
func TestDrainStops(t *testing.T) {
	const spent = "{apiVersion: policy/v1, kind: PodDisruptionBudget, metadata: {name: web}, spec: {maxUnavailable: %d, selector: {matchLabels: {app: web}}}}"
	s := tell(t, nil)
	s.must("grant rights", s.upstream.Apply(s.ctx, drainers))
	s.hasNode("tidal-1", "32", "2")
	s.hasVirtualNode("tide", s.downstream)
	s.spreads(fmt.Sprintf(draining, 1, "tidal", "tide", "nowhere"))
	s.applies(workload("apps/v1", "Deployment", 4, "web:1"))
	s.stands(distribution{"a on tidal": 1, "b on tide": 3})
	s.spreads(fmt.Sprintf(draining, 3, "tidal", "tide", "nowhere"))

	// A budget that is spent is waited for, and then told of by its name.
	s.applies(fmt.Sprintf(spent, 0))
	events, code := s.drains("tide", "--timeout=3s")
	waits, stays := of("waits", events), of("stays", events)
	if code != 2 || len(waits) == 0 || !strings.Contains(waits[len(waits)-1].Why, "disruption budget web") || len(stays) != 3 {
		t.Errorf("exit code %d, waits %+v, stays %+v", code, waits, stays)
	}

	if complaint, code := s.drainsUntil("waits", os.Interrupt, "tide"); code != 1 || !strings.Contains(complaint, "interrupted after 0 pods: run it again to go on; until then no new pods come to node tide, unless you undo that with kubectl uncordon tide") {
		t.Errorf("interrupted, it ends with %d: %s", code, complaint)
	}

	s.applies(fmt.Sprintf(spent, 2))
	events, code = s.drains("tide", "--patience=3s")
	stopped := of("stopped", events)
	if code != 2 || len(of("moved", events)) != 1 || len(stopped) != 1 || !strings.Contains(stopped[0].Why, "waits for a node: 0/") {
		t.Errorf("exit code %d, stopped %+v", code, stopped)
	}
	events, code = s.drains("tide", "--patience=3s")
	stays = of("stays", events)
	if code != 2 || len(of("moved", events)) > 0 || len(stays) != 1 || !strings.Contains(stays[0].Why, "waits for a node already") {
		t.Errorf("of another try: exit code %d, stays %+v", code, stays)
	}

	// There is room again: the pod that waits comes home, and so does the last.
	s.hasNode("tidal-2", "32", "8")
	s.stands(distribution{"a on tidal": 3, "b on tide": 1})
	s.spreads(fmt.Sprintf(draining, 4, "tidal", "tide", "nowhere"))
	if events, code = s.drains("tide", "--home"); code != 0 {
		t.Errorf("exit code %d: %+v", code, events)
	}
	s.stands(distribution{"a on tidal": 4})
	s.remainBelow("tide", 0)
}
