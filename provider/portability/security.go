package portability

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"
	podsecurity "k8s.io/pod-security-admission/api"
	"k8s.io/pod-security-admission/policy"
)

// security is whether the Pod Security level of the downstream namespace admits the
// pod, by the rules that API servers apply. Where the namespace says nothing, the
// cluster's default counts, which nobody can read.
func security(pod *corev1.Pod, inv Inventory) []Warning {
	namespace, there := inv.namespace(pod.Namespace)
	if !inv.Has(Namespaces) || !there || namespace.PodSecurity["enforce"] == "" {
		return nil
	}
	labels := map[string]string{podsecurity.EnforceLevelLabel: namespace.PodSecurity["enforce"]}
	if version, said := namespace.PodSecurity["enforce-version"]; said {
		labels[podsecurity.EnforceVersionLabel] = version
	}
	// A value that does not parse means the strictest level, to API servers too.
	enforced, _ := podsecurity.PolicyToEvaluate(labels, podsecurity.Policy{Enforce: podsecurity.LevelVersion{Version: podsecurity.LatestVersion()}})
	evaluator, err := policy.NewEvaluator(policy.DefaultChecks(), nil)
	if err != nil {
		return nil // the library's checks contradict each other
	}
	result := policy.AggregateCheckResults(evaluator.EvaluatePod(enforced.Enforce, &pod.ObjectMeta, &pod.Spec))
	if result.Allowed {
		return nil
	}
	return []Warning{{
		Field: "spec.securityContext",
		Text:  fmt.Sprintf("the downstream namespace %q admits pods of level %q only, and refuses this one: %s", pod.Namespace, enforced.Enforce.Level, result.ForbiddenDetail()),
		Fix:   "change the pod so that it fits, or the label pod-security.kubernetes.io/enforce of the downstream namespace",
	}}
}
