package main

import (
	"context"
	"fmt"

	"github.com/spillway-io/spillway/e2e/ratio"
	"github.com/spillway-io/spillway/e2e/rig"
)

// most is what a step may be above linear.
const most = 1.15

const (
	kindPods            = "pods"
	kindSidecarSets     = "sidecarsets"
	kindWorkloadSpreads = "workloadspreads"
	kindNode            = "node"
)

// growing is one thing that grows.
type growing struct {
	name, title string
	// policies says that policies grow and pods do not.
	policies bool
	// ratio is the name of its ratios, before the size.
	ratio   string
	measure func(context.Context, rig.Programs, int, options) (cost, error)
}

func kinds() []growing {
	return []growing{
		{name: kindPods, ratio: "growth-admission-pods", title: "Webhook: pods of one workload under a capped WorkloadSpread", measure: measurePods},
		{name: kindSidecarSets, ratio: "growth-admission-sidecarsets", title: "Webhook: SidecarSets, of which one selects the pod", policies: true, measure: measureSidecarSets},
		{name: kindWorkloadSpreads, ratio: "growth-admission-workloadspreads", title: "Webhook: WorkloadSpreads, of which one targets the workload", policies: true, measure: measureWorkloadSpreads},
		{name: kindNode, ratio: "growth-node-pods", title: "Virtual node: pods from create to Running", measure: measureNode},
	}
}

func (g growing) sizes(o options) []int {
	if g.policies {
		return o.policies
	}
	return o.pods
}

// linear is by what a cost is more than its size would make it.
func (g growing) linear(before, c cost) float64 {
	return g.plain(before, c) / (float64(c.size) / float64(before.size))
}

// plain is by what a cost is more than the one before: that of all pods where these
// grow, that of one where policies do.
func (g growing) plain(before, c cost) float64 {
	if g.policies {
		return c.each() / before.each()
	}
	return c.cpu.Seconds() / before.cpu.Seconds()
}

// tell adds what was measured, the smallest size first.
func (g growing) tell(r *ratio.Report, costs []cost) {
	grown := "pods"
	if g.policies {
		grown = "policies"
	}
	table := ratio.Table{
		Title:   g.title,
		Columns: []string{grown, "CPU s", "CPU ms per pod", "of the size before", "of linear", "API server: CPU ms per pod", "memory before, MiB", "after, MiB", "pods a second"},
	}
	for i, c := range costs {
		plain, linear := "", ""
		if i > 0 {
			plain, linear = fmt.Sprintf("%.2f", g.plain(costs[i-1], c)), fmt.Sprintf("%.2f", g.linear(costs[i-1], c))
			r.AtMost(fmt.Sprintf("%s-%d", g.ratio, c.size), g.linear(costs[i-1], c), most)
		}
		table.Rows = append(table.Rows, []string{
			fmt.Sprint(c.size), fmt.Sprintf("%.2f", c.cpu.Seconds()), fmt.Sprintf("%.2f", c.each()), plain, linear,
			fmt.Sprintf("%.2f", c.beside.Seconds()*1000/float64(c.loads)), fmt.Sprint(c.rested >> 20), fmt.Sprint(c.resident >> 20),
			fmt.Sprintf("%.0f", float64(c.loads)/c.took.Seconds()),
		})
	}
	r.Tables = append(r.Tables, table)
	r.Curves = append(r.Curves, g.curves(costs)...)
}

// curves are what was measured beside what the smallest size would make of it: for
// pods a line that rises with them, for policies one that does not.
func (g growing) curves(costs []cost) []ratio.Curve {
	if len(costs) == 0 {
		return nil
	}
	const grown, eachAdmission = "policies", "CPU milliseconds of an admission"
	cpu := ratio.Curve{Plot: g.title, X: "pods", Y: "CPU seconds", Name: "measured"}
	line := ratio.Curve{Plot: g.title, X: cpu.X, Y: cpu.Y, Name: "linear, from the smallest", Computed: true}
	memory := ratio.Curve{Plot: g.title + ", memory", X: "pods", Y: "MiB", Name: "measured"}
	if g.policies {
		cpu.X, line.X, memory.X = grown, grown, grown
		cpu.Y, line.Y, line.Name = eachAdmission, eachAdmission, "as with the fewest"
	}
	for _, c := range costs {
		x := float64(c.size)
		y, straight := c.cpu.Seconds(), costs[0].cpu.Seconds()*x/float64(costs[0].size)
		if g.policies {
			y, straight = c.each(), costs[0].each()
		}
		cpu.Points = append(cpu.Points, ratio.Point{X: x, Y: y})
		line.Points = append(line.Points, ratio.Point{X: x, Y: straight})
		memory.Points = append(memory.Points, ratio.Point{X: x, Y: float64(c.resident) / (1 << 20)})
	}
	return []ratio.Curve{cpu, line, memory}
}
