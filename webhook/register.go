package webhook

import (
	"context"
	"strconv"
	"strings"
	"time"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/wait"
	admissionregistrationv1ac "k8s.io/client-go/applyconfigurations/admissionregistration/v1"
	metav1ac "k8s.io/client-go/applyconfigurations/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/healthz"
	logf "sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/spillway-io/spillway/api"
	"github.com/spillway-io/spillway/webhook/mutate"
)

// Path is where the server answers for pods.
const Path = "/mutate-pods"

// admissionTimeoutSeconds is how long an API server waits for an answer. Two batches
// of an allocator on a machine that is far too busy fit in; quiet, it takes
// milliseconds. It is the default of Kubernetes.
const admissionTimeoutSeconds = 10

// registerTimeout is how long one attempt to register may take.
const registerTimeout = 10 * time.Second

// Configurations are all that API servers are told of a webhook, which never is
// asked about pods of its own namespace.
func Configurations(r Registration, ownNamespace string) []runtime.ApplyConfiguration {
	return append([]runtime.ApplyConfiguration{configuration(r, ownNamespace)}, policyConfigurations(r)...)
}

// configuration describes the webhook for pods to API servers. Two entries with
// disjoint selectors ask an endpoint about just those pods that may opt in: those
// that carry the label themselves, and those without it in a namespace that carries
// it. The first takes every value but "false", so that a misspelt one is answered
// with a warning.
//
// Where there are several endpoints, one that does not answer is passed over, and
// the next is asked about pods that have no answer yet; the failure policy is the
// last one's. See docs/decisions/0028.
func configuration(r Registration, ownNamespace string) *admissionregistrationv1ac.MutatingWebhookConfigurationApplyConfiguration {
	excluded := mutate.SystemNamespaces()
	if ownNamespace != "" {
		excluded = append(excluded, ownNamespace)
	}
	notExcluded := requirement(corev1.LabelMetadataName, metav1.LabelSelectorOpNotIn, excluded...)

	configuration := admissionregistrationv1ac.MutatingWebhookConfiguration(r.Name)
	for i := range r.Pods {
		byPod := entry("labelled-pods", r, i).
			WithNamespaceSelector(metav1ac.LabelSelector().WithMatchExpressions(notExcluded)).
			WithObjectSelector(metav1ac.LabelSelector().WithMatchExpressions(
				requirement(api.OptInLabel, metav1.LabelSelectorOpExists),
				requirement(api.OptInLabel, metav1.LabelSelectorOpNotIn, api.OptedOut)))
		byNamespace := entry("labelled-namespaces", r, i).
			WithNamespaceSelector(metav1ac.LabelSelector().
				WithMatchLabels(map[string]string{api.OptInLabel: api.OptedIn}).WithMatchExpressions(notExcluded)).
			WithObjectSelector(metav1ac.LabelSelector().WithMatchExpressions(
				requirement(api.OptInLabel, metav1.LabelSelectorOpDoesNotExist)))
		configuration.WithWebhooks(byPod, byNamespace)
	}
	return configuration
}

func requirement(key string, operator metav1.LabelSelectorOperator, values ...string) *metav1ac.LabelSelectorRequirementApplyConfiguration {
	return metav1ac.LabelSelectorRequirement().WithKey(key).WithOperator(operator).WithValues(values...)
}

// entry is that of an endpoint in the order in which they are asked.
func entry(name string, r Registration, i int) *admissionregistrationv1ac.MutatingWebhookApplyConfiguration {
	path, policy := FirstPath, admissionregistrationv1.Ignore
	if i == len(r.Pods)-1 {
		path, policy = Path, r.FailurePolicy
	}
	if i > 0 {
		name += "-" + strconv.Itoa(i+1)
	}
	e := admissionregistrationv1ac.MutatingWebhook().
		WithName(name + ownEntrySuffix).
		WithClientConfig(clientConfig(r.Pods[i], path, r.CABundle)).
		WithRules(admissionregistrationv1ac.RuleWithOperations().
			WithOperations(admissionregistrationv1.Create).
			WithAPIGroups(corev1.GroupName).WithAPIVersions("v1").WithResources("pods").
			WithScope(admissionregistrationv1.NamespacedScope)).
		WithFailurePolicy(policy).
		WithMatchPolicy(admissionregistrationv1.Equivalent).
		WithReinvocationPolicy(admissionregistrationv1.IfNeededReinvocationPolicy).
		WithSideEffects(admissionregistrationv1.SideEffectClassNoneOnDryRun).
		WithTimeoutSeconds(admissionTimeoutSeconds).
		WithAdmissionReviewVersions("v1")
	if i > 0 {
		e.WithMatchConditions(admissionregistrationv1ac.MatchCondition().WithName("not-answered-yet").WithExpression(notAnswered))
	}
	return e
}

func clientConfig(e Endpoint, path string, caBundle []byte) *admissionregistrationv1ac.WebhookClientConfigApplyConfiguration {
	config := admissionregistrationv1ac.WebhookClientConfig()
	if len(caBundle) > 0 {
		config.WithCABundle(caBundle...)
	}
	if e.URL != "" {
		return config.WithURL(strings.TrimSuffix(e.URL, "/") + path)
	}
	return config.WithService(admissionregistrationv1ac.ServiceReference().
		WithNamespace(e.Service.Namespace).WithName(e.Service.Name).WithPort(e.Service.Port).WithPath(path))
}

// register writes the configurations once the server listens, and tries again
// until it succeeds or ctx ends: without it no pod is handled.
func register(ctx context.Context, upstream client.Client, listening healthz.Checker, r Registration, ownNamespace string) {
	log := logf.FromContext(ctx)
	backoff := wait.Backoff{Duration: 50 * time.Millisecond, Factor: 2, Steps: 10, Cap: 10 * time.Second}
	// The only error is that of ctx, which says that the process stops.
	_ = backoff.DelayFunc().Until(ctx, true, false, func(ctx context.Context) (bool, error) {
		if err := listening(nil); err != nil {
			log.V(1).Info("Not registered yet", "cause", err.Error())
			return false, nil
		}
		ctx, cancel := context.WithTimeout(ctx, registerTimeout)
		defer cancel()
		for _, config := range Configurations(r, ownNamespace) {
			if err := upstream.Apply(ctx, config, client.FieldOwner("spillway-webhook"), client.ForceOwnership); err != nil {
				log.Error(err, "Cannot register the webhook yet", "configuration", r.Name)
				return false, nil
			}
		}
		log.Info("Registered the webhook", "configuration", r.Name)
		return true, nil
	})
}
