package versions

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/openkruise/kruise-api/apps/v1alpha1"
	appsv1 "k8s.io/api/apps/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/version"
	"k8s.io/client-go/kubernetes"

	"github.com/spillway-io/spillway/cmd/spillway/internal/doctor/finding"
	"github.com/spillway-io/spillway/cmd/spillway/internal/doctor/site"
	"github.com/spillway-io/spillway/provider/node"
)

// Check asks for the versions of everything.
func Check(ctx context.Context, s *site.Site) finding.Outcome {
	var o finding.Outcome
	cluster(ctx, "the upstream cluster", &s.Upstream, &o)
	for i := range s.Nodes {
		n := &s.Nodes[i]
		name := "the downstream cluster of virtual node " + n.Name
		if n.Unreached(&o, "the version of "+name) {
			continue
		}
		cluster(ctx, name, n.Downstream, &o)
	}
	kinds, err := kindsOf(ctx, s.Upstream.Client)
	o.Hidden("which kinds the upstream cluster has", err, "")
	if err == nil {
		o.Add(JudgeKinds(kinds)...)
	}
	o.Hidden("the images of Spillway", s.DeploymentsErr, "list deployments in all namespaces")
	o.Add(JudgeParts(parts(s), s.Version)...)
	o.Fact("this binary %s", s.Version)
	return o
}

func cluster(ctx context.Context, name string, c *site.Cluster, o *finding.Outcome) {
	said, err := serverVersion(ctx, c.Client)
	if err != nil {
		o.Hidden("the version of "+name, err, "get /version")
		return
	}
	o.Add(JudgeCluster(Cluster{Name: name, Version: said})...)
	o.Fact("%s %s", name, said)
}

// serverVersion is client-go's, with a context.
func serverVersion(ctx context.Context, client kubernetes.Interface) (string, error) {
	body, err := client.Discovery().RESTClient().Get().AbsPath("/version").Do(ctx).Raw()
	if err != nil {
		return "", err
	}
	var info version.Info
	if err := json.Unmarshal(body, &info); err != nil {
		return "", fmt.Errorf("cannot read the version: %w", err)
	}
	return info.GitVersion, nil
}

// kindsOf asks discovery, which everybody may.
func kindsOf(ctx context.Context, client kubernetes.Interface) (Kinds, error) {
	var kinds Kinds
	var list metav1.APIResourceList
	body, err := client.Discovery().RESTClient().Get().AbsPath("/apis/" + v1alpha1.GroupVersion.String()).Do(ctx).Raw()
	if apierrors.IsNotFound(err) {
		return kinds, nil
	}
	if err != nil {
		return kinds, err
	}
	if err := json.Unmarshal(body, &list); err != nil {
		return kinds, fmt.Errorf("cannot read the list of kinds: %w", err)
	}
	for _, resource := range list.APIResources {
		switch resource.Name {
		case "workloadspreads":
			kinds.WorkloadSpreads = true
		case "sidecarsets":
			kinds.SidecarSets = true
		}
	}
	return kinds, nil
}

// parts are the Deployments, and the virtual nodes as far as their Nodes say.
func parts(s *site.Site) []Part {
	var all []Part
	for i := range s.Deployments {
		d := &s.Deployments[i]
		said := d.Labels[site.VersionLabel]
		all = append(all, Part{
			Name: "Deployment " + d.Namespace + "/" + d.Name, Image: imageOf(d), Version: said,
			// The chart's version has no "v".
			Current: strings.TrimPrefix(said, "v") == strings.TrimPrefix(s.Version, "v"),
		})
	}
	for i := range s.Nodes {
		if n := s.Nodes[i].Node; n != nil {
			all = append(all, Part{Name: "virtual node " + n.Name, Version: n.Status.NodeInfo.KubeletVersion, Current: node.IsOfVersion(n, s.Version)})
		}
	}
	return all
}

func imageOf(d *appsv1.Deployment) string {
	for _, c := range d.Spec.Template.Spec.Containers {
		if c.Name == site.ComponentWebhook || c.Name == site.ComponentNode {
			return c.Image
		}
	}
	return ""
}
