package nodes

import (
	"context"
	"fmt"

	coordinationv1 "k8s.io/api/coordination/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"github.com/spillway-io/spillway/cmd/spillway/internal/doctor/finding"
	"github.com/spillway-io/spillway/cmd/spillway/internal/doctor/site"
	"github.com/spillway-io/spillway/provider"
	"github.com/spillway-io/spillway/provider/claim"
)

// Check looks at each virtual node.
func Check(ctx context.Context, s *site.Site) finding.Outcome {
	var o finding.Outcome
	o.Hidden("which virtual nodes there are", s.NodesErr, "list nodes")
	o.Hidden("whether each Deployment of a virtual node has a Node", s.DeploymentsErr, "list deployments in all namespaces")
	if len(s.Nodes) == 0 && s.NodesErr == nil {
		o.Add(finding.Finding{
			Severity: finding.Warning, Object: "the upstream cluster", Cause: "no-virtual-node",
			Text: "has no virtual node: pods that opt in stay Pending unless a subset sends them elsewhere",
			Fix:  "name a downstream cluster in the chart's virtualNodes; docs/install.md",
		})
	}
	for i := range s.Nodes {
		n := &s.Nodes[i]
		o.Hidden("what virtual node "+n.Name+" is run with", n.OptionsErr, "")
		found := append(Judge(gather(ctx, s, n, &o)), JudgeKubeconfig(n)...)
		o.Add(found...)
		if len(found) == 0 {
			o.Fact("virtual node %s", n.Name)
		}
	}
	return o
}

func gather(ctx context.Context, s *site.Site, n *site.VirtualNode, o *finding.Outcome) World {
	w := World{Name: n.Name, Node: n.Node, Now: s.Now(), LeaderUnknown: true, ClaimUnknown: true}
	if n.Deployment != nil {
		w.Deployment = n.Deployment.Namespace + "/" + n.Deployment.Name
	}
	if n.Options.LeaderElect {
		var err error
		w.Leader, err = lease(ctx, s.Upstream.Client, n.Options.LeaderElectNamespace, provider.LeaseName(n.Name))
		w.LeaderUnknown = err != nil
		o.Hidden("who leads virtual node "+n.Name, err, "get leases in namespace "+n.Options.LeaderElectNamespace)
	}
	if n.Unreached(o, "the cluster and the claim of virtual node "+n.Name) {
		return w
	}
	w.Server, w.Source, w.DownstreamID = n.Downstream.Config.Host, n.Downstream.Source, n.Downstream.ID
	o.Hidden("whether virtual node "+n.Name+" has its own cluster", n.Downstream.IDErr, "get namespace kube-system downstream")
	if s.Upstream.IDErr != nil {
		o.Hidden("the claim of virtual node "+n.Name, s.Upstream.IDErr, "get namespace kube-system")
		return w
	}
	w.Claimant = claim.Claimant{Identity: n.Identity(s.Upstream.ID), Namespace: n.Options.ClaimNamespace}
	w.ClaimName = fmt.Sprintf("%s/%s", w.Claimant.Namespace, w.Claimant.LeaseName())
	var err error
	w.Claim, err = lease(ctx, n.Downstream.Client, w.Claimant.Namespace, w.Claimant.LeaseName())
	w.ClaimUnknown = err != nil
	o.Hidden("the claim of virtual node "+n.Name, err, "get leases in namespace "+w.Claimant.Namespace+" downstream")
	return w
}

// JudgeKubeconfig says that the Secret of a virtual node's Deployment is not there.
// Other reasons for which its cluster is not reached may be reasons here only.
func JudgeKubeconfig(n *site.VirtualNode) []finding.Finding {
	if n.Deployment == nil || !apierrors.IsNotFound(n.DownstreamErr) {
		return nil
	}
	return []finding.Finding{{
		Severity: finding.Error, Object: "virtual node " + n.Name, Cause: "no-kubeconfig",
		Text: "its pods cannot start: " + finding.Plain(n.DownstreamErr),
		Fix:  fmt.Sprintf("put the kubeconfig there: kubectl create secret generic -n %s NAME --from-file=kubeconfig=FILE", n.Deployment.Namespace),
	}}
}

// lease returns nil if there is none.
func lease(ctx context.Context, client kubernetes.Interface, namespace, name string) (*coordinationv1.Lease, error) {
	found, err := client.CoordinationV1().Leases(namespace).Get(ctx, name, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return nil, nil //nolint:nilnil // Absence is an answer here.
	}
	return found, err
}
