// Package site is what several checks look at, gathered once: the clusters, the
// virtual nodes, the Deployments of Spillway and the webhooks that API servers ask.
//
// It refuses to fail: what could not be read is an error beside the place where it
// would be, and each check says what that keeps it from.
package site

import (
	"time"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"github.com/spillway-io/spillway/cmd/spillway/internal/doctor/finding"
	"github.com/spillway-io/spillway/cmd/spillway/internal/downstream"
	"github.com/spillway-io/spillway/provider"
	"github.com/spillway-io/spillway/provider/translate"
	"github.com/spillway-io/spillway/webhook/stash"
)

// What the chart labels its Deployments with.
const (
	// ComponentLabel has the value ComponentWebhook or ComponentNode.
	ComponentLabel = "app.kubernetes.io/component"
	// InstanceLabel is the name of the release.
	InstanceLabel = "app.kubernetes.io/instance"
	// VersionLabel is the chart's appVersion.
	VersionLabel     = "app.kubernetes.io/version"
	ComponentWebhook = "webhook"
	ComponentNode    = "node"
	selector         = "app.kubernetes.io/name=spillway"
)

// Site is an installation of Spillway.
type Site struct {
	Upstream Cluster
	// Nodes are the virtual nodes, by name: those that exist, and those that a
	// Deployment is there for.
	Nodes    []VirtualNode
	NodesErr error
	// Names are those of all nodes that could be virtual nodes of Spillway, also those
	// that Nodes leaves out because they lack its taint.
	Names map[string]bool
	// Deployments are those of the chart.
	Deployments    []appsv1.Deployment
	DeploymentsErr error
	// Mutating and Validating are all webhook configurations of the upstream cluster.
	Mutating    []admissionregistrationv1.MutatingWebhookConfiguration
	Validating  []admissionregistrationv1.ValidatingWebhookConfiguration
	WebhooksErr error
	// Version is that of this binary.
	Version string
	// Now is by the clock of this machine.
	Now func() time.Time
}

// Cluster is one that can be asked.
type Cluster struct {
	Config *rest.Config
	Client kubernetes.Interface
	// Source is where the way to it was found, for people to read.
	Source string
	// ID is the UID of its namespace kube-system; empty with IDErr.
	ID    string
	IDErr error
}

// VirtualNode is one, with its downstream cluster.
type VirtualNode struct {
	Name string
	// Node is nil if there is none.
	Node *corev1.Node
	// Deployment is the chart's; nil if there is none.
	Deployment *appsv1.Deployment
	// Downstream is nil with DownstreamErr.
	Downstream    *Cluster
	DownstreamErr error
	// Options are what its process is started with, as its Deployment says, or the
	// defaults; OptionsErr says that they could not be understood.
	Options    provider.Options
	OptionsErr error
}

// Identity is who the virtual node is downstream.
func (n VirtualNode) Identity(upstreamID string) translate.Identity {
	return n.Rules(upstreamID).Identity
}

// Rules are those by which it translates.
func (n VirtualNode) Rules(upstreamID string) translate.Rules {
	rules := n.Options.Rules
	rules.UpstreamID = upstreamID
	rules.Node = stash.VirtualNode{Name: n.Name}
	if n.Node != nil {
		rules.Node.Labels = n.Node.Labels
	}
	return rules
}

// Unreached adds to an outcome what could not be looked at because the downstream
// cluster could not be reached, if so.
func (n VirtualNode) Unreached(o *finding.Outcome, what string) bool {
	if n.DownstreamErr == nil {
		return false
	}
	o.Unseen = append(o.Unseen, finding.Unseen{
		What: what, Why: finding.Plain(n.DownstreamErr), Hides: true,
		Fix: "give a kubeconfig that works from here: --" + downstream.Flag + " " + n.Name + "=FILE",
	})
	return true
}

// Component returns the Deployments of one.
func (s *Site) Component(name string) []*appsv1.Deployment {
	var found []*appsv1.Deployment
	for i := range s.Deployments {
		if s.Deployments[i].Labels[ComponentLabel] == name {
			found = append(found, &s.Deployments[i])
		}
	}
	return found
}
