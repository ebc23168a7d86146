package main

import (
	"fmt"
	"slices"
	"strconv"

	"github.com/spillway-io/spillway/e2e/ratio"
)

const (
	// leastRate is how many pods/s there are at least, of those with the null webhook.
	leastRate = 0.85
	// mostLatency is how many times that of the null webhook a burst's may be.
	mostLatency = 5
)

func (m *measured) report(o options) (*ratio.Report, error) {
	suite := "creates"
	if o.apart {
		suite += "-apart"
	}
	r := ratio.New(suite)
	parts, err := answered(m.answer)
	if err != nil {
		return nil, err
	}
	r.Tables = append(r.Tables,
		table(fmt.Sprintf("%d creates, %d at a time%s; medians of %d turns", o.pods, creators, o.where(), o.rounds), m.creates(), &m.null, &m.patch),
		table(fmt.Sprintf("%d creates in one moment%s; medians of %d bursts", burst, o.where(), o.bursts), []*results{&m.nullBurst, &m.ownBurst}, &m.nullBurst, nil),
		parts,
	)
	r.AtLeast(suite+"-S5", rateBeside(&m.s5, &m.null), leastRate)
	r.AtMost(map[bool]string{false: "burst-p99", true: "burst-apart-p99"}[o.apart], median(latencies(&m.ownBurst))/median(latencies(&m.nullBurst)), mostLatency)
	return r, nil
}

func (o options) where() string {
	if o.apart {
		return ", the cluster on a core, webhook and client on another"
	}
	return ", all on the same cores"
}

// table compares rows with those of the null webhook, and with those of the floor, if
// there is one: nobody answers with that patch for less.
func table(title string, rows []*results, null, floor *results) ratio.Table {
	t := ratio.Table{Title: title, Columns: []string{
		"case", "pods/s", "of null webhook", "of the floor", "p50 ms", "p99 ms", "calls per pod",
		"CPU ms per pod: all", apiServer, etcd, asked, ourselves,
	}}
	for _, r := range rows {
		cpu := func(processes ...string) string {
			return fmt.Sprintf("%.2f", r.middle(func(t turn) float64 { return t.perPod(processes...) }))
		}
		beside := "-"
		if floor != nil {
			beside = fmt.Sprintf("%.2f", rateBeside(r, floor))
		}
		t.Rows = append(t.Rows, []string{
			r.what,
			fmt.Sprintf("%.0f", r.middle(turn.rate)), fmt.Sprintf("%.2f", rateBeside(r, null)), beside,
			fmt.Sprintf("%.0f", r.middle(percentile(50))), fmt.Sprintf("%.0f", r.middle(percentile(99))),
			fmt.Sprintf("%.2f", r.middle(func(t turn) float64 { return float64(t.calls) / float64(len(t.latencies)) })),
			cpu(apiServer, etcd, asked, ourselves), cpu(apiServer), cpu(etcd), cpu(asked), cpu(ourselves),
		})
	}
	return t
}

// answered is what Spillway's patch for a pod of S5 consists of.
func answered(patch []byte) (ratio.Table, error) {
	list, err := operations(patch)
	t := ratio.Table{Title: fmt.Sprintf("the patch of S5: %d operations, %d bytes", len(list), len(patch)), Columns: []string{"operation", "path", "bytes"}}
	for _, o := range list {
		t.Rows = append(t.Rows, []string{o.Op, o.Path, strconv.Itoa(len(o.Value))})
	}
	return t, err
}

func percentile(p int) func(turn) float64 {
	return func(t turn) float64 { return t.percentile(p).Seconds() * 1000 }
}

func latencies(r *results) []float64 {
	var all []float64
	for _, t := range r.turns {
		all = append(all, percentile(99)(t))
	}
	return all
}

// middle is the median of a figure of all turns.
func (r *results) middle(figure func(turn) float64) float64 {
	all := make([]float64, 0, len(r.turns))
	for _, t := range r.turns {
		all = append(all, figure(t))
	}
	return median(all)
}

// rateBeside is the median of one rate as a part of another, round by round: a
// machine that others use, too, is another one in the next round.
func rateBeside(r, of *results) float64 {
	parts := make([]float64, 0, len(r.turns))
	for i := range r.turns {
		parts = append(parts, r.turns[i].rate()/of.turns[i].rate())
	}
	return median(parts)
}

func median(figures []float64) float64 {
	slices.Sort(figures)
	n := len(figures)
	return (figures[(n-1)/2] + figures[n/2]) / 2
}
