package webhook

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sync/atomic"
	"time"

	"github.com/openkruise/kruise-api/apps/v1alpha1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/discovery"
	logf "sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/manager"

	"github.com/spillway-io/spillway/webhook/allocate"
	"github.com/spillway-io/spillway/webhook/workload"
	"github.com/spillway-io/spillway/webhook/workloadspread"
)

// servedInterval is how soon we notice that a cluster has got the kind
// WorkloadSpread.
const servedInterval = 2 * time.Second

// spreads starts what has to do with WorkloadSpreads once the cluster has the
// kind: watching it before would never end. Until then nothing can be targeted.
type spreads struct {
	manager   manager.Manager
	served    func(context.Context) (bool, error)
	workloads *workload.Reader
	allocator *allocate.Allocator
	options   workloadspread.Options

	// settled says that admissions are answered rightly: the kind is not there,
	// or what is known of its objects is complete.
	settled atomic.Bool
}

// addSpreads adds to the manager what keeps WorkloadSpreads, and returns what
// chooses subsets by them.
func addSpreads(mgr manager.Manager, opts Options) (*spreads, error) {
	client, err := discovery.NewDiscoveryClientForConfigAndClient(opts.Upstream, mgr.GetHTTPClient())
	if err != nil {
		return nil, fmt.Errorf("cannot set up discovery: %w", err)
	}
	allocations, err := allocate.NewMetrics(opts.Metrics)
	if err != nil {
		return nil, fmt.Errorf("cannot register the metrics of allocations: %w", err)
	}
	controller, err := workloadspread.NewMetrics(opts.Metrics)
	if err != nil {
		return nil, fmt.Errorf("cannot register the metrics of WorkloadSpreads: %w", err)
	}
	workloads := workload.NewReader(mgr.GetCache(), mgr.GetAPIReader(), mgr.GetClient())
	s := &spreads{
		manager:   mgr,
		served:    servesWorkloadSpreads(client),
		workloads: workloads,
		allocator: allocate.New(workloads, mgr.GetAPIReader(), mgr.GetClient(), allocations),
		options:   workloadspread.Options{Workloads: workloads, Metrics: controller, Backoff: opts.Backoff},
	}
	if err := mgr.Add(s); err != nil {
		return nil, fmt.Errorf("cannot schedule the watch for WorkloadSpreads: %w", err)
	}
	return s, nil
}

// NeedLeaderElection says that every replica chooses subsets.
func (*spreads) NeedLeaderElection() bool { return false }

// Start waits for the kind and starts what it needs.
func (s *spreads) Start(ctx context.Context) error {
	log := logf.FromContext(ctx)
	for {
		served, err := s.served(ctx)
		switch {
		case err != nil:
			log.Error(err, "Cannot tell yet whether the cluster has WorkloadSpreads")
		case served:
			log.Info("The cluster has WorkloadSpreads")
			return s.begin(ctx)
		default:
			s.settled.Store(true)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(servedInterval):
		}
	}
}

func (s *spreads) begin(ctx context.Context) error {
	if err := s.workloads.Start(ctx); err != nil {
		return err
	}
	if err := s.allocator.Watch(ctx, s.manager.GetCache()); err != nil {
		return err
	}
	s.settled.Store(true)
	return workloadspread.Add(s.manager, s.options)
}

// check is the readiness check.
func (s *spreads) check(*http.Request) error {
	if !s.settled.Load() {
		return errors.New("what is known of WorkloadSpreads is not complete yet")
	}
	return nil
}

// servesWorkloadSpreads asks the API server whether it has the kind.
func servesWorkloadSpreads(client discovery.DiscoveryInterface) func(context.Context) (bool, error) {
	return func(context.Context) (bool, error) {
		list, err := client.ServerResourcesForGroupVersion(v1alpha1.GroupVersion.String())
		if apierrors.IsNotFound(err) {
			return false, nil
		}
		if err != nil {
			return false, fmt.Errorf("cannot ask for the resources of %s: %w", v1alpha1.GroupVersion, err)
		}
		return slices.ContainsFunc(list.APIResources, func(r metav1.APIResource) bool { return r.Name == workloadSpreads }), nil
	}
}
