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

	"github.com/spillway-io/spillway/provider/node"
	"github.com/spillway-io/spillway/provider/pods"
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
// an error when the upstream cluster cannot be reached at first or when the
// lease is lost; a downstream cluster that does not answer is waited for.
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
		func() error { return v.addNode(ctx, recovery) },
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
	return v.up.Start(ctx)
}

// virtualNode is what the parts of a virtual node share.
type virtualNode struct {
	opts  Options
	spec  node.Spec
	rules translate.Rules
	// upstream and downstream are the two clusters' API servers.
	upstream, downstream kubernetes.Interface
	// up runs all parts, with the upstream cluster's cache; below has the
	// downstream cluster's.
	up    manager.Manager
	below cluster.Cluster
	// makeNamespace has the downstream namespace for an upstream one exist; it is
	// there after addPods.
	makeNamespace func(ctx context.Context, upstream string) error
}

// open connects to both clusters, of which only the upstream one must answer.
func open(ctx context.Context, opts Options) (*virtualNode, error) {
	v := &virtualNode{opts: opts, rules: opts.Rules}
	var err error
	if v.upstream, err = kubernetes.NewForConfig(opts.Upstream); err != nil {
		return nil, fmt.Errorf("cannot open the upstream cluster: %w", err)
	}
	if v.downstream, err = kubernetes.NewForConfig(opts.Downstream); err != nil {
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
	v.up, v.below, err = newManager(ctx, opts, v.rules.Identity)
	return v, err
}

// addNode has the leader keep the Node true.
func (v *virtualNode) addNode(ctx context.Context, recovery *pods.Recovery) error {
	runner, err := node.NewRunner(ctx, v.spec, node.Sources{
		Upstream: v.upstream, Downstream: v.downstream, DownstreamCache: v.below.GetCache(),
		Ours:      func(pod *corev1.Pod) bool { return v.rules.Owns(pod) },
		Policy:    v.opts.Policy,
		Recovered: recovery.Signal,
	})
	if err != nil {
		return err
	}
	return runner.SetUp(v.up)
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

// newManager returns the manager of the upstream cluster and the downstream
// cluster, which every replica of the process keeps in its cache. The manager
// does not wait for the downstream cache: the Node has to say that the cluster
// is down, not to vanish.
func newManager(ctx context.Context, opts Options, id translate.Identity) (manager.Manager, cluster.Cluster, error) {
	scheme, err := newScheme()
	if err != nil {
		return nil, nil, err
	}
	var lease resourcelock.Interface
	if opts.LeaderElect {
		if lease, err = newLease(opts.Upstream, opts); err != nil {
			return nil, nil, err
		}
	}
	mgr, err := manager.New(opts.Upstream, manager.Options{
		Scheme:                              scheme,
		Logger:                              logf.FromContext(ctx),
		BaseContext:                         func() context.Context { return context.WithoutCancel(ctx) },
		MapperProvider:                      newMapper,
		Cache:                               upstreamCache(opts.Name),
		HealthProbeBindAddress:              opts.HealthAddress,
		Metrics:                             metricsserver.Options{BindAddress: opts.MetricsAddress},
		LeaderElection:                      opts.LeaderElect,
		LeaderElectionResourceLockInterface: lease,
		LeaderElectionReleaseOnCancel:       true,
	})
	if err != nil {
		return nil, nil, fmt.Errorf("cannot open the upstream cluster: %w", err)
	}
	downstream, err := newDownstream(opts.Downstream, scheme, id)
	if err != nil {
		return nil, nil, err
	}
	if err := mgr.Add(onEveryReplica(downstream.Start)); err != nil {
		return nil, nil, fmt.Errorf("cannot schedule the downstream cluster: %w", err)
	}
	return mgr, downstream, nil
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
