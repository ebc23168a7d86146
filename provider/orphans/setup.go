package orphans

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	toolscache "k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/events"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/cluster"
	"sigs.k8s.io/controller-runtime/pkg/manager"

	"github.com/spillway-io/spillway/provider/translate"
)

// Mode is what to do about orphans.
type Mode string

// The modes.
const (
	// Delete deletes them.
	Delete Mode = "delete"
	// Preview logs them, counts them in a metric and tells of them on the Node.
	Preview Mode = "preview"
	// Off does nothing about them.
	Off Mode = "off"
)

// Valid says whether it is one of the modes, or empty.
func (m Mode) Valid() bool { return m == "" || m == Delete || m == Preview || m == Off }

// Options configure SetUp. All fields but Mode must be set.
type Options struct {
	// Identity says which downstream pods are ours.
	Identity translate.Identity
	// Mode says what becomes of orphans; empty is Delete.
	Mode Mode
	// Events tells of orphans on the Node.
	Events events.EventRecorder
	// Metrics is where the metrics are registered.
	Metrics prometheus.Registerer
	// Clock is the time by which sweeps begin.
	Clock clock.WithTicker
}

// SetUp has the manager sweep, as leader, once both caches are filled. The upstream
// cache must hold the virtual node and its pods only; the downstream cache must hold
// the marks of all pods. With the mode Off it returns nil, which can be kicked.
func SetUp(ctx context.Context, mgr manager.Manager, downstream cluster.Cluster, opts Options) (*Sweeper, error) {
	metrics, err := newMetrics(opts.Metrics)
	if err != nil {
		return nil, fmt.Errorf("cannot register the metrics of orphans: %w", err)
	}
	if opts.Mode == Off {
		return nil, nil //nolint:nilnil // A nil Sweeper is one that does nothing.
	}
	s := &Sweeper{
		identity: opts.Identity, mode: opts.Mode, caches: []cache.Cache{mgr.GetCache(), downstream.GetCache()},
		above: mgr.GetCache(), below: downstream.GetCache(),
		upstream: mgr.GetClient(), downstream: downstream.GetClient(), upstreamLive: mgr.GetAPIReader(), downstreamLive: downstream.GetAPIReader(),
		events: opts.Events, metrics: metrics, clock: opts.Clock,
		kicks: make(chan struct{}, 1), releases: make(chan struct{}, 1),
		witness: newWitness(opts.Identity.Node.Name, opts.Clock), deleted: map[types.UID]time.Time{},
	}
	pods, err := mgr.GetCache().GetInformer(ctx, &corev1.Pod{}, cache.BlockUntilSynced(false))
	if err != nil {
		return nil, fmt.Errorf("cannot watch the upstream pods: %w", err)
	}
	if _, err := pods.AddEventHandler(s.witness); err != nil {
		return nil, fmt.Errorf("cannot watch the upstream pods: %w", err)
	}
	nodes, err := mgr.GetCache().GetInformer(ctx, &corev1.Node{}, cache.BlockUntilSynced(false))
	if err != nil {
		return nil, fmt.Errorf("cannot watch the node: %w", err)
	}
	if _, err := nodes.AddEventHandler(s.annotated()); err != nil {
		return nil, fmt.Errorf("cannot watch the node: %w", err)
	}
	if err := mgr.Add(s); err != nil {
		return nil, fmt.Errorf("cannot schedule the sweeper of orphans: %w", err)
	}
	return s, nil
}

// annotated has the node's annotation lead to a sweep at once.
func (s *Sweeper) annotated() toolscache.ResourceEventHandler {
	return toolscache.ResourceEventHandlerFuncs{UpdateFunc: func(before, after any) {
		old, isNode := before.(*corev1.Node)
		node, areNodes := after.(*corev1.Node)
		if isNode && areNodes && allowance(node).value != "" && allowance(node) != allowance(old) {
			signal(s.releases)
		}
	}}
}

// metrics tell of orphans.
type metrics struct {
	withheld *prometheus.GaugeVec
	deleted  prometheus.Counter
}

func newMetrics(registry prometheus.Registerer) (*metrics, error) {
	m := &metrics{
		withheld: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "spillway_node_orphans_withheld",
			Help: "Downstream pods without an upstream pod that the last sweep did not delete: because of the mode preview, or because of the guard against mass deletion.",
		}, []string{"because"}),
		deleted: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "spillway_node_orphans_deleted_total", Help: "Downstream pods that were deleted because they had no upstream pod.",
		}),
	}
	m.nothingWithheld()
	return m, errors.Join(registry.Register(m.withheld), registry.Register(m.deleted))
}

// nothingWithheld says 0, which is not the same as nothing.
func (m *metrics) nothingWithheld() {
	for _, because := range []why{becauseGuard, becausePreview} {
		m.withheld.WithLabelValues(string(because)).Set(0)
	}
}
