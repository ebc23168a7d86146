package monitoring

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestDeclared(t *testing.T) {
	cases := map[string]struct {
		reason, code string
		want         []Metric
		err          string
	}{
		"plain": {"", `prometheus.NewCounter(prometheus.CounterOpts{Name: "a_total", Help: "A."})`, []Metric{{Name: "a_total", Type: "counter", Help: "A."}}, ""},
		"function": {
			"it has a value from the beginning", `prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "a", Help: "A.", ConstLabels: prometheus.Labels{"kind": kind}}, f)`,
			[]Metric{{Name: "a", Type: "gauge", Help: "A.", Labels: []string{"kind"}}},
			"",
		},
		"labels": {
			"it has none before something happened", `prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "a", Help: "A."}, []string{"b", "c"})`,
			[]Metric{{Name: "a", Type: "histogram", Help: "A.", Labels: []string{"b", "c"}, Lazy: true}},
			"",
		},
		"others":        {"not all that is new is a metric", `prometheus.NewRegistry(); other.NewGauge(prometheus.GaugeOpts{Name: "a", Help: "A."})`, nil, ""},
		"no-literal":    {"nobody would find it", `prometheus.NewGauge(prometheus.GaugeOpts{Name: prefix + "a", Help: "A."})`, nil, "no literal"},
		"in-pieces":     {"nobody would find it", `prometheus.NewGauge(prometheus.GaugeOpts{Namespace: "s", Name: "a", Help: "A."})`, nil, "in pieces"},
		"without-help":  {"the page would say nothing", `prometheus.NewGauge(prometheus.GaugeOpts{Name: "a"})`, nil, "without name or help"},
		"labels-passed": {"alerts could not be checked", `prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "a", Help: "A."}, labels)`, nil, "labels that are no literal"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			root := t.TempDir()
			for _, folder := range []string{"cmd", "webhook", "provider", "certs"} {
				if err := os.Mkdir(filepath.Join(root, folder), 0o755); err != nil {
					t.Fatal(err)
				}
			}
			err := errors.Join(
				os.WriteFile(filepath.Join(root, "certs", "a.go"), []byte("package a\n\nfunc a() {\n"+tc.code+"\n}\n"), 0o600),
				os.WriteFile(filepath.Join(root, "certs", "a_test.go"), []byte(`no Go`), 0o600),
			)
			if err != nil {
				t.Fatal(err)
			}
			got, err := Declared(root)
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("%s (-want +got):\n%s", tc.reason, diff)
			}
			if (err == nil) != (tc.err == "") || err != nil && !strings.Contains(err.Error(), tc.err) {
				t.Errorf("%s: %v, want %q", tc.reason, err, tc.err)
			}
		})
	}
}
