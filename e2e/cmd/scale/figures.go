package main

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"text/tabwriter"
	"time"
)

const (
	// writesPerPod is how many each side may have from create to Running.
	writesPerPod = 2
	// sharedWrites is what a namespace costs however many pods it has: itself, and
	// copies of the objects that pods refer to.
	sharedWrites = 5 * namespaces
	// restartTime is how long a restart may take.
	restartTime = 20 * time.Second
)

// figure is one line of the report.
type figure struct {
	// metric names it, with labels, in the text form of Prometheus; the units of
	// values are those of that form, seconds and bytes.
	metric string
	value  float64
	// show is the value as people read it, in a table where it is called title;
	// figures without a title are not in the table.
	title, show string
	// limit is the largest value allowed; NaN is none.
	limit float64
	// counted figures depend on no machine: their limits must be kept.
	counted bool
}

func unlimited() float64 { return math.NaN() }

func (f figure) broken() bool { return f.value > f.limit }

func (m measured) figures(o options) []figure {
	pods := float64(o.pods)
	thousands := pods / 1000
	all := m.creation.figures(pods)
	all = append(all,
		megabytes("spillway_scale_resident_bytes", "memory in steady state", float64(m.full.Resident)),
		megabytes("spillway_scale_resident_bytes_per_1000_pods", "memory per 1,000 pods, above that of none", (float64(m.full.Resident)-float64(m.empty.Resident))/thousands),
		figure{
			metric: "spillway_scale_steady_cpu_ratio_per_1000_pods", value: m.steady.cpu.Seconds() / m.steady.took.Seconds() / thousands,
			title: "CPU per 1,000 pods in steady state", show: fmt.Sprintf("%.2f ms/s", 1000*m.steady.cpu.Seconds()/m.steady.took.Seconds()/thousands), limit: unlimited(),
		})
	all = append(all, m.steady.writes("steady", "in steady state")...)
	all = append(all, m.steady.operations("steady")...)
	for _, r := range m.restarts {
		all = append(all, r.figures()...)
	}
	return all
}

func (c creation) figures(pods float64) []figure {
	var all []figure
	for _, side := range []string{upstreamSide, downstreamSide} {
		n := float64(c.sum(side, write))
		all = append(all, figure{
			metric: fmt.Sprintf("spillway_scale_writes_per_pod{side=%q}", side), value: n / pods,
			title: side + " writes per pod, create to Running", show: fmt.Sprintf("%.3f", n/pods),
			// Namespaces and what they share are not the pods'.
			limit: writesPerPod + sharedWrites/pods, counted: true,
		})
	}
	all = append(all,
		seconds("spillway_scale_create_seconds", "all pods Running after", c.took, unlimited()),
		figure{
			metric: "spillway_scale_create_cpu_seconds", value: c.cpu.Seconds(), title: "CPU per pod, create to Running",
			show: fmt.Sprintf("%.2f ms", 1000*c.cpu.Seconds()/pods), limit: unlimited(),
		})
	return append(all, c.operations("create")...)
}

func (r restart) figures() []figure {
	label := fmt.Sprintf("{after=%q}", r.how)
	all := []figure{
		seconds("spillway_scale_restart_ready_seconds"+label, r.how+" and started: ready after", r.ready, unlimited()),
		seconds("spillway_scale_restart_reconciled_seconds"+label, r.how+" and started: all pods looked at after", r.reconciled, restartTime.Seconds()),
		seconds("spillway_scale_restart_canary_seconds"+label, r.how+" and started: a new pod runs after", r.canary, restartTime.Seconds()),
		{
			metric: "spillway_scale_restart_cpu_seconds" + label, value: r.used.CPU.Seconds(),
			title: r.how + " and started: CPU until then", show: fmt.Sprintf("%.1f s", r.used.CPU.Seconds()), limit: unlimited(),
		},
		megabytes("spillway_scale_restart_resident_bytes"+label, r.how+" and started: memory then", float64(r.used.Resident)),
	}
	all = append(all, r.writes(r.how, r.how+" and started")...)
	return append(all, r.operations(r.how)...)
}

// writes are those that there must be none of.
func (t tally) writes(phase, title string) []figure {
	var all []figure
	for _, side := range []string{upstreamSide, downstreamSide} {
		n := t.sum(side, write)
		all = append(all, figure{
			metric: fmt.Sprintf("spillway_scale_writes{phase=%q,side=%q}", phase, side), value: float64(n),
			title: title + ": " + side + " writes", show: fmt.Sprint(n), counted: true,
		})
	}
	gets := t.sum(upstreamSide, get) + t.sum(downstreamSide, get)
	return append(all, figure{
		metric: fmt.Sprintf("spillway_scale_gets{phase=%q}", phase), value: float64(gets),
		title: title + ": objects read one by one", show: fmt.Sprint(gets), limit: unlimited(),
	}, figure{
		metric: fmt.Sprintf("spillway_scale_heartbeats{phase=%q}", phase), value: float64(t.sum(upstreamSide, heartbeat) + t.sum(downstreamSide, heartbeat)),
		title: title + ": leases, Node", show: fmt.Sprintf("%d, %d", t.of("leases", heartbeat), t.of("nodes", heartbeat)+t.of("nodes/status", heartbeat)), limit: unlimited(),
	})
}

// operations tell what the sums are made of.
func (t tally) operations(phase string) []figure {
	var all []figure
	for o, n := range t {
		all = append(all, figure{
			metric: fmt.Sprintf("spillway_scale_requests{phase=%q,side=%q,kind=%q,verb=%q,resource=%q}", phase, o.side, o.kind(), o.verb, o.resource),
			value:  float64(n), limit: unlimited(),
		})
	}
	slices.SortFunc(all, func(a, b figure) int { return cmp.Compare(a.metric, b.metric) })
	return all
}

func seconds(metric, title string, took time.Duration, limit float64) figure {
	return figure{metric: metric, value: took.Seconds(), title: title, show: fmt.Sprintf("%.1f s", took.Seconds()), limit: limit}
}

func megabytes(metric, title string, bytes float64) figure {
	return figure{metric: metric, value: bytes, title: title, show: fmt.Sprintf("%.1f MiB", bytes/(1<<20)), limit: unlimited()}
}

// report prints all figures for programs, then a table for people. A count that
// breaks its limit is an error.
func report(out io.Writer, figures []figure) error {
	var errs []error
	for _, f := range figures {
		if _, err := fmt.Fprintf(out, "%s %g\n", f.metric, f.value); err != nil {
			return fmt.Errorf("cannot print the figures: %w", err)
		}
		if f.counted && f.broken() {
			errs = append(errs, fmt.Errorf("%s: %s, allowed are %g", f.title, f.show, f.limit))
		}
	}
	// What cannot be written shows when the table is flushed.
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(table, "\n\tmeasured\tlimit\t")
	for _, f := range figures {
		if f.title == "" {
			continue
		}
		limit, verdict := "", ""
		if !math.IsNaN(f.limit) {
			limit = fmt.Sprintf("%g", math.Round(f.limit*1000)/1000)
		}
		if f.broken() {
			verdict = "broken"
		}
		_, _ = fmt.Fprintf(table, "%s\t%s\t%s\t%s\n", f.title, f.show, limit, verdict)
	}
	return errors.Join(append(errs, table.Flush())...)
}
