package webhook

import (
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
)

const (
	// garbageRoom is how much garbage there may be before it is collected, in bytes,
	// whatever the size of the heap that stays. An admission leaves some 100 KiB, and the
	// caches of a small cluster are a few MiB: by Go's own rule, which leaves as much room
	// as stays, a fifth of an admission's CPU time goes into collecting.
	garbageRoom = 48 << 20
	// leastPercent is Go's own: from a heap of garbageRoom on, nothing is unlike it.
	// mostPercent bounds what a heap that is nearly empty asks for.
	leastPercent, mostPercent = 100, 400
)

// PaceGarbage has the process collect its garbage when there is more than stays, or
// garbageRoom of it, and not at every few MiB. It asks for at most garbageRoom more
// memory than Go does by itself. GOGC in the environment decides otherwise, and a limit
// by GOMEMLIMIT holds in any case.
func PaceGarbage() {
	if os.Getenv("GOGC") == "" {
		pace(&pacer{percent: leastPercent, live: []metrics.Sample{{Name: "/gc/heap/live:bytes"}}})
	}
}

// pacer is garbage itself, and so meets each collection: what stays is known then, and
// with it when the next one should be. A clock would come too late where a heap grows.
type pacer struct {
	percent int
	live    []metrics.Sample
}

// pace has the next collection meet p. Objects as small as a number would share their
// memory with others, and might never be met.
func pace(p *pacer) { runtime.SetFinalizer(p, (*pacer).collected) }

func (p *pacer) collected() {
	metrics.Read(p.live)
	if p.live[0].Value.Kind() == metrics.KindUint64 {
		// Each change stops the process for an instant.
		if percent := gcPercent(p.live[0].Value.Uint64()); percent < p.percent || percent > p.percent*5/4 {
			debug.SetGCPercent(percent)
			p.percent = percent
		}
	}
	pace(p)
}

// gcPercent is how much garbage there may be, in percent of what stays.
func gcPercent(live uint64) int {
	return int(min(max(garbageRoom*100/max(live, 1), leastPercent), mostPercent))
}
