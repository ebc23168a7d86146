package monitoring

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"slices"
	"strings"
)

// Bound says how many values a label can have: some that are known, or one for each of
// something.
type Bound struct {
	// From are where the code has the values, "folder.word": the texts of the folder's
	// constants whose names begin with the word, or whose type it is.
	From []string
	// Fixed are values that are not constants of their own.
	Fixed []string
	// Per is what there is a value for each of; with From it says so in other words.
	Per string
}

// Bounds are those of the labels of every metric.
func Bounds() map[string]map[string]Bound {
	cluster := Bound{Fixed: []string{"upstream", "downstream"}}
	set := Bound{Per: "SidecarSets"}
	namespace, workloadSpread := Bound{Per: "namespaces with WorkloadSpreads"}, Bound{Per: "WorkloadSpreads"}
	subset := Bound{Per: "subsets of WorkloadSpreads"}
	from := func(constants ...string) Bound { return Bound{From: constants} }
	return map[string]map[string]Bound{
		"spillway_admissions_total": {
			"outcome": from("webhook.outcome"),
			"reason":  {From: []string{"webhook/mutate.Reason", "webhook.denied", "webhook.step"}, Fixed: []string{""}},
		},
		"spillway_api_requests_total": {
			"cluster": cluster,
			"code":    {Per: "HTTP statuses, and error"},
		},
		"spillway_kubeconfig_changes_total":     {"cluster": cluster},
		"spillway_kubeconfig_refused":           {"cluster": cluster},
		"spillway_node_copies":                  {"kind": {Fixed: []string{"ConfigMap", "Secret"}}},
		"spillway_node_copies_unused":           {"because": from("provider/references.because")},
		"spillway_node_events_left_out_total":   {"cause": from("provider/events.leftOut")},
		"spillway_node_events_written_total":    {"verb": from("provider/events.verb")},
		"spillway_node_orphans_withheld":        {"because": from("provider/orphans.because")},
		"spillway_node_pods_refused_total":      {"reason": {From: []string{"provider/pods.Reason", "provider/references.Reason", "provider/storage.Reason"}, Per: "reasons of [events.md](events.md)"}},
		"spillway_pods":                         {"place": from("webhook.place")},
		"spillway_sidecars_total":               {"sidecarset": set, "outcome": from("webhook.sidecars")},
		"spillway_sidecarset_pods":              {"sidecarset": set, "state": {Fixed: []string{"matched", "updated", "ready", "updated_ready", "needs_recreation"}}},
		"spillway_sidecarset_updates_total":     {"sidecarset": set},
		"spillway_spread_batch_pods":            {"outcome": from("webhook/allocate.written", "webhook/allocate.unwritten")},
		"spillway_spread_decisions_total":       {"namespace": namespace, "workloadspread": workloadSpread, "subset": subset, "reason": from("webhook/spread.Reason")},
		"spillway_spread_spills_total":          {"namespace": namespace, "workloadspread": workloadSpread, "cause": from("webhook/spread.Cause")},
		"spillway_webhook_certificate_findings": {"cause": from("certs.Cause")},
		"spillway_webhook_refused_handshakes_total": {
			"alert": {Per: "TLS alerts about certificates, of which there are 10"},
		},
		"spillway_workloadspread_rescheduled_total": {"scheduler": from("webhook/workloadspread.scheduler")},
		"spillway_workloadspread_returned_total":    {"outcome": from("webhook/workloadspread.outcome")},
		"spillway_workloadspread_subset_replicas":   {"namespace": namespace, "workloadspread": workloadSpread, "subset": subset},
	}
}

// Values are all values of a label, sorted, by the code in the checkout's top folder;
// none if there are as many as there are of something.
func (b Bound) Values(root string) ([]string, error) {
	values := slices.Clone(b.Fixed)
	for _, from := range b.From {
		dot := strings.LastIndex(from, ".")
		found, err := Constants(filepath.Join(root, filepath.FromSlash(from[:dot])), from[dot+1:])
		if err != nil {
			return nil, err
		}
		if len(found) == 0 {
			return nil, fmt.Errorf("there are no constants %s", from)
		}
		for _, constant := range found {
			values = append(values, constant.Text)
		}
	}
	slices.Sort(values)
	return slices.Compact(values), nil
}

// Constant is one of the code's, with a text.
type Constant struct{ Name, Text string }

// Constants returns the constants of a package whose names begin with a word, or whose
// type it is, and that have a text of their own.
func Constants(folder, word string) ([]Constant, error) {
	paths, err := filepath.Glob(filepath.Join(folder, "*.go"))
	if err != nil {
		return nil, err
	}
	var all []Constant
	for _, path := range paths {
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		if err != nil {
			return nil, fmt.Errorf("cannot read the constants of %s: %w", folder, err)
		}
		ast.Inspect(file, func(node ast.Node) bool {
			if declared, ok := node.(*ast.GenDecl); ok && declared.Tok == token.CONST {
				all = append(all, constantsOf(declared, word)...)
			}
			return true
		})
	}
	return all, nil
}

func constantsOf(declared *ast.GenDecl, word string) []Constant {
	var all []Constant
	for _, spec := range declared.Specs {
		values, ok := spec.(*ast.ValueSpec)
		if !ok {
			continue
		}
		for i, expression := range values.Values {
			text, err := literal(expression)
			if err == nil && (strings.HasPrefix(values.Names[i].Name, word) || name(values.Type) == word) {
				all = append(all, Constant{values.Names[i].Name, text})
			}
		}
	}
	return all
}
