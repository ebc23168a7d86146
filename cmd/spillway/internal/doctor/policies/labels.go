package policies

import (
	"cmp"
	"fmt"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/spillway-io/spillway/api"
	"github.com/spillway-io/spillway/cmd/spillway/internal/doctor/finding"
	"github.com/spillway-io/spillway/cmd/spillway/internal/lookalike"
)

// JudgeLabels finds namespaces whose labels look like the one that opts in, and are
// not.
func JudgeLabels(namespaces []metav1.PartialObjectMetadata) []finding.Finding {
	var found []finding.Finding
	for i := range namespaces {
		n := &namespaces[i]
		f := finding.Finding{Severity: finding.Note, Object: "namespace " + n.Name, Fix: fmt.Sprintf("kubectl label --overwrite namespace %s %s=%s, if its pods are to opt in", n.Name, api.OptInLabel, api.OptedIn)}
		meant := lookalike.Of(n.Labels)
		_, labelled := n.Labels[api.OptInLabel]
		switch {
		case len(meant) > 0 && meant[0].RightKey:
			f.Cause, f.Text = "label-value", fmt.Sprintf("has the label %s=%q, which does not opt in: only %q does", api.OptInLabel, meant[0].Value, api.OptedIn)
		case len(meant) > 0 && !labelled:
			f.Cause, f.Text = "label-key", fmt.Sprintf("has the label %s, which means nothing: the label that opts in is %s", meant[0].Key, api.OptInLabel)
		default:
			continue
		}
		found = append(found, f)
	}
	slices.SortFunc(found, func(a, b finding.Finding) int { return cmp.Compare(a.Object, b.Object) })
	return found
}
