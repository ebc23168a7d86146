package main

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// TestTrail reads a log that grows, and counts what the limits speak about.
func TestTrail(t *testing.T) {
	trail, err := newTrail(t.TempDir(), upstreamSide)
	if err != nil {
		t.Fatal(err)
	}
	grow := func(text string) []request {
		t.Helper()
		file, err := os.OpenFile(trail.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
		if err != nil {
			t.Fatal(err)
		}
		_, err = file.WriteString(text)
		if err != nil || file.Close() != nil {
			t.Fatalf("cannot write the log: %v", err)
		}
		more, err := trail.next()
		if err != nil {
			t.Fatal(err)
		}
		return more
	}
	all := grow(`{"verb":"patch","objectRef":{"namespace":"fleet-0","resource":"pods","subresource":"status"}}
{"verb":"get","objectRef":{"namespace":"fleet-0","resource":"pods"}}
{"verb":"patch","objectRef":{"resource":"nodes","subresource":"status"}}
{"verb":"create","objectRef":{"namespace":"canaries","resource":"pods"}}
{"verb":"watch","objectRef":{"res`)
	all = append(all, grow(`ource":"pods"}}
{"verb":"update","objectRef":{"namespace":"spillway-system","resource":"leases"}}
{"verb":"get","requestURI":"/readyz"}
`)...)
	got := map[kind]int{}
	for _, k := range []kind{write, heartbeat, get, other} {
		got[k] = count(all).sum(upstreamSide, k)
	}
	if diff := cmp.Diff(map[kind]int{write: 1, heartbeat: 2, get: 2, other: 1}, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if n := count(all)[operation{upstreamSide, "patch", "pods/status"}]; n != 1 {
		t.Errorf("%d patches of a pod's status, want 1", n)
	}
}

// TestReport: only counts decide.
func TestReport(t *testing.T) {
	kept := figure{metric: "kept", title: "kept", value: 2, limit: 2, counted: true}
	cases := map[string]struct {
		figure figure
		broken bool
	}{
		"kept":      {kept, false},
		"late":      {seconds("late", "late", time.Minute, 20), false},
		"many":      {figure{metric: "many", title: "many", value: 3, limit: 2, counted: true}, true},
		"unlimited": {megabytes("much", "much", 1<<40), false},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			var out strings.Builder
			if err := report(&out, []figure{kept, tc.figure}); (err != nil) != tc.broken {
				t.Errorf("report() = %v", err)
			}
			if !strings.Contains(out.String(), tc.figure.metric+" ") {
				t.Errorf("it prints\n%s", out.String())
			}
		})
	}
}

func TestSum(t *testing.T) {
	const text = `# HELP workqueue_depth
workqueue_depth{name="pods",priority="0"} 2
workqueue_depth{name="pods",priority="-100"} 3
workqueue_depth{name="node"} 1
workqueue_depth_other{name="pods"} 9
`
	if got := sum(text, "workqueue_depth{", `name="pods"`); got != 5 {
		t.Errorf("sum() = %v, want 5", got)
	}
	if got := sum(text, "workqueue_depth{"); got != 6 {
		t.Errorf("sum() = %v, want 6", got)
	}
}
