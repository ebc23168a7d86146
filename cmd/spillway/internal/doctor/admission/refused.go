package admission

import (
	"regexp"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/spillway-io/spillway/cmd/spillway/internal/doctor/finding"
)

// What API servers say when a webhook fails them or denies, see the admission
// plugins of k8s.io/apiserver.
const (
	failedPattern = `failed calling webhook "([^"]+)": (.*)`
	deniedPattern = `admission webhook "([^"]+)" denied the request(.*)`
	noDryRun      = "does not support dry run"
)

// refused says why the API server did not take the pod.
func refused(t Trial) finding.Outcome {
	var o finding.Outcome
	text := finding.Plain(t.Err)
	what := "whether pods that opt in reach Spillway, with a dry run in namespace " + t.Namespace
	if m := regexp.MustCompile(failedPattern).FindStringSubmatch(text); m != nil {
		o.Add(failed(t, m[1], m[2]))
		return o
	}
	if m := regexp.MustCompile(deniedPattern).FindStringSubmatch(text); m != nil {
		o.Add(finding.Finding{
			Severity: finding.Warning, Object: "webhook " + m[1], Cause: "denied",
			Text: "denies a pod that opts in, in namespace " + t.Namespace + strings.TrimSuffix(m[2], ":"),
			Fix:  "if that is a rule of this namespace alone, try another one: --admission-namespace; else have that webhook let such pods through",
		})
		return o
	}
	switch {
	case apierrors.IsForbidden(t.Err) && strings.Contains(text, "cannot create resource"):
		o.Hidden(what, t.Err, "create pods in namespace "+t.Namespace)
	case apierrors.IsForbidden(t.Err):
		// Quotas, limits, Pod Security and ServiceAccounts are asked beside webhooks, so
		// nothing follows about those.
		o.Unseen = append(o.Unseen, finding.Unseen{What: what, Why: "that namespace refuses the pod by its own rules: " + text, Fix: "give a namespace that takes pods: --admission-namespace", Hides: true})
	case strings.Contains(text, noDryRun):
		o.Unseen = append(o.Unseen, finding.Unseen{What: what, Why: text, Fix: "have that webhook declare its side effects (sideEffects: None or NoneOnDryRun), or try by hand in a namespace of its own", Hides: true})
	case apierrors.IsNotFound(t.Err):
		o.Unseen = append(o.Unseen, finding.Unseen{What: what, Why: text, Fix: "give a namespace that exists: --admission-namespace", Hides: true})
	default:
		o.Hidden(what, t.Err, "")
	}
	return o
}

// failed names the cause for which an API server could not ask a webhook.
func failed(t Trial, webhook, said string) finding.Finding {
	f := finding.Finding{Severity: finding.Error, Object: "webhook " + webhook, Cause: "not-reached", Text: "API servers cannot ask it, and refuse pods that opt in: " + said}
	ours := strings.HasSuffix(webhook, ownSuffix)
	if !ours {
		f.Text = "API servers cannot ask it, which is not Spillway's, and refuse pods that opt in: " + said
	}
	for _, cause := range []struct{ sign, cause, fix string }{
		{"x509: certificate signed by unknown authority", "wrong-ca", "have the caBundle follow the CA: spillway doctor --check certificates says which one is wrong, and what writes it"},
		{"x509:", "certificate", "spillway doctor --check certificates says what is wrong with it"},
		{"no endpoints available", "no-endpoints", "see why no pod is ready: kubectl get pods -A -l app.kubernetes.io/component=webhook, and the log of one that is not"},
		{"service \"", "no-service", "put the Service back: helm upgrade; or delete the configuration that was left behind"},
		{"connection refused", "refused", "see whether it listens, and at that port: kubectl get pods -A -l app.kubernetes.io/component=webhook"},
		{"no such host", "no-such-host", "correct the URL of the configuration, or the name service of the API servers"},
		{"context deadline exceeded", "timeout", "let API servers through to it: NetworkPolicies, firewalls, and the port of the Service"},
		{"Timeout exceeded", "timeout", "let API servers through to it: NetworkPolicies, firewalls, and the port of the Service"},
	} {
		if strings.Contains(said, cause.sign) {
			f.Cause, f.Fix = cause.cause, cause.fix
			break
		}
	}
	if f.Fix == "" {
		f.Fix = "see the log of that webhook; then try again: " + t.Again
	}
	if !ours {
		f.Fix = "mend that webhook, or have its namespaceSelector leave such pods out: kubectl get mutatingwebhookconfigurations,validatingwebhookconfigurations -o yaml names it"
	}
	return f
}
