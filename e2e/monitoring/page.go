package monitoring

import (
	"cmp"
	"errors"
	"fmt"
	"strings"
)

// MetricsTable is the table of docs/monitoring.md about the metrics, which are
// those of the checkout with that top folder.
func MetricsTable(root string, metrics []Metric) (string, error) {
	bounds := Bounds()
	var b strings.Builder
	b.WriteString("| metric | type | labels, and how many values they have | meaning |\n|---|---|---|---|\n")
	for _, m := range metrics {
		var labels []string
		for _, label := range m.Labels {
			bound, err := bounds[m.Name][label].text(root)
			if err != nil {
				return "", fmt.Errorf("label %s of %s: %w", label, m.Name, err)
			}
			labels = append(labels, "`"+label+"`: "+bound)
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", m.Name, m.Type, cell(strings.Join(labels, "<br>")), cell(m.Help))
	}
	return b.String(), nil
}

// text says a bound.
func (b Bound) text(root string) (string, error) {
	if b.Per != "" {
		return "one for each of the " + b.Per, nil
	}
	values, err := b.Values(root)
	if err == nil && len(values) == 0 {
		err = errors.New("nobody says how many values it can have")
	}
	for i, value := range values {
		values[i] = cmp.Or(value, "(empty)")
	}
	return strings.Join(values, ", "), err
}

// AlertsTable is the table of docs/monitoring.md about the alerts.
func AlertsTable(rules []Rule) string {
	var b strings.Builder
	b.WriteString("| alert | severity | for | what it says |\n|---|---|---|---|\n")
	for _, r := range rules {
		summary := strings.NewReplacer("{{ $labels.", "*", "{{ $value | humanizeDuration }}", "*so long*", "{{ $value }}", "*so many*", " }}", "*").Replace(r.Annotations["summary"])
		fmt.Fprintf(&b, "| [`%s`](runbooks.md#%s) | %s | %s | %s |\n", r.Alert, strings.ToLower(r.Alert), r.Labels["severity"], cmp.Or(r.For, "at once"), cell(summary))
	}
	return b.String()
}

// cell is text that does not end a table's cell.
func cell(text string) string { return strings.ReplaceAll(text, "|", "\\|") }
