package monitoring

import (
	"strings"
	"time"
)

// Filled is an expression of a dashboard with Grafana's variables filled in: with all
// namespaces and virtual nodes, and rates over interval.
func Filled(expression string, interval time.Duration) string {
	return strings.NewReplacer("$__rate_interval", interval.String(), "$namespace", ".*", "$virtual_node", ".*").Replace(expression)
}

// Examples are the queries that a page shows, in fences of the language promql.
func Examples(page string) []string {
	var all []string
	for _, rest := range strings.Split(page, "\n```promql\n")[1:] {
		query, _, _ := strings.Cut(rest, "\n```")
		all = append(all, strings.TrimSpace(query))
	}
	return all
}
