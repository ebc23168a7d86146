package stories

import (
	"context"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/spillway-io/spillway/e2e/faults"
	"github.com/spillway-io/spillway/e2e/playground"
)

// TestWrongDownstreamIsRefused: a process that is given the kubeconfig of another
// downstream cluster than the last one ends and says so, and no pod is lost. Pods
// are given up only when somebody says that their cluster is gone.
func TestWrongDownstreamIsRefused(t *testing.T) {
	s := tell(t, nil)
	s.finally(func(ctx context.Context) error { return s.withdraw(ctx, "anchored") })
	elsewhere, err := playground.Start(s.ctx, playground.Options{
		Name: "elsewhere", Dir: s.dir, Binaries: s.binaries.Downstream, Nodes: []*corev1.Node{playground.FakeNode("elsewhere-1")},
	})
	s.must("start another downstream cluster", err)
	s.finally(elsewhere.Stop)
	right := s.hasVirtualNode("anchored", s.downstream)
	s.runsOn("anchored", "one", "two")
	s.must("see both run", s.runsInBoth(s.ctx, 2, "anchored", s.downstream))
	s.must("stop the virtual node", within(right.Stop)())
	before, node := s.podsAbove(), s.remembers("anchored")
	if node == "" {
		t.Fatal("the Node does not say which cluster it stands for")
	}

	began := time.Now()
	wrong, err := playground.StartVirtualNode(s.ctx, playground.VirtualNodeOptions{
		Binary: s.spillway, Name: "anchored", Replica: "wrong", Upstream: s.upstream, Downstream: elsewhere,
		Labels: map[string]string{"clusterID": "anchored"},
	})
	if wrong == nil {
		t.Fatal(err)
	}
	s.finally(wrong.Stop)
	s.eventually("the process ends", func(context.Context) error { return hasEnded(wrong) })
	t.Logf("it ended %.1f s after its start", time.Since(began).Seconds())
	log, err := os.ReadFile(wrong.LogFile())
	s.must("read its log", err)
	there, err := elsewhere.Client().CoreV1().Namespaces().Get(s.ctx, metav1.NamespaceSystem, metav1.GetOptions{})
	s.must("read the other cluster's id", err)
	for _, said := range []string{node, string(there.UID), elsewhere.APIServerURL(), "kubectl annotate node anchored spillway.io/downstream-"} {
		if !strings.Contains(string(log), said) {
			t.Errorf("its log does not say %q", said)
		}
	}
	leases, err := elsewhere.Client().CoordinationV1().Leases("spillway-system").List(s.ctx, metav1.ListOptions{})
	s.must("list the leases there", err)
	if len(leases.Items) > 0 {
		t.Errorf("it claimed the other cluster: %s", leases.Items[0].Name)
	}
	unchanged := func(when string) {
		t.Helper()
		if after := s.podsAbove(); after != before {
			t.Errorf("%s, the pods are\n%s, want\n%s", when, after, before)
		}
		if now := s.remembers("anchored"); now != node {
			t.Errorf("%s, the Node says that its cluster is %q, want %q", when, now, node)
		}
	}
	unchanged("after the wrong process")

	s.must("start the right process again", right.Start())
	s.must("see it ready", right.WaitReady(s.ctx))
	unchanged("after the right process")
	s.must("see both run", s.runsInBoth(s.ctx, 2, "anchored", s.downstream))
	s.must("stop it", within(right.Stop)())

	_, _, err = s.upstream.Kubectl(s.ctx, "", "annotate", "node", "anchored", "spillway.io/downstream-")
	s.must("say that the cluster is gone", err)
	s.must("start the process that was refused", wrong.Start())
	s.phase("one", corev1.PodFailed)
	s.phase("two", corev1.PodFailed)
	s.eventually("the Node remembers the new cluster", func(context.Context) error {
		if s.remembers("anchored") != string(there.UID) {
			return errors.New("not yet")
		}
		return nil
	})
}

// TestUnclaimedIsTold: a virtual node that may not claim its downstream cluster is
// not ready and says why, and the pods it has wait. They run when it may.
func TestUnclaimedIsTold(t *testing.T) {
	s := tell(t, nil)
	s.finally(func(ctx context.Context) error { return s.withdraw(ctx, "unclaimed") })
	node := s.hasProxiedNode("unclaimed", "--probe-interval=500ms")
	s.must("stop the virtual node", within(node.Stop)())
	heal := node.below.Inject(faults.Fault{Forbidden: true, Only: faults.Resources("leases")})
	s.applies(manifest(t, aimed("waiting", "unclaimed")))
	s.eventually("the pod is bound", func(context.Context) error {
		if s.pod(s.upstream, "waiting").Spec.NodeName == "" {
			return errors.New("not yet")
		}
		return nil
	})
	s.must("start it again", node.Start())
	s.saysNotReady("unclaimed", "DownstreamNotClaimed", "cannot read the claim", "leases")
	if phase := s.pod(s.upstream, "waiting").Status.Phase; phase != corev1.PodPending {
		t.Errorf("the pod is %s", phase)
	}

	heal()
	took := s.soon("the node is ready and the pod runs", func(ctx context.Context) error {
		if ready := s.ready("unclaimed"); ready.Status != corev1.ConditionTrue {
			return errors.New(ready.Message)
		}
		return runs(ctx, s.upstream.Client().CoreV1().Pods(s.namespace), "waiting")
	})
	t.Logf("that is %.1f s after it may", took.Seconds())

	since := s.ready("unclaimed").LastTransitionTime
	s.must("kill it", node.Kill())
	s.must("start it again", node.Start())
	s.runsOn("unclaimed", "after")
	if ready := s.ready("unclaimed"); !ready.LastTransitionTime.Equal(&since) {
		t.Errorf("a restart made the node %s: %s", ready.Reason, ready.Message)
	}
}

// podsAbove are the story's upstream pods, with all that they say.
func (s *story) podsAbove() string {
	s.Helper()
	pods, err := s.pods(s.upstream)
	s.must("list the upstream pods", err)
	return toJSON(s.T, pods)
}

// remembers is the id of the downstream cluster that a virtual node's Node has.
func (s *story) remembers(node string) string {
	s.Helper()
	object, err := s.upstream.Client().CoreV1().Nodes().Get(s.ctx, node, metav1.GetOptions{})
	s.must("get the node", err)
	return object.Annotations["spillway.io/downstream"]
}
