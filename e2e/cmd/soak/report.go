package main

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"runtime"
	"slices"
	"time"

	"github.com/spillway-io/spillway/e2e/ratio"
	"github.com/spillway-io/spillway/e2e/soak"
)

const (
	// leastRate is what part of the rate that was asked for must have been reached for
	// the rest to say something of it.
	leastRate = 0.9
	// busy is what part of the machine our processes use when it is why there were not
	// more pods.
	busy = 0.85
)

// bounds are how much each figure may rise.
func bounds() map[figure]soak.Bound {
	return map[figure]soak.Bound{
		// Requests that happen to be under way are goroutines, too, a few of hundreds.
		goroutines: {Ratio: 1.05, Slack: 5},
		// API servers and people who follow logs connect and go.
		connections: {Ratio: 1.05, Slack: 2},
		files:       {Ratio: 1.05, Slack: 3},
		// What a pod left behind for good would be 72,000 times as much after an hour:
		// 230 bytes of each are 16 MiB.
		heap: {Ratio: 1.10, Slack: 4 * mib, PerHour: 16 * mib},
		// A webhook that was asked hardly anything, with a live heap of 11 MiB, was seen
		// to go from 120 MiB to 98 within half a minute. Live heap is the sharper figure;
		// this one has what is not in it, such as stacks.
		resident: {Ratio: 1.10, Slack: 16 * mib, PerHour: 32 * mib},
		// What is rare has its first series late.
		series:    {Ratio: 1.02, Slack: 30},
		queued:    {Ratio: 1.05, Slack: 50},
		slots:     {Ratio: 1.05, Slack: 50},
		revisions: {Ratio: 1.05, Slack: 10},
	}
}

// judged is a figure with its verdict.
type judged struct {
	of   string
	what figure
	soak.Verdict
}

// conclude tells everything, and is an error if anything was wrong.
func conclude(out io.Writer, o options, s *sampler, l *load) error {
	all, err := s.judge()
	if err != nil {
		return err
	}
	report := ratio.New("soak")
	report.Tables = []ratio.Table{figureTable(all), s.shares(), s.happened(l)}
	for _, kind := range []string{"node", "webhook"} {
		for _, ratios := range []struct {
			what figure
			name string
		}{{goroutines, "goroutines"}, {resident, "rss"}, {connections, "connections"}} {
			value, limit := s.worst(all, kind, ratios.what)
			report.AtMost("soak-"+ratios.name+"-"+kind, value, limit)
		}
	}
	reached := s.reached()
	report.AtLeast("soak-rate", reached, leastRate)
	report.Curves = s.curves()
	if err := errors.Join(report.Print(out), report.Write(o.json)); err != nil {
		return err
	}
	said, slow := tooSlow(o.rate, reached, s.busyness())
	_, err = io.WriteString(out, said)
	return errors.Join(err, leaks(all), exact(l), slow)
}

// busyness is what part of the machine our processes used after the warm-up.
func (s *sampler) busyness() float64 {
	used := time.Duration(0)
	for _, by := range s.used() {
		used += by
	}
	return used.Seconds() / (s.last.at - s.warm.at).Seconds() / float64(runtime.NumCPU())
}

// tooSlow is what is said, loudly, of a machine that could not do the rate, of which a
// part was reached while a part of the machine was used. If it was not the machine that
// could not, that is an error.
func tooSlow(rate int, reached, used float64) (said string, err error) {
	switch {
	case reached >= leastRate:
		return "", nil
	case used < busy:
		return "", fmt.Errorf("%.0f %% of the rate was reached, although all processes together used only %.0f %% of the machine", 100*reached, 100*used)
	}
	return fmt.Sprintf("THIS MACHINE IS TOO SLOW FOR %d PODS A SECOND: %.0f %% of that was reached with %.0f %% of it in use. All of the above is of %.1f pods a second.\n",
		rate, 100*reached, 100*used, reached*float64(rate)), nil
}

func (s *sampler) judge() ([]judged, error) {
	var all []judged
	for _, of := range slices.Sorted(maps.Keys(s.figures)) {
		for _, what := range slices.Sorted(maps.Keys(s.figures[of])) {
			verdict, err := soak.Judge(s.figures[of][what], s.o.warmUp(), bounds()[what])
			if err != nil {
				return nil, fmt.Errorf("cannot judge %s of %s: %w", what, of, err)
			}
			all = append(all, judged{of, what, verdict})
		}
	}
	return all, nil
}

// worst is the ratio of the process of a kind that grew most, and what it may be.
func (s *sampler) worst(all []judged, kind string, what figure) (value, limit float64) {
	bound := bounds()[what]
	for _, t := range s.targets {
		for _, j := range all {
			if t.kind == kind && j.of == t.name && j.what == what && j.Ratio() > value {
				value, limit = j.Ratio(), max(bound.Ratio, 1+bound.Slack/max(1, j.First))
			}
		}
	}
	return value, limit
}

func leaks(all []judged) error {
	var errs []error
	for _, j := range all {
		if j.Leak != "" {
			errs = append(errs, fmt.Errorf("%s of %s: %s", j.what, j.of, j.Leak))
		}
	}
	if len(errs) > 0 {
		return fmt.Errorf("leaks:\n%w", errors.Join(errs...))
	}
	return nil
}

// exact says what was not as it should have been with pods.
func exact(l *load) error {
	var errs []error
	var totals soak.Totals
	l.world.sees(func(ledger *soak.Ledger) {
		totals = ledger.Totals()
		for _, violation := range ledger.Violations() {
			errs = append(errs, errors.New(violation))
		}
		if most := ledger.Most(cappedSubset); most != capOf {
			errs = append(errs, fmt.Errorf("subset %s had %d pods at most, and was to be filled with %d", cappedSubset, most, capOf))
		}
	})
	if totals.Ended != totals.Created || totals.Ran+totals.Early != totals.Created {
		errs = append(errs, fmt.Errorf("of %d pods %d ran, %d went before that, %d ended", totals.Created, totals.Ran, totals.Early, totals.Ended))
	}
	errs = append(errs, l.done.failed...)
	if len(errs) > 0 {
		return fmt.Errorf("%d violations, and failures, such as:\n%w", totals.Violations, errors.Join(errs...))
	}
	return nil
}

// reached is what part of the rate there was, after the warm-up.
func (s *sampler) reached() float64 {
	created, ended := s.rates()
	return min(created, ended) / float64(s.o.rate)
}

// used is the CPU time of each process after the warm-up.
func (s *sampler) used() map[string]time.Duration {
	used := make(map[string]time.Duration, len(s.last.used))
	for name, usage := range s.last.used {
		used[name] = usage.CPU - s.warm.used[name].CPU
	}
	return used
}

// rates are how many pods came and went a second, after the warm-up.
func (s *sampler) rates() (created, ended float64) {
	seconds := (s.last.at - s.warm.at).Seconds()
	return float64(s.last.totals.Created-s.warm.totals.Created) / seconds, float64(s.last.totals.Ended-s.warm.totals.Ended) / seconds
}

func figureTable(all []judged) ratio.Table {
	table := ratio.Table{
		Title:   "Figures under a steady load: medians of the first and the last quarter after the warm-up, and the trend",
		Columns: []string{"process", "figure", "first", "last", "ratio", "an hour", "for certain", "verdict"},
	}
	for _, j := range all {
		verdict := "flat"
		if j.Leak != "" {
			verdict = "LEAK: " + j.Leak
		}
		say := func(v float64) string { return fmt.Sprintf("%.0f", v) }
		if j.what == heap || j.what == resident {
			say = func(v float64) string { return fmt.Sprintf("%.1f MiB", v/mib) }
		}
		table.Rows = append(table.Rows, []string{j.of, string(j.what), say(j.First), say(j.Last), fmt.Sprintf("%.3f", j.Ratio()), say(j.PerHour), say(j.AtLeast), verdict})
	}
	return table
}

// shares says who used the machine after the warm-up.
func (s *sampler) shares() ratio.Table {
	table := ratio.Table{Title: "CPU after the warm-up", Columns: []string{"process", "of a core", "for each pod that came and went"}}
	seconds, pods := (s.last.at - s.warm.at).Seconds(), max(1, s.last.totals.Ended-s.warm.totals.Ended)
	whole, processes := 0.0, s.used()
	for _, name := range slices.Sorted(maps.Keys(processes)) {
		used := processes[name].Seconds()
		whole += used
		table.Rows = append(table.Rows, []string{name, fmt.Sprintf("%.1f %%", 100*used/seconds), fmt.Sprintf("%.2f ms", 1000*used/float64(pods))})
	}
	table.Rows = append(table.Rows, []string{"all", fmt.Sprintf("%.1f %%", 100*whole/seconds), fmt.Sprintf("%.2f ms", 1000*whole/float64(pods))})
	return table
}

func (s *sampler) happened(l *load) ratio.Table {
	created, ended := s.rates()
	row := func(what string, n int) []string { return []string{what, fmt.Sprint(n)} }
	table := ratio.Table{Title: fmt.Sprintf("What happened in %s", s.last.at.Round(time.Second)), Columns: []string{"what", "how much"}, Rows: [][]string{
		{"pods created a second, after the warm-up", fmt.Sprintf("%.1f", created)},
		{"pods that ended in both clusters a second", fmt.Sprintf("%.1f", ended)},
	}}
	l.world.sees(func(ledger *soak.Ledger) {
		t := ledger.Totals()
		table.Rows = append(table.Rows,
			row("pods created", t.Created), row("of these on the virtual node", t.Virtual), row("ran", t.Ran),
			row("were deleted before", t.Early), row("ended in both clusters", t.Ended), row("downstream pods", t.Downstream),
			row("violations", t.Violations),
			[]string{"most pods of the capped subset", fmt.Sprintf("%d of %d", ledger.Most(cappedSubset), capOf)})
	})
	d := l.done
	table.Rows = append(table.Rows,
		row("creations and deletions that were due and could not be made", d.missed), row("requests that failed", len(d.failed)),
		row("namespaces", d.namespaces), row("times that one had to wait for others to go", d.waited), row("changes of policies", d.policies),
		row("logs read", d.logs), row("logs that could not be", d.logFailures))
	return table
}

// curves are the figures that are to be flat, over time.
func (s *sampler) curves() []ratio.Curve {
	var curves []ratio.Curve
	for _, plot := range []struct {
		what  figure
		title string
		unit  float64
	}{
		{goroutines, "Goroutines under a steady load", 1},
		{connections, "Open connections under a steady load", 1},
		{resident, "Resident memory under a steady load, MiB", mib},
		{heap, "Live heap under a steady load, MiB", mib},
	} {
		for _, t := range s.targets {
			curve := ratio.Curve{Plot: plot.title, X: "minutes", Y: string(plot.what), Name: t.name}
			for _, p := range soak.Thin(s.figures[t.name][plot.what]) {
				// The axis has logarithms if it begins too near to nothing.
				if p.At > s.o.duration/40 {
					curve.Points = append(curve.Points, ratio.Point{X: p.At.Minutes(), Y: p.Value / plot.unit})
				}
			}
			curves = append(curves, curve)
		}
	}
	return curves
}
