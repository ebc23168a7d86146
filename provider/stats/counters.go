package stats

import (
	"time"

	statsv1alpha1 "k8s.io/kubelet/pkg/apis/stats/v1alpha1"
)

// base is where counters that are made here begin, in core-nanoseconds. Where a
// counter begins means nothing, and metrics-server takes 0 for a missing figure.
const base = 1000

// tally is what was counted up to a reading. Its zero value has counted nothing.
type tally struct {
	// node is the CPU time that our pods have used since the first reading, in
	// core-nanoseconds, those included that have ended meanwhile. A sum over the
	// pods that are there now would fall whenever one goes.
	node uint64
	// at is when the last reading was made.
	at   time.Time
	last map[counted]count
}

// counted is a container, or a whole pod if it has no name, of the upstream pod
// with that UID.
type counted struct{ pod, container string }

// count is the CPU time of one of them, in core-nanoseconds, and when that was.
type count struct {
	total uint64
	at    time.Time
}

// advance counts on with the figures of a reading made at that time. It returns
// them with counters where they had rates only. The arguments are not modified.
func (t tally) advance(pods []statsv1alpha1.PodStats, at time.Time) (tally, []statsv1alpha1.PodStats) {
	next := tally{node: max(t.node, base), at: at, last: make(map[counted]count, len(t.last))}
	told := make([]statsv1alpha1.PodStats, 0, len(pods))
	for _, p := range pods {
		whole := counted{pod: p.PodRef.UID}
		before, known := t.last[whole]
		p.CPU = next.count(t, whole, p.CPU)
		switch after, counts := next.last[whole]; {
		case !counts:
		case known && after.total >= before.total:
			next.node += after.total - before.total
		case known, p.StartTime.After(t.at) && !t.at.IsZero():
			// Started anew, or since the last reading: all of it is new.
			next.node += after.total
		}
		all := p.Containers
		p.Containers = make([]statsv1alpha1.ContainerStats, 0, len(all))
		for _, c := range all {
			c.CPU = next.count(t, counted{p.PodRef.UID, c.Name}, c.CPU)
			p.Containers = append(p.Containers, c)
		}
		told = append(told, p)
	}
	return next, told
}

// count notes the counter in cpu, or makes one of its rate and what had been
// counted before. Without figures, what had been counted stays as it was.
func (t *tally) count(before tally, what counted, cpu *statsv1alpha1.CPUStats) *statsv1alpha1.CPUStats {
	last, known := before.last[what]
	switch {
	case cpu == nil || (cpu.UsageCoreNanoSeconds == nil && cpu.UsageNanoCores == nil):
		if known {
			t.last[what] = last
		}
		return cpu
	case cpu.UsageCoreNanoSeconds != nil:
		t.last[what] = count{*cpu.UsageCoreNanoSeconds, cpu.Time.Time}
		return cpu
	case !known:
		last = count{base, cpu.Time.Time}
	case cpu.Time.After(last.at):
		last = count{last.total + uint64(float64(*cpu.UsageNanoCores)*cpu.Time.Sub(last.at).Seconds()), cpu.Time.Time}
	}
	t.last[what] = last
	made := *cpu
	made.UsageCoreNanoSeconds = &last.total
	return &made
}
