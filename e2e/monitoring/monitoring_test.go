package monitoring

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	_ "sigs.k8s.io/controller-runtime/pkg/controller" // registers the metrics of reconcilers and their queues
	"sigs.k8s.io/controller-runtime/pkg/metrics"
)

// files is where the chart has what it installs.
func files(t *testing.T, name ...string) []byte {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(append([]string{"..", "..", "charts", "spillway", "files"}, name...)...))
	if err != nil {
		t.Fatal(err)
	}
	return content
}

func rules(t *testing.T) []Rule {
	t.Helper()
	all, err := Rules(files(t, "monitoring", "rules.yaml"))
	if err != nil || len(all) == 0 {
		t.Fatalf("%d alerts: %v", len(all), err)
	}
	return all
}

func dashboard(t *testing.T) Dashboard {
	t.Helper()
	d, err := ReadDashboard(files(t, "dashboards", "spillway.json"))
	if err != nil || len(d.Panels) == 0 {
		t.Fatalf("%d panels: %v", len(d.Panels), err)
	}
	return d
}

func declared(t *testing.T) []Metric {
	t.Helper()
	all, err := Declared(filepath.Join("..", ".."))
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// known are the metrics that can be asked for: ours, those of the library that both
// processes are built on, and Prometheus' own about what it scrapes.
func known(t *testing.T) map[string]bool {
	t.Helper()
	names := map[string]bool{"up": true}
	for _, metric := range declared(t) {
		names[metric.Name] = true
	}
	library, ok := metrics.Registry.(prometheus.Collector)
	if !ok {
		t.Fatalf("%T does not tell what is registered", metrics.Registry)
	}
	descriptions := make(chan *prometheus.Desc)
	go func() {
		defer close(descriptions)
		library.Describe(descriptions)
	}()
	for description := range descriptions {
		if name, _, ok := strings.Cut(strings.TrimPrefix(description.String(), `Desc{fqName: "`), `"`); ok {
			names[name] = true
		}
	}
	return names
}

// asks fails unless an expression can be read and asks for nothing that there is not.
func asks(t *testing.T, whose, expression string, known map[string]bool) {
	t.Helper()
	names, err := Names(expression)
	if err != nil || len(names) == 0 {
		t.Errorf("%s asks for %v: %v", whose, names, err)
	}
	for _, name := range names {
		if !known[name] {
			t.Errorf("%s asks for %s, and no process has it", whose, name)
		}
	}
}

func TestAlerts(t *testing.T) {
	known := known(t)
	seen := map[string]bool{}
	metric := map[string]Metric{}
	for _, m := range declared(t) {
		metric[m.Name] = m
	}
	for _, rule := range rules(t) {
		if seen[rule.Alert] || !strings.HasPrefix(rule.Alert, "Spillway") {
			t.Errorf("alert %q is there twice, or is not named after us", rule.Alert)
		}
		seen[rule.Alert] = true
		asks(t, rule.Alert, rule.Expr, known)
		if summary, description := rule.Annotations["summary"], rule.Annotations["description"]; len(summary) < 20 || len(description) < 60 {
			t.Errorf("%s does not say what happened (%q) and what to do (%q)", rule.Alert, summary, description)
		}
		if severity := rule.Labels["severity"]; severity != "critical" && severity != "warning" {
			t.Errorf("%s has severity %q", rule.Alert, severity)
		}
		// A label that is neither the metric's nor the chart's is always empty.
		for _, used := range labelsOf(rule) {
			if !slices.Contains(labelsThere(t, rule.Expr, metric), used) {
				t.Errorf("%s speaks of a label %s, which its metrics have not", rule.Alert, used)
			}
		}
	}
}

// labelsOf are the labels that the texts of an alert have put in.
func labelsOf(rule Rule) []string {
	var all []string
	for _, text := range rule.Annotations {
		for _, found := range regexp.MustCompile(`\$labels\.(\w+)`).FindAllStringSubmatch(text, -1) {
			all = append(all, found[1])
		}
	}
	return all
}

// labelsThere are those of the metrics in an expression, of what is scraped, and of
// the library's metrics.
func labelsThere(t *testing.T, expression string, metrics map[string]Metric) []string {
	t.Helper()
	names, err := Names(expression)
	if err != nil {
		t.Fatal(err)
	}
	all := []string{"job", "namespace", "pod", "virtual_node", "serves", "host", "code", "controller", "name"}
	for _, name := range names {
		all = append(all, metrics[name].Labels...)
	}
	return all
}

func TestDashboard(t *testing.T) {
	d, known := dashboard(t), known(t)
	ids := map[int]bool{}
	asked := map[string]bool{}
	for _, panel := range d.Panels {
		if ids[panel.ID] || panel.ID == 0 || panel.Title == "" {
			t.Errorf("panel %d, %q, has no number or title, or another one's", panel.ID, panel.Title)
		}
		ids[panel.ID] = true
		if g := panel.GridPos; g.W <= 0 || g.H <= 0 || g.X+g.W > 24 {
			t.Errorf("panel %q is at %+v", panel.Title, g)
		}
		if panel.Type == "row" {
			continue
		}
		if panel.Description == "" || len(panel.Targets) == 0 {
			t.Errorf("panel %q shows nothing, or does not say what", panel.Title)
		}
		for _, target := range panel.Targets {
			asks(t, fmt.Sprintf("panel %q", panel.Title), target.Expr, known)
			if names, err := Names(target.Expr); err == nil {
				for _, name := range names {
					asked[name] = true
				}
			}
		}
	}
	if d.UID == "" || d.Title == "" {
		t.Errorf("it is called %q, with uid %q", d.Title, d.UID)
	}
	for _, rule := range rules(t) {
		if names, err := Names(rule.Expr); err == nil {
			for _, name := range names {
				asked[name] = true
			}
		}
	}
	for _, metric := range declared(t) {
		if !asked[metric.Name] && !unwatched()[metric.Name] {
			t.Errorf("neither an alert nor the dashboard shows %s; if nobody needs to see it, say so here", metric.Name)
		}
	}
}

// unwatched are metrics for those who look for something.
func unwatched() map[string]bool {
	return map[string]bool{
		"spillway_node_pod_tokens_total":              true, // how often tokens are renewed
		"spillway_kubeconfig_changes_total":           true, // changes go well without anybody looking
		"spillway_node_copies_deleted_total":          true, // housekeeping
		"spillway_kubelet_certificate_failures_total": true, // the alert on expiry comes in time
	}
}

func TestNames(t *testing.T) {
	cases := map[string]struct {
		reason, expression string
		want               []string
		fails              bool
	}{
		"histogram": {"its series have names of their own", `rate(a_seconds_bucket[5m]) / rate(a_seconds_count[5m])`, []string{"a_seconds"}, false},
		"variables": {"Grafana fills them in", `rate(a_total{n=~"$namespace"}[$__rate_interval])`, []string{"a_total"}, false},
		"both":      {"also what comes behind unless", `a unless b{c="d"} offset 1h`, []string{"a", "b"}, false},
		"unreadable": {
			"a mistake must not pass", `sum by (a (b)`, nil, true,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			got, err := Names(tc.expression)
			if diff := cmp.Diff(tc.want, got); diff != "" || (err != nil) != tc.fails {
				t.Errorf("%s: %v (-want +got)\n%s", tc.reason, err, diff)
			}
		})
	}
}

func TestMain(m *testing.M) {
	flag.Bool("update", false, "write the tables of docs/monitoring.md anew")
	flag.Parse()
	os.Exit(m.Run())
}

// TestPage: docs/monitoring.md has every metric and every alert.
func TestPage(t *testing.T) {
	path := filepath.Join("..", "..", "docs", "monitoring.md")
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	page := string(content)
	metrics, err := MetricsTable(filepath.Join("..", ".."), declared(t))
	if err != nil {
		t.Error(err)
	}
	for name, table := range map[string]string{"metrics": metrics, "alerts": AlertsTable(rules(t))} {
		begin, end := "<!-- "+name+": written by a test -->\n", "<!-- end of "+name+" -->\n"
		before, rest, found := strings.Cut(page, begin)
		got, after, ended := strings.Cut(rest, end)
		if !found || !ended {
			t.Fatalf("%s lacks the marks of the table of %s", path, name)
		}
		if diff := cmp.Diff(table, got); diff != "" && flag.Lookup("update").Value.String() != "true" {
			t.Errorf("%s, -want +got; go test ./monitoring -update writes it\n%s", path, diff)
		}
		page = before + begin + table + end + after
	}
	if flag.Lookup("update").Value.String() == "true" {
		if err := os.WriteFile(path, []byte(page), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}
