package certificates

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// TestEntries: Spillway's webhooks are found by their names, in whatever
// configuration, or all of those that are named; and where API servers find them.
func TestEntries(t *testing.T) {
	hook := func(name string, config admissionregistrationv1.WebhookClientConfig) admissionregistrationv1.MutatingWebhook {
		return admissionregistrationv1.MutatingWebhook{Name: name, ClientConfig: config}
	}
	service := admissionregistrationv1.WebhookClientConfig{Service: &admissionregistrationv1.ServiceReference{Namespace: "system", Name: "hook", Port: new(int32(8443))}}
	mutating := []admissionregistrationv1.MutatingWebhookConfiguration{{
		ObjectMeta: metav1.ObjectMeta{Name: "mixed"},
		Webhooks: []admissionregistrationv1.MutatingWebhook{
			hook("pods.spillway.io", service),
			hook("pods.example.com", admissionregistrationv1.WebhookClientConfig{URL: new("https://hook.example.com/pods")}),
		},
	}}
	validating := []admissionregistrationv1.ValidatingWebhookConfiguration{{
		ObjectMeta: metav1.ObjectMeta{Name: "others"},
		Webhooks: []admissionregistrationv1.ValidatingWebhook{{
			Name: "sets.spillway.io", ClientConfig: admissionregistrationv1.WebhookClientConfig{URL: new("https://[2001:db8::7]:9443/sets")},
		}},
	}}
	ours := Entry{"MutatingWebhookConfiguration mixed", "pods.spillway.io", nil, Target{Namespace: "system", Service: "hook", Port: 8443, Host: "hook.system.svc"}}
	theirs := Entry{"MutatingWebhookConfiguration mixed", "pods.example.com", nil, Target{Address: "hook.example.com:443", Host: "hook.example.com"}}
	byURL := Entry{"ValidatingWebhookConfiguration others", "sets.spillway.io", nil, Target{Address: "[2001:db8::7]:9443", Host: "2001:db8::7"}}
	for name, tc := range map[string]struct {
		named []string
		want  []Entry
	}{
		"by-suffix": {nil, []Entry{ours, byURL}},
		"named":     {[]string{"mixed"}, []Entry{ours, theirs}},
		"none":      {[]string{"absent"}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, entriesOf(mutating, validating, tc.named)); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}
