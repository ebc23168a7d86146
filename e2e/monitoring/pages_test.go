package monitoring

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// root is the checkout's top folder.
var root = filepath.Join("..", "..") //nolint:gochecknoglobals // A constant, if there were constants of that kind.

func page(t *testing.T, name string) string {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(root, "docs", name))
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

// sections are the second-level headings of a page and what stands below them.
func sections(text string) map[string]string {
	all := map[string]string{}
	for _, section := range strings.Split(text, "\n## ")[1:] {
		heading, body, _ := strings.Cut(section, "\n")
		all[heading] = body
	}
	return all
}

// TestRunbooks: each alert has a section that says the five things, there are no others,
// and the alert's link leads there.
func TestRunbooks(t *testing.T) {
	runbooks := sections(page(t, "runbooks.md"))
	for _, rule := range rules(t) {
		section, found := runbooks[rule.Alert]
		delete(runbooks, rule.Alert)
		if !found {
			t.Errorf("%s has no runbook", rule.Alert)
			continue
		}
		rest := section
		for _, part := range []string{"Users", "Meanwhile", "Look", "Fix", "Clears"} {
			_, after, said := strings.Cut(rest, "- **"+part+"**: ")
			if line, _, _ := strings.Cut(after, "\n"); !said || len(line) < 10 {
				t.Errorf("the runbook of %s does not say %q, in this order", rule.Alert, part)
				break
			}
			rest = after
		}
		const pages = "https://github.com/spillway-io/spillway/blob/main/docs/runbooks.md"
		if want := pages + "#" + strings.ToLower(rule.Alert); rule.Annotations["runbook_url"] != want {
			t.Errorf("the link of %s is %q, want %q", rule.Alert, rule.Annotations["runbook_url"], want)
		}
	}
	for heading := range runbooks {
		t.Errorf("%q is the runbook of no alert", heading)
	}
}

// TestReasons: docs/events.md has a row for each reason in the code, and no other.
func TestReasons(t *testing.T) {
	found, err := Reasons(root)
	if err != nil || len(found) < 50 {
		t.Fatalf("%d reasons: %v", len(found), err)
	}
	var want, got []string
	for _, constant := range found {
		want = append(want, constant.Text)
	}
	for word, row := range Table(page(t, "events.md")) {
		got = append(got, word)
		if len(row) < 4 || !strings.Contains(row[0], "event, ") && !strings.Contains(row[0], "condition ") && row[0] != "label only" {
			t.Errorf("%s: %q does not say what it is on, of what type, by whom and why", word, row)
		}
	}
	slices.Sort(got)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("docs/events.md, -the code +the page:\n%s", diff)
	}
	literals, err := LiteralReasons(root)
	if err != nil || len(literals) > 0 {
		t.Errorf("these reasons are no constants, so that nobody finds them: %v (%v)", literals, err)
	}
}

// TestBounds: it is known how many values each label of each metric can have.
func TestBounds(t *testing.T) {
	bounds := Bounds()
	for _, metric := range declared(t) {
		for _, label := range metric.Labels {
			bound, known := bounds[metric.Name][label]
			delete(bounds[metric.Name], label)
			values, err := bound.Values(root)
			if err != nil || !known || bound.Per == "" && len(values) == 0 {
				t.Errorf("nobody says how many values label %s of %s can have (%v)", label, metric.Name, err)
			}
		}
		if left := bounds[metric.Name]; len(left) > 0 {
			t.Errorf("%s has no labels %v", metric.Name, left)
		}
		delete(bounds, metric.Name)
	}
	if len(bounds) > 0 {
		t.Errorf("there are no metrics %v", bounds)
	}
}

// TestPictures: the page shows every panel, as it was drawn, and there are no other
// pictures but those of docs/performance.md.
func TestPictures(t *testing.T) {
	text, costs := page(t, "monitoring.md"), page(t, "performance.md")
	there := map[string]bool{}
	paths, err := filepath.Glob(filepath.Join(root, "docs", "pictures", "*.svg"))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range paths {
		there[filepath.Base(path)] = true
	}
	for _, panel := range dashboard(t).Panels {
		if panel.Type == "row" {
			continue
		}
		if name := panel.Picture(); !there[name] || !strings.Contains(text, "pictures/"+name) {
			t.Errorf("panel %q has no picture %s, or docs/monitoring.md does not show it; make dashboard draws it", panel.Title, name)
		}
		delete(there, panel.Picture())
	}
	for name := range there {
		if !strings.Contains(costs, "pictures/"+name) {
			t.Errorf("docs/pictures/%s shows no panel, and docs/performance.md does not show it", name)
		}
	}
}

func TestTable(t *testing.T) {
	got := Table("# A\n\n| word | of |\n|---|---|\n| `A` | b | c |\nno table\n| d | e |\n")
	if diff := cmp.Diff(map[string]Row{"A": {"b", "c"}}, got); diff != "" {
		t.Error(diff)
	}
}

func TestExamples(t *testing.T) {
	got := Examples("Ask:\n\n```promql\n# How many.\nsum(a)\n```\n\n```sh\nls\n```\n\n```promql\nb\n```\n")
	if diff := cmp.Diff([]string{"# How many.\nsum(a)", "b"}, got); diff != "" {
		t.Error(diff)
	}
}
