package allocate

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/openkruise/kruise-api/apps/v1alpha1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/spillway-io/spillway/webhook/spread"
)

// Workloads reads what decisions depend on; see workload.Reader.
type Workloads interface {
	// SpreadOf returns the WorkloadSpread that targets a pod, nil if none does.
	SpreadOf(ctx context.Context, namespace string, pod *corev1.Pod) (*v1alpha1.WorkloadSpread, error)
	// Borne says whether the pod's template carries its matched annotation.
	Borne(ctx context.Context, namespace string, pod *corev1.Pod) bool
	// Target and LiveTarget return what is known of ws's target.
	Target(ctx context.Context, ws *v1alpha1.WorkloadSpread) (target spread.Target, ok bool, err error)
	LiveTarget(ctx context.Context, ws *v1alpha1.WorkloadSpread) (target spread.Target, ok bool, err error)
	// PodsWith and LivePods return the pods of ws's target.
	PodsWith(ctx context.Context, ws *v1alpha1.WorkloadSpread, known ...spread.Owner) ([]*corev1.Pod, error)
	LivePods(ctx context.Context, ws *v1alpha1.WorkloadSpread, known ...spread.Owner) ([]*corev1.Pod, error)
	// Turnout counts what PodsWith returns; nil if it has to be counted one by one.
	Turnout(ctx context.Context, ws *v1alpha1.WorkloadSpread, now time.Time, known ...spread.Owner) (*spread.Turnout, error)
	// SeenUpTo is the resource version up to which PodsWith and Turnout have all pods.
	SeenUpTo(now time.Time) uint64
	// Wanted returns how many pods the controllers of pods want, by version.
	Wanted(ctx context.Context, ws *v1alpha1.WorkloadSpread, pods []*corev1.Pod, live bool) (map[string]int, error)
	// Nodes returns all nodes.
	Nodes(ctx context.Context) ([]*corev1.Node, error)
}

// Allocator chooses subsets for pods. It is safe for concurrent use.
type Allocator struct {
	workloads Workloads
	// live reads from the API server, and writes to it.
	live    client.Reader
	status  client.StatusClient
	metrics *Metrics
	now     func() time.Time

	virtual virtualSubsets
	gone    gone
	lately  lately

	mu sync.Mutex
	// lines has the pods that wait, by WorkloadSpread.
	lines map[types.UID]*line
	// latest has the WorkloadSpreads that this process wrote, as they were
	// answered, until the cache has caught up.
	latest map[types.UID]*v1alpha1.WorkloadSpread
}

// New returns an allocator that reads workloads by one reader, which has the
// caches, and WorkloadSpreads in doubt by the other.
func New(workloads Workloads, live client.Reader, status client.StatusClient, metrics *Metrics) *Allocator {
	return &Allocator{
		workloads: workloads,
		live:      live,
		status:    status,
		metrics:   metrics,
		now:       time.Now,
		virtual:   virtualSubsets{known: map[types.UID]subsets{}},
		gone:      gone{keys: map[key]departure{}},
		lately:    lately{times: map[types.UID]map[string][]time.Time{}},
		lines:     map[types.UID]*line{},
		latest:    map[types.UID]*v1alpha1.WorkloadSpread{},
	}
}

// Decide chooses the subset of a pod that is being created in the namespace. The
// decision is nil if no WorkloadSpread targets the pod. A slot that is needed is
// recorded before Decide returns, unless dryRun says that the pod will not exist;
// uid must be unlike that of any other request.
func (a *Allocator) Decide(ctx context.Context, namespace string, pod *corev1.Pod, uid types.UID, dryRun bool) *spread.Decision {
	ws, err := a.workloads.SpreadOf(ctx, namespace, pod)
	if ws == nil && err == nil {
		return nil
	}
	d := a.decide(ctx, ws, err, namespace, spread.Request{Pod: pod, UID: string(uid), DryRun: dryRun})
	a.metrics.decided(namespace, d)
	return &d
}

func (a *Allocator) decide(ctx context.Context, ws *v1alpha1.WorkloadSpread, err error, namespace string, r spread.Request) spread.Decision {
	if err != nil {
		return failed(ws, err)
	}
	r.Borne = a.workloads.Borne(ctx, namespace, r.Pod)
	ledger, err := a.outline(ctx, ws, a.workloads.Target)
	if err != nil {
		return failed(ws, err)
	}
	if d, ok := ledger.Immediate(r); ok {
		return d
	}
	return a.inLine(ctx, ws, r)
}

// readTarget is Workloads.Target or Workloads.LiveTarget.
type readTarget func(context.Context, *v1alpha1.WorkloadSpread) (spread.Target, bool, error)

// outline is as much of the ledger as is known without counting pods. The target
// is read only if a decision can depend on it.
func (a *Allocator) outline(ctx context.Context, ws *v1alpha1.WorkloadSpread, read readTarget) (spread.Ledger, error) {
	var target spread.Target
	if spread.NeedsTarget(ws) {
		var err error
		if target, _, err = read(ctx, ws); err != nil {
			return spread.Ledger{}, err
		}
	}
	virtual, err := a.virtualSubsets(ctx, ws)
	if err != nil {
		return spread.Ledger{}, err
	}
	return spread.Ledger{Spread: ws, Target: target, Virtual: virtual.virtual, Cordoned: virtual.cordoned, Warnings: virtual.warnings, Now: a.now()}, nil
}

// failed is the decision that there is none.
func failed(ws *v1alpha1.WorkloadSpread, err error) spread.Decision {
	d := spread.Decision{Spread: ws, Reason: spread.Failed, Err: err}
	if ws != nil {
		d.Err = fmt.Errorf("WorkloadSpread %q: %w", ws.Name, err)
	}
	return d
}
