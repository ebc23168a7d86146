package explain

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	corev1 "k8s.io/api/core/v1"
)

// table aligns columns, but for the last.
func (p *page) table(rows [][]string) {
	var widths []int
	for _, row := range rows {
		for i := range row[:len(row)-1] {
			if i == len(widths) {
				widths = append(widths, 0)
			}
			widths[i] = max(widths[i], utf8.RuneCountInString(row[i]))
		}
	}
	for _, row := range rows {
		var line strings.Builder
		for i, cell := range row {
			line.WriteString("  " + cell)
			if i < len(row)-1 {
				line.WriteString(strings.Repeat(" ", widths[i]-utf8.RuneCountInString(cell)))
			}
		}
		p.line("%s", strings.TrimRight(line.String(), " "))
	}
}

func (e Explanation) spread(p *page) {
	s := e.Spread
	if s == nil {
		return
	}
	if s.Name == "" {
		p.section("WorkloadSpread")
		p.line("  none targets the pod")
		for _, miss := range s.NearMisses {
			p.line("  nearly: %s", miss)
		}
		return
	}
	p.section("WorkloadSpread " + s.Name)
	rows := [][]string{{"SUBSET", "NODES", "PODS", "MAX", "SCHEDULABLE", "NEXT POD"}}
	for i := range s.Subsets {
		rows = append(rows, s.row(&s.Subsets[i]))
	}
	p.table(rows)
	if s.Told != "" {
		p.line("  last told:   %s", s.Told)
	}
	if s.Next != "" {
		p.line("  next pod:    %s", s.Next)
	}
}

func (s *Spread) row(subset *Subset) []string {
	name, nodes, pods, most := subset.Name, "real", strconv.Itoa(subset.Pods), "any"
	if subset.Name == s.Subset {
		name += " (this pod)"
	}
	if subset.Virtual {
		nodes = "virtual"
	}
	if subset.Held > 0 {
		pods += fmt.Sprintf("+%d held", subset.Held)
	}
	if subset.Most != nil {
		most = strconv.Itoa(*subset.Most)
	}
	next := subset.Passed
	switch {
	case subset.Name == s.NextSubset && subset.Cordoned:
		next = "waits in this subset"
	case subset.Name == s.NextSubset:
		next = "gets this subset"
	case subset.Schedulable == string(corev1.ConditionFalse) && next != "":
		next = "is unschedulable" // why, stands above
	}
	return []string{name, nodes, pods, most, cmp.Or(subset.Schedulable, "-"), next}
}

func (e Explanation) pods(p *page) {
	if e.Pods == nil {
		return
	}
	p.section("Pods")
	rows := [][]string{{"SUBSET", "NODE", "PODS", "READY"}}
	for _, row := range e.Pods.Rows {
		rows = append(rows, []string{cmp.Or(row.Subset, "-"), row.Node, strconv.Itoa(row.Pods), strconv.Itoa(row.Ready)})
	}
	p.table(rows)
	for _, t := range e.Pods.Troubles {
		p.line("  not running: %d by %s, such as %s", t.Pods, t.Reason, t.Example)
	}
}
