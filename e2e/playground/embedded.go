package playground

import _ "embed"

// The users that certificates below are issued to and that the roles name.
const (
	kwokUser      = "playground:kwok"
	kubeletClient = "playground:kubelet-client"
	webhookGroup  = "spillway:webhooks"
	// Who registers itself, with --register, may do more than a chart's webhook.
	registrarGroup = "spillway:registrars"
	// A virtual node is somebody else downstream: one cluster can be both, and then
	// neither has the rights of the other.
	nodeGroup       = "spillway:nodes"
	downstreamGroup = "spillway:downstream-nodes"
)

// stages configure kwok.
//
//go:embed stages.yaml
var stages string

// clusterRoles are granted in every cluster, the others where spillway runs.
//
//go:embed roles/cluster.yaml
var clusterRoles string

//go:embed roles/webhook.yaml
var webhookRoles string

//go:embed roles/register.yaml
var registerRoles string

//go:embed roles/metrics-server.yaml
var metricsServerRoles string

//go:embed roles/node-upstream.yaml
var nodeUpstreamRoles string

// CloneSetCRD is for clusters whose CloneSets a test keeps itself, with
// InstallCRDs.
//
//go:embed crds/cloneset.yaml
var CloneSetCRD string

// AdvancedStatefulSetCRD is the same for OpenKruise's StatefulSets.
//
//go:embed crds/advancedstatefulset.yaml
var AdvancedStatefulSetCRD string
