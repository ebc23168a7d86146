package versions

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/spillway-io/spillway/cmd/spillway/internal/doctor/finding"
)

func causes(t *testing.T, found []finding.Finding) []string {
	t.Helper()
	var all []string
	for _, f := range found {
		if f.Text == "" || f.Fix == "" || f.Object == "" {
			t.Errorf("it does not say all: %+v", f)
		}
		all = append(all, string(f.Severity)+" "+f.Cause)
	}
	return all
}

// TestRange: the page that people read names the same versions.
func TestRange(t *testing.T) {
	page, err := os.ReadFile("../../../../../docs/versions.md")
	if err != nil {
		t.Fatal(err)
	}
	want := fmt.Sprintf("**1.%d, 1.%d and 1.%d**", OldestMinor, OldestMinor+1, NewestMinor)
	if NewestMinor != OldestMinor+2 || !strings.Contains(string(page), want) {
		t.Errorf("docs/versions.md does not say %s", want)
	}
}

func TestJudgeCluster(t *testing.T) {
	for name, tc := range map[string]struct {
		version string
		want    []string
	}{
		"oldest":     {"v1.35.0", nil},
		"newest":     {"v1.37.9-eks-1", nil},
		"too-old":    {"v1.34.9", []string{"warning version-too-old"}},
		"too-new":    {"v1.38.0-alpha.1", []string{"warning version-too-new"}},
		"unreadable": {"main", []string{"note version-unreadable"}},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, causes(t, JudgeCluster(Cluster{Name: "c", Version: tc.version}))); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func TestJudgeKinds(t *testing.T) {
	if found := JudgeKinds(Kinds{WorkloadSpreads: true, SidecarSets: true}); found != nil {
		t.Errorf("of both it says %+v", found)
	}
	found := JudgeKinds(Kinds{WorkloadSpreads: true})
	if len(found) != 1 || !strings.Contains(found[0].Text, "no SidecarSet ") {
		t.Errorf("it says %+v", found)
	}
}

func TestJudgeParts(t *testing.T) {
	for name, tc := range map[string]struct {
		reason string
		parts  []Part
		want   []string
	}{
		"one":     {"all alike", []Part{{Name: "a", Image: "i:1", Version: "1", Current: true}, {Name: "b", Image: "i:1", Version: "1", Current: true}}, nil},
		"two":     {"an upgrade that stopped half-way", []Part{{Name: "a", Image: "i:1", Version: "1", Current: true}, {Name: "b", Image: "i:2", Version: "1", Current: true}}, []string{"warning images-differ"}},
		"binary":  {"this binary is not what runs", []Part{{Name: "a", Image: "i:1", Version: "1"}}, []string{"note binary-differs"}},
		"unknown": {"nothing is guessed", []Part{{Name: "a"}}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, causes(t, JudgeParts(tc.parts, "v2"))); diff != "" {
				t.Errorf("%s: -want +got:\n%s", tc.reason, diff)
			}
		})
	}
}

func TestJudgeClocks(t *testing.T) {
	at := func(name string, ahead time.Duration) Clock {
		return Clock{Name: name, Ahead: ahead, Within: time.Second}
	}
	for name, tc := range map[string]struct {
		reason string
		clocks []Clock
		want   []string
	}{
		"together":    {"seconds are nothing", []Clock{at("up", 3*time.Second), at("down", -3*time.Second)}, nil},
		"inexact":     {"only what is sure counts", []Clock{{Name: "up", Ahead: 11 * time.Second, Within: 5 * time.Second}}, nil},
		"this-one":    {"this machine is off, and nobody else", []Clock{at("up", 2*time.Hour), at("down", 2*time.Hour)}, []string{"warning clock-skew", "warning clock-skew"}},
		"from-others": {"both differ from a third", []Clock{at("up", 0), at("down", -20*time.Second)}, []string{"warning clock-skew", "warning clock-skew"}},
		"too-far":     {"tokens are not valid yet", []Clock{at("up", 0), at("down", 2*time.Minute)}, []string{"warning clock-skew", "error clock-skew"}},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, causes(t, JudgeClocks(tc.clocks))); diff != "" {
				t.Errorf("%s: -want +got:\n%s", tc.reason, diff)
			}
		})
	}
}
