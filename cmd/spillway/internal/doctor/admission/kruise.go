package admission

import (
	"context"
	"fmt"
	"slices"
	"strings"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/spillway-io/spillway/cmd/spillway/internal/doctor/finding"
	"github.com/spillway-io/spillway/cmd/spillway/internal/doctor/site"
	"github.com/spillway-io/spillway/webhook"
)

// What OpenKruise's own chart calls its parts.
const (
	kruiseDeployment = "kruise-controller-manager"
	kruiseNames      = "kruise"
)

// Presence is what there is of OpenKruise.
type Presence struct {
	// Judge is its webhook for WorkloadSpreads and SidecarSets; empty if there is none.
	Judge string
	// Pods is its webhook for pods; empty if there is none.
	Pods string
	// Manager says how many of its replicas are ready of how many; empty if there is no
	// Deployment, or if that is Unknown.
	Manager string
	Unknown bool
	// Ready says that one is.
	Ready bool
}

// Kruise says whether OpenKruise runs, and who of the two does what.
func Kruise(ctx context.Context, s *site.Site) finding.Outcome {
	var o finding.Outcome
	if s.WebhooksErr != nil {
		o.Hidden("whether OpenKruise serves the policies", s.WebhooksErr, "list mutatingwebhookconfigurations and validatingwebhookconfigurations")
		return o
	}
	managers, err := s.Upstream.Client.AppsV1().Deployments(metav1.NamespaceAll).List(ctx, metav1.ListOptions{FieldSelector: "metadata.name=" + kruiseDeployment})
	var found []appsv1.Deployment
	if err == nil {
		found = managers.Items
	}
	there := presence(s.Mutating, s.Validating, found)
	there.Unknown = err != nil
	o = JudgeKruise(there)
	o.Hidden("whether OpenKruise's controller runs", err, "list deployments in all namespaces")
	return o
}

func presence(mutating []admissionregistrationv1.MutatingWebhookConfiguration, validating []admissionregistrationv1.ValidatingWebhookConfiguration, managers []appsv1.Deployment) Presence {
	p := Presence{Judge: webhook.ServedByOther(mutating, validating)}
	for _, e := range podEntries(mutating) {
		if !e.ours() && strings.Contains(e.configuration, kruiseNames) {
			p.Pods = e.String()
		}
	}
	at := slices.IndexFunc(managers, func(d appsv1.Deployment) bool { return d.Name == kruiseDeployment })
	if at >= 0 {
		d := &managers[at]
		p.Manager = fmt.Sprintf("Deployment %s/%s with %d of %d replicas ready", d.Namespace, d.Name, d.Status.ReadyReplicas, d.Status.Replicas)
		p.Ready = d.Status.ReadyReplicas > 0
	}
	return p
}

// JudgeKruise says who of the two does what.
func JudgeKruise(p Presence) finding.Outcome {
	var o finding.Outcome
	switch {
	case p.Judge == "" && p.Pods == "" && p.Unknown:
		o.Fact("no webhook of OpenKruise is registered: Spillway judges policies and rolls images out")
	case p.Judge == "" && p.Pods == "" && p.Manager == "":
		o.Fact("OpenKruise is not there: Spillway spreads pods that opt in, injects their sidecars, and judges policies")
	case p.Judge == "" && p.Pods == "" && !p.Ready:
		o.Fact("%s, and no webhook of it: Spillway does all of the work", p.Manager)
	case p.Judge == "" && p.Pods == "":
		o.Add(finding.Finding{
			Severity: finding.Warning, Object: p.Manager, Cause: "kruise-without-webhooks",
			Text: "OpenKruise's controller is there without its webhooks, so Spillway does not stand back: both roll images of SidecarSets out and write the status of policies",
			Fix:  "let OpenKruise register its webhooks, or remove it: kubectl get mutatingwebhookconfigurations",
		})
	case !p.Ready && !p.Unknown:
		o.Add(finding.Finding{
			Severity: finding.Warning, Object: "webhook " + or(p.Judge, p.Pods), Cause: "kruise-without-controller",
			Text: "is registered, so Spillway leaves judging policies, and the status and image rollouts of SidecarSets, to OpenKruise, whose controller does not run (" + or(p.Manager, "no Deployment "+kruiseDeployment) + "); " +
				"WorkloadSpreads go on by Spillway",
			Fix: "bring OpenKruise back; or, if it is gone for good, delete what was left behind: kubectl delete --ignore-not-found mutatingwebhookconfiguration/kruise-mutating-webhook-configuration validatingwebhookconfiguration/kruise-validating-webhook-configuration",
		})
	default:
		o.Add(finding.Finding{
			Severity: finding.Note, Object: or(p.Manager, "webhook "+or(p.Judge, p.Pods)), Cause: "kruise",
			Text: "OpenKruise serves policies, too: it judges them, and rolls images of SidecarSets out. Both place pods that opt in by WorkloadSpreads and write their status; " +
				"what OpenKruise injected is left as it is, and what it left out Spillway injects",
			Fix: "let one of the two do WorkloadSpreads, if there are any: OpenKruise's feature gate WorkloadSpread=false, docs/guide/migrate-from-kruise.md",
		})
	}
	return o
}

func or(text, otherwise string) string {
	if text != "" {
		return text
	}
	return otherwise
}
