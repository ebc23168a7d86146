package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/spillway-io/spillway/e2e/binaries"
	"github.com/spillway-io/spillway/e2e/ratio"
)

// TestRun: a run that became worse fails, whatever was stored or printed.
func TestRun(t *testing.T) {
	dir := t.TempDir()
	report := ratio.New("admission")
	report.AtMost("admission-S0", 0.33, 0.5)
	stored := filepath.Join(dir, "admission.json")
	if err := report.Write(stored); err != nil {
		t.Fatal(err)
	}
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	printed := write("bench.txt", "starting\nRATIO provider-throughput-1000 0.70 >=0.80\n")
	cases := map[string]struct {
		reason, bounds string
		files          []string
		out, err       string
	}{
		"told":    {"without bounds nothing fails", "", []string{stored, printed}, "RATIO admission-S0 0.33 0.50 ok\nRATIO provider-throughput-1000 0.70 >=0.80 MISSED\n", ""},
		"kept":    {"only what is named is judged", write("kept", "admission-S0 0.32 1.2"), []string{stored, printed}, "admission-S0 is 0.33, and may be at most 0.38 here\n", ""},
		"worse":   {"it was much better", write("worse", "admission-S0 0.2 1.2\nadmission-S1 - 1"), []string{stored, printed}, "", "admission-S0 is 0.33, and may be at most 0.24 here: worse\nadmission-S1 was not measured"},
		"nothing": {"a run that measured nothing is no good run", "", []string{write("empty", "failed to start\n")}, "", "there are no ratios to judge"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			text := ""
			if err := run(&out, tc.bounds, tc.files); err != nil {
				text = err.Error()
			}
			if diff := cmp.Diff(tc.err, text); diff != "" {
				t.Errorf("%s: -want +got:\n%s", tc.reason, diff)
			}
			if diff := cmp.Diff(tc.out, out.String()); diff != "" {
				t.Errorf("%s: -want +got:\n%s", tc.reason, diff)
			}
		})
	}
}

// TestBounds: the file that CI has can be read, and says why each is there.
func TestBounds(t *testing.T) {
	root, err := binaries.Root()
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(root, "hack", "perf-limits"))
	if err != nil {
		t.Fatal(err)
	}
	bounds, err := ratio.ReadBounds(strings.NewReader(string(text)))
	if err != nil || len(bounds) == 0 {
		t.Errorf("hack/perf-limits has %d bounds (%v)", len(bounds), err)
	}
}
