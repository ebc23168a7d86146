package webhook

import (
	"context"
	"errors"
	"testing"
	"time"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"
)

// TestDeferential: who judges a policy object.
func TestDeferential(t *testing.T) {
	kruise := &admissionregistrationv1.ValidatingWebhookConfiguration{
		ObjectMeta: metav1.ObjectMeta{Name: "kruise"},
		Webhooks: []admissionregistrationv1.ValidatingWebhook{{
			Name:  "vworkloadspread.kb.io",
			Rules: []admissionregistrationv1.RuleWithOperations{{Rule: admissionregistrationv1.Rule{APIGroups: []string{"apps.kruise.io"}, Resources: []string{"workloadspreads"}}}},
		}},
	}
	refuses := admission.HandlerFunc(func(context.Context, admission.Request) admission.Response { return admission.Denied("no") })
	cases := map[string]struct {
		reason string
		live   client.Reader
		want   bool
	}{
		"alone":   {"we judge", stored(t, nil), false},
		"kruise":  {"kruise-manager judges", stored(t, nil, kruise), true},
		"unknown": {"better twice than never", stored(t, errors.New("boom"), kruise), false},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			d := deferential{refuses, &others{live: tc.live, every: time.Minute}}
			if got := d.Handle(t.Context(), admission.Request{}).Allowed; got != tc.want {
				t.Errorf("%s: allowed %t, want %t", tc.reason, got, tc.want)
			}
		})
	}
}
