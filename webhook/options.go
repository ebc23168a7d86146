package webhook

import (
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/trace"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	"k8s.io/client-go/rest"

	"github.com/spillway-io/spillway/api"
	"github.com/spillway-io/spillway/webhook/mutate"
	"github.com/spillway-io/spillway/webhook/spread"
)

// Options configure Run. Fields without a default must be set.
type Options struct {
	// Upstream is how to reach the cluster whose pods are admitted.
	Upstream *rest.Config
	// Policy is the installation's choice for all pods.
	Policy mutate.Policy

	// BindAddress is the address to serve on; empty means every address.
	BindAddress string
	// Port is the port to serve on.
	Port int
	// Certificates say where the serving certificate comes from.
	Certificates Certificates
	// HealthAddress serves /healthz and /readyz over HTTP; "0" turns it off.
	HealthAddress string
	// MetricsAddress serves /metrics over HTTP; "0" turns it off.
	MetricsAddress string
	// ProfileAddress serves /debug/pprof over HTTP, to whoever asks: it must be a
	// loopback address. Empty turns it off.
	ProfileAddress string
	// Metrics is where the metrics are registered.
	Metrics prometheus.Registerer
	// Traces records the admissions of pods; nil: they are not recorded.
	Traces trace.TracerProvider
	// DrainDelay is how long requests are still taken after the process was
	// told to stop and is no longer ready: as long as it takes until nobody
	// sends any. Zero stops at once; requests under way are always finished.
	DrainDelay time.Duration

	// LeaderElection has one of several replicas elected to keep WorkloadSpreads'
	// status and to move pods; without it this process does. All replicas admit
	// pods in any case.
	LeaderElection bool
	// Backoff is how long a subset that cannot schedule pods is passed over
	// before one pod may try it again.
	Backoff spread.Backoff

	// Register, if set, has the process write its MutatingWebhookConfiguration
	// as soon as it is ready to serve.
	Register *Registration
}

// Registration says how API servers reach the webhook.
type Registration struct {
	// Name of the MutatingWebhookConfiguration. API servers call webhooks in
	// the order of these names.
	Name string
	// Pods are asked about a pod in this order until one answers. No process should
	// be behind two of them, or its end can leave a pod without an answer.
	Pods []Endpoint
	// Policies is asked about policy objects.
	Policies Endpoint
	// CABundle is the PEM of the CAs that may have signed the serving certificate. There
	// is none if the leader keeps the caBundle.
	CABundle []byte
	// FailurePolicy says what becomes of opted-in pods while no webhook answers:
	// Fail refuses them, Ignore lets them through unhandled.
	FailurePolicy admissionregistrationv1.FailurePolicyType
}

// Endpoint is where API servers reach the webhook: either a URL or a Service.
type Endpoint struct {
	// URL of the server, without a path.
	URL string
	// Service is the namespace and name of a Service that leads to the server.
	Service ServiceReference
}

// ServiceReference names a Service and its port.
type ServiceReference struct {
	Namespace, Name string
	Port            int32
}

// Validate names every option that cannot work.
func (o Options) Validate() error {
	var errs []error
	check := func(ok bool, format string, args ...any) {
		if !ok {
			errs = append(errs, fmt.Errorf(format, args...))
		}
	}
	check(o.Upstream != nil, "upstream cluster: no configuration")
	check(o.Port > 0 && o.Port < 1<<16, "port %d: not between 1 and 65535", o.Port)
	check(o.ProfileAddress == "" || isLoopback(o.ProfileAddress), "profile address %q: no host:port whose host is a loopback address, such as 127.0.0.1:6060", o.ProfileAddress)
	check(o.DrainDelay >= 0, "drain delay %s: negative", o.DrainDelay)
	check(slices.Contains(o.Policy.RoutingKeys, api.NodeTypeLabel), "routing keys: %q must be among them, since placement requires it", api.NodeTypeLabel)
	check(o.Backoff.Base > 0 && o.Backoff.Max >= o.Backoff.Base, "unschedulable backoff %s up to %s: not a positive time, or falling", o.Backoff.Base, o.Backoff.Max)
	check(!o.LeaderElection || o.Policy.OwnNamespace != "", "leader election: no namespace for its lease")
	errs = append(errs, o.Certificates.validate(o.Policy.OwnNamespace, o.Register))
	if o.Register != nil {
		errs = append(errs, o.Register.validate())
	}
	return errors.Join(errs...)
}

// isLoopback says that an address to listen at is reached by this machine only.
func isLoopback(address string) bool {
	at, err := netip.ParseAddrPort(address)
	return err == nil && at.Addr().IsLoopback()
}

func (r Registration) validate() error {
	var errs []error
	if r.Name == "" {
		errs = append(errs, errors.New("registration: no name given"))
	}
	if len(r.Pods) == 0 {
		errs = append(errs, errors.New("registration: no URL or service given"))
	}
	for _, endpoint := range append(slices.Clip(r.Pods), r.Policies) {
		errs = append(errs, endpoint.validate())
	}
	if r.FailurePolicy != admissionregistrationv1.Fail && r.FailurePolicy != admissionregistrationv1.Ignore {
		errs = append(errs, fmt.Errorf("registration: failure policy %q is neither Fail nor Ignore", r.FailurePolicy))
	}
	return errors.Join(errs...)
}

func (e Endpoint) validate() error {
	if (e.URL == "") == (e.Service.Name == "") {
		return errors.New("registration: give either a URL or a service")
	}
	if u, err := url.Parse(e.URL); e.URL != "" && (err != nil || u.Scheme != "https" || u.Host == "") {
		return fmt.Errorf("registration: URL %q is not of the form https://host:port", e.URL)
	}
	return nil
}
