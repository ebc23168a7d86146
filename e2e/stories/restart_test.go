package stories

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/spillway-io/spillway/e2e/playground"
)

// TestVirtualNodeKilledWhileCreating: kill -9 of the virtual node's process
// while 200 pods are being created costs nothing. It is told while no other story is:
// what has to be right within 10 s takes 3 by itself, on two cores.
func TestVirtualNodeKilledWhileCreating(t *testing.T) {
	s := tellOn(t, shared, nil)
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
	remote, err := playground.Start(s.ctx, playground.Options{Name: "remote", Dir: s.dir, Binaries: s.binaries.Downstream, Nodes: []*corev1.Node{
		playground.FakeNode("remote-1"), playground.FakeNode("remote-2"),
	}})
	s.must("start the remote cluster", err)
	s.finally(remote.Stop)
	s.hasVirtualNode("south", remote)
	copies := s.hasCopiesIn(remote, "south")
	upstream, stopUpstream := s.watches(s.upstream)
	downstream, stopDownstream := s.watches(remote)

	created := make(chan error, 1)
	go func() { created <- s.createsBurst("south") }()
	s.isUnderWay(downstream)
	s.must("stop the remote API server", remote.APIServer.Kill())
	copies.change("south")
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
	copies.areRight(back)
	// Left alone, the remote cluster's own scheduler and kubelets would pause for
	// up to a minute before they ask their API server again.
	s.must("start the remote scheduler again", remote.Scheduler.Restart(s.ctx))
	s.must("start the remote kubelets again", remote.Kwok.Restart(s.ctx))
	s.must("see all pods run", s.runsInBoth(s.ctx, burst, "south", remote))
	copies.phase("late", corev1.PodRunning)
	t.Logf("API server back: all 200 downstream and their status right upstream after %.1f s, all Running after %.1f s", same, time.Since(back).Seconds())
	stopUpstream()
	stopDownstream()
	if err := errors.Join(upstream.sawOnce(burst), downstream.sawOnce(burst)); err != nil {
		t.Error(err)
	}
}

// copies are a side of a story, in a namespace of its own: what a pod refers to, in a
// downstream cluster that is away for a while.
type copies struct {
	*story
	uid types.UID
}

// hasCopiesIn runs a pod that refers to a ConfigMap and a Secret.
func (s *story) hasCopiesIn(downstream *playground.Cluster, virtualNode string) copies {
	s.Helper()
	beside := *s
	beside.namespace, beside.downstream = "beside-"+s.namespace, downstream
	s.must("create the namespace beside", s.upstream.CreateNamespace(s.ctx, beside.namespace, nil))
	beside.applies(manifest(s.T, settings("one")) + "---\n" + manifest(s.T, keys("hidden-1")) + "---\n" + manifest(s.T, refers("early", virtualNode, "settings", "keys", false)))
	beside.phase("early", corev1.PodRunning)
	beside.copied("one", "hidden-1")
	copied, err := downstream.Client().CoreV1().ConfigMaps(beside.namespace).Get(s.ctx, "settings", metav1.GetOptions{})
	s.must("get the copied ConfigMap", err)
	return copies{&beside, copied.UID}
}

// change changes what the pod refers to, takes away what it has, and creates another
// pod.
func (c copies) change(virtualNode string) {
	c.Helper()
	c.applies(manifest(c.T, settings("two")))
	c.must("delete the Secret upstream", c.upstream.Client().CoreV1().Secrets(c.namespace).Delete(c.ctx, "keys", metav1.DeleteOptions{}))
	other := settings("one")
	other.Name = "others"
	c.applies(manifest(c.T, other) + "---\n" + manifest(c.T, refers("late", virtualNode, "others", "", false)))
}

// areRight waits until the first pod's copies are as they have to be: changed where
// that is possible, kept otherwise, and never made anew.
func (c copies) areRight(back time.Time) {
	c.Helper()
	c.copied("two", "hidden-1")
	late := time.Since(back)
	c.Logf("the copies are right %.1f s after the API server's return", late.Seconds())
	if late > returned {
		c.Errorf("that is later than %s", returned)
	}
	copied, err := c.downstream.Client().CoreV1().ConfigMaps(c.namespace).Get(c.ctx, "settings", metav1.GetOptions{})
	c.must("get the copied ConfigMap", err)
	if copied.UID != c.uid {
		c.Error("the ConfigMap was deleted and made anew")
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
