package access

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spillway-io/spillway/cmd/spillway/internal/doctor/finding"
)

// Holder is who should have rights in a downstream cluster.
type Holder struct {
	// Node is the virtual node.
	Node string
	// User is who its kubeconfig belongs to, and Source where that is.
	User, Source string
	// ClaimNamespace is where the node's claim is.
	ClaimNamespace string
}

// serviceAccount returns namespace and name if the holder is one.
func (h Holder) serviceAccount() (namespace, name string, is bool) {
	rest, is := strings.CutPrefix(h.User, "system:serviceaccount:")
	namespace, name, _ = strings.Cut(rest, ":")
	return namespace, name, is
}

// fix is a command that grants everything.
func (h Holder) fix() string {
	kubeconfig := "DOWNSTREAM_ADMIN_KUBECONFIG"
	if namespace, name, is := h.serviceAccount(); is && namespace == h.ClaimNamespace {
		return fmt.Sprintf("spillway doctor --print-downstream-rbac --namespace %s --service-account %s | kubectl --kubeconfig %s apply -f -", namespace, name, kubeconfig)
	}
	return fmt.Sprintf("spillway doctor --print-downstream-rbac --namespace %s | kubectl --kubeconfig %s apply -f -, and bind its roles to %s, or give the node a kubeconfig of its ServiceAccount",
		h.ClaimNamespace, kubeconfig, h.User)
}

// metricsRole is the one of which either rule will do.
const metricsRole = "spillway:node-metrics"

// lesser are the rights that a virtual node can do without, and what is without them,
// as the comments in the chart's file have it.
func lesser(resource string) string {
	return map[string]string{
		"pods/ephemeralcontainers": "kubectl debug does not work",
		"pods/resize":              "pods are not resized in place",
		"priorityclasses":          "pods have the default priority",
		"pods/log":                 "kubectl logs does not work",
		"pods/exec":                "kubectl exec does not work",
		"pods/attach":              "kubectl attach does not work",
		"pods/portforward":         "kubectl port-forward does not work",
		"events":                   "events downstream are not shown at upstream pods",
		"persistentvolumes":        "local, hostPath and nfs volumes have no copies",
	}[resource]
}

// JudgeDownstream says what it means that a virtual node lacks rights.
func JudgeDownstream(h Holder, lacking []Right) []finding.Finding {
	var needed, useful, figures []Right
	var without []string
	for _, r := range lacking {
		switch effect := lesser(r.Resource); {
		case r.Role == metricsRole:
			figures = append(figures, r)
		case effect != "":
			useful = append(useful, r)
			if !slices.Contains(without, effect) {
				without = append(without, effect)
			}
		default:
			needed = append(needed, r)
		}
	}
	object := fmt.Sprintf("virtual node %s (%s downstream, by %s)", h.Node, h.User, h.Source)
	var found []finding.Finding
	if len(needed) > 0 {
		found = append(found, finding.Finding{
			Severity: finding.Error, Object: object, Cause: "rights-missing-downstream",
			Text: "may not do downstream what it has to: " + tell(needed), Fix: h.fix(),
		})
	}
	if len(useful) > 0 {
		found = append(found, finding.Finding{
			Severity: finding.Warning, Object: object, Cause: "rights-missing-downstream",
			Text: fmt.Sprintf("may not %s downstream, so %s", tell(useful), strings.Join(without, ", and ")), Fix: h.fix(),
		})
	}
	if len(figures) > 1 {
		found = append(found, finding.Finding{
			Severity: finding.Note, Object: object, Cause: "no-figures",
			Text: "may read what pods use neither from kubelets nor from metrics.k8s.io: kubectl top and autoscalers have no figures of its pods",
			Fix:  h.fix(),
		})
	}
	return found
}

// Subject is a ServiceAccount of Spillway's upstream.
type Subject struct {
	// Component is webhook or node.
	Component       string
	Namespace, Name string
	// Release is the name of the Helm release.
	Release string
}

// JudgeUpstream says what it means that a ServiceAccount lacks rights.
func JudgeUpstream(s Subject, lacking []Right) []finding.Finding {
	if len(lacking) == 0 {
		return nil
	}
	return []finding.Finding{{
		Severity: finding.Error, Object: fmt.Sprintf("ServiceAccount %s/%s", s.Namespace, s.Name), Cause: "rights-missing-upstream",
		Text: fmt.Sprintf("the %s may not do what it has to: %s", s.Component, tell(lacking)),
		Fix:  fmt.Sprintf("have the chart's roles back: helm upgrade %s CHART --namespace %s --reset-then-reuse-values", s.Release, s.Namespace),
	}}
}
