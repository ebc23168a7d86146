package node

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/go-logr/logr"
	vklog "github.com/virtual-kubelet/virtual-kubelet/log"
	vkslog "github.com/virtual-kubelet/virtual-kubelet/log/slog"
	vknode "github.com/virtual-kubelet/virtual-kubelet/node"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	logf "sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/spillway-io/spillway/api"
	"github.com/spillway-io/spillway/provider/capacity"
)

const (
	// leaseSeconds is what kubelets use.
	leaseSeconds = 40
	pingTimeout  = 5 * time.Second
	// statusInterval is the time after which the Node's status is written although it
	// says nothing new: a Node that was deleted or changed by hand is right again by then.
	statusInterval = time.Minute
	// requestTimeout bounds the reading of the Node, and its creation.
	requestTimeout = 10 * time.Second
)

// Runner registers the Node and keeps it true. It runs on the leader only.
type Runner struct {
	spec     Spec
	upstream kubernetes.Interface
	prober   prober
	offers   *offerWatch
	keeper   *keeper
}

// Sources are where a Runner looks and whom it tells.
type Sources struct {
	Upstream, Downstream kubernetes.Interface
	// DownstreamCache must hold nodes and all pods; it need not run yet.
	DownstreamCache cache.Cache
	// Identify returns the downstream cluster's id, or an error unless it is known to
	// be the virtual node's. It is part of each probe.
	Identify func(context.Context) (string, error)
	// Writable says why nothing can be written downstream, if that is to be told. It
	// is part of each probe, and must not block.
	Writable func() error
	// Ours tells our pods from those that take capacity away.
	Ours func(*corev1.Pod) bool
	// Policy is what the operator decides about the capacity.
	Policy capacity.Policy
	// ProbeInterval is the pause between two probes of the downstream API server. The
	// third that fails in a row makes the Node NotReady.
	ProbeInterval time.Duration
	// Recovered is called when the downstream API server answers again after it
	// did not. It must not block.
	Recovered func()
}

// NewRunner subscribes to the downstream cache.
func NewRunner(ctx context.Context, spec Spec, from Sources) (*Runner, error) {
	offers, err := watchOffers(ctx, from.DownstreamCache, from.Ours, from.Policy)
	if err != nil {
		return nil, err
	}
	return &Runner{
		spec:     spec,
		upstream: from.Upstream,
		prober:   prober{downstream: from.Downstream.Discovery(), identify: from.Identify, writable: from.Writable, interval: from.ProbeInterval},
		offers:   offers,
		keeper:   newKeeper(spec, from.Recovered),
	}, nil
}

// Start runs until ctx ends. The Node stays when it returns: its pods do.
func (r *Runner) Start(ctx context.Context) error {
	ctx = vklog.WithLogger(ctx, vkslog.FromSlog(slog.New(logr.ToSlogHandler(logf.FromContext(ctx).WithName("virtual-kubelet")))))
	probed := r.prober.probe(ctx)
	existing, err := r.read(ctx)
	if err != nil {
		return err
	}
	node := r.keeper.begin(firstState(existing, probed, time.Now()))
	if existing == nil {
		if err := r.register(ctx, node); err != nil {
			return err
		}
	}
	controller, err := vknode.NewNodeController(r.keeper, node, r.upstream.CoreV1().Nodes(),
		vknode.WithNodeEnableLeaseV1(r.upstream.CoordinationV1().Leases(corev1.NamespaceNodeLease), leaseSeconds),
		vknode.WithNodePingTimeout(pingTimeout),
		vknode.WithNodeStatusUpdateInterval(statusInterval),
		vknode.WithNodeStatusUpdateErrorHandler(r.recreate),
	)
	if err != nil {
		return fmt.Errorf("cannot set up the node controller: %w", err)
	}

	ctx, stop := context.WithCancel(ctx)
	var parts sync.WaitGroup
	defer parts.Wait()
	defer stop()
	verdicts, offers := make(chan verdict), make(chan capacity.Offer)
	parts.Go(func() { r.prober.run(ctx, probed, verdicts) })
	parts.Go(func() { r.offers.run(ctx, offers) })
	parts.Go(func() { r.keeper.run(ctx, controller.Done(), verdicts, offers) })
	if err := controller.Run(ctx); err != nil {
		return fmt.Errorf("cannot keep the node %s: %w", r.spec.Name, err)
	}
	return nil
}

// Ready says whether this process has the Node say Ready.
func (r *Runner) Ready() bool { return r.keeper.ready() }

// read returns the Node, or nil if there is none.
func (r *Runner) read(ctx context.Context) (*corev1.Node, error) {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	existing, err := r.upstream.CoreV1().Nodes().Get(ctx, r.spec.Name, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("cannot read the node %s: %w", r.spec.Name, err)
	}
	return existing, nil
}

// firstState is what the Node says, if there is one, after a first probe: what a
// restart does not know yet stays as it is.
func firstState(existing *corev1.Node, probed verdict, now time.Time) State {
	state := State{
		Ready:             readinessOf(existing, now).Observe(probed.err, now),
		DownstreamID:      probed.cluster,
		DownstreamVersion: probed.version,
		Since:             metav1.NewTime(now),
		Now:               metav1.NewTime(now),
	}
	if existing != nil {
		state.Offer, state.Since = offerOf(existing), existing.CreationTimestamp
		state.DownstreamID = cmp.Or(state.DownstreamID, existing.Annotations[api.DownstreamAnnotation])
		state.DownstreamVersion = cmp.Or(state.DownstreamVersion, downstreamVersionOf(existing))
	}
	return state
}

// register creates the Node. virtual-kubelet would do that too,
// but takes back later only what it wrote by an update: labels that the Node was
// created with, and that turn out not to be true, would stay for ever.
func (r *Runner) register(ctx context.Context, node *corev1.Node) error {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	_, err := r.upstream.CoreV1().Nodes().Create(ctx, node, metav1.CreateOptions{})
	if err != nil && !apierrors.IsAlreadyExists(err) {
		return fmt.Errorf("cannot register the node %s: %w", r.spec.Name, err)
	}
	return nil
}

// recreate puts back a Node that was deleted; its pods are still running.
func (r *Runner) recreate(ctx context.Context, cause error) error {
	if !apierrors.IsNotFound(cause) {
		return cause
	}
	logf.FromContext(ctx).Info("The node was deleted; registering it again", "node", r.spec.Name)
	return r.register(ctx, r.keeper.current())
}
