package doctor

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/spillway-io/spillway/cmd/spillway/internal/doctor/access"
	"github.com/spillway-io/spillway/cmd/spillway/internal/doctor/admission"
	"github.com/spillway-io/spillway/cmd/spillway/internal/doctor/certificates"
	"github.com/spillway-io/spillway/cmd/spillway/internal/doctor/finding"
	"github.com/spillway-io/spillway/cmd/spillway/internal/doctor/leftovers"
	"github.com/spillway-io/spillway/cmd/spillway/internal/doctor/nodes"
	"github.com/spillway-io/spillway/cmd/spillway/internal/doctor/policies"
	"github.com/spillway-io/spillway/cmd/spillway/internal/doctor/site"
	"github.com/spillway-io/spillway/cmd/spillway/internal/doctor/versions"
)

// check is one thing to look at.
type check struct {
	name, about string
	run         func(context.Context, *site.Site, Options) finding.Outcome
}

// checks are all of them, in the order in which what is well is told.
func checks() []check {
	plain := func(run func(context.Context, *site.Site) finding.Outcome) func(context.Context, *site.Site, Options) finding.Outcome {
		return func(ctx context.Context, s *site.Site, _ Options) finding.Outcome { return run(ctx, s) }
	}
	return []check{
		{"certificates", "webhooks' certificates, and whether API servers trust them", func(ctx context.Context, s *site.Site, o Options) finding.Outcome {
			return certificates.Check(ctx, s, o.Certificates)
		}},
		{"admission", "whether a pod that opts in reaches Spillway: a server-side dry run", func(ctx context.Context, s *site.Site, o Options) finding.Outcome {
			return admission.Try(ctx, s, o.AdmissionNamespace)
		}},
		{"webhooks", "who else changes pods, and in what order", plain(admission.Others)},
		{"kruise", "whether OpenKruise is there, and who of the two does what", plain(admission.Kruise)},
		{"nodes", "virtual nodes: readiness, leader, claim, the cluster that they are tied to", plain(nodes.Check)},
		{"kubelet", "whether virtual nodes' kubelet API turns strangers away", plain(nodes.Kubelet)},
		{"rights", "what Spillway's ServiceAccounts may do upstream", plain(access.Upstream)},
		{"downstream-rights", "what a virtual node may do downstream", plain(access.Downstream)},
		{"versions", "versions of clusters, kinds and images", plain(versions.Check)},
		{"clocks", "clocks of the API servers and of this machine", plain(versions.Clocks)},
		{"orphans", "pods, copies and volumes downstream without anything upstream: a preview", plain(leftovers.Check)},
		{"labels", "labels that look like misspelt ones", plain(policies.Labels)},
		{"policies", "WorkloadSpreads and SidecarSets that cannot work", plain(policies.Check)},
	}
}

// Checks returns the names of all checks.
func Checks() []string {
	var names []string
	for _, c := range checks() {
		names = append(names, c.name)
	}
	return names
}

// About returns a line for each check: its name and what it looks at.
func About() string {
	var text strings.Builder
	for _, c := range checks() {
		fmt.Fprintf(&text, "  %-18s %s\n", c.name, c.about)
	}
	return text.String()
}

// chosen returns the checks of these names; all if there are none.
func chosen(names []string) ([]check, error) {
	all := checks()
	if len(names) == 0 {
		return all, nil
	}
	for _, name := range names {
		if !slices.Contains(Checks(), name) {
			return nil, fmt.Errorf("--check %q is not one of %s", name, strings.Join(Checks(), ", "))
		}
	}
	return slices.DeleteFunc(all, func(c check) bool { return !slices.Contains(names, c.name) }), nil
}
