package stories

import (
	"context"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/spillway-io/spillway/e2e/playground"
)

// TestCloneIsRefused: a second process with the same upstream id and virtual node,
// as a cloned cluster would have it, ends and says why, and nothing of the first's
// is touched. It takes over when the first has stopped.
func TestCloneIsRefused(t *testing.T) {
	s := tell(t, nil)
	s.finally(func(ctx context.Context) error { return s.withdraw(ctx, "original") })
	original := s.hasVirtualNode("original", s.downstream)
	downstream := s.downstream.Client().CoreV1().Pods(s.namespace)
	create := func(name string) {
		t.Helper()
		_, err := s.upstream.Client().CoreV1().Pods(s.namespace).Create(s.ctx, aimed(name, "original"), metav1.CreateOptions{})
		s.must("create pod "+name, err)
		s.eventually(name+" runs", func(ctx context.Context) error { return runs(ctx, downstream, name) })
	}
	create("before")
	before := toJSON(t, s.pod(s.downstream, "before"))

	began := time.Now()
	// Without a common election the two do not know of each other upstream. Whether
	// the clone is ready for a moment, before it ends, makes no difference.
	clone, err := playground.StartVirtualNode(s.ctx, playground.VirtualNodeOptions{
		Binary: s.spillway, Name: "original", Replica: "clone", Upstream: s.upstream, Downstream: s.downstream,
		Labels: map[string]string{"clusterID": "original"}, ExtraArgs: []string{"--leader-elect=false"},
	})
	if clone == nil {
		t.Fatal(err)
	}
	s.finally(clone.Stop)
	s.eventually("the clone ends", func(context.Context) error { return hasEnded(clone) })
	t.Logf("it ended %.1f s after its start", time.Since(began).Seconds())
	log, err := os.ReadFile(clone.LogFile())
	s.must("read its log", err)
	lease := "spillway-system/original." + s.clusterID()
	for _, said := range []string{"another process writes downstream", lease, s.upstream.APIServerURL(), "--name"} {
		if !strings.Contains(string(log), said) {
			t.Errorf("its log does not say %q", said)
		}
	}
	if after := toJSON(t, s.pod(s.downstream, "before")); after != before {
		t.Errorf("the pod was touched:\n%s\n%s", before, after)
	}
	create("meanwhile")

	s.must("stop the original", original.Stop(s.ctx))
	began = time.Now()
	s.must("start the clone again", clone.Start())
	create("after")
	t.Logf("the next pod ran %.1f s after the clone's start", time.Since(began).Seconds())
	if after := toJSON(t, s.pod(s.downstream, "before")); after != before {
		t.Errorf("the pod was touched by the next process:\n%s\n%s", before, after)
	}
}

func hasEnded(process *playground.VirtualNode) error {
	if process.Running() {
		return errors.New("it is running")
	}
	return nil
}
