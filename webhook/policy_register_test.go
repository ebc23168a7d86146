package webhook

import (
	"encoding/json"
	"testing"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
)

// TestPolicyConfigurationPromises: what API servers are told about the webhooks
// for policy objects.
func TestPolicyConfigurationPromises(t *testing.T) {
	r := Registration{Name: "spillway", Policies: Endpoint{URL: "https://127.0.0.1:9443/"}, CABundle: []byte("ca"), FailurePolicy: admissionregistrationv1.Fail}
	var (
		mutating   admissionregistrationv1.MutatingWebhookConfiguration
		validating admissionregistrationv1.ValidatingWebhookConfiguration
	)
	configurations := policyConfigurations(r)
	for i, into := range []any{&mutating, &validating} {
		text, err := json.Marshal(configurations[i])
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(text, into); err != nil {
			t.Fatal(err)
		}
	}
	if mutating.Name != "spillway-policies" || validating.Name != "spillway-policies" || len(mutating.Webhooks) != 2 || len(validating.Webhooks) != 2 {
		t.Fatalf("%q with %d entries and %q with %d, want spillway-policies with two each", mutating.Name, len(mutating.Webhooks), validating.Name, len(validating.Webhooks))
	}
	type entry struct {
		name        string
		config      admissionregistrationv1.WebhookClientConfig
		rules       []admissionregistrationv1.RuleWithOperations
		policy      *admissionregistrationv1.FailurePolicyType
		sideEffects *admissionregistrationv1.SideEffectClass
		timeout     *int32
	}
	entries := make(map[string]entry)
	for _, m := range mutating.Webhooks {
		entries[m.Name] = entry{m.Name, m.ClientConfig, m.Rules, m.FailurePolicy, m.SideEffects, m.TimeoutSeconds}
	}
	for _, v := range validating.Webhooks {
		entries[v.Name] = entry{v.Name, v.ClientConfig, v.Rules, v.FailurePolicy, v.SideEffects, v.TimeoutSeconds}
	}
	for _, want := range []struct {
		name, path, resource string
		scope                admissionregistrationv1.ScopeType
	}{
		{"default-workloadspreads.spillway.io", "/default-workloadspreads", "workloadspreads", admissionregistrationv1.NamespacedScope},
		{"validate-workloadspreads.spillway.io", "/validate-workloadspreads", "workloadspreads", admissionregistrationv1.NamespacedScope},
		{"default-sidecarsets.spillway.io", "/default-sidecarsets", "sidecarsets", admissionregistrationv1.ClusterScope},
		{"validate-sidecarsets.spillway.io", "/validate-sidecarsets", "sidecarsets", admissionregistrationv1.ClusterScope},
	} {
		entry, ok := entries[want.name]
		if !ok {
			t.Errorf("no entry %s", want.name)
			continue
		}
		if *entry.config.URL != "https://127.0.0.1:9443"+want.path || string(entry.config.CABundle) != "ca" {
			t.Errorf("%s: URL %s, CA %s", entry.name, *entry.config.URL, entry.config.CABundle)
		}
		if *entry.policy != admissionregistrationv1.Ignore || *entry.sideEffects != admissionregistrationv1.SideEffectClassNone || *entry.timeout != 10 {
			t.Errorf("%s: failure policy %s, side effects %s, timeout %d s; want policies to stay editable without us", entry.name, *entry.policy, *entry.sideEffects, *entry.timeout)
		}
		rule := entry.rules[0]
		if len(entry.rules) != 1 || len(rule.Operations) != 2 || rule.APIGroups[0] != "apps.kruise.io" || rule.APIVersions[0] != "v1alpha1" || len(rule.Resources) != 1 || rule.Resources[0] != want.resource || *rule.Scope != want.scope {
			t.Errorf("%s: rules %+v, want creation and update of %s, not of their status", entry.name, entry.rules, want.resource)
		}
		if isOther(entry.name, entry.rules) {
			t.Errorf("%s: we would stand back for ourselves", entry.name)
		}
	}
}

// TestOtherServer: who else may judge WorkloadSpreads and SidecarSets.
func TestOtherServer(t *testing.T) {
	cases := map[string]struct {
		reason    string
		entry     string
		group     string
		resources []string
		want      bool
	}{
		"kruise":           {"kruise-manager's own entry", "vworkloadspread.kb.io", "apps.kruise.io", []string{"workloadspreads"}, true},
		"whole-group":      {"the same in other words", "v.kb.io", "apps.kruise.io", []string{"*"}, true},
		"sidecar-sets":     {"kruise-manager without WorkloadSpreads", "vsidecarset.kb.io", "apps.kruise.io", []string{"sidecarsets"}, true},
		"another-resource": {"kruise-manager without either", "vcloneset.kb.io", "apps.kruise.io", []string{"clonesets"}, false},
		"status-only":      {"somebody watches the status", "status.example.com", "apps.kruise.io", []string{"workloadspreads/status"}, false},
		"another-group":    {"a resource of the same name", "x.example.com", "example.com", []string{"workloadspreads"}, false},
		"catch-all":        {"a policy engine", "validation.gatekeeper.sh", "*", []string{"*"}, false},
		"ours":             {"another installation of Spillway", "validate-workloadspreads.spillway.io", "apps.kruise.io", []string{"workloadspreads"}, false},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			rules := []admissionregistrationv1.RuleWithOperations{
				{Rule: admissionregistrationv1.Rule{APIGroups: []string{"example.org"}, Resources: []string{"*"}}},
				{Rule: admissionregistrationv1.Rule{APIGroups: []string{tc.group}, Resources: tc.resources}},
			}
			validating := []admissionregistrationv1.ValidatingWebhookConfiguration{{}, {Webhooks: []admissionregistrationv1.ValidatingWebhook{{Name: "a"}, {Name: tc.entry, Rules: rules}}}}
			mutating := []admissionregistrationv1.MutatingWebhookConfiguration{{}, {Webhooks: []admissionregistrationv1.MutatingWebhook{{Name: "a"}, {Name: tc.entry, Rules: rules}}}}
			want := ""
			if tc.want {
				want = tc.entry
			}
			if got := (webhooks{validating: validating}).otherServer(); got != want {
				t.Errorf("%s: validating: got %q, want %q", tc.reason, got, want)
			}
			if got := (webhooks{mutating: mutating}).otherServer(); got != want {
				t.Errorf("%s: mutating: got %q, want %q", tc.reason, got, want)
			}
		})
	}
}
