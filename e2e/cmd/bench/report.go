package main

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"text/tabwriter"

	"github.com/spillway-io/spillway/e2e/playground"
)

const (
	// leastOfBare is what the virtual node is to reach of the bare client's rates.
	leastOfBare = 0.8
	// mostCPU is what a pod may cost, in milliseconds.
	mostCPU = 8
	// mostMemory is what a pod may take, in KiB, beyond fixedMemory of the process.
	mostMemory  = 25
	fixedMemory = 60 << 20
)

func (m measured) report(out io.Writer, pods int) error {
	// What cannot be written shows when the table is flushed.
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintf(table, "%d pods\tRunning after\tpods/s\tp50\tp99\tgone after\tpods/s\tvirtual node: CPU per pod\tper deletion\tmemory\t\n", pods)
	for _, row := range []struct {
		name    string
		results []result
	}{{"bare client downstream", m.bare}, {"virtual node, pods that name it", m.bound}, {"webhook, scheduler, virtual node", m.whole}} {
		for _, r := range row.results {
			_, _ = fmt.Fprintf(table, "%s\t%.1f s\t%.0f\t%.2f s\t%.2f s\t%.1f s\t%.0f\t%.1f ms\t%.1f ms\t%d MiB\t\n", row.name,
				r.allRunning.Seconds(), r.rate(), r.percentile(50).Seconds(), r.percentile(99).Seconds(), r.allGone.Seconds(), r.endRate(),
				r.perPod(r.used, nodeProcess), r.perPod(r.ended, nodeProcess), r.used[nodeProcess].Resident>>20)
		}
	}
	_, _ = fmt.Fprintln(table)
	m.processes(table)
	if err := table.Flush(); err != nil {
		return err
	}
	return m.ratios(out, pods)
}

// processes says who used the machine: rates are bounded by all of them together.
func (m measured) processes(table io.Writer) {
	_, _ = fmt.Fprintln(table, "CPU per pod, create to Running\tbare\tnames node\twhole way\tdeletion: bare\tnames node\t")
	perPod := func(rounds []result, process string, of func(result) map[string]playground.Usage) string {
		if len(rounds) == 0 {
			return "-"
		}
		return fmt.Sprintf("%.1f ms", middle(rounds, func(r result) float64 { return r.perPod(of(r), process) }))
	}
	used := func(r result) map[string]playground.Usage { return r.used }
	ended := func(r result) map[string]playground.Usage { return r.ended }
	for _, process := range slices.Sorted(maps.Keys(m.bound[0].used)) {
		_, _ = fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%s\t\n", process, perPod(m.bare, process, used), perPod(m.bound, process, used), perPod(m.whole, process, used),
			perPod(m.bare, process, ended), perPod(m.bound, process, ended))
	}
}

func (m measured) ratios(out io.Writer, pods int) error {
	memory := func(r result) float64 {
		return max(0, (float64(r.used[nodeProcess].Resident)-fixedMemory)/1024/float64(len(r.latencies)))
	}
	for _, line := range []struct {
		name         string
		value, limit float64
	}{
		{fmt.Sprintf("provider-throughput-%d", pods), compared(m.bound, m.bare, result.rate), leastOfBare},
		{fmt.Sprintf("provider-delete-%d", pods), compared(m.bound, m.bare, result.endRate), leastOfBare},
		{"provider-cpu-ms-per-pod", middle(m.bound, func(r result) float64 { return r.perPod(r.used, nodeProcess) }), mostCPU},
		{"provider-rss-kib-per-pod", middle(m.bound, memory), mostMemory},
	} {
		if _, err := fmt.Fprintf(out, "RATIO %s %.2f %.2f\n", line.name, line.value, line.limit); err != nil {
			return err
		}
	}
	return nil
}
