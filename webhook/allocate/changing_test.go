package allocate_test

import (
	"fmt"
	"strconv"
	"sync"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/spillway-io/spillway/webhook/allocate"
	"github.com/spillway-io/spillway/webhook/spread"
)

// TestWhilePoliciesChange: 64 pods at a time ask three replicas while the
// WorkloadSpread changes every few milliseconds. Each decision is of one version,
// none older than the cache had when the pod came, and the cap holds at all times.
func TestWhilePoliciesChange(t *testing.T) {
	const pods, parallel, capOfA = 1500, 64, 50
	api := newServer(capOfA)
	api.writeTakes = 4 * time.Millisecond
	api.changes(0)
	var allocators []*allocate.Allocator
	for range 3 {
		allocators = append(allocators, newAllocator(t, api))
	}
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for version := 1; ; version++ {
			select {
			case <-stop:
				return
			case <-time.After(3 * time.Millisecond):
				api.changes(version)
			}
		}
	}()

	var (
		asking sync.WaitGroup
		mu     sync.Mutex
		placed = map[string]int{}
		next   = make(chan int)
	)
	for range parallel {
		asking.Go(func() {
			for i := range next {
				atLeast := api.version()
				d := allocators[i%len(allocators)].Decide(t.Context(), "default", newPod(), types.UID(fmt.Sprint("uid-", i)), false)
				if err := isOfOneVersion(d, atLeast, api.version()); err != nil {
					t.Errorf("pod %d: %v", i, err)
					continue
				}
				mu.Lock()
				placed[d.Subset.Name]++
				mu.Unlock()
			}
		})
	}
	for i := range pods {
		next <- i
	}
	close(next)
	asking.Wait()
	close(stop)
	<-stopped
	if placed["a"] != capOfA || placed["b"] != pods-capOfA {
		t.Errorf("placed %v, want %d in a and the rest in b", placed, capOfA)
	}
	t.Logf("%d versions, %d writes, of which %d conflicts", api.version(), api.writes, api.conflicts)
}

// isOfOneVersion checks that all of a decision is of a version between two.
func isOfOneVersion(d *spread.Decision, atLeast, atMost int) error {
	if d.Subset == nil {
		return fmt.Errorf("no subset: %w", d.Err)
	}
	version, err := strconv.Atoi(string(d.Subset.Patch.Raw))
	if err != nil {
		return err
	}
	for i := range d.Spread.Spec.Subsets {
		if other := string(d.Spread.Spec.Subsets[i].Patch.Raw); other != strconv.Itoa(version) {
			return fmt.Errorf("of the versions %d and %s", version, other)
		}
	}
	if version < atLeast || version > atMost {
		return fmt.Errorf("of version %d, want between %d and %d", version, atLeast, atMost)
	}
	return nil
}

// changes gives every subset that version for a patch.
func (s *server) changes(version int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	was, err := strconv.Atoi(s.ws.ResourceVersion)
	if err != nil {
		panic(err)
	}
	s.ws = s.ws.DeepCopy()
	s.ws.ResourceVersion = strconv.Itoa(was + 1)
	for i := range s.ws.Spec.Subsets {
		s.ws.Spec.Subsets[i].Patch.Raw = []byte(strconv.Itoa(version))
	}
	s.changed = s.ws.DeepCopy()
}

// version is the latest.
func (s *server) version() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	version, err := strconv.Atoi(string(s.ws.Spec.Subsets[0].Patch.Raw))
	if err != nil {
		panic(err)
	}
	return version
}
