package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/spillway-io/spillway/e2e/playground"
	"github.com/spillway-io/spillway/e2e/soak"
)

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
