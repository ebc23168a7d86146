package playground

import _ "embed"

// The users that certificates below are issued to and that the roles name.
const (
	kwokUser      = "playground:kwok"
	kubeletClient = "playground:kubelet-client"
	webhookGroup  = "spillway:webhooks"
	nodeGroup     = "spillway:nodes"
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

//go:embed roles/metrics-server.yaml
var metricsServerRoles string

//go:embed roles/node-upstream.yaml
var nodeUpstreamRoles string

//go:embed roles/node-downstream.yaml
var nodeDownstreamRoles string

// CloneSetCRD is for clusters whose CloneSets a test keeps itself, with
// InstallCRDs.
//
//go:embed crds/cloneset.yaml
var CloneSetCRD string
