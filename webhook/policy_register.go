package webhook

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/openkruise/kruise-api/apps/v1alpha1"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime"
	admissionregistrationv1ac "k8s.io/client-go/applyconfigurations/admissionregistration/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/healthz"
	logf "sigs.k8s.io/controller-runtime/pkg/log"
)

const (
	// policyCheckInterval is how soon we follow when OpenKruise is installed or
	// removed.
	policyCheckInterval = time.Minute
	// policyRetryInterval is how soon a failed attempt is repeated.
	policyRetryInterval = 2 * time.Second
	// ownEntrySuffix ends the names of our entries in webhook configurations, and
	// nobody else's.
	ownEntrySuffix = ".spillway.io"
)

// policyRegistration keeps the webhooks for policy objects registered as long
// as nobody else serves them. Where kruise-manager runs, its own rules apply, and
// an object that both refuse in different words would help nobody.
//
// It is a Runnable of controller-runtime's manager, which waits for it to end.
type policyRegistration struct {
	live         client.Reader
	upstream     client.Client
	listening    healthz.Checker
	registration Registration
	every        time.Duration
}

// Start registers and withdraws until ctx ends. It leaves the registration as it
// is then: other replicas may serve, and API servers go on without an answer.
func (p *policyRegistration) Start(ctx context.Context) error {
	log := logf.FromContext(ctx).WithValues("configuration", policyConfigurationName(p.registration))
	var last string
	for delay := time.Duration(0); ; {
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(delay):
		}
		delay = p.every
		state, err := p.keep(ctx)
		if err != nil {
			delay = min(policyRetryInterval, p.every)
			if ctx.Err() == nil {
				log.Error(err, "Cannot register the webhooks for policy objects yet")
			}
			continue
		}
		if state != last {
			log.Info("Judged who serves policy objects", "state", state)
			last = state
		}
	}
}

// keep makes the registration right once and says what it is now.
func (p *policyRegistration) keep(ctx context.Context) (state string, err error) {
	if err := p.listening(nil); err != nil {
		return "", fmt.Errorf("the server does not listen: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, registerTimeout)
	defer cancel()
	there, err := listWebhooks(ctx, p.live)
	if err != nil {
		return "", err
	}
	if other := there.otherServer(); other != "" {
		return "withdrawn for " + other, p.withdraw(ctx, there)
	}
	for _, configuration := range policyConfigurations(p.registration) {
		if err := p.upstream.Apply(ctx, configuration, client.FieldOwner("spillway-webhook"), client.ForceOwnership); err != nil {
			return "", fmt.Errorf("cannot write the webhook configuration: %w", err)
		}
	}
	return "registered", nil
}

// withdraw deletes those of our configurations that exist.
func (p *policyRegistration) withdraw(ctx context.Context, there webhooks) error {
	name := policyConfigurationName(p.registration)
	var errs []error
	for i := range there.validating {
		if there.validating[i].Name == name {
			errs = append(errs, p.remove(ctx, &there.validating[i]))
		}
	}
	for i := range there.mutating {
		if there.mutating[i].Name == name {
			errs = append(errs, p.remove(ctx, &there.mutating[i]))
		}
	}
	return errors.Join(errs...)
}

func (p *policyRegistration) remove(ctx context.Context, configuration client.Object) error {
	err := p.upstream.Delete(ctx, configuration, client.Preconditions{UID: new(configuration.GetUID())})
	if err != nil && !apierrors.IsNotFound(err) && !apierrors.IsConflict(err) {
		return fmt.Errorf("cannot withdraw the webhook configuration: %w", err)
	}
	return nil
}

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
		WithClientConfig(clientConfig(r, path)).
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
		WithClientConfig(clientConfig(r, path)).
		WithRules(rule).
		WithFailurePolicy(admissionregistrationv1.Ignore).
		WithMatchPolicy(admissionregistrationv1.Equivalent).
		WithSideEffects(admissionregistrationv1.SideEffectClassNone).
		WithTimeoutSeconds(admissionTimeoutSeconds).
		WithAdmissionReviewVersions("v1")
}
