package ratio

import (
	"bytes"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestHolds(t *testing.T) {
	cases := map[string]struct {
		reason string
		ratio  Ratio
		want   bool
	}{
		"below":       {"it may be less", Ratio{Value: 1.1, Limit: 1.2}, true},
		"equal":       {"it may be as much", Ratio{Value: 1.2, Limit: 1.2}, true},
		"as-told":     {"nobody sees a third digit", Ratio{Value: 1.2049, Limit: 1.2}, true},
		"above":       {"it may not be more", Ratio{Value: 1.206, Limit: 1.2}, false},
		"reached":     {"more is better", Ratio{Value: 0.9, Limit: 0.8, AtLeast: true}, true},
		"not-reached": {"less is not enough", Ratio{Value: 0.79, Limit: 0.8, AtLeast: true}, false},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if got := tc.ratio.Holds(); got != tc.want {
				t.Errorf("%s: Holds() = %t, want %t", tc.reason, got, tc.want)
			}
		})
	}
}

// TestScan: what is printed and what is stored say the same.
func TestScan(t *testing.T) {
	report := New("admission")
	report.Tables = []Table{{Title: "RATIO is a word, too", Columns: []string{"", "CPU"}, Rows: [][]string{{"S0", "0.27"}}}}
	report.AtMost("admission-S0", 0.33, 0.5)
	report.AtLeast("creates-S5", 0.9, 0.85)

	var printed bytes.Buffer
	file := filepath.Join(t.TempDir(), "report.json")
	if err := report.Print(&printed); err != nil {
		t.Fatal(err)
	}
	if err := report.Write(file); err != nil {
		t.Fatal(err)
	}
	stored, err := Read(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(report, stored); diff != "" {
		t.Errorf("stored, -want +got:\n%s", diff)
	}
	printed.Reset()
	printed.WriteString("building...\n")
	for _, r := range report.Ratios {
		printed.WriteString(r.String() + " ok\n")
	}
	got, err := Scan(&printed)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(report.Ratios, got); diff != "" {
		t.Errorf("printed, -want +got:\n%s", diff)
	}
}

func TestScanRefuses(t *testing.T) {
	cases := map[string]struct{ reason, text string }{
		"short":  {"a ratio without limit cannot be judged", "RATIO admission-S0 0.33\n"},
		"value":  {"the value is a number", "RATIO admission-S0 fast 0.5\n"},
		"limit":  {"the limit is a number", "RATIO admission-S0 0.33 <=0.5\n"},
		"report": {"half a report is none", `{"suite": "admission"`},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if got, err := Scan(strings.NewReader(tc.text)); err == nil {
				t.Errorf("%s: Scan() = %v, want an error", tc.reason, got)
			}
		})
	}
}
