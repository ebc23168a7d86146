package provider

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/leaderelection/resourcelock"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/cluster"
	"sigs.k8s.io/controller-runtime/pkg/healthz"
	logf "sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"

	"github.com/spillway-io/spillway/provider/anchor"
	"github.com/spillway-io/spillway/provider/claim"
	"github.com/spillway-io/spillway/provider/node"
	"github.com/spillway-io/spillway/provider/pods"
	"github.com/spillway-io/spillway/provider/relist"
	"github.com/spillway-io/spillway/provider/sharing"
	"github.com/spillway-io/spillway/provider/translate"
	"github.com/spillway-io/spillway/webhook/stash"
)

const (
	// upstreamPatience is how long the upstream cluster may take to answer for
	// the first time; afterwards the process ends, for its supervisor to notice.
	upstreamPatience    = time.Minute
	upstreamRetry       = time.Second
	leaseRequestTimeout = 5 * time.Second
)

// Run runs the virtual node until ctx ends, and returns nil then. It ends with
// an error when the upstream cluster cannot be reached at first, when the lease is
// lost, a *claim.RefusedError when another process writes downstream in this
// virtual node's name, or an *anchor.RefusedError when its pods are in another
// downstream cluster; one that does not answer is waited for.
func Run(ctx context.Context, opts Options) error {
	if err := opts.Validate(); err != nil {
		return fmt.Errorf("cannot run the virtual node: %w", err)
	}
	log := logf.FromContext(ctx).WithName("node").WithValues("virtualNode", opts.Name)
	ctx = logf.IntoContext(ctx, log)

	v, err := open(ctx, opts)
	if err != nil {
		return err
	}
	recovery := pods.NewRecovery(v.up.GetClient())
	for _, add := range []func() error{
		func() error { return v.addPods(ctx, recovery) },
		func() error { return v.addNode(ctx) },
		v.addKubelet,
		v.addEvents,
		v.addServices,
		func() error { return v.addChecks(ctx) },
	} {
		if err := add(); err != nil {
			return err
		}
	}
	log.Info("Starting", "upstreamID", v.rules.UpstreamID, "version", opts.Version)
	return v.start(ctx)
}

// virtualNode is what the parts of a virtual node share.
type virtualNode struct {
	opts  Options
	spec  node.Spec
	rules translate.Rules
	// upstream and downstream are the two clusters' API servers.
	upstream, downstream kubernetes.Interface
	// identity names this process among all that are alive.
	identity string
	// anchor knows which downstream cluster is the right one. stop ends all parts; it
	// is there when they run.
	anchor *anchor.Keeper
	stop   func()
	// informers fill the caches of the two clusters.
	informers struct{ upstream, downstream relist.Informers }
	// shared is what the pods in both caches have in common.
	shared sharing.Pods
	// gate lets nothing be written downstream before this process may.
	gate *claim.Gate
	// up runs all parts, with the upstream cluster's cache; below has the
	// downstream cluster's.
	up    manager.Manager
	below cluster.Cluster
	// makeNamespace has the downstream namespace for an upstream one exist; it is
	// there after addPods.
	makeNamespace func(ctx context.Context, upstream string) error
	// onRecovery is what to do when the downstream API server answers again; nothing
	// in it blocks.
	onRecovery []func()
}

// recovered has every part try again at once what failed while the downstream API
// server did not answer.
func (v *virtualNode) recovered() {
	for _, again := range v.onRecovery {
		again()
	}
}

// open connects to both clusters, of which only the upstream one must answer.
func open(ctx context.Context, opts Options) (*virtualNode, error) {
	v := &virtualNode{opts: opts, rules: opts.Rules, identity: identity(opts.HealthAddress), gate: claim.NewGate()}
	var err error
	if v.upstream, err = kubernetes.NewForConfig(inProtobuf(opts.Upstream)); err != nil {
		return nil, fmt.Errorf("cannot open the upstream cluster: %w", err)
	}
	if v.downstream, err = kubernetes.NewForConfig(inProtobuf(guarded(opts.Downstream, v.gate))); err != nil {
		return nil, fmt.Errorf("cannot open the downstream cluster: %w", err)
	}
	port, err := kubeletPort(opts.KubeletAddress)
	if err != nil {
		return nil, fmt.Errorf("cannot serve the kubelet API at %q: %w", opts.KubeletAddress, err)
	}
	v.spec = node.Spec{
		Name: opts.Name, Labels: opts.Labels, RoutingKeys: opts.RoutingKeys,
		InternalIP: opts.InternalIP, KubeletPort: port, Version: opts.Version,
	}
	v.rules.Node = stash.VirtualNode{Name: opts.Name, Labels: v.spec.AllLabels(), RoutingKeys: opts.RoutingKeys}
	if v.rules.UpstreamID, err = readUpstreamID(ctx, v.upstream); err != nil {
		return nil, err
	}
	if v.up, err = newManager(ctx, opts, v.identity, &v.informers.upstream, &v.shared); err != nil {
		return nil, err
	}
	v.anchor = anchor.NewKeeper(anchor.Sources{
		Upstream: v.upstream, Downstream: v.downstream, Node: opts.Name, Server: opts.Downstream.Host,
		Elected: v.up.Elected(), Refuse: func() { v.stop() },
	})
	v.below, err = newDownstream(opts.Downstream, v.up, v.rules.Identity, v.gate, &v.informers.downstream, &v.shared)
	return v, err
}

// addNode has the leader keep the Node true.
func (v *virtualNode) addNode(ctx context.Context) error {
	runner, err := node.NewRunner(ctx, v.spec, node.Sources{
		Upstream: v.upstream, Downstream: v.downstream, DownstreamCache: v.below.GetCache(),
		Identify: v.anchor.Identify, Writable: v.gate.Trouble,
		Ours:          func(pod *corev1.Pod) bool { return v.rules.Owns(pod) },
		Policy:        v.opts.Policy,
		ProbeInterval: v.opts.ProbeInterval,
		Recovered:     v.recovered,
	})
	if err != nil {
		return err
	}
	return errors.Join(runner.SetUp(v.up), v.addGauges(runner))
}

// readUpstreamID returns the UID of the namespace kube-system, which every
// cluster has and keeps.
func readUpstreamID(ctx context.Context, upstream kubernetes.Interface) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, upstreamPatience)
	defer cancel()
	var id string
	var last error
	err := wait.PollUntilContextCancel(ctx, upstreamRetry, true, func(ctx context.Context) (bool, error) {
		var namespace *corev1.Namespace
		if namespace, last = upstream.CoreV1().Namespaces().Get(ctx, metav1.NamespaceSystem, metav1.GetOptions{}); last != nil {
			logf.FromContext(ctx).Info("Upstream cluster does not answer yet", "cause", last.Error())
			return false, nil //nolint:nilerr // Tried again; the last cause is reported when time is up.
		}
		id = string(namespace.UID)
		return true, nil
	})
	if err != nil {
		return "", fmt.Errorf("cannot read the upstream cluster's id, the UID of namespace %s: %w", metav1.NamespaceSystem, errors.Join(last, err))
	}
	return id, nil
}

// newManager returns the manager of the upstream cluster.
func newManager(ctx context.Context, opts Options, identity string, informers *relist.Informers, shared *sharing.Pods) (manager.Manager, error) {
	scheme, err := newScheme()
	if err != nil {
		return nil, err
	}
	var lease resourcelock.Interface
	if opts.LeaderElect {
		if lease, err = newLease(opts.Upstream, opts, identity); err != nil {
			return nil, err
		}
	}
	patient, err := patientClient(opts.Upstream, logf.FromContext(ctx).WithName("upstream-cache"))
	if err != nil {
		return nil, err
	}
	mgr, err := manager.New(opts.Upstream, manager.Options{
		Scheme:                              scheme,
		Logger:                              logf.FromContext(ctx),
		BaseContext:                         func() context.Context { return context.WithoutCancel(ctx) },
		MapperProvider:                      newMapper,
		Cache:                               upstreamCache(opts.Name, patient, informers, shared),
		HealthProbeBindAddress:              opts.HealthAddress,
		Metrics:                             metricsserver.Options{BindAddress: opts.MetricsAddress},
		PprofBindAddress:                    opts.ProfileAddress,
		LeaderElection:                      opts.LeaderElect,
		LeaderElectionResourceLockInterface: lease,
		LeaderElectionReleaseOnCancel:       true,
	})
	if err != nil {
		return nil, fmt.Errorf("cannot open the upstream cluster: %w", err)
	}
	return mgr, nil
}

// onEveryReplica runs on the leader and on those that wait to become it.
type onEveryReplica func(context.Context) error

func (f onEveryReplica) Start(ctx context.Context) error { return f(ctx) }

func (onEveryReplica) NeedLeaderElection() bool { return false }

// addChecks makes the process ready when the caches of both clusters are filled,
// be it leader or waiting to become it.
func (v *virtualNode) addChecks(ctx context.Context) error {
	for name, watched := range map[string]struct {
		cache cache.Cache
		types []client.Object
	}{
		"upstream-cache":   {v.up.GetCache(), []client.Object{&corev1.Pod{}, &corev1.Node{}}},
		"downstream-cache": {v.below.GetCache(), []client.Object{&corev1.Pod{}, &corev1.Node{}}},
	} {
		var informers []cache.Informer
		for _, object := range watched.types {
			informer, err := watched.cache.GetInformer(ctx, object, cache.BlockUntilSynced(false))
			if err != nil {
				return fmt.Errorf("cannot watch %T: %w", object, err)
			}
			informers = append(informers, informer)
		}
		if err := v.up.AddReadyzCheck(name, filled(informers)); err != nil {
			return fmt.Errorf("cannot add the readiness check %q: %w", name, err)
		}
	}
	if err := v.up.AddHealthzCheck("alive", healthz.Ping); err != nil {
		return fmt.Errorf("cannot add the liveness check: %w", err)
	}
	return nil
}

func filled(informers []cache.Informer) healthz.Checker {
	return func(*http.Request) error {
		for _, informer := range informers {
			if !informer.HasSynced() {
				return errors.New("not filled yet")
			}
		}
		return nil
	}
}
