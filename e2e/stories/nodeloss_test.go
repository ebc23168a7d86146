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

	"github.com/spillway-io/spillway/api"
	"github.com/spillway-io/spillway/e2e/faults"
	"github.com/spillway-io/spillway/e2e/playground"
)

// Ten minutes without a virtual node, with clocks that run 30 times as fast: pods
// tolerate a lost node for 10 s, not 300. Leases are as long as ever, so a process
// that is dead is found out after 16 s, not 50.
const (
	outage      = 20 * time.Second
	toleration  = 10 * time.Second
	leasePeriod = 16 * time.Second
	// returned is how long after its return a virtual node may take to have all in
	// order.
	returned = 15 * time.Second
)

// TestVirtualNodeLost: the downstream cluster of the virtual node cut is cut off,
// and the process of dead is killed. Pods that stay are there when they return, and
// pods that move are elsewhere by then; their old ones go. No identity runs twice.
func TestVirtualNodeLost(t *testing.T) {
	t.Parallel()
	stage := lossStage(t)
	cut, dead := stage.losable(t, "cut"), stage.losable(t, "dead")
	below := stage.watchesIdentities(t)
	cutStory, deadStory := cut.begins(), dead.begins()
	stage.start(t, "refuge", "", "--namespace-prefix=refuge-")

	t.Run("lost", func(t *testing.T) {
		t.Run("cut-off", func(t *testing.T) {
			t.Parallel()
			s := cutStory.toldBy(t)
			s.flaps()
			s.isLost("DownstreamUnreachable", func() (restore func()) {
				return cut.proxy.Inject(faults.Fault{Silent: true})
			})
		})
		t.Run("dead", func(t *testing.T) {
			t.Parallel()
			s := deadStory.toldBy(t)
			s.isLost("NodeStatusUnknown", func() (restore func()) {
				s.must("kill the virtual node", dead.node.Kill())
				return func() { s.must("start the virtual node again", dead.node.Start()) }
			})
		})
	})
	if err := below.sawOneOfEach(); err != nil {
		t.Error(err)
	}
}

// begins creates the pods of a story about one virtual node, while it is the only
// one that they can go to, and waits until all run there.
func (v *losable) begins() *lossStory {
	v.t.Helper()
	ctx, cancel := context.WithTimeout(v.t.Context(), storyTimeout)
	v.t.Cleanup(cancel)
	s := &lossStory{story: &story{T: v.t, stage: v.on.stage, ctx: ctx, namespace: "lost-" + v.name}, losable: v}
	s.finally(s.explains)
	s.staying = s.namespace + "-stays"
	s.must("create the namespace of pods that move", s.upstream.CreateNamespace(s.ctx, s.namespace, nil))
	s.appliesIn(s.staying, fmt.Sprintf(stayingNamespace, s.staying))
	pod := newPod("stays")
	pod.Annotations = map[string]string{api.OnNodeLossAnnotation: api.OnNodeLossStay}
	pod.Spec.NodeSelector = map[string]string{"clusterID": v.name}
	s.applies(manifest(v.t, pod) + "---\n" + fmt.Sprintf(moving, v.name))
	s.appliesIn(s.staying, fmt.Sprintf(kept, v.name))
	s.eventually("all pods run on "+v.name, func(context.Context) error {
		stay, move, err := s.both(s.upstream)
		if err != nil {
			return err
		}
		s.stay, s.move = stay, move
		return errors.Join(allReady(stay, 3, v.name), allReady(move, 4, v.name))
	})
	below, _, err := s.both(s.downstream)
	s.must("list the downstream pods", err)
	s.below = below
	return s
}

// isLost tells what becomes of the pods.
func (s *lossStory) isLost(reason string, lose func() (restore func())) {
	s.Helper()
	began := time.Now()
	restore := lose()
	s.eventually("the virtual node is not ready: "+reason, func(context.Context) error { return s.nodeIsNotReady(reason) })
	lost := time.Since(began)
	s.eventually("the pods that move run elsewhere", func(context.Context) error {
		_, now, err := s.both(s.upstream)
		if err != nil {
			return err
		}
		return s.movedAway(now)
	})
	moved := time.Since(began)
	select { // the outage itself is what the story is about
	case <-time.After(time.Until(began.Add(outage))):
	case <-s.ctx.Done():
		s.Fatal(s.ctx.Err())
	}
	s.areUntouched("upstream", s.upstream, s.stay)
	s.areUntouched("downstream", s.downstream, s.below)

	back := time.Now()
	restore()
	ctx, cancel := context.WithTimeout(s.ctx, returned)
	defer cancel()
	var ready, gone time.Duration
	s.must("see all in order again within 15 s", playground.Eventually(ctx, "all is in order again", func(context.Context) error {
		stay, move, err := s.both(s.upstream)
		if err != nil {
			return err
		}
		notReady := allReady(stay, 3, s.name)
		if notReady == nil && ready == 0 {
			ready = time.Since(back)
		}
		old := s.oldOnesGone(move)
		if old == nil && gone == 0 {
			gone = time.Since(back)
		}
		return errors.Join(notReady, old)
	}))
	s.areUntouched("upstream", s.upstream, s.stay)
	s.areUntouched("downstream", s.downstream, s.below)
	s.eventually("the StatefulSet's pod runs again", func(context.Context) error { return s.identityRuns() })
	s.Logf("NotReady (%s) after %.1f s, pods replaced after %.1f s, away for %.1f s; after the return: %d pods that stay Ready after %.1f s, those that moved gone in both clusters after %.1f s",
		reason, lost.Seconds(), moved.Seconds(), back.Sub(began).Seconds(), len(s.stay), ready.Seconds(), gone.Seconds())
}

// flaps tells of a downstream API server that is away for a moment, and of a moment
// in which it says nothing: nobody hears of that.
func (s *lossStory) flaps() {
	s.Helper()
	const moment = 3 * time.Second // third probe in a row that fails: after 4 s or more
	s.applies(manifest(s.T, settings("one")) + "---\n" + manifest(s.T, keys("hidden")))
	was, err := s.upstream.Client().CoreV1().Nodes().Get(s.ctx, s.name, metav1.GetOptions{})
	s.must("read the node", err)
	began := time.Now()
	for i, fault := range []faults.Fault{{Refused: true}, {Silent: true}} {
		heal := s.proxy.Inject(fault)
		over := time.After(moment)
		newcomer := refers(fmt.Sprintf("newcomer-%d", i), s.name, "settings", "keys", false)
		s.applies(manifest(s.T, newcomer))
		select {
		case <-over:
		case <-s.ctx.Done():
			s.Fatal(s.ctx.Err())
		}
		heal()
		s.phase(newcomer.Name, corev1.PodRunning)
		s.isProbed()
	}
	about, others := s.written(began, was)
	for _, w := range others {
		s.Errorf("during the flaps, %s wrote: %s %s", w.User.Username, w.Verb, w.RequestURI)
	}
	if about == 0 {
		s.Error("the audit log has nothing about pods that were created meanwhile")
	}
	warnings, _, err := s.upstream.Kubectl(s.ctx, "", "get", "events", "--field-selector=type=Warning", "-n", s.namespace)
	s.must("list the warnings", err)
	if strings.TrimSpace(warnings) != "" {
		s.Errorf("pods that were created during the flaps were warned of: %s", warnings)
	}
	s.Logf("two flaps of %s, refused and silent: in %.1f s no event and no write to the node but heartbeats, or to the status of any pod, but for %d about two pods that were created meanwhile",
		moment, time.Since(began).Seconds(), about)
}
