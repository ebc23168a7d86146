package monitoring

import (
	"cmp"
	"fmt"
	"strings"
)

// MetricsTable is the table of docs/monitoring.md about the metrics.
func MetricsTable(metrics []Metric) string {
	var b strings.Builder
	b.WriteString("| metric | type | labels | meaning |\n|---|---|---|---|\n")
	for _, m := range metrics {
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", m.Name, m.Type, strings.Join(m.Labels, ", "), cell(m.Help))
	}
	return b.String()
}

// AlertsTable is the table of docs/monitoring.md about the alerts.
func AlertsTable(rules []Rule) string {
	var b strings.Builder
	b.WriteString("| alert | severity | for | what it says |\n|---|---|---|---|\n")
	for _, r := range rules {
		summary := strings.NewReplacer("{{ $labels.", "*", "{{ $value | humanizeDuration }}", "*so long*", "{{ $value }}", "*so many*", " }}", "*").Replace(r.Annotations["summary"])
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", r.Alert, r.Labels["severity"], cmp.Or(r.For, "at once"), cell(summary))
	}
	return b.String()
}

// cell is text that does not end a table's cell.
func cell(text string) string { return strings.ReplaceAll(text, "|", "\\|") }
