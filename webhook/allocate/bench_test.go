package allocate_test

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/spillway-io/spillway/webhook/allocate"
)

// BenchmarkBurst decides for 300 pods at once, of which 50 fit the first subset,
// with an API server that takes 4 ms for a write and 2 ms for a read and a cache
// that never catches up. One iteration is one burst; of all pods it reports how
// long they waited, and how many writes there were for each burst, conflicts
// included. With those times, one write for each pod, as OpenKruise does, takes
// 300 * 4 ms at the very least.
func BenchmarkBurst(b *testing.B) {
	const pods, capOfA = 300, 50
	for replicas := 1; replicas <= 3; replicas++ {
		b.Run(fmt.Sprintf("%d-replicas", replicas), func(b *testing.B) {
			var waited []time.Duration
			writes := 0
			for b.Loop() {
				api := newServer(capOfA)
				api.writeTakes, api.readTakes = 4*time.Millisecond, 2*time.Millisecond
				waited = append(waited, burst(b, api, replicas, pods)...)
				writes += api.writes
			}
			slices.Sort(waited)
			b.ReportMetric(float64(waited[len(waited)/2].Microseconds())/1000, "p50-ms")
			b.ReportMetric(float64(waited[len(waited)*99/100].Microseconds())/1000, "p99-ms")
			b.ReportMetric(float64(writes)/float64(b.N), "writes/burst")
		})
	}
}

// burst returns how long each pod waited for its decision.
func burst(b *testing.B, api *server, replicas, pods int) []time.Duration {
	var allocators []*allocate.Allocator
	for range replicas {
		allocators = append(allocators, newAllocator(b, api))
	}
	waited := make([]time.Duration, pods)
	var wg sync.WaitGroup
	for i := range pods {
		wg.Go(func() {
			began := time.Now()
			if d := allocators[i%replicas].Decide(b.Context(), "default", newPod(), types.UID(fmt.Sprint(i)), false); d.Subset == nil {
				b.Errorf("no subset: %v", d)
			}
			waited[i] = time.Since(began)
		})
	}
	wg.Wait()
	if held := len(api.reservations()); held != 50 {
		b.Errorf("%d slots are taken, want 50", held)
	}
	return waited
}
