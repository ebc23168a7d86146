package webhook

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
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
	var validating admissionregistrationv1.ValidatingWebhookConfigurationList
	if err := p.live.List(ctx, &validating); err != nil {
		return "", fmt.Errorf("cannot list validating webhooks: %w", err)
	}
	var mutating admissionregistrationv1.MutatingWebhookConfigurationList
	if err := p.live.List(ctx, &mutating); err != nil {
		return "", fmt.Errorf("cannot list mutating webhooks: %w", err)
	}
	if other := otherServer(validating.Items, mutating.Items); other != "" {
		return "withdrawn for " + other, p.withdraw(ctx, validating.Items, mutating.Items)
	}
	for _, configuration := range policyConfigurations(p.registration) {
		if err := p.upstream.Apply(ctx, configuration, client.FieldOwner("spillway-webhook"), client.ForceOwnership); err != nil {
			return "", fmt.Errorf("cannot write the webhook configuration: %w", err)
		}
	}
	return "registered", nil
}

// withdraw deletes those of our configurations that exist.
func (p *policyRegistration) withdraw(ctx context.Context, validating []admissionregistrationv1.ValidatingWebhookConfiguration, mutating []admissionregistrationv1.MutatingWebhookConfiguration) error {
	name := policyConfigurationName(p.registration)
	var errs []error
	for i := range validating {
		if validating[i].Name == name {
			errs = append(errs, p.remove(ctx, &validating[i]))
		}
	}
	for i := range mutating {
		if mutating[i].Name == name {
			errs = append(errs, p.remove(ctx, &mutating[i]))
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

// otherServer returns the name of a webhook that is asked about WorkloadSpreads
// and is not ours, nor another Spillway's; empty if there is none. A rule for all
// groups does not count: a policy engine asks for everything and knows nothing
// of WorkloadSpreads.
func otherServer(validating []admissionregistrationv1.ValidatingWebhookConfiguration, mutating []admissionregistrationv1.MutatingWebhookConfiguration) string {
	for i := range validating {
		for j := range validating[i].Webhooks {
			if w := &validating[i].Webhooks[j]; isOther(w.Name, w.Rules) {
				return w.Name
			}
		}
	}
	for i := range mutating {
		for j := range mutating[i].Webhooks {
			if w := &mutating[i].Webhooks[j]; isOther(w.Name, w.Rules) {
				return w.Name
			}
		}
	}
	return ""
}

func isOther(entry string, rules []admissionregistrationv1.RuleWithOperations) bool {
	return !strings.HasSuffix(entry, ownEntrySuffix) && slices.ContainsFunc(rules, func(rule admissionregistrationv1.RuleWithOperations) bool {
		return slices.Contains(rule.APIGroups, v1alpha1.GroupVersion.Group) &&
			slices.ContainsFunc(rule.Resources, func(r string) bool { return r == workloadSpreads || r == "*" || r == "*/*" })
	})
}

func policyConfigurationName(r Registration) string { return r.Name + "-policies" }

// policyConfigurations describe the webhooks for policy objects to API servers.
//
// Their failure policy is Ignore, whatever that for pods is: when we are down
// nobody could change a policy otherwise, which is when it may be needed most.
// What slips through does no harm to pods, as they are admitted without a spread
// that cannot be honoured, with a warning, an event and a metric.
func policyConfigurations(r Registration) []runtime.ApplyConfiguration {
	rule := admissionregistrationv1ac.RuleWithOperations().
		WithOperations(admissionregistrationv1.Create, admissionregistrationv1.Update).
		WithAPIGroups(v1alpha1.GroupVersion.Group).WithAPIVersions(v1alpha1.GroupVersion.Version).WithResources(workloadSpreads).
		WithScope(admissionregistrationv1.NamespacedScope)
	name := policyConfigurationName(r)
	return []runtime.ApplyConfiguration{
		admissionregistrationv1ac.MutatingWebhookConfiguration(name).WithWebhooks(admissionregistrationv1ac.MutatingWebhook().
			WithName("default-workloadspreads" + ownEntrySuffix).
			WithClientConfig(clientConfig(r, DefaultSpreadsPath)).
			WithRules(rule).
			WithFailurePolicy(admissionregistrationv1.Ignore).
			WithMatchPolicy(admissionregistrationv1.Equivalent).
			WithSideEffects(admissionregistrationv1.SideEffectClassNone).
			WithTimeoutSeconds(admissionTimeoutSeconds).
			WithAdmissionReviewVersions("v1")),
		admissionregistrationv1ac.ValidatingWebhookConfiguration(name).WithWebhooks(admissionregistrationv1ac.ValidatingWebhook().
			WithName("validate-workloadspreads" + ownEntrySuffix).
			WithClientConfig(clientConfig(r, ValidateSpreadsPath)).
			WithRules(rule).
			WithFailurePolicy(admissionregistrationv1.Ignore).
			WithMatchPolicy(admissionregistrationv1.Equivalent).
			WithSideEffects(admissionregistrationv1.SideEffectClassNone).
			WithTimeoutSeconds(admissionTimeoutSeconds).
			WithAdmissionReviewVersions("v1")),
	}
}
