package webhook

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"

	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/certwatcher"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/manager"

	"github.com/spillway-io/spillway/certs"
	certkeeper "github.com/spillway-io/spillway/certs/keeper"
	"github.com/spillway-io/spillway/webhook/serve"
)

// Certificates say where the serving certificate comes from: either Dir or Secret.
type Certificates struct {
	// Dir holds tls.crt and tls.key, which are read again when they change.
	Dir string
	// Secret, in our own namespace, holds a CA and the serving certificate, which the
	// leader makes and renews by Policy. It must exist, and may be empty.
	Secret string
	Policy certs.Policy
	// BundleInto are the names of webhook configurations whose caBundle the leader
	// keeps, with a Secret only.
	BundleInto []string
	// Configurations are the names of those that lead here, for which what is served is
	// judged; by default those of BundleInto, or those that the process registers.
	Configurations []string
}

func (c Certificates) validate(ownNamespace string, register *Registration) error {
	var errs []error
	check := func(ok bool, text string) {
		if !ok {
			errs = append(errs, errors.New("certificates: "+text))
		}
	}
	check((c.Dir == "") != (c.Secret == ""), "give either a directory (--cert-dir) or a Secret (--cert-secret)")
	check(register == nil || (c.Secret == "") == (len(register.CABundle) > 0), "a registration needs a CA (--ca-file) with a directory (--cert-dir), and none with a Secret (--cert-secret)")
	if c.Secret == "" {
		check(len(c.BundleInto) == 0, "--ca-bundle-into is for certificates in a Secret (--cert-secret) only")
		check(len(c.Policy.Names) == 0, "--cert-dns-names is for certificates in a Secret (--cert-secret) only")
		return errors.Join(errs...)
	}
	check(ownNamespace != "", "the Secret (--cert-secret) has no namespace (--namespace)")
	if register != nil {
		for _, name := range register.names() {
			check(slices.Contains(c.BundleInto, name), "--ca-bundle-into lacks "+name+", which is registered (--register) without a CA")
		}
	}
	if err := c.Policy.Validate(); err != nil {
		errs = append(errs, fmt.Errorf("certificates: %w", err))
	}
	return errors.Join(errs...)
}

// names are those of the configurations that the process writes.
func (r Registration) names() []string { return []string{r.Name, policyConfigurationName(r)} }

// configurations are the names of those that lead here.
func (o Options) configurations() []string {
	switch {
	case len(o.Certificates.Configurations) > 0:
		return o.Certificates.Configurations
	case len(o.Certificates.BundleInto) > 0:
		return o.Certificates.BundleInto
	case o.Register != nil:
		return o.Register.names()
	}
	return nil
}

func (o Options) certSecret() types.NamespacedName {
	return types.NamespacedName{Namespace: o.Policy.OwnNamespace, Name: o.Certificates.Secret}
}

// cachedSecret is the one Secret that is watched, if there is one.
func cachedSecret(o Options) map[client.Object]cache.ByObject {
	if o.Certificates.Secret == "" {
		return nil
	}
	return certkeeper.CacheOptions(o.certSecret())
}

// addServer adds the server, and what keeps and judges its certificate.
func addServer(mgr manager.Manager, opts Options) (*serve.Server, error) {
	certificates, err := addCertificates(mgr, opts)
	if err != nil {
		return nil, err
	}
	judge, err := certkeeper.NewJudge(certificates, certkeeper.Configurations{Names: opts.configurations(), Live: mgr.GetAPIReader()}, opts.Metrics)
	if err != nil {
		return nil, err
	}
	server := serve.New(serve.Options{Address: opts.BindAddress, Port: opts.Port, Certificates: certificates, Witness: judge})
	if err := mgr.Add(server); err != nil {
		return nil, fmt.Errorf("cannot add the server: %w", err)
	}
	if err := mgr.Add(judge); err != nil {
		return nil, fmt.Errorf("cannot schedule the judgement of certificates: %w", err)
	}
	return server, nil
}

func addCertificates(mgr manager.Manager, opts Options) (serve.Certificates, error) {
	if dir := opts.Certificates.Dir; dir != "" {
		files, err := certwatcher.New(filepath.Join(dir, certs.ChainKey), filepath.Join(dir, certs.PrivateKeyKey))
		if err != nil {
			return nil, fmt.Errorf("cannot read the serving certificate: %w", err)
		}
		return files, nil
	}
	kept := certkeeper.New(opts.certSecret(), mgr.GetCache())
	err := mgr.Add(&certkeeper.Leader{
		Keeper: kept, Policy: opts.Certificates.Policy, Writer: mgr.GetClient(),
		Configurations: certkeeper.Configurations{Names: opts.Certificates.BundleInto, Live: mgr.GetAPIReader(), Writer: mgr.GetClient()},
	})
	if err != nil {
		return nil, fmt.Errorf("cannot schedule the renewal of certificates: %w", err)
	}
	return kept, nil
}
