package main

import (
	"github.com/spf13/pflag"

	"github.com/spillway-io/spillway/certs"
)

// certificates are the flags about the serving certificate.
func (f *webhookFlags) certificates(flags *pflag.FlagSet) {
	c, defaults := &f.options.Certificates, certs.DefaultPolicy()
	flags.StringVar(&c.Dir, "cert-dir", "", "directory with tls.crt and tls.key, which are read again when they change; this or --cert-secret")
	flags.StringVar(&c.Secret, "cert-secret", "", "Secret in --namespace that keeps the CA and the serving certificate; it must exist, and may be empty")
	flags.StringSliceVar(&c.Policy.Names, "cert-dns-names", nil, "with --cert-secret: the DNS names and addresses by which API servers reach the webhook, as SERVICE.NAMESPACE.svc")
	flags.DurationVar(&c.Policy.Life, "cert-lifetime", defaults.Life, "with --cert-secret: how long a serving certificate lasts; it is renewed when a third is left")
	flags.DurationVar(&c.Policy.AuthorityLife, "ca-lifetime", defaults.AuthorityLife, "with --cert-secret: how long a CA lasts; its successor is made when a third is left")
	flags.DurationVar(&c.Policy.Overlap, "cert-overlap", defaults.Overlap, "with --cert-secret: how long every configuration has held a new CA before that signs; longer than any API server lags behind")
	flags.StringSliceVar(&c.BundleInto, "ca-bundle-into", nil, "with --cert-secret: names of the Mutating- and ValidatingWebhookConfigurations whose caBundle is kept, of entries that end in .spillway.io")
	flags.StringSliceVar(&c.Configurations, "configurations", nil, "names of those that lead here, for which the serving certificate is judged; default: --ca-bundle-into, or those of --register")
}
