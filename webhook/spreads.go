package webhook

import (
	"context"
	"fmt"

	"sigs.k8s.io/controller-runtime/pkg/manager"

	"github.com/spillway-io/spillway/webhook/allocate"
	"github.com/spillway-io/spillway/webhook/workload"
	"github.com/spillway-io/spillway/webhook/workloadspread"
)

// addSpreads adds to the manager what keeps WorkloadSpreads, and returns what
// chooses subsets by them, and what waits for the kind.
func addSpreads(mgr manager.Manager, opts Options, served servedFunc) (*allocate.Allocator, *whenServed, error) {
	allocations, err := allocate.NewMetrics(opts.Metrics)
	if err != nil {
		return nil, nil, fmt.Errorf("cannot register the metrics of allocations: %w", err)
	}
	metrics, err := workloadspread.NewMetrics(opts.Metrics)
	if err != nil {
		return nil, nil, fmt.Errorf("cannot register the metrics of WorkloadSpreads: %w", err)
	}
	workloads := workload.NewReader(mgr.GetCache(), mgr.GetAPIReader(), mgr.GetClient())
	if err := opts.Metrics.Register(newCensus(workloads)); err != nil {
		return nil, nil, fmt.Errorf("cannot register the metrics of pods: %w", err)
	}
	allocator := allocate.New(workloads, mgr.GetAPIReader(), mgr.GetClient(), allocations)
	controller := workloadspread.Options{Workloads: workloads, Metrics: metrics, Backoff: opts.Backoff}
	wait := &whenServed{resource: workloadSpreads, served: served}
	wait.begin = func(ctx context.Context) error {
		if err := workloads.Start(ctx); err != nil {
			return err
		}
		if err := allocator.Watch(ctx, mgr.GetCache()); err != nil {
			return err
		}
		wait.settled.Store(true)
		return workloadspread.Add(mgr, controller)
	}
	if err := mgr.Add(wait); err != nil {
		return nil, nil, fmt.Errorf("cannot schedule the watch for WorkloadSpreads: %w", err)
	}
	return allocator, wait, nil
}
