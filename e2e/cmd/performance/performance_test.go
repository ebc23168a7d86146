package main

import (
	"bytes"
	"flag"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/spillway-io/spillway/e2e/docs"
	"github.com/spillway-io/spillway/e2e/ratio"
)

var update = flag.Bool("update", false, "rewrite the golden page")

// TestGolden: the whole page of two small reports, whose pictures are those that it
// links to, and of which it has no figures that are not there.
func TestGolden(t *testing.T) {
	folder := t.TempDir()
	old := filepath.Join(folder, "pictures", "performance-admission-of-old.svg")
	others := filepath.Join(folder, "pictures", "dashboard-admissions.svg")
	if err := os.MkdirAll(filepath.Dir(old), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{old, others} {
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := run(new(bytes.Buffer), folder, []string{"testdata/admission.json", "testdata/growth.json"}); err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(filepath.Join(folder, "performance.md"))
	if err != nil {
		t.Fatal(err)
	}
	const golden = "testdata/page.md"
	if *update {
		if err := os.WriteFile(golden, got, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("go test ./cmd/performance -update rewrites it; -want +got:\n%s", diff)
	}

	page, err := docs.ReadPage("docs/performance.md", string(got))
	if err != nil {
		t.Error(err)
	}
	names := []string{"dashboard-admissions.svg"}
	for _, link := range page.Links {
		if strings.HasPrefix(link.Target, "pictures/") {
			names = append(names, filepath.Base(link.Target))
		}
	}
	files, err := os.ReadDir(filepath.Dir(old))
	if err != nil {
		t.Fatal(err)
	}
	var there []string
	for _, file := range files {
		there = append(there, file.Name())
	}
	slices.Sort(names)
	if diff := cmp.Diff(names, there); diff != "" {
		t.Errorf("pictures: -linked +there:\n%s", diff)
	}
}

func TestNumber(t *testing.T) {
	cases := map[string]struct {
		cell string
		want float64
	}{
		"plain": {"0.81", 0.81}, "unit": {"4.9 s", 4.9}, "attached": {"12ms", 12}, "thousands": {"1,234.5", 1234.5},
		"two": {"3.1 / 9.2", 3.1}, "none": {"-", math.NaN()}, "word": {"never", math.NaN()}, "empty": {"", math.NaN()},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if got := number(tc.cell); got != tc.want && !(math.IsNaN(got) && math.IsNaN(tc.want)) {
				t.Errorf("number(%q) = %v, want %v", tc.cell, got, tc.want)
			}
		})
	}
}

// TestDrawn: what a table has says whether there is a picture of it, and of which
// columns.
func TestDrawn(t *testing.T) {
	cases := map[string]struct {
		reason  string
		columns []string
		want    []int
	}{
		"admission": {"three servers beside each other", []string{"scenario", "", "raw", "decode and allow", "Spillway", "raw"}, []int{2, 3, 4}},
		"creates":   {"one rate", []string{"case", "pods/s", "of null webhook"}, []int{1}},
		"provider":  {"two rates of one name", []string{"who", "Running after", "pods/s", "gone after", "pods/s"}, []int{2, 4}},
		"other":     {"there is nothing to compare", []string{"process", "CPU"}, nil},
		"half":      {"bars of one server alone say nothing", []string{"scenario", "raw"}, nil},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			var got []int
			columns, _ := drawn(ratio.Table{Columns: tc.columns})
			for _, b := range columns {
				got = append(got, b.index(tc.columns))
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("%s: -want +got:\n%s", tc.reason, diff)
			}
		})
	}
}

// TestFileName: two pictures of one title are two files.
func TestFileName(t *testing.T) {
	first := picture{suite: "provider", title: "Provider: CPU, s"}
	first.file = fileName(first, nil)
	if second := fileName(first, []picture{first}); first.file != "performance-provider-cpu-s.svg" || second != "performance-provider-cpu-s-2.svg" {
		t.Errorf("%s and %s", first.file, second)
	}
}
