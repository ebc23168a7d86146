package main

import "github.com/spillway-io/spillway/e2e/access"

// Who roles are bound to.
const (
	webhooks   = "spillway:webhooks"
	upstream   = "spillway:nodes"
	downstream = "spillway:downstream-nodes"
	registrars = "spillway:registrars"
)

// exceptions are all there are. Each fails once it is not needed.
func exceptions() []access.Exception {
	// What has a real kubelet, and takes root.
	containers, installed := []string{"containers", "install"}, []string{"install"}
	const registrations = "admissionregistration.k8s.io"
	const noKubelet = "kwok plays neither commands in containers nor changes of a running pod"
	return []access.Exception{
		{
			Holder: upstream, Resource: "persistentvolumes", Verbs: []string{"get"}, Sometimes: true,
			Reason: "a claim is bound to a volume that the cache has not seen yet",
		},
		{
			Holder: webhooks, Group: "apps", Resource: "controllerrevisions", Verbs: []string{"get"}, Sometimes: true,
			Reason: "a revision exists that the cache has not seen yet",
		},
		{Holder: downstream, Resource: "pods/exec", Verbs: []string{"create", "get"}, Only: containers, Reason: noKubelet},
		{Holder: downstream, Resource: "pods/ephemeralcontainers", Verbs: []string{"patch"}, Only: containers, Reason: noKubelet},
		{Holder: downstream, Resource: "pods/resize", Verbs: []string{"patch"}, Only: containers, Reason: noKubelet},
		{
			Holder: upstream, Group: "authentication.k8s.io", Resource: "tokenreviews", Verbs: []string{"create"}, Only: containers,
			Reason: "only there somebody shows a token to the virtual node's own port",
		},
		{
			Holder: webhooks, Group: registrations, Resource: "mutatingwebhookconfigurations", Verbs: []string{"patch"}, Only: installed,
			Reason: "all other webhooks register themselves, which takes the same right",
		},
		{
			Holder: webhooks, Group: registrations, Resource: "validatingwebhookconfigurations", Verbs: []string{"patch"}, Only: installed,
			Reason: "the same",
		},
	}
}
