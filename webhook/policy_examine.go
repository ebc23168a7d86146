package webhook

import (
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"
)

// NotChecked begins the warnings that tell of rules for which something could not be
// read.
const NotChecked = "not checked: "

// PolicyValidators returns what judges WorkloadSpreads and SidecarSets in the webhook,
// for those who want to know what it would say: each answers a request about a write.
// live is asked for what they are judged by; ownNamespace is Spillway's.
func PolicyValidators(live client.Reader, ownNamespace string) (spreads, sidecars admission.Handler) {
	reader := policyReader{live: live}
	return &SpreadValidator{Spreads: reader, Templates: reader},
		&SidecarSetValidator{Known: sidecarReader{live: live, ownNamespace: ownNamespace}}
}
