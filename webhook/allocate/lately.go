package allocate

import (
	"slices"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/spillway-io/spillway/webhook/spread"
)

// lately remembers for how many pods this process has decided a moment ago.
type lately struct {
	mu    sync.Mutex
	times map[types.UID]map[string][]time.Time
}

// add takes note of decisions, by version.
func (l *lately) add(ws types.UID, version string, now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.times[ws] == nil {
		l.times[ws] = map[string][]time.Time{}
	}
	l.times[ws][version] = append(l.times[ws][version], now)
}

// count returns how many there were within the window, by version, and forgets
// the others.
func (l *lately) count(ws types.UID, now time.Time) map[string]int {
	l.mu.Lock()
	defer l.mu.Unlock()
	counts := map[string]int{}
	for version, times := range l.times[ws] {
		first, _ := slices.BinarySearchFunc(times, now.Add(-spread.LatelyWindow), time.Time.Compare)
		if first == len(times) {
			delete(l.times[ws], version)
			continue
		}
		l.times[ws][version] = times[first:]
		counts[version] = len(times) - first
	}
	return counts
}

func (l *lately) forget(ws types.UID) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.times, ws)
}
