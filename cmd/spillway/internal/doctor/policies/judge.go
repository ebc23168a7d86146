package policies

import (
	"strings"

	"github.com/spillway-io/spillway/cmd/spillway/internal/doctor/finding"
)

// Policy is a WorkloadSpread or a SidecarSet, and what the webhook would say if it were
// created now.
type Policy struct {
	// Kind, Namespace and Name are its own; Resource is for kubectl.
	Kind, Resource, Namespace, Name string
	// Refused is why it would be refused; empty if it would not. Warnings are what it
	// would be told.
	Refused  string
	Warnings []string
	// Target is the kind and name of what it is about, and Missing says that there is
	// no such thing.
	Target  string
	Missing bool
}

func (p Policy) object() string {
	if p.Namespace == "" {
		return p.Kind + " " + p.Name
	}
	return p.Kind + " " + p.Namespace + "/" + p.Name
}

func (p Policy) edit() string {
	if p.Namespace == "" {
		return "kubectl edit " + p.Resource + " " + p.Name
	}
	return "kubectl edit " + p.Resource + " -n " + p.Namespace + " " + p.Name
}

// Judge says what of a policy has no effect.
func Judge(p Policy) []finding.Finding {
	var found []finding.Finding
	of := func(severity finding.Severity, cause, text, fix string) {
		found = append(found, finding.Finding{Severity: severity, Object: p.object(), Cause: cause, Text: text, Fix: fix})
	}
	if p.Refused != "" {
		of(finding.Warning, "policy-refused", "would be refused if it were created now, and pods are admitted without what it cannot mean: "+p.Refused, p.edit())
	}
	if p.Missing {
		of(finding.Warning, "target-missing", "is about "+p.Target+", which does not exist: no pod is spread by it", "create the workload, correct spec.targetRef, or delete it: "+p.edit())
	}
	if len(p.Warnings) > 0 {
		of(finding.Note, "policy-warned", strings.Join(p.Warnings, "; "), p.edit())
	}
	return found
}
