package main

import (
	"fmt"
	"maps"
	"slices"

	"github.com/spillway-io/spillway/e2e/playground"
	"github.com/spillway-io/spillway/e2e/ratio"
)

const (
	// leastOfBare is what the virtual node is to reach of the bare client's rates.
	leastOfBare = 0.8
	// mostCPU is what a pod may cost, in milliseconds.
	mostCPU = 8
	// mostMemory is what a pod may take, in KiB, beyond fixedMemory of the process.
	mostMemory  = 25
	fixedMemory = 60 << 20
	// enoughForMemory is from how many pods on that is a ratio: of fewer it would tell
	// by how much the process itself is larger than fixedMemory. The table has it anyway.
	enoughForMemory = 1000
)

// report has limits for what was measured with a core for each cluster, or with the
// best that the machine has, and none for what was measured besides.
func report(all, besides []measured) *ratio.Report {
	r := ratio.New("provider")
	for _, m := range append(slices.Clone(all), besides...) {
		r.Tables = append(r.Tables, m.rates(), m.usage(), m.asked())
	}
	r.Tables = append(r.Tables, compare(append(slices.Clone(all), besides...)))
	for _, m := range all {
		r.AtLeast(fmt.Sprintf("provider-throughput-%d", m.pods), compared(m.bound, m.bare, result.rate), leastOfBare)
		r.AtLeast(fmt.Sprintf("provider-delete-%d", m.pods), compared(m.bound, m.bare, result.endRate), leastOfBare)
		r.AtMost(fmt.Sprintf("provider-cpu-ms-per-pod-%d", m.pods), middle(m.bound, result.cpu), mostCPU)
		if m.pods >= enoughForMemory {
			r.AtMost(fmt.Sprintf("provider-rss-kib-per-pod-%d", m.pods), middle(m.bound, result.memory), mostMemory)
		}
	}
	r.Curves = curves(all)
	return r
}

// cpu is what the virtual node used for each pod until it ran, in milliseconds.
func (r result) cpu() float64 { return r.perPod(r.used, nodeProcess) }

// endCPU is the same from then on until it was gone.
func (r result) endCPU() float64 { return r.perPod(r.ended, nodeProcess) }

// memory is what the virtual node holds for each pod when all run, in KiB.
func (r result) memory() float64 {
	return max(0, (float64(r.used[nodeProcess].Resident)-fixedMemory)/1024/float64(len(r.latencies)))
}

func (m measured) rates() ratio.Table {
	table := ratio.Table{
		Title: fmt.Sprintf("%d pods, %s", m.pods, m.arrangement),
		Columns: []string{
			"who creates and deletes them", "Running after", "pods/s", "p50", "p99", "gone after", "pods/s",
			"virtual node: CPU per pod", "per deletion", "memory",
		},
	}
	for _, row := range []struct {
		name    string
		results []result
	}{
		{"bare client downstream", m.bare},
		{"virtual node, pods that name it", m.bound},
		{"the least that anybody must do", m.floor},
		{"webhook, scheduler, virtual node", m.whole},
	} {
		for _, r := range row.results {
			table.Rows = append(table.Rows, []string{
				row.name, seconds(r.allRunning.Seconds(), 1), fmt.Sprintf("%.0f", r.rate()),
				seconds(r.percentile(50).Seconds(), 2), seconds(r.percentile(99).Seconds(), 2),
				seconds(r.allGone.Seconds(), 1), fmt.Sprintf("%.0f", r.endRate()),
				milliseconds(r.cpu()), milliseconds(r.endCPU()), fmt.Sprintf("%d MiB", r.used[nodeProcess].Resident>>20),
			})
		}
	}
	return table
}

func seconds(s float64, digits int) string { return fmt.Sprintf("%.*f s", digits, s) }

func milliseconds(ms float64) string { return fmt.Sprintf("%.1f ms", ms) }

// usage says who used the machine: rates are bounded by all on a core together.
func (m measured) usage() ratio.Table {
	table := ratio.Table{
		Title:   fmt.Sprintf("CPU per pod, %d pods, %s", m.pods, m.arrangement),
		Columns: []string{"process", "create: bare", "names node", "least", "whole way", "deletion: bare", "names node", "least"},
	}
	perPod := func(rounds []result, process string, of func(result) map[string]playground.Usage) string {
		if len(rounds) == 0 {
			return "-"
		}
		return milliseconds(middle(rounds, func(r result) float64 { return r.perPod(of(r), process) }))
	}
	used := func(r result) map[string]playground.Usage { return r.used }
	ended := func(r result) map[string]playground.Usage { return r.ended }
	for _, process := range slices.Sorted(maps.Keys(m.bound[0].used)) {
		table.Rows = append(table.Rows, []string{
			process, perPod(m.bare, process, used), perPod(m.bound, process, used), perPod(m.floor, process, used), perPod(m.whole, process, used),
			perPod(m.bare, process, ended), perPod(m.bound, process, ended), perPod(m.floor, process, ended),
		})
	}
	return table
}

// compare has the ratios of all arrangements beside each other.
func compare(all []measured) ratio.Table {
	table := ratio.Table{
		Title:   "Of the bare client's rates",
		Columns: []string{"pods", "cores", "virtual node: Running", "gone", "least: Running", "gone"},
	}
	of := func(m measured, rounds []result, rate func(result) float64) string {
		if len(rounds) == 0 {
			return "-"
		}
		return fmt.Sprintf("%.2f", compared(rounds, m.bare, rate))
	}
	for _, m := range all {
		table.Rows = append(table.Rows, []string{
			fmt.Sprint(m.pods), m.String(),
			of(m, m.bound, result.rate), of(m, m.bound, result.endRate), of(m, m.floor, result.rate), of(m, m.floor, result.endRate),
		})
	}
	return table
}

// curves show how the cost grows with the number of pods, if several were measured.
func curves(all []measured) []ratio.Curve {
	if len(all) < 2 {
		return nil
	}
	cpu := ratio.Curve{Plot: "provider-cpu", X: "pods", Y: "CPU of the virtual node, s", Name: "create to Running"}
	ended := ratio.Curve{Plot: "provider-cpu", X: "pods", Y: "CPU of the virtual node, s", Name: "deletion"}
	memory := ratio.Curve{Plot: "provider-memory", X: "pods", Y: "memory of the virtual node, MiB", Name: "all pods run"}
	for _, m := range all {
		at := func(curve *ratio.Curve, figure func(result) float64) {
			curve.Points = append(curve.Points, ratio.Point{X: float64(m.pods), Y: middle(m.bound, figure)})
		}
		at(&cpu, func(r result) float64 { return r.used[nodeProcess].CPU.Seconds() })
		at(&ended, func(r result) float64 { return r.ended[nodeProcess].CPU.Seconds() })
		at(&memory, func(r result) float64 { return float64(r.used[nodeProcess].Resident) / (1 << 20) })
	}
	return []ratio.Curve{cpu, ended, memory}
}
