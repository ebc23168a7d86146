package access

import (
	"context"
	"fmt"
	"strings"

	appsv1 "k8s.io/api/apps/v1"

	"github.com/spillway-io/spillway/cmd/spillway/internal/doctor/finding"
	"github.com/spillway-io/spillway/cmd/spillway/internal/doctor/site"
)

// Upstream asks what the ServiceAccounts of the chart's Deployments may do.
func Upstream(ctx context.Context, s *site.Site) finding.Outcome {
	var o finding.Outcome
	if s.DeploymentsErr != nil {
		o.Hidden("which ServiceAccounts Spillway runs as", s.DeploymentsErr, "list deployments in all namespaces")
		return o
	}
	if len(s.Deployments) == 0 {
		o.Nothing("rights upstream", "there is no Deployment of the chart, so nobody says as whom Spillway runs", "")
		return o
	}
	known := map[Subject]bool{}
	for _, component := range []string{site.ComponentWebhook, site.ComponentNode} {
		for _, deployment := range s.Component(component) {
			subject := subjectOf(component, deployment)
			if known[subject] {
				continue
			}
			known[subject] = true
			upstream(ctx, s, subject, deployment, &o)
		}
	}
	return o
}

func subjectOf(component string, d *appsv1.Deployment) Subject {
	return Subject{Component: component, Namespace: d.Namespace, Name: d.Spec.Template.Spec.ServiceAccountName, Release: d.Labels[site.InstanceLabel]}
}

func upstream(ctx context.Context, s *site.Site, subject Subject, deployment *appsv1.Deployment, o *finding.Outcome) {
	what := fmt.Sprintf("what ServiceAccount %s/%s may do", subject.Namespace, subject.Name)
	manifest, err := chartRoles(subject.Component, installed(subject, deployment))
	if err != nil {
		o.Hidden(what, err, "")
		return
	}
	rights, err := rightsIn(manifest)
	if err != nil {
		o.Hidden(what, err, "")
		return
	}
	user := fmt.Sprintf("system:serviceaccount:%s:%s", subject.Namespace, subject.Name)
	groups := []string{"system:serviceaccounts", "system:serviceaccounts:" + subject.Namespace, "system:authenticated"}
	lacking, err := missing(ctx, rights, ofSomebody(s.Upstream.Client, user, groups))
	if err != nil {
		o.Hidden(what, err, "create subjectaccessreviews")
		return
	}
	o.Add(JudgeUpstream(subject, lacking)...)
	if len(lacking) == 0 {
		o.Fact("ServiceAccount %s/%s has what the chart's roles grant, %d rights", subject.Namespace, subject.Name, len(rights))
	}
}

// installed reads from a Deployment what the chart was given.
func installed(subject Subject, deployment *appsv1.Deployment) Installed {
	in := Installed{
		FullName:  strings.TrimSuffix(subject.Name, "-"+subject.Component),
		Namespace: subject.Namespace, CertificateMode: "provided", KubeletCertificate: "self-signed",
	}
	for _, arg := range site.Arguments(deployment, subject.Component) {
		if secret, is := strings.CutPrefix(arg, "--cert-secret="); is {
			in.CertificateMode, in.CertificateSecret = "self", secret
		}
		if mode, is := strings.CutPrefix(arg, "--kubelet-certificate="); is {
			in.KubeletCertificate = mode
		}
	}
	return in
}
