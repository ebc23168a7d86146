package monitoring

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode"

	"github.com/prometheus/prometheus/promql/parser"
	"sigs.k8s.io/yaml"

	"github.com/spillway-io/spillway/charts"
)

// Rule is an alert.
type Rule struct {
	// Alert is its name, Expr what it asks for, For how long that must be so.
	Alert, Expr, For string
	// Labels and Annotations go with it when it fires.
	Labels, Annotations map[string]string
}

// Rules reads the alerts of a rule file. Recording rules there are none.
func Rules(file []byte) ([]Rule, error) {
	var read struct {
		Groups []struct{ Rules []Rule }
	}
	if err := yaml.Unmarshal(file, &read); err != nil {
		return nil, fmt.Errorf("cannot read the alerts: %w", err)
	}
	var all []Rule
	for _, group := range read.Groups {
		all = append(all, group.Rules...)
	}
	return all, nil
}

// Dashboard is as much of one of Grafana's as matters here.
type Dashboard struct {
	UID, Title string
	Panels     []Panel
}

// Panel is a part of it.
type Panel struct {
	ID                       int
	Type, Title, Description string
	Targets                  []Target
	GridPos                  struct{ X, Y, W, H int }
	FieldConfig              struct{ Defaults Field }
}

// Picture is the name of its file in docs/pictures.
func (p Panel) Picture() string {
	words := strings.FieldsFunc(strings.ToLower(p.Title), func(r rune) bool { return !unicode.IsLetter(r) })
	return strings.Join(words, "-") + ".svg"
}

// Target is a query of a panel. LegendFormat names its series, with labels in braces;
// empty is all labels.
type Target struct{ Expr, LegendFormat string }

// Field says how the figures of a panel are shown.
type Field struct {
	// Unit is Grafana's word for it.
	Unit string
	// Max is where the axis ends; nil where the figures do.
	Max    *float64
	Custom struct {
		Stacking          struct{ Mode string }
		LineInterpolation string
	}
	Thresholds struct {
		// Steps begin with the colour of what is below the second one's value.
		Steps []struct {
			Color string
			Value *float64
		}
	}
}

// ReadDashboard reads a dashboard as Grafana exports it.
func ReadDashboard(file []byte) (Dashboard, error) {
	var d Dashboard
	if err := json.Unmarshal(file, &d); err != nil {
		return Dashboard{}, fmt.Errorf("cannot read the dashboard: %w", err)
	}
	return d, nil
}

// Names returns the metrics that an expression asks for, sorted, a histogram's by the
// name that it is declared by. Grafana's variables may be in it where it has text or
// the length of a range.
func Names(expression string) ([]string, error) {
	expression = strings.ReplaceAll(expression, "$__rate_interval", "5m")
	parsed, err := parser.NewParser(parser.Options{}).ParseExpr(expression)
	if err != nil {
		return nil, fmt.Errorf("cannot read %q: %w", expression, err)
	}
	names := map[string]bool{}
	parser.Inspect(parsed, func(node parser.Node, _ []parser.Node) error {
		if selector, ok := node.(*parser.VectorSelector); ok {
			names[whole(selector.Name)] = true
		}
		return nil
	})
	return slices.Sorted(maps.Keys(names)), nil
}

// whole is the histogram of a series of it. No other metric of ours ends so.
func whole(name string) string {
	for _, part := range []string{"_bucket", "_sum", "_count"} {
		if base, ok := strings.CutSuffix(name, part); ok {
			return base
		}
	}
	return name
}

// AskedFor returns the metrics that the chart's alerts and its dashboard ask for.
func AskedFor() ([]string, error) {
	rules, dashboard, err := installed()
	if err != nil {
		return nil, err
	}
	var expressions []string
	for _, rule := range rules {
		expressions = append(expressions, rule.Expr)
	}
	for _, panel := range dashboard.Panels {
		for _, target := range panel.Targets {
			expressions = append(expressions, target.Expr)
		}
	}
	all := map[string]bool{}
	for _, expression := range expressions {
		names, err := Names(expression)
		if err != nil {
			return nil, err
		}
		for _, name := range names {
			all[name] = true
		}
	}
	return slices.Sorted(maps.Keys(all)), nil
}

func installed() ([]Rule, Dashboard, error) {
	file, err := charts.Spillway.ReadFile("spillway/files/monitoring/rules.yaml")
	if err != nil {
		return nil, Dashboard{}, fmt.Errorf("cannot read the alerts: %w", err)
	}
	rules, err := Rules(file)
	if err != nil {
		return nil, Dashboard{}, err
	}
	if file, err = charts.Spillway.ReadFile("spillway/files/dashboards/spillway.json"); err != nil {
		return nil, Dashboard{}, fmt.Errorf("cannot read the dashboard: %w", err)
	}
	dashboard, err := ReadDashboard(file)
	return rules, dashboard, err
}

// Served returns the metrics in what a process answers to a scrape.
func Served(answer string) map[string]bool {
	names := map[string]bool{}
	for line := range strings.Lines(answer) {
		if words := strings.Fields(line); len(words) > 2 && words[0] == "#" && words[1] == "TYPE" {
			names[words[2]] = true
		}
	}
	return names
}
