package main

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"

	"github.com/spillway-io/spillway/api"
	"github.com/spillway-io/spillway/webhook"
)

// TestConfiguration: a null webhook is registered as Spillway is, but for another
// label and other names, with as many bytes.
func TestConfiguration(t *testing.T) {
	type entry struct {
		Name, URL  string
		Keys       []string
		Conditions int
		Policy     admissionregistrationv1.FailurePolicyType
	}
	endpoint := webhook.Endpoint{URL: "https://127.0.0.1:1"}
	first := []entry{
		{Name: "labelled-pods.null.test", URL: "https://127.0.0.1:1/mutate-pods", Keys: []string{nulled, nulled}, Policy: admissionregistrationv1.Fail},
		{Name: "labelled-namespaces.null.test", URL: "https://127.0.0.1:1/mutate-pods", Keys: []string{nulled}, Policy: admissionregistrationv1.Fail},
	}
	cases := map[string]struct {
		reason    string
		endpoints []webhook.Endpoint
		want      []entry
	}{
		"one": {"A webhook that is asked has the last word.", []webhook.Endpoint{endpoint}, first},
		"two": {
			"Only the second is asked on a condition.",
			[]webhook.Endpoint{endpoint, endpoint},
			[]entry{
				{Name: first[0].Name, URL: first[0].URL + "/first", Keys: first[0].Keys, Policy: admissionregistrationv1.Ignore},
				{Name: first[1].Name, URL: first[1].URL + "/first", Keys: first[1].Keys, Policy: admissionregistrationv1.Ignore},
				{Name: "labelled-pods-2.null.test", URL: first[0].URL, Keys: first[0].Keys, Policy: admissionregistrationv1.Fail, Conditions: 1},
				{Name: "labelled-namespaces-2.null.test", URL: first[0].URL, Keys: first[1].Keys, Policy: admissionregistrationv1.Fail, Conditions: 1},
			},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			configuration, err := registration{name: "null", suffix: ".null.test", label: nulled, endpoints: tc.endpoints}.configuration(nil)
			if err != nil {
				t.Fatal(err)
			}
			var got []entry
			for _, w := range configuration.Webhooks {
				e := entry{Name: w.Name, URL: *w.ClientConfig.URL, Conditions: len(w.MatchConditions), Policy: *w.FailurePolicy}
				for _, r := range w.ObjectSelector.MatchExpressions {
					e.Keys = append(e.Keys, r.Key)
				}
				got = append(got, e)
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("%s\n-want +got:\n%s", tc.reason, diff)
			}
		})
	}
}

// TestLabels: pods of all cases are as large.
func TestLabels(t *testing.T) {
	own := api.OptInLabel
	for _, label := range []string{nobody, nulled, marked, canned} {
		if len(label) != len(own) {
			t.Errorf("%s is not as long as %s", label, own)
		}
	}
}
