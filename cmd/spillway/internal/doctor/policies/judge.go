package policies

import (
	"strings"

	"github.com/spillway-io/spillway/cmd/spillway/internal/doctor/finding"
	"github.com/spillway-io/spillway/webhook"
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
	// Unchecked are the rules for which something could not be read.
	Unchecked []string
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

// answer takes note of what the webhook's judge said.
func (p *Policy) answer(allowed bool, message string, warnings []string) {
	if !allowed {
		p.Refused = message
	}
	for _, warning := range warnings {
		// What goes on behind it is about the webhook's log, and the webhook was not asked.
		if rule, unchecked := strings.CutPrefix(warning, webhook.NotChecked); unchecked {
			rule, _, _ = strings.Cut(rule, ";")
			p.Unchecked = append(p.Unchecked, rule)
			continue
		}
		p.Warnings = append(p.Warnings, warning)
	}
}

// unseen is what of it was not judged.
func (p Policy) unseen() []finding.Unseen {
	var all []finding.Unseen
	for _, rule := range p.Unchecked {
		all = append(all, finding.Unseen{
			What: p.object() + ": " + rule, Why: "what it is judged by could not be read", Hides: true,
			Fix: "run this as somebody who may list workloadspreads, sidecarsets and controllerrevisions, and get configmaps and the workloads that spec.targetRef names",
		})
	}
	return all
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
