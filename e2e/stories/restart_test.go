package stories

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/spillway-io/spillway/e2e/playground"
)

// TestVirtualNodeKilledWhileCreating: kill -9 of the virtual node's process
// while 200 pods are being created costs nothing.
func TestVirtualNodeKilledWhileCreating(t *testing.T) {
	s := tell(t, nil)
	west := s.hasVirtualNode("west", s.downstream)
	upstream, stopUpstream := s.watches(s.upstream)
	downstream, stopDownstream := s.watches(s.downstream)

	created := make(chan error, 1)
	go func() { created <- s.createsBurst("west") }()
	s.isUnderWay(downstream)
	s.must("kill virtual node west", west.Kill())
	atKill := downstream.seen()
	s.must("create 200 pods", <-created)

	s.must("start virtual node west again", west.Start())
	ctx, cancel := context.WithTimeout(s.ctx, 10*time.Second)
	defer cancel()
	started := time.Now()
	if err := s.runsInBoth(ctx, burst, "west", s.downstream); err != nil {
		t.Fatalf("within 10 s of the restart: %v", err)
	}
	t.Logf("killed with %d of %d pods downstream; all 200 right upstream %.1f s after the restart", atKill, upstream.seen(), time.Since(started).Seconds())
	stopUpstream()
	stopDownstream()
	if err := errors.Join(upstream.sawOnce(burst), downstream.sawOnce(burst)); err != nil {
		t.Error(err)
	}
}

// TestDownstreamAPIStoppedWhileCreating: no pod fails and none is lost when the
// downstream API server is gone for 30 s while 200 pods are being created.
func TestDownstreamAPIStoppedWhileCreating(t *testing.T) {
	const outage = 30 * time.Second
	s := tell(t, nil)
	remote, err := playground.Start(s.ctx, playground.Options{Name: "remote", Dir: s.dir, Binaries: s.binaries, Nodes: []*corev1.Node{
		playground.FakeNode("remote-1"), playground.FakeNode("remote-2"),
	}})
	s.must("start the remote cluster", err)
	s.finally(remote.Stop)
	s.hasVirtualNode("south", remote)
	upstream, stopUpstream := s.watches(s.upstream)
	downstream, stopDownstream := s.watches(remote)

	created := make(chan error, 1)
	go func() { created <- s.createsBurst("south") }()
	s.isUnderWay(downstream)
	s.must("stop the remote API server", remote.APIServer.Kill())
	down := time.NewTimer(outage)
	defer down.Stop()
	s.must("create 200 pods", <-created)
	select {
	case <-down.C: // the outage itself is what the story is about
	case <-s.ctx.Done():
		t.Fatal(s.ctx.Err())
	}
	s.must("start the remote API server again", remote.APIServer.Start())
	s.eventually("the remote API server answers again", func(ctx context.Context) error {
		_, err := remote.Client().Discovery().ServerVersion()
		return err
	})
	back := time.Now()
	ctx, cancel := context.WithTimeout(s.ctx, 10*time.Second)
	defer cancel()
	if err := s.isInBoth(ctx, burst, "south", remote); err != nil {
		t.Fatalf("within 10 s of the API server's return: %v", err)
	}
	same := time.Since(back).Seconds()
	// Left alone, the remote cluster's own scheduler and kubelets would pause for
	// up to a minute before they ask their API server again.
	s.must("start the remote scheduler again", remote.Scheduler.Restart(s.ctx))
	s.must("start the remote kubelets again", remote.Kwok.Restart(s.ctx))
	s.must("see all pods run", s.runsInBoth(s.ctx, burst, "south", remote))
	t.Logf("API server back: all 200 downstream and their status right upstream after %.1f s, all Running after %.1f s", same, time.Since(back).Seconds())
	stopUpstream()
	stopDownstream()
	if err := errors.Join(upstream.sawOnce(burst), downstream.sawOnce(burst)); err != nil {
		t.Error(err)
	}
}

// hasVirtualNode starts a virtual node of the story's own.
func (s *story) hasVirtualNode(name string, downstream *playground.Cluster) *playground.VirtualNode {
	s.Helper()
	node, err := s.virtualNode(s.ctx, name, downstream)
	s.must("start virtual node "+name, err)
	s.finally(node.Stop)
	return node
}

// isUnderWay waits until a third of the burst has reached the downstream
// cluster.
func (s *story) isUnderWay(downstream *witness) {
	s.Helper()
	s.eventually("a third of the pods are downstream", func(context.Context) error {
		if seen := downstream.seen(); seen < burst/3 {
			return fmt.Errorf("%d of %d", seen, burst)
		}
		return nil
	})
}
