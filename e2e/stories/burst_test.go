package stories

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/spillway-io/spillway/e2e/playground"
)

// Of 300 pods at once, fifty belong on own machines.
const (
	many       = 300
	manyInA    = 50
	fiftyFirst = `
apiVersion: apps.kruise.io/v1alpha1
kind: WorkloadSpread
metadata: {name: web}
spec:
  targetRef: {apiVersion: %s, kind: %s, name: web}
  subsets:
  - {name: a, maxReplicas: 50, requiredNodeSelectorTerm: {matchExpressions: [{key: pool, operator: In, values: [own]}]}}
  - {name: b, requiredNodeSelectorTerm: {matchExpressions: [{key: clusterID, operator: In, values: [east]}]}}
`
	unlimitedFirst = `
apiVersion: apps.kruise.io/v1alpha1
kind: WorkloadSpread
metadata: {name: web}
spec:
  targetRef: {apiVersion: %s, kind: %s, name: web}
  subsets:
  - {name: a, requiredNodeSelectorTerm: {matchExpressions: [{key: pool, operator: In, values: [own]}]}}
  - {name: b, requiredNodeSelectorTerm: {matchExpressions: [{key: clusterID, operator: In, values: [east]}]}}
`
)

// TestReplicas are the stories of one, two and three webhook replicas, which
// start in turn, and of what happens when one is killed, or etcd, or the
// API server.
func TestReplicas(t *testing.T) {
	t.Parallel()
	r := replicatedStage(t)
	r.nobodyLeads(t)
	r.starts(t, "one")
	t.Run("no write where nothing is limited", func(t *testing.T) { r.writesNothing(t, unlimitedFirst, "apps/v1", "Deployment") })
	t.Run("no write for ordinals", func(t *testing.T) { r.writesNothing(t, fiftyFirst, "apps/v1", "StatefulSet") })
	r.anybodyLeads(t)
	for _, another := range []string{"", "two", "three"} {
		if another != "" {
			r.starts(t, another)
		}
		t.Run(fmt.Sprintf("%d count a rollout", len(r.replicas)), r.countRollout)
		t.Run(fmt.Sprintf("%d count a burst", len(r.replicas)), r.countBurst)
	}
	t.Run(fmt.Sprintf("%d count a stream", len(r.replicas)), r.countStream)
	for _, server := range []*playground.Process{r.upstream.Etcd, r.upstream.APIServer} {
		t.Run(server.Name()+" is killed", func(t *testing.T) { r.lose(t, server) })
	}
	t.Run("one is killed", r.loseOne) // it may be the leader, whom nobody follows for half a minute
	t.Run("a spread turns bad", r.admitWithout)
}

// countRollout: a Deployment of 300 pods is counted exactly, whatever part of
// them each replica is asked about.
func (r *replicated) countRollout(t *testing.T) {
	s := tellOn(t, r.stage, nil)
	s.spreads(fmt.Sprintf(fiftyFirst, "apps/v1", "Deployment"))
	r.counts(s, func() string {
		s.applies(workload("apps/v1", "Deployment", many, "web:1"))
		return "a rollout"
	})
	refused, err := s.upstream.Client().CoreV1().Events(s.namespace).List(s.ctx, metav1.ListOptions{FieldSelector: "reason=FailedCreate"})
	if err != nil || len(refused.Items) > 0 {
		t.Errorf("pods were refused: %v (%v)", refused.Items, err)
	}
}

// countBurst: so are 300 pods that are created in the same moment, and none is
// refused.
func (r *replicated) countBurst(t *testing.T) {
	s := tellOn(t, r.stage, nil)
	s.spreads(fmt.Sprintf(fiftyFirst, "apps.kruise.io/v1alpha1", "CloneSet"))
	owner := s.appliesCloneSet(many)
	r.counts(s, func() string {
		took, errs := s.createsAtOnce(owner)
		if len(errs) > 0 {
			t.Errorf("%d pods were refused, the first: %v", len(errs), errs[0])
		}
		return fmt.Sprintf("a burst (creating: p50 %s, p99 %s)", percentile(took, 0.5), percentile(took, 0.99))
	})
}

// counts checks that all pods get their subsets by few writes, and tells how long
// that took beside everything else that runs here. BenchmarkBurst of package
// allocate measures it.
func (r *replicated) counts(s *story, create func() string) {
	s.Helper()
	seen, stopWatching := s.watches(s.upstream)
	server, inside := histogram{}, histogram{}
	r.latencies(s, server, inside, -1)
	what := create()
	s.counted(seen, distribution{"a": manyInA, "b": many - manyInA})
	r.latencies(s, server, inside, 1)
	stopWatching()

	writes := r.written(s)
	s.Logf("%s; asking the webhook: p50 %s, p99 %s; in the webhook: p50 %s, p99 %s; written: %v",
		what, server.quantile(0.5), server.quantile(0.99), inside.quantile(0.5), inside.quantile(0.99), writes)
	if status := writes["workloadspreads"]; status > many/8 {
		s.Errorf("the status was written %d times for %d admissions, want once for eight at most", status, many)
	}
}

// latencies adds what the API server and the replicas have measured so far.
func (r *replicated) latencies(s *story, server, inside histogram, sign float64) {
	s.Helper()
	text, err := s.upstream.Client().Discovery().RESTClient().Get().AbsPath("/metrics").DoRaw(s.ctx)
	s.must("read the API server's metrics", err)
	server.add(string(text), "apiserver_admission_webhook_admission_duration_seconds", sign, `name="labelled-pods.spillway.io"`)
	for _, replica := range r.replicas {
		text, err := playground.Read(s.ctx, replica.Metrics+"/metrics")
		s.must("read a replica's metrics", err)
		inside.add(text, "spillway_admission_duration_seconds", sign)
	}
}

// written counts what webhooks wrote in the story's namespace, by resource.
func (r *replicated) written(s *story) map[string]int {
	s.Helper()
	counts := map[string]int{}
	for _, write := range s.writes(r.upstream.AuditLog()) {
		counts[write.ObjectRef.Resource]++
	}
	return counts
}

// createsAtOnce creates many pods of an owner, all in the same moment, and
// returns how long each took, and why some were refused.
func (s *story) createsAtOnce(owner metav1.OwnerReference) (took []time.Duration, errs []error) {
	s.Helper()
	var creating sync.WaitGroup
	var mu sync.Mutex
	start := make(chan struct{})
	for i := range many {
		creating.Go(func() {
			<-start
			began := time.Now()
			err := s.createsBelow(s.ctx, fmt.Sprintf("web-%03d", i), owner)
			mu.Lock()
			defer mu.Unlock()
			took = append(took, time.Since(began))
			if err != nil {
				errs = append(errs, err)
			}
		})
	}
	close(start)
	creating.Wait()
	return took, errs
}

// counted waits until all pods are there, in the subsets wanted, and checks that
// there were never more in one of them.
func (s *story) counted(seen *witness, want distribution) {
	s.Helper()
	s.eventually(fmt.Sprintf("all %d pods are there", many), func(context.Context) error {
		pods, err := s.pods(s.upstream)
		if err != nil {
			return err
		}
		got := distribution{}
		for _, pod := range pods {
			got[subsetOf(&pod)]++
		}
		if diff := cmp.Diff(want, got); diff != "" {
			return fmt.Errorf("-want +got:\n%s", diff)
		}
		if seen.seen() != many {
			return errors.New("the witness has not seen all of them yet")
		}
		return nil
	})
	if most := seen.sawMost(); !maps.Equal(most, want) {
		s.Errorf("at most %v at a time, want %v", most, want)
	}
}

// writesNothing: where no counting is needed, admission writes nothing.
func (r *replicated) writesNothing(t *testing.T, spread, apiVersion, kind string) {
	s := tellOn(t, r.stage, nil)
	s.applies(fmt.Sprintf(spread, apiVersion, kind))
	seen, _ := s.watches(s.upstream)
	s.applies(workload(apiVersion, kind, many, "web:1"))
	want := distribution{"a": many}
	if kind == "StatefulSet" {
		want = distribution{"a": manyInA, "b": many - manyInA}
	}
	s.counted(seen, want)
	writes := r.written(s)
	t.Logf("written: %v", writes)
	delete(writes, "events")
	if len(writes) > 0 {
		t.Errorf("written beside events: %v, want nothing", writes)
	}
}

// loseOne: a replica that is killed while it counts costs no pod; its requests
// are refused, and made again by the controller manager. A slot that it had recorded for
// one of those, and had not answered yet, is held for a moment, in which pods pass it over.
func (r *replicated) loseOne(t *testing.T) {
	s := tellOn(t, r.stage, nil)
	s.spreads(fmt.Sprintf(fiftyFirst, "apps/v1", "Deployment"))
	seen, stopWatching := s.watches(s.upstream)
	s.applies(workload("apps/v1", "Deployment", many, "web:1"))
	s.eventually("the burst is under way", func(context.Context) error {
		if n := seen.seen(); n < manyInA/2 {
			return fmt.Errorf("%d pods", n)
		}
		return nil
	})
	atKill := seen.seen()
	s.must("kill a replica", r.replicas[1].Kill())
	got := s.placedAll(seen)
	stopWatching()
	events, err := s.upstream.Client().CoreV1().Events(s.namespace).List(s.ctx, metav1.ListOptions{FieldSelector: "reason=FailedCreate"})
	s.must("list refused creates", err)
	refused := 0
	for i := range events.Items {
		refused += int(max(1, events.Items[i].Count))
	}
	if unused := manyInA - got["a"]; unused > refused || got[""] > 0 {
		t.Errorf("the pods are %v, want %d in a, or as many less as creates were refused, %d, and all in a subset", got, manyInA, refused)
	}
	t.Logf("killed with %d pods there; %d creates refused; %v", atKill, refused, got)
	s.must("start the replica again", errors.Join(r.replicas[1].Start(), r.replicas[1].WaitReady(s.ctx)))
}
