package stories

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/spillway-io/spillway/webhook/spread"
)

// countStream: pods come one after the other, for twice as long as they take to settle, so
// that some replicas give up reservations that others would have counted by. The count
// stays exact, and reservations few.
func (r *replicated) countStream(t *testing.T) {
	const inA = many * 5 / 6
	s := tellOn(t, r.stage, nil)
	s.spreads(strings.Replace(fmt.Sprintf(fiftyFirst, "apps.kruise.io/v1alpha1", "CloneSet"), "maxReplicas: 50", fmt.Sprintf("maxReplicas: %d", inA), 1))
	owner := s.appliesCloneSet(many)
	seen, _ := s.watches(s.upstream)
	next := time.NewTicker(2 * spread.SettledAfter / many)
	defer next.Stop()
	creating, ctx := errgroup.WithContext(s.ctx)
	for i := range many {
		<-next.C
		creating.Go(func() error { return s.createsBelow(ctx, fmt.Sprintf("web-%03d", i), owner) })
	}
	s.must("create the pods", creating.Wait())
	s.counted(seen, distribution{"a": inA, "b": many - inA})

	ws, err := s.workloadSpread()
	s.must("read the WorkloadSpread", err)
	if !slices.ContainsFunc(ws.Status.SubsetStatuses, func(a subsetStatus) bool {
		return a.Name == "a" && strings.Contains(fmt.Sprint(a.Conditions), string(spread.PodsSeen))
	}) {
		t.Errorf("subset a has no condition %s: %+v", spread.PodsSeen, ws.Status.SubsetStatuses)
	}
	held := 0
	for _, subsets := range ws.Status.VersionedSubsetStatuses {
		for _, subset := range subsets {
			held += len(subset.CreatingPods)
		}
	}
	t.Logf("%d of %d reservations are left", held, inA)
	if held > inA*3/4 {
		t.Errorf("%d of %d reservations are left", held, inA)
	}
}

// createsBelow creates a pod of an owner.
func (s *story) createsBelow(ctx context.Context, name string, owner metav1.OwnerReference) error {
	pod := newPod(name)
	pod.OwnerReferences = []metav1.OwnerReference{owner}
	_, err := s.upstream.Client().CoreV1().Pods(s.namespace).Create(ctx, pod, metav1.CreateOptions{})
	return err
}
