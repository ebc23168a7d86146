package webhook_test

import (
	"strings"
	"testing"
	"time"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	"k8s.io/client-go/rest"

	"github.com/spillway-io/spillway/certs"
	"github.com/spillway-io/spillway/webhook"
	"github.com/spillway-io/spillway/webhook/mutate"
	"github.com/spillway-io/spillway/webhook/workloadspread"
)

// TestOptionsValidate: each mistake is named, all of them at once.
func TestOptionsValidate(t *testing.T) {
	cases := map[string]struct {
		change func(*webhook.Options)
		want   string
	}{
		"valid":                 {func(*webhook.Options) {}, ""},
		"no-cluster":            {func(o *webhook.Options) { o.Upstream = nil }, "upstream cluster"},
		"port":                  {func(o *webhook.Options) { o.Port = 70000 }, "port 70000"},
		"no-certificates":       {func(o *webhook.Options) { o.Certificates.Dir = "" }, "either a directory (--cert-dir) or a Secret (--cert-secret)"},
		"no-backoff":            {func(o *webhook.Options) { o.Backoff.Base = 0 }, "unschedulable backoff"},
		"lease-nowhere":         {func(o *webhook.Options) { o.LeaderElection = true }, "no namespace for its lease"},
		"negative-drain":        {func(o *webhook.Options) { o.DrainDelay = -1 }, "drain delay"},
		"type-is-not-routing":   {func(o *webhook.Options) { o.Policy.RoutingKeys = []string{"clusterID"} }, `"type" must be among them`},
		"neither-url-nor-svc":   {func(o *webhook.Options) { o.Register.Pods[0].URL = "" }, "either a URL or a service"},
		"both-url-and-service":  {func(o *webhook.Options) { o.Register.Pods[0].Service.Name = "webhook" }, "either a URL or a service"},
		"plain-http":            {func(o *webhook.Options) { o.Register.Policies.URL = "http://127.0.0.1:1" }, "https://host:port"},
		"no-ca":                 {func(o *webhook.Options) { o.Register.CABundle = nil }, "a registration needs a CA (--ca-file)"},
		"profiles":              {func(o *webhook.Options) { o.ProfileAddress = "127.0.0.1:6060" }, ""},
		"profiles-for-all":      {func(o *webhook.Options) { o.ProfileAddress = ":6060" }, `profile address ":6060"`},
		"no-name":               {func(o *webhook.Options) { o.Register.Name = "" }, "no name"},
		"failure-policy":        {func(o *webhook.Options) { o.Register.FailurePolicy = "fail" }, `failure policy "fail"`},
		"two-certificates":      {func(o *webhook.Options) { o.Certificates.Secret = "certs" }, "either a directory (--cert-dir) or a Secret (--cert-secret)"},
		"secret":                {inSecret, ""},
		"secret-nowhere":        {func(o *webhook.Options) { inSecret(o); o.Policy.OwnNamespace = "" }, "no namespace (--namespace)"},
		"secret-for-nobody":     {func(o *webhook.Options) { inSecret(o); o.Certificates.Policy.Names = nil }, "--cert-dns-names: none given"},
		"secret-short-life":     {func(o *webhook.Options) { inSecret(o); o.Certificates.Policy.Life = time.Second }, "--cert-lifetime 1s"},
		"secret-and-ca":         {func(o *webhook.Options) { inSecret(o); o.Register.CABundle = []byte("ca") }, "none with a Secret"},
		"secret-unpublished":    {func(o *webhook.Options) { inSecret(o); o.Certificates.BundleInto = []string{"spillway"} }, "--ca-bundle-into lacks spillway-policies"},
		"bundle-without-secret": {func(o *webhook.Options) { o.Certificates.BundleInto = []string{"spillway"} }, "--ca-bundle-into is for certificates in a Secret"},
		"names-without-secret":  {func(o *webhook.Options) { o.Certificates.Policy.Names = []string{"a"} }, "--cert-dns-names is for certificates in a Secret"},
		"two-mistakes":          {func(o *webhook.Options) { o.Port, o.Certificates.Dir = 0, "" }, "port 0: not between 1 and 65535\ncertificates: give either"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			options := webhook.Options{
				Upstream: &rest.Config{}, Port: 9443, Certificates: webhook.Certificates{Dir: "certs"},
				Policy:   mutate.Policy{RoutingKeys: policy().RoutingKeys},
				Backoff:  workloadspread.DefaultBackoff(),
				Register: &webhook.Registration{Name: "spillway", Pods: []webhook.Endpoint{{URL: "https://127.0.0.1:9443"}}, Policies: webhook.Endpoint{URL: "https://127.0.0.1:9443"}, CABundle: []byte("ca"), FailurePolicy: admissionregistrationv1.Fail},
			}
			tc.change(&options)
			err := options.Validate()
			switch {
			case tc.want == "" && err != nil:
				t.Errorf("error %v, want none", err)
			case tc.want != "" && (err == nil || !strings.Contains(err.Error(), tc.want)):
				t.Errorf("error %v, want %q in it", err, tc.want)
			}
		})
	}
}

// inSecret changes valid options to others.
func inSecret(o *webhook.Options) {
	o.Policy.OwnNamespace, o.Register.CABundle = "spillway-system", nil
	o.Certificates = webhook.Certificates{Secret: "certs", Policy: certs.DefaultPolicy(), BundleInto: []string{"spillway", "spillway-policies"}}
	o.Certificates.Policy.Names = []string{"webhook.spillway-system.svc"}
}
