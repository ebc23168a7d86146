package webhook

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/openkruise/kruise-api/apps/v1alpha1"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	logf "sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"
)

// webhooks are all that API servers ask.
type webhooks struct {
	validating []admissionregistrationv1.ValidatingWebhookConfiguration
	mutating   []admissionregistrationv1.MutatingWebhookConfiguration
}

func listWebhooks(ctx context.Context, live client.Reader) (webhooks, error) {
	var validating admissionregistrationv1.ValidatingWebhookConfigurationList
	if err := live.List(ctx, &validating); err != nil {
		return webhooks{}, fmt.Errorf("cannot list validating webhooks: %w", err)
	}
	var mutating admissionregistrationv1.MutatingWebhookConfigurationList
	if err := live.List(ctx, &mutating); err != nil {
		return webhooks{}, fmt.Errorf("cannot list mutating webhooks: %w", err)
	}
	return webhooks{validating: validating.Items, mutating: mutating.Items}, nil
}

// servedByOther returns the name of the webhook by which somebody else, such as
// kruise-manager, serves policy objects; empty if nobody does.
func servedByOther(ctx context.Context, live client.Reader) (string, error) {
	there, err := listWebhooks(ctx, live)
	return there.otherServer(), err
}

// ServedByOther returns the name of the webhook by which somebody else, such as
// kruise-manager, serves WorkloadSpreads or SidecarSets, given all webhook
// configurations of a cluster; empty if nobody does.
func ServedByOther(mutating []admissionregistrationv1.MutatingWebhookConfiguration, validating []admissionregistrationv1.ValidatingWebhookConfiguration) string {
	return webhooks{validating: validating, mutating: mutating}.otherServer()
}

// otherServer returns the name of a webhook that is asked about WorkloadSpreads or
// SidecarSets and is not ours, nor another Spillway's; empty if there is none. A
// rule for all groups does not count: a policy engine asks for everything and
// knows nothing of either.
func (w webhooks) otherServer() string {
	for i := range w.validating {
		for j := range w.validating[i].Webhooks {
			if entry := &w.validating[i].Webhooks[j]; isOther(entry.Name, entry.Rules) {
				return entry.Name
			}
		}
	}
	for i := range w.mutating {
		for j := range w.mutating[i].Webhooks {
			if entry := &w.mutating[i].Webhooks[j]; isOther(entry.Name, entry.Rules) {
				return entry.Name
			}
		}
	}
	return ""
}

func isOther(entry string, rules []admissionregistrationv1.RuleWithOperations) bool {
	asked := []string{workloadSpreads, sidecarSets, "*", "*/*"}
	return !strings.HasSuffix(entry, ownEntrySuffix) && slices.ContainsFunc(rules, func(rule admissionregistrationv1.RuleWithOperations) bool {
		return slices.Contains(rule.APIGroups, v1alpha1.GroupVersion.Group) &&
			slices.ContainsFunc(rule.Resources, func(r string) bool { return slices.Contains(asked, r) })
	})
}

// othersInterval is how soon we follow when OpenKruise is installed or removed.
const othersInterval = 30 * time.Second

// others remembers for a while who else serves policy objects: it is asked far
// more often than that changes.
type others struct {
	live  client.Reader
	every time.Duration

	mu    sync.Mutex
	known string
	until time.Time
}

// serving returns the name of somebody else's webhook, empty if there is none.
func (o *others) serving(ctx context.Context) (string, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if time.Now().Before(o.until) {
		return o.known, nil
	}
	known, err := servedByOther(ctx, o.live)
	if err != nil {
		return "", err
	}
	o.known, o.until = known, time.Now().Add(o.every)
	return known, nil
}

// deferential lets policy objects through while somebody else judges them. Where
// kruise-manager runs its own rules apply, and an object that both refuse in
// different words would help nobody.
type deferential struct {
	admission.Handler
	others *others
}

// Handle answers one request. Where nobody can tell who else judges, we do.
func (d deferential) Handle(ctx context.Context, req admission.Request) admission.Response {
	other, err := d.others.serving(ctx)
	if err != nil {
		logf.FromContext(ctx).Error(err, "Cannot tell whether somebody else judges policy objects")
	}
	if other != "" {
		return admission.Allowed("")
	}
	return d.Handler.Handle(ctx, req)
}
