package doctor

import (
	"bytes"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/spillway-io/spillway/cmd/spillway/internal/doctor/finding"
)

// full is a report with one of everything.
func full() Report {
	var r Report
	r.add("clocks", finding.Outcome{Facts: []string{"all agree", "more or less"}})
	r.add("nodes", finding.Outcome{Findings: []finding.Finding{
		{Severity: finding.Note, Object: "node a", Text: "is old", Fix: "nothing"},
		{Severity: finding.Error, Object: "node b", Text: "is away", Fix: "start it", Details: strings.Split(strings.Repeat("detail ", 12)+"detail", " ")},
	}})
	r.add("orphans", finding.Outcome{
		Facts:    []string{"not told"},
		Findings: []finding.Finding{{Severity: finding.Warning, Text: "there are some", Fix: "look"}},
		Unseen:   []finding.Unseen{{What: "Deployments", Why: "there are none"}, {What: "Secrets", Why: "forbidden", Fix: "ask", Hides: true}, {What: "Leases", Why: "forbidden", Fix: "ask", Hides: true}},
	})
	r.sort()
	return r
}

// TestText: the worst comes first, whatever check found it; then what was not seen;
// then what is well.
func TestText(t *testing.T) {
	var out bytes.Buffer
	if err := full().Write(&out, "text"); err != nil {
		t.Fatal(err)
	}
	want := `ERROR   node b: is away
         do: start it
` + strings.Repeat("         detail\n", 10) + `         and 3 more; -o json has them all
WARNING there are some
         do: look
note    node a: is old
         do: nothing
UNKNOWN not looked at: Secrets; Leases: forbidden
         do: ask
ok      clocks: all agree; more or less
-       Deployments: there are none
`
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if got, want := full().Summary(), "1 error, 2 warnings, 1 note"; got != want {
		t.Errorf("in short it says %q, want %q", got, want)
	}
}

// TestEmptyLists: programs find lists where there is nothing, in both formats.
func TestEmptyLists(t *testing.T) {
	for format, want := range map[string]string{
		"json": "{\n  \"findings\": [],\n  \"unseen\": [],\n  \"checks\": []\n}\n",
		"yaml": "checks: []\nfindings: []\nunseen: []\n",
	} {
		var out bytes.Buffer
		if err := (Report{}).Write(&out, format); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, out.String()); diff != "" {
			t.Errorf("%s: -want +got:\n%s", format, diff)
		}
	}
}

// TestChosen: a name that is no check is named, together with those that are.
func TestChosen(t *testing.T) {
	if err := (Options{Checks: []string{"clocks", "none"}}).Validate(); err == nil || !strings.Contains(err.Error(), `"none" is not one of certificates, `) {
		t.Errorf("the error is %v", err)
	}
	some, err := chosen([]string{"orphans", "certificates"})
	if err != nil || len(some) != 2 || some[0].name != "certificates" {
		t.Errorf("chosen are %d, error %v", len(some), err)
	}
	if all, err := chosen(nil); err != nil || len(all) != len(Checks()) {
		t.Errorf("without names it chooses %d, error %v", len(all), err)
	}
}
