package references

import (
	"context"
	"fmt"
	"math"
	"net/http"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/events"
	"k8s.io/client-go/util/workqueue"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/cluster"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	"sigs.k8s.io/controller-runtime/pkg/source"

	"github.com/spillway-io/spillway/provider/retry"
	"github.com/spillway-io/spillway/provider/translate"
)

const (
	// firstRetry and lastRetry bound the pause between tries of one copy.
	firstRetry = 5 * time.Millisecond
	lastRetry  = 30 * time.Second
	// reconcileTimeout bounds all requests of one reconciliation together.
	reconcileTimeout = 30 * time.Second
	// workers is how many copies are worked on at a time, beside those that pods
	// wait for.
	workers = 10
)

// Mode is what to do about copies that no pod uses.
type Mode string

// The modes.
const (
	// Collect deletes them.
	Collect Mode = "collect"
	// Preview logs them, and counts them in a metric.
	Preview Mode = "preview"
	// Off does nothing about them.
	Off Mode = "off"
)

// Valid says whether it is one of the modes, or empty.
func (m Mode) Valid() bool { return m == "" || m == Collect || m == Preview || m == Off }

// Options configure SetUp. All fields but Mode must be set.
type Options struct {
	// Rules are those that the pods are translated by.
	Rules translate.Rules
	// Mode says what becomes of copies that no pod uses; empty is Collect.
	Mode Mode
	// Events tells the owners of pods.
	Events events.EventRecorder
	// Metrics is where the metrics are registered.
	Metrics prometheus.Registerer
	// Clock is the time by which tokens are replaced.
	Clock clock.WithTicker
}

// Controller keeps the copies and tokens of one virtual node. It is a pods.Preparer,
// whose Woken has to be among the wake-ups of the pods' controller.
type Controller struct {
	rules     translate.Rules
	keeper    *keeper
	users     users
	watches   *watches
	book      *book
	collector *collector
	upstream  client.Reader
	tokens    kubernetes.Interface
	retries   *retry.Limiter[Key]
	events    events.EventRecorder
	metrics   *metrics

	// mu guards the queues, which are nil until their controllers start.
	mu     sync.Mutex
	copies workqueue.TypedInterface[Key]
	pods   workqueue.TypedInterface[reconcile.Request]
}

// SetUp returns the controller and has the manager run it, as leader, as soon as all
// caches are filled. The manager's cache must hold only the pods of the virtual node;
// the downstream cache must hold our pods whole, and ConfigMaps and Secrets, of which
// it is asked for the metadata, as far as they carry our labels.
func SetUp(ctx context.Context, mgr manager.Manager, downstream cluster.Cluster, opts Options) (*Controller, error) {
	c, err := build(ctx, mgr, downstream, opts)
	if err != nil {
		return nil, err
	}
	if err := c.users.index(ctx, mgr.GetFieldIndexer(), downstream.GetFieldIndexer()); err != nil {
		return nil, err
	}
	runnables := []manager.Runnable{c.watches}
	if opts.Mode != Off {
		runnables = append(runnables, c.collector)
	}
	for _, runnable := range runnables {
		if err := mgr.Add(runnable); err != nil {
			return nil, fmt.Errorf("cannot schedule the %T: %w", runnable, err)
		}
	}
	copies := builder.TypedControllerManagedBy[Key](mgr).
		Named("references").
		WatchesRawSource(source.TypedKind(mgr.GetCache(), &corev1.Pod{}, c.upstreamPods())).
		WatchesRawSource(source.TypedKind(downstream.GetCache(), &corev1.Pod{}, c.downstreamPods())).
		WatchesRawSource(source.TypedFunc[Key](c.changedCopies)).
		WatchesRawSource(c.retries.Source()).
		WithOptions(controller.TypedOptions[Key]{
			MaxConcurrentReconciles: workers,
			RateLimiter:             c.retries,
			ReconciliationTimeout:   reconcileTimeout,
			// A downstream cluster that is down when we start is waited for.
			CacheSyncTimeout: math.MaxInt64,
		})
	for _, kind := range kinds() {
		// Who reads a cache that nobody fills gets an error.
		if _, err := downstream.GetCache().GetInformer(ctx, metadataOf(kind), cache.BlockUntilSynced(false)); err != nil {
			return nil, fmt.Errorf("cannot watch the copies: %w", err)
		}
		copies = copies.WatchesRawSource(source.TypedKind(downstream.GetCache(), metadataOf(kind), sameCopy(kind)))
	}
	if err := copies.Complete(reconcile.TypedFunc[Key](c.reconcile)); err != nil {
		return nil, fmt.Errorf("cannot set up the references controller: %w", err)
	}
	return c, nil
}

// Recovered has the copies that failed tried again at once.
func (c *Controller) Recovered() { c.retries.Recovered() }

func build(ctx context.Context, mgr manager.Manager, downstream cluster.Cluster, opts Options) (*Controller, error) {
	upstream, err := kubernetes.NewForConfig(watching(mgr.GetConfig()))
	if err != nil {
		return nil, fmt.Errorf("cannot open the upstream cluster: %w", err)
	}
	notes := newBook()
	metrics, err := newMetrics(opts.Metrics, notes.conflicts, func(kind translate.Kind) int {
		// It may not be filled, or not be running yet; then none are known.
		copies, err := list(ctx, downstream.GetClient(), kind)
		if err != nil {
			return 0
		}
		return len(copies.Items)
	})
	if err != nil {
		return nil, fmt.Errorf("cannot register the metrics: %w", err)
	}
	c := &Controller{
		rules: opts.Rules, book: notes, upstream: mgr.GetAPIReader(), tokens: upstream, metrics: metrics,
		events: opts.Events, retries: retry.NewLimiter[Key](firstRetry, lastRetry),
		users: users{rules: opts.Rules, tallies: newTallies(opts.Rules), upstream: mgr.GetClient(), downstream: downstream.GetClient()},
	}
	c.watches = newWatches(upstream, c.changed)
	c.keeper = &keeper{
		identity: opts.Rules.Identity, downstream: downstream.GetClient(), live: downstream.GetAPIReader(),
		book: notes, locks: newLocks(), clock: opts.Clock,
	}
	c.collector = &collector{
		rules: opts.Rules, mode: opts.Mode, caches: []cache.Cache{mgr.GetCache(), downstream.GetCache()}, keeper: c.keeper,
		upstream: mgr.GetClient(), upstreamLive: mgr.GetAPIReader(), downstream: downstream.GetClient(), downstreamLive: downstream.GetAPIReader(),
		clock: opts.Clock, metrics: metrics, kicked: make(chan struct{}, 1),
	}
	return c, nil
}

// watching makes a watch of one object cheap, as there may be thousands: each has a
// decoder, and one that decompresses needs 40 kB for itself.
func watching(config *rest.Config) *rest.Config {
	config = rest.CopyConfig(config)
	// DisableCompression has no effect on a configuration that has its own Transport.
	config.Wrap(func(next http.RoundTripper) http.RoundTripper { return uncompressed{next} })
	config.ContentType = runtime.ContentTypeProtobuf
	config.AcceptContentTypes = runtime.ContentTypeProtobuf + "," + runtime.ContentTypeJSON
	return config
}

// uncompressed asks for answers as they are.
type uncompressed struct{ next http.RoundTripper }

func (u uncompressed) RoundTrip(request *http.Request) (*http.Response, error) {
	request = request.Clone(request.Context())
	request.Header.Set("Accept-Encoding", "identity")
	return u.next.RoundTrip(request)
}
