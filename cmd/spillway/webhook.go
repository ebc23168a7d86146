package main

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"
	"go.opentelemetry.io/otel/trace"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	ctrllog "sigs.k8s.io/controller-runtime/pkg/log"
	ctrlmetrics "sigs.k8s.io/controller-runtime/pkg/metrics"

	"github.com/spillway-io/spillway/webhook"
	"github.com/spillway-io/spillway/webhook/mutate"
	"github.com/spillway-io/spillway/webhook/stash"
	"github.com/spillway-io/spillway/webhook/workloadspread"
)

type webhookFlags struct {
	kubeconfig  string
	verbosity   int
	routingKeys []string
	options     webhook.Options

	register      bool
	registration  webhook.Registration
	registerURLs  []string
	caFile        string
	failurePolicy string

	traces traceFlags
}

func newWebhookCommand() *cobra.Command {
	var f webhookFlags
	cmd := &cobra.Command{
		Use:   "webhook",
		Short: "Serve the mutating admission webhook for pods",
		Long: `Serve the mutating admission webhook for pods that opted in: it saves their
scheduling constraints in an annotation and sends them to the virtual nodes.

It serves over TLS, and is ready as soon as it has a certificate and its caches
are filled. The certificate is in tls.crt and tls.key of --cert-dir, or in a
Secret (--cert-secret): then the elected replica makes and renews it and its CA,
and keeps the caBundle of webhook configurations (--ca-bundle-into). With
--register it writes its own webhook configurations.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			log := setUpLogging(f.verbosity)
			webhook.PaceGarbage()
			clusters, err := newClusters(ctrlmetrics.Registry)
			if err != nil {
				return err
			}
			opts, err := f.complete(clusters)
			if err != nil {
				return err
			}
			return clusters.keepCurrent(ctrllog.IntoContext(cmd.Context(), log), func(ctx context.Context) error {
				return f.traces.run(ctx, "spillway-webhook", func(traces trace.TracerProvider) error {
					opts.Traces = traces
					return webhook.Run(ctx, opts)
				})
			})
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&f.kubeconfig, "kubeconfig", "", "kubeconfig of the upstream cluster, read again when it changes; empty: the cluster this runs in")
	flags.IntVarP(&f.verbosity, "verbosity", "v", 0, "log more: 1 tells of every admission")
	flags.StringVar(&f.options.BindAddress, "bind-address", "", "address to serve on; empty: every address")
	flags.IntVar(&f.options.Port, "port", 9443, "port to serve on")
	f.certificates(flags)
	flags.StringVar(&f.options.HealthAddress, "health-address", ":8081", `host:port for /healthz and /readyz; "0": off`)
	flags.StringVar(&f.options.MetricsAddress, "metrics-address", ":8080", `host:port for /metrics; "0": off`)
	flags.StringVar(&f.options.ProfileAddress, "profile-address", "", "loopback host:port for Go's profiles, /debug/pprof, such as 127.0.0.1:6060; empty: off")
	f.traces.register(flags)
	flags.DurationVar(&f.options.DrainDelay, "drain-delay", 5*time.Second, "how long to keep answering after being told to stop")
	flags.StringSliceVar(&f.routingKeys, "routing-keys", stash.DefaultRoutingKeys(), "node labels whose requirements stay upstream")
	flags.StringVar(&f.options.Policy.OwnNamespace, "namespace", "spillway-system", "namespace Spillway runs in; its pods are never handled")
	flags.BoolVar(&f.options.LeaderElection, "leader-elect", true, "elect one of several replicas to keep the status of WorkloadSpreads and to move pods; its lease is in --namespace")
	flags.DurationVar(&f.options.Backoff.Base, "unschedulable-backoff", workloadspread.DefaultBackoff().Base, "how long a subset that cannot schedule pods is passed over before one pod tries it again; twice as long after each failure")
	flags.BoolVar(&f.register, "register", false, "write the MutatingWebhookConfiguration when ready")
	flags.StringVar(&f.registration.Name, "register-name", "spillway", "name of the MutatingWebhookConfiguration")
	flags.StringSliceVar(&f.registerURLs, "register-url", nil, "https://host:port under which the upstream API servers reach this process; several, with other replicas behind each: asked in this order until one answers")
	flags.StringVar(&f.caFile, "ca-file", "", "PEM file of the CAs of the serving certificate")
	flags.StringVar(&f.failurePolicy, "failure-policy", string(admissionregistrationv1.Fail), "what becomes of opted-in pods while no webhook answers: Fail or Ignore")
	return cmd
}

func (f webhookFlags) complete(clusters *clusters) (webhook.Options, error) {
	opts := f.options
	upstream, err := clusters.open("upstream", f.kubeconfig)
	if err != nil {
		return opts, fmt.Errorf("--kubeconfig: %w", err)
	}
	opts.Upstream = upstream
	opts.Backoff.Max = max(opts.Backoff.Base, workloadspread.DefaultBackoff().Max)
	opts.Metrics = ctrlmetrics.Registry
	opts.Policy = mutate.Policy{RoutingKeys: f.routingKeys, OwnNamespace: opts.Policy.OwnNamespace}
	if !f.register {
		return opts, nil
	}
	registration := f.registration
	registration.FailurePolicy = admissionregistrationv1.FailurePolicyType(f.failurePolicy)
	for _, url := range f.registerURLs {
		registration.Pods = append(registration.Pods, webhook.Endpoint{URL: url})
	}
	if len(f.registerURLs) > 0 {
		registration.Policies = registration.Pods[len(registration.Pods)-1]
	}
	if opts.Certificates.Secret == "" || f.caFile != "" {
		if registration.CABundle, err = os.ReadFile(f.caFile); err != nil {
			return opts, fmt.Errorf("--ca-file: %w", err)
		}
	}
	opts.Register = &registration
	return opts, nil
}
