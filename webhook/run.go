package webhook

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"time"

	"github.com/openkruise/kruise-api/apps/v1alpha1"
	"k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/healthz"
	logf "sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"
	ctrlwebhook "sigs.k8s.io/controller-runtime/pkg/webhook"

	"github.com/spillway-io/spillway/webhook/catalog"
	"github.com/spillway-io/spillway/webhook/workload"
)

// leaseName is the Lease by which one replica is elected.
const leaseName = "spillway-webhook"

// Run serves the webhook until ctx ends, then drains: it stops being ready,
// keeps answering for DrainDelay, finishes what is under way, and returns.
func Run(ctx context.Context, opts Options) error {
	if err := opts.Validate(); err != nil {
		return fmt.Errorf("cannot run the webhook: %w", err)
	}
	metrics, err := NewMetrics(opts.Metrics)
	if err != nil {
		return fmt.Errorf("cannot register the webhook's metrics: %w", err)
	}
	mgr, err := newManager(opts)
	if err != nil {
		return fmt.Errorf("cannot set up the webhook: %w", err)
	}
	server, err := addServer(mgr, opts)
	if err != nil {
		return err
	}
	served, err := servesKruise(mgr, opts)
	if err != nil {
		return err
	}
	spreads, spreadsServed, err := addSpreads(mgr, opts, served)
	if err != nil {
		return err
	}
	others := &others{live: mgr.GetAPIReader(), every: othersInterval}
	sidecars, sidecarsServed, err := addSidecars(mgr, metrics, others, opts, served)
	if err != nil {
		return err
	}
	recorder, err := addRecorder(ctx, mgr)
	if err != nil {
		return err
	}
	handler := &Handler{
		Policy:     opts.Policy,
		Namespaces: namespaces{cache: mgr.GetCache(), live: newSharedGets(mgr.GetAPIReader())},
		Spreads:    spreads,
		Sidecars:   sidecars,
		Events:     recorder,
		Metrics:    metrics,
	}
	var withContext func(context.Context, *http.Request) context.Context
	if opts.Traces != nil {
		handler.Tracer = opts.Traces.Tracer(tracerName)
		withContext = withCallersTrace
	}
	server.Register(Path, NewPodServer(handler, withContext))
	server.Register(FirstPath, NewPodServer(first{handler}, withContext))
	addPolicies(mgr, server, others, opts)
	if err := addChecks(ctx, mgr, server, spreadsServed, sidecarsServed); err != nil {
		return err
	}
	if opts.Register != nil {
		if err := addRegistration(mgr, server, opts); err != nil {
			return err
		}
	}

	serving, stop := drain(ctx, opts.DrainDelay)
	defer stop()
	return mgr.Start(serving)
}

func newManager(opts Options) (manager.Manager, error) {
	scheme := runtime.NewScheme()
	if err := clientgoscheme.AddToScheme(scheme); err != nil {
		return nil, err
	}
	if err := v1alpha1.AddToScheme(scheme); err != nil {
		return nil, err
	}
	return manager.New(opts.Upstream, manager.Options{
		Scheme:                 scheme,
		HealthProbeBindAddress: opts.HealthAddress,
		Metrics:                metricsserver.Options{BindAddress: opts.MetricsAddress},
		PprofBindAddress:       opts.ProfileAddress,
		Cache:                  cache.Options{DefaultTransform: cache.TransformStripManagedFields(), ByObject: cachedObjects(opts)},

		LeaderElection:                opts.LeaderElection,
		LeaderElectionID:              leaseName,
		LeaderElectionNamespace:       opts.Policy.OwnNamespace,
		LeaderElectionReleaseOnCancel: true,
		// The process ends when it loses the lease. That happens only when it has
		// not reached the API server for this long, and then nobody asks it to
		// admit pods either.
		LeaseDuration: new(30 * time.Second),
		RenewDeadline: new(20 * time.Second),
	})
}

// cachedObjects say how little is kept of what is watched.
func cachedObjects(opts Options) map[client.Object]cache.ByObject {
	objects := workload.CacheOptions()
	maps.Copy(objects, cachedNamespaces())
	maps.Copy(objects, cachedSecret(opts))
	maps.Copy(objects, catalog.CacheOptions(opts.Policy.OwnNamespace))
	return objects
}

// addChecks makes the process ready from the moment on which it can answer
// rightly, with caches filled and the server listening, to the moment on which
// it is told to stop.
func addChecks(ctx context.Context, mgr manager.Manager, server ctrlwebhook.Server, kinds ...*whenServed) error {
	if _, err := mgr.GetCache().GetInformer(ctx, namespaceMetadata(), cache.BlockUntilSynced(false)); err != nil {
		return fmt.Errorf("cannot watch namespaces: %w", err)
	}
	cachesSynced := func(r *http.Request) error {
		ctx, cancel := context.WithTimeout(r.Context(), 100*time.Millisecond)
		defer cancel()
		if !mgr.GetCache().WaitForCacheSync(ctx) {
			return errors.New("caches are not filled yet")
		}
		return nil
	}
	notDraining := func(*http.Request) error {
		if ctx.Err() != nil {
			return errors.New("stopping")
		}
		return nil
	}
	checks := map[string]healthz.Checker{"caches": cachesSynced, "server": server.StartedChecker(), "draining": notDraining}
	for _, kind := range kinds {
		checks[kind.resource] = kind.check
	}
	for name, check := range checks {
		if err := mgr.AddReadyzCheck(name, check); err != nil {
			return fmt.Errorf("cannot add the readiness check %q: %w", name, err)
		}
	}
	if err := mgr.AddHealthzCheck("alive", healthz.Ping); err != nil {
		return fmt.Errorf("cannot add the liveness check: %w", err)
	}
	return nil
}

// addRegistration has API servers told of the webhook once it can answer them:
// before that, their requests for opted-in pods would be refused.
func addRegistration(mgr manager.Manager, server ctrlwebhook.Server, opts Options) error {
	err := mgr.Add(onEveryReplica(func(ctx context.Context) error {
		register(logf.IntoContext(ctx, mgr.GetLogger()), mgr.GetClient(), server.StartedChecker(), *opts.Register, opts.Policy.OwnNamespace)
		return nil
	}))
	if err != nil {
		return fmt.Errorf("cannot schedule the registration: %w", err)
	}
	return nil
}

// onEveryReplica is a runnable that does not wait to be elected.
type onEveryReplica func(context.Context) error

// Start runs it.
func (f onEveryReplica) Start(ctx context.Context) error { return f(ctx) }

// NeedLeaderElection says that it does not.
func (onEveryReplica) NeedLeaderElection() bool { return false }

// drain returns a context that outlives ctx by delay, so that requests sent
// while the news of its end spreads are still answered. The caller must call
// stop when it is done.
func drain(ctx context.Context, delay time.Duration) (serving context.Context, stop context.CancelFunc) {
	serving, stop = context.WithCancel(context.WithoutCancel(ctx))
	context.AfterFunc(ctx, func() {
		timer := time.NewTimer(delay)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-serving.Done():
		}
		stop()
	})
	return serving, stop
}
