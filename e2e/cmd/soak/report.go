package main

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/spillway-io/spillway/e2e/playground"
	"github.com/spillway-io/spillway/e2e/ratio"
	"github.com/spillway-io/spillway/e2e/soak"
)

// leastRate is what part of the rate that was asked for must have been reached for the
// rest to say something of it.
const leastRate = 0.9

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
	created, ended := s.rates()
	report.AtLeast("soak-rate", min(created, ended)/float64(o.rate), leastRate)
	report.Curves = s.curves()
	if err := errors.Join(report.Print(out), report.Write(o.json)); err != nil {
		return err
	}
	err = errors.Join(leaks(all), exact(l))
	if reached := min(created, ended) / float64(o.rate); err != nil && reached < leastRate {
		err = fmt.Errorf("%w\nOnly %.0f %% of the rate was reached: the machine is too slow or too busy, and what waits may have grown for that", err, 100*reached)
	}
	return err
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
	whole := 0.0
	for _, name := range slices.Sorted(maps.Keys(s.last.used)) {
		used := (s.last.used[name].CPU - s.warm.used[name].CPU).Seconds()
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

// tells prints how it goes.
func (s *sampler) tells(since *mark) error {
	before := *since
	if err := s.marks(since); err != nil {
		return err
	}
	seconds := (since.at - before.at).Seconds()
	var line strings.Builder
	_, _ = fmt.Fprintf(&line, "%6s  %5d pods came (%4.1f/s), %5d went (%4.1f/s), %d violations", since.at.Round(time.Second),
		since.totals.Created, float64(since.totals.Created-before.totals.Created)/seconds,
		since.totals.Ended, float64(since.totals.Ended-before.totals.Ended)/seconds, since.totals.Violations)
	for _, t := range s.targets {
		line.WriteString("\n          " + s.says(t.name, seconds, before.used, since.used))
	}
	for _, violation := range s.news() {
		line.WriteString("\n          " + violation)
	}
	_, err := fmt.Fprintln(s.out, line.String())
	return err
}

// news are the violations that have not been told.
func (s *sampler) news() (news []string) {
	s.world.sees(func(ledger *soak.Ledger) {
		all := ledger.Violations()
		news, s.told = all[s.told:], len(all)
	})
	return news
}

func (s *sampler) says(process string, seconds float64, before, now map[string]playground.Usage) string {
	latest := func(what figure) float64 {
		points := s.figures[process][what]
		if len(points) == 0 {
			return 0
		}
		return points[len(points)-1].Value
	}
	return fmt.Sprintf("%s: %.0f goroutines, %.0f connections, %.0f MiB, heap %.0f MiB, CPU %.0f %%", process, latest(goroutines), latest(connections),
		latest(resident)/mib, latest(heap)/mib, 100*(now[process].CPU-before[process].CPU).Seconds()/seconds)
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
