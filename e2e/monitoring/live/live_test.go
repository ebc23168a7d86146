package live

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"html"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/common/model"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/spillway-io/spillway/charts"
	"github.com/spillway-io/spillway/e2e/monitoring"
	"github.com/spillway-io/spillway/e2e/monitoring/picture"
	"github.com/spillway-io/spillway/e2e/monitoring/prometheus"
)

func content(t *testing.T, name ...string) []byte {
	t.Helper()
	read, err := os.ReadFile(filepath.Join(append([]string{"..", "..", ".."}, name...)...))
	if err != nil {
		t.Fatal(err)
	}
	return read
}

// TestPanels: every query of every panel of the dashboard has an answer, and every panel
// can be drawn.
func TestPanels(t *testing.T) {
	file, err := charts.Spillway.ReadFile("spillway/files/dashboards/spillway.json")
	if err != nil {
		t.Fatal(err)
	}
	dashboard, err := monitoring.ReadDashboard(file)
	if err != nil {
		t.Fatal(err)
	}
	span := picture.Span{From: shared.began, To: shared.over, Rates: rates}
	queries, shown := 0, 0
	for _, panel := range dashboard.Panels {
		if panel.Type == "row" {
			continue
		}
		svg, series, err := picture.Of(t.Context(), shared.prometheus, panel, span)
		if err != nil {
			t.Error(err)
			continue
		}
		queries, shown = queries+len(panel.Targets), shown+series
		if err := xml.Unmarshal(svg, new(struct{})); err != nil || !bytes.Contains(svg, []byte(">"+html.EscapeString(panel.Title)+"<")) {
			t.Errorf("the picture of panel %q lacks its title, or is no XML: %v", panel.Title, err)
		}
	}
	t.Logf("%d queries of %d panels returned %d series", queries, len(dashboard.Panels), shown)
}

// TestExamples: every query of docs/monitoring.md has an answer.
func TestExamples(t *testing.T) {
	examples := monitoring.Examples(string(content(t, "docs", "monitoring.md")))
	if len(examples) < 10 {
		t.Errorf("there are %d", len(examples))
	}
	for _, example := range examples {
		vector, err := shared.prometheus.Now(t.Context(), example)
		if err != nil || len(vector) == 0 {
			t.Errorf("no answer to\n%s\n%v", example, err)
		}
		for _, sample := range vector {
			if math.IsNaN(float64(sample.Value)) {
				t.Errorf("no number answers\n%s\nbut %s", example, sample)
			}
		}
	}
}

// TestRules: Prometheus' own tool accepts the file that is installed, and the server
// can judge every alert.
func TestRules(t *testing.T) {
	path := filepath.Join("..", "..", "..", "charts", "spillway", "files", "monitoring", "rules.yaml")
	if err := prometheus.Check(t.Context(), shared.binaries, path); err != nil {
		t.Error(err)
	}
	rules, err := monitoring.Rules(content(t, "charts", "spillway", "files", "monitoring", "rules.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	alerts, err := shared.prometheus.Alerts(t.Context())
	if err != nil || len(alerts) != len(rules) {
		t.Errorf("Prometheus has %d of %d alerts (%v)", len(alerts), len(rules), err)
	}
	for _, alert := range alerts {
		if alert.Health != "ok" || alert.LastError != "" {
			t.Errorf("%s is %s: %s", alert.Name, alert.Health, alert.LastError)
		}
	}
}

// fired are the alerts that fired in a time.
func fired(t *testing.T, from, to time.Time) []string {
	t.Helper()
	matrix, err := shared.prometheus.Over(t.Context(), `sum by (alertname) (ALERTS{alertstate="firing"})`, from, to, prometheus.Interval)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, series := range matrix {
		names = append(names, string(series.Metric["alertname"]))
	}
	slices.Sort(names)
	return names
}

// TestFired: nothing fires while all is well, and then what should.
func TestFired(t *testing.T) {
	if alerts := fired(t, shared.began, shared.calm); !slices.Equal(alerts, []string{certificate}) {
		t.Errorf("while all was well there were %v, want %s alone", alerts, certificate)
	}
	alerts := fired(t, shared.calm, shared.over)
	t.Logf("%v", alerts)
	for _, want := range []string{
		"SpillwayAdmissionsFailed", // the sidecar that clashes
		"SpillwaySidecarsFailed",
		"SpillwayHandshakesRefused", // somebody with another CA
		"SpillwayCopiesInConflict",  // the foreign ConfigMap
		"SpillwayNodeNotReady",      // downstream is down
		"SpillwayWebhookOneLeft",
	} {
		if !slices.Contains(alerts, want) {
			t.Errorf("%s did not fire", want)
		}
	}
}

// TestValues: labels have no other values than docs/monitoring.md says.
func TestValues(t *testing.T) {
	root := filepath.Join("..", "..", "..")
	for metric, labels := range monitoring.Bounds() {
		for label, bound := range labels {
			values, err := bound.Values(root)
			if err != nil {
				t.Error(err)
			}
			if len(values) == 0 {
				continue
			}
			query := fmt.Sprintf(`count by (%s) (last_over_time({__name__=~"%s(_count)?"}[10m]))`, label, metric)
			vector, err := shared.prometheus.Now(t.Context(), query)
			if err != nil {
				t.Error(err)
			}
			for _, sample := range vector {
				if value := string(sample.Metric[model.LabelName(label)]); !slices.Contains(values, value) {
					t.Errorf("%s of %s is %q, want one of %q", label, metric, value, values)
				}
			}
		}
	}
}

// TestEvents: whatever Spillway wrote as an event is in docs/events.md, with its type.
func TestEvents(t *testing.T) {
	rows := monitoring.Table(string(content(t, "docs", "events.md")))
	list, err := shared.stage.Upstream.Client().EventsV1().Events("").List(t.Context(), metav1.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for i := range list.Items {
		event := &list.Items[i]
		if !strings.HasPrefix(event.ReportingController, "spillway") {
			continue
		}
		seen[event.Reason] = true
		if row := rows[event.Reason]; len(row) == 0 || !strings.Contains(row[0], "event, "+event.Type) {
			t.Errorf("%s event %s of %s by %s (%s) is not in docs/events.md as that: %q",
				event.Type, event.Reason, event.Regarding.Kind, event.ReportingController, event.Note, row)
		}
	}
	if len(seen) < 5 {
		t.Errorf("there were only %v", seen)
	}
	t.Logf("reasons seen: %v", slices.Sorted(maps.Keys(seen)))
}
