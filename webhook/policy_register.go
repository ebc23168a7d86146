package webhook

import (
	"github.com/openkruise/kruise-api/apps/v1alpha1"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	"k8s.io/apimachinery/pkg/runtime"
	admissionregistrationv1ac "k8s.io/client-go/applyconfigurations/admissionregistration/v1"
)

// ownEntrySuffix ends the names of our entries in webhook configurations, and
// nobody else's.
const ownEntrySuffix = ".spillway.io"

func policyConfigurationName(r Registration) string { return r.Name + "-policies" }

// policyConfigurations describe the webhooks for policy objects to API servers.
//
// Their failure policy is Ignore, whatever that for pods is: when we are down
// nobody could change a policy otherwise, which is when it may be needed most.
// What slips through does no harm to pods, as they are admitted without a spread
// or a sidecar that cannot be honoured, with a warning, an event and a metric.
func policyConfigurations(r Registration) []runtime.ApplyConfiguration {
	spreads := policyRule(workloadSpreads, admissionregistrationv1.NamespacedScope)
	sidecars := policyRule(sidecarSets, admissionregistrationv1.ClusterScope)
	name := policyConfigurationName(r)
	return []runtime.ApplyConfiguration{
		admissionregistrationv1ac.MutatingWebhookConfiguration(name).WithWebhooks(
			policyDefaulter(r, workloadSpreads, DefaultSpreadsPath, spreads),
			policyDefaulter(r, sidecarSets, DefaultSidecarsPath, sidecars)),
		admissionregistrationv1ac.ValidatingWebhookConfiguration(name).WithWebhooks(
			policyValidator(r, workloadSpreads, ValidateSpreadsPath, spreads),
			policyValidator(r, sidecarSets, ValidateSidecarsPath, sidecars)),
	}
}

func policyRule(resource string, scope admissionregistrationv1.ScopeType) *admissionregistrationv1ac.RuleWithOperationsApplyConfiguration {
	return admissionregistrationv1ac.RuleWithOperations().
		WithOperations(admissionregistrationv1.Create, admissionregistrationv1.Update).
		WithAPIGroups(v1alpha1.GroupVersion.Group).WithAPIVersions(v1alpha1.GroupVersion.Version).WithResources(resource).
		WithScope(scope)
}

func policyDefaulter(r Registration, resource, path string, rule *admissionregistrationv1ac.RuleWithOperationsApplyConfiguration) *admissionregistrationv1ac.MutatingWebhookApplyConfiguration {
	return admissionregistrationv1ac.MutatingWebhook().
		WithName("default-" + resource + ownEntrySuffix).
		WithClientConfig(clientConfig(r.Policies, path, r.CABundle)).
		WithRules(rule).
		WithFailurePolicy(admissionregistrationv1.Ignore).
		WithMatchPolicy(admissionregistrationv1.Equivalent).
		WithSideEffects(admissionregistrationv1.SideEffectClassNone).
		WithTimeoutSeconds(admissionTimeoutSeconds).
		WithAdmissionReviewVersions("v1")
}

func policyValidator(r Registration, resource, path string, rule *admissionregistrationv1ac.RuleWithOperationsApplyConfiguration) *admissionregistrationv1ac.ValidatingWebhookApplyConfiguration {
	return admissionregistrationv1ac.ValidatingWebhook().
		WithName("validate-" + resource + ownEntrySuffix).
		WithClientConfig(clientConfig(r.Policies, path, r.CABundle)).
		WithRules(rule).
		WithFailurePolicy(admissionregistrationv1.Ignore).
		WithMatchPolicy(admissionregistrationv1.Equivalent).
		WithSideEffects(admissionregistrationv1.SideEffectClassNone).
		WithTimeoutSeconds(admissionTimeoutSeconds).
		WithAdmissionReviewVersions("v1")
}
