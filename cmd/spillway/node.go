package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"runtime/debug"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"go.opentelemetry.io/otel/trace"
	ctrllog "sigs.k8s.io/controller-runtime/pkg/log"
	ctrlmetrics "sigs.k8s.io/controller-runtime/pkg/metrics"

	"github.com/spillway-io/spillway/api"
	"github.com/spillway-io/spillway/provider"
	"github.com/spillway-io/spillway/provider/node"
	"github.com/spillway-io/spillway/provider/translate"
	"github.com/spillway-io/spillway/webhook/stash"
)

type nodeFlags struct {
	kubeconfig           string
	downstreamKubeconfig string
	verbosity            int
	routingKeys          []string
	apiAccess            []string
	apiServer            string
	tolerated            []string
	reserve, limit       map[string]string
	options              provider.Options
	traces               traceFlags
}

func newNodeCommand() *cobra.Command {
	var f nodeFlags
	cmd := &cobra.Command{
		Use:   "node",
		Short: "Run the virtual node of one downstream cluster",
		Long: `Run the virtual node of one downstream cluster: it registers a Node in the
upstream cluster and runs the pods that are bound to it downstream, with the
scheduling constraints their authors wrote.

Nothing is installed downstream; a kubeconfig for it is enough. When the process
ends, the Node and the pods stay as they are, and the next process takes over.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			log := setUpLogging(f.verbosity)
			collectOften()
			clusters, err := newClusters(ctrlmetrics.Registry)
			if err != nil {
				return err
			}
			opts, err := f.complete(clusters)
			if err != nil {
				return err
			}
			return clusters.keepCurrent(ctrllog.IntoContext(cmd.Context(), log), func(ctx context.Context) error {
				return f.traces.run(ctx, "spillway-node", func(traces trace.TracerProvider) error {
					opts.Traces = traces
					return provider.Run(ctx, opts)
				})
			})
		},
	}
	f.register(cmd.Flags())
	return cmd
}

// collectOften has garbage collected when a virtual node's heap has grown by three
// quarters, and not when it has doubled: most of the heap are the pods in its caches,
// which stay, and so as much again would be held as room for garbage. When it has grown
// by half, more than a quarter of what a deletion costs in CPU time is collecting. GOGC
// in the environment decides otherwise.
func collectOften() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(75)
	}
}

// nodeOptions reads the arguments of `spillway node` for those who want to know how a
// virtual node is run; flags of other versions are passed over.
func nodeOptions(args []string) (provider.Options, error) {
	var f nodeFlags
	flags := pflag.NewFlagSet("node", pflag.ContinueOnError)
	flags.ParseErrorsAllowlist.UnknownFlags = true
	f.register(flags)
	if err := flags.Parse(args); err != nil {
		return f.options, fmt.Errorf("cannot understand the arguments of `spillway node`: %w", err)
	}
	f.access()
	return f.options, nil
}

func (f *nodeFlags) register(flags *pflag.FlagSet) {
	flags.StringVar(&f.options.Name, "name", "", "name of the virtual node, at most 63 characters (required)")
	flags.StringVar(&f.kubeconfig, "kubeconfig", "", "kubeconfig of the upstream cluster, read again when it changes; empty: the cluster this runs in")
	flags.StringVar(&f.downstreamKubeconfig, "downstream-kubeconfig", "", "kubeconfig of the downstream cluster, read again when it changes (required)")
	flags.IntVarP(&f.verbosity, "verbosity", "v", 0, "log more: 1 tells of every action on a pod")
	flags.StringToStringVar(&f.options.Labels, "node-labels", nil, "further labels of the node, as k=v,...")
	flags.StringSliceVar(&f.routingKeys, "routing-keys", stash.DefaultRoutingKeys(), "node labels whose requirements stay upstream; as given to the webhook")
	flags.StringVar(&f.options.InternalIP, "internal-ip", "127.0.0.1", "address of the node, and host address of its pods")
	flags.StringVar(&f.options.KubeletAddress, "kubelet-address", ":10250", `host:port for the kubelet API, which logs, exec, attach and port-forward need; "0": off`)
	flags.StringVar((*string)(&f.options.KubeletCertificate), "kubelet-certificate", "",
		"where the certificate of the kubelet API comes from: files; csr: the upstream cluster signs it, once somebody has approved the CertificateSigningRequest; self-signed: one is made at start that nobody has signed; empty: files if --tls-cert-file is given, else self-signed")
	flags.StringVar(&f.options.KubeletCertificateDir, "kubelet-certificate-dir", "", "directory that keeps certificate and key of --kubelet-certificate=csr over restarts; empty: memory only, and each restart makes a new request")
	flags.StringVar(&f.options.TLSCertFile, "tls-cert-file", "", "certificate of the kubelet API, read again when it changes")
	flags.StringVar(&f.options.TLSKeyFile, "tls-private-key-file", "", "key of that certificate")
	flags.StringVar(&f.options.ClientCAFile, "client-ca-file", "", "CA of those who may reach the kubelet API by client certificate, read again when it changes; empty: tokens only")
	flags.DurationVar(&f.options.ProbeInterval, "probe-interval", node.DefaultProbeInterval, "how often the downstream API server is asked whether it is ready; the third failure in a row makes the node NotReady")
	flags.IntVar(&f.options.Workers, "pod-workers", 20, "how many pods are worked on at a time")
	flags.BoolVar(&f.options.LeaderElect, "leader-elect", true, "have all replicas but one wait")
	flags.StringVar(&f.options.LeaderElectNamespace, "leader-elect-namespace", "spillway-system", "upstream namespace of the lease of the leader")
	flags.StringVar(&f.options.ClaimNamespace, "claim-namespace", "spillway-system", "downstream namespace of the lease by which one process at a time writes there for this node; created if missing")
	flags.StringVar(&f.options.HealthAddress, "health-address", ":8081", `host:port for /healthz and /readyz; "0": off`)
	flags.StringVar(&f.options.MetricsAddress, "metrics-address", ":8080", `host:port for /metrics; "0": off`)
	flags.StringVar(&f.options.ProfileAddress, "profile-address", "", "loopback host:port for Go's profiles, /debug/pprof, such as 127.0.0.1:6060; empty: off")
	f.traces.register(flags)
	flags.BoolVar(&f.options.MirrorEvents, "mirror-events", true, "show events about downstream pods, such as the downstream scheduler's and kubelet's, at the upstream pods")
	flags.BoolVar(&f.options.ReflectServices, "reflect-services", false,
		"have the Services of namespaces that opted in exist downstream too; the annotation "+api.ReflectServicesAnnotation+" decides for single namespaces")
	f.translation(flags)
	f.capacity(flags)
}

// access completes what pods may have of Kubernetes' APIs.
func (f *nodeFlags) access() {
	f.options.Rules.Access.Modes = accessModes(f.apiAccess)
}

func accessModes(names []string) []translate.AccessMode {
	var modes []translate.AccessMode
	for _, name := range names {
		modes = append(modes, translate.AccessMode(name))
	}
	return modes
}

func (f nodeFlags) complete(clusters *clusters) (provider.Options, error) {
	f.access()
	opts := f.options
	opts.RoutingKeys = f.routingKeys
	opts.Version = buildVersion()
	opts.Metrics = ctrlmetrics.Registry
	var err error
	if f.apiServer != "" {
		if opts.Rules.Access.Host, opts.Rules.Access.Port, err = net.SplitHostPort(f.apiServer); err != nil {
			return opts, fmt.Errorf("--pod-api-server: %w", err)
		}
	}
	if err := f.completePolicy(&opts.Policy); err != nil {
		return opts, err
	}
	if opts.Upstream, err = clusters.open("upstream", f.kubeconfig); err != nil {
		return opts, fmt.Errorf("--kubeconfig: %w", err)
	}
	if f.downstreamKubeconfig == "" {
		return opts, errors.New("--downstream-kubeconfig: none given")
	}
	if opts.Downstream, err = clusters.open("downstream", f.downstreamKubeconfig); err != nil {
		return opts, fmt.Errorf("--downstream-kubeconfig: %w", err)
	}
	return opts, nil
}
