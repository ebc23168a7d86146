package certificates

import (
	"fmt"
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
)

// ownSuffix ends the names of all webhooks of Spillway.
const ownSuffix = ".spillway.io"

// httpsPort is where API servers look if nothing else is said.
const httpsPort = 443

// Entry is one webhook of a configuration.
type Entry struct {
	// Configuration is the kind and the name of the configuration.
	Configuration string
	// Webhook is the entry's name in it.
	Webhook string
	// Bundle is its caBundle, PEM.
	Bundle []byte
	// Target is where API servers find it.
	Target Target
}

// Target is where API servers find a webhook: behind a Service or at an address.
type Target struct {
	// Namespace, Service and Port are the Service's; empty when there is an Address.
	Namespace, Service string
	Port               int32
	// Address is host:port.
	Address string
	// Host is the name that API servers ask for.
	Host string
}

func (t Target) String() string {
	if t.Service == "" {
		return t.Address
	}
	return fmt.Sprintf("Service %s/%s", t.Namespace, t.Service)
}

// entriesOf returns the webhooks of the configurations that are named or, if none
// is, all that are Spillway's by their names.
func entriesOf(mutating []admissionregistrationv1.MutatingWebhookConfiguration, validating []admissionregistrationv1.ValidatingWebhookConfiguration, named []string) []Entry {
	var entries []Entry
	add := func(kind, configuration, webhook string, config admissionregistrationv1.WebhookClientConfig) {
		if len(named) > 0 && !slices.Contains(named, configuration) || len(named) == 0 && !strings.HasSuffix(webhook, ownSuffix) {
			return
		}
		entries = append(entries, Entry{
			Configuration: kind + " " + configuration, Webhook: webhook, Bundle: config.CABundle, Target: targetOf(config),
		})
	}
	for i := range mutating {
		for j := range mutating[i].Webhooks {
			w := &mutating[i].Webhooks[j]
			add("MutatingWebhookConfiguration", mutating[i].Name, w.Name, w.ClientConfig)
		}
	}
	for i := range validating {
		for j := range validating[i].Webhooks {
			w := &validating[i].Webhooks[j]
			add("ValidatingWebhookConfiguration", validating[i].Name, w.Name, w.ClientConfig)
		}
	}
	return entries
}

func targetOf(config admissionregistrationv1.WebhookClientConfig) Target {
	if s := config.Service; s != nil {
		t := Target{Namespace: s.Namespace, Service: s.Name, Port: httpsPort, Host: s.Name + "." + s.Namespace + ".svc"}
		if s.Port != nil {
			t.Port = *s.Port
		}
		return t
	}
	if config.URL == nil {
		return Target{}
	}
	parsed, err := url.Parse(*config.URL)
	if err != nil {
		return Target{Address: *config.URL}
	}
	port := parsed.Port()
	if port == "" {
		port = strconv.Itoa(httpsPort)
	}
	return Target{Address: net.JoinHostPort(parsed.Hostname(), port), Host: parsed.Hostname()}
}

// targetsOf returns each target once, in the order of the entries.
func targetsOf(entries []Entry) []Target {
	var targets []Target
	for i := range entries {
		if !slices.Contains(targets, entries[i].Target) {
			targets = append(targets, entries[i].Target)
		}
	}
	return targets
}
