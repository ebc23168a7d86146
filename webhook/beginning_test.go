package webhook_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	dto "github.com/prometheus/client_model/go"

	"github.com/spillway-io/spillway/webhook"
)

// happened gathers the counters that are more than 0: which ones are there before
// anything happens is for TestBeginning alone.
type happened struct{ prometheus.Gatherer }

func (h happened) Gather() ([]*dto.MetricFamily, error) {
	families, err := h.Gatherer.Gather()
	for _, family := range families {
		family.Metric = slices.DeleteFunc(family.Metric, func(m *dto.Metric) bool {
			return m.Counter != nil && m.Counter.GetValue() == 0
		})
	}
	return slices.DeleteFunc(families, func(f *dto.MetricFamily) bool { return len(f.Metric) == 0 }), err
}

// TestBeginning: an increase does not see the first time of a counter that was not
// there before, so those that an alert asks for are.
func TestBeginning(t *testing.T) {
	registry := prometheus.NewRegistry()
	if _, err := webhook.NewMetrics(registry); err != nil {
		t.Fatal(err)
	}
	const want = `# HELP spillway_admissions_total Pod admissions, by outcome (handled, skipped, denied, failed) and reason.
# TYPE spillway_admissions_total counter
spillway_admissions_total{outcome="denied",reason="stash"} 0
spillway_admissions_total{outcome="failed",reason="mutate"} 0
spillway_admissions_total{outcome="failed",reason="request"} 0
spillway_admissions_total{outcome="failed",reason="sidecar"} 0
spillway_admissions_total{outcome="failed",reason="spread"} 0
spillway_admissions_total{outcome="handled",reason=""} 0
`
	if err := testutil.GatherAndCompare(registry, strings.NewReader(want), "spillway_admissions_total"); err != nil {
		t.Error(err)
	}
}
