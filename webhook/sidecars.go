package webhook

import (
	"context"
	"fmt"

	"github.com/prometheus/client_golang/prometheus"
	toolscache "k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/manager"

	"github.com/spillway-io/spillway/webhook/catalog"
	"github.com/spillway-io/spillway/webhook/sidecarset"
)

// sidecarSets is the resource of SidecarSets.
const sidecarSets = "sidecarsets"

// addSidecars adds to the manager what keeps SidecarSets, and returns what knows
// them, and what waits for the kind.
func addSidecars(mgr manager.Manager, admissions *Metrics, others *others, opts Options, served servedFunc) (*catalog.Catalog, *whenServed, error) {
	metrics, err := sidecarset.NewMetrics(opts.Metrics)
	if err != nil {
		return nil, nil, fmt.Errorf("cannot register the metrics of SidecarSets: %w", err)
	}
	sets := catalog.New(opts.Policy.OwnNamespace)
	controller := sidecarset.Options{
		Namespace: opts.Policy.OwnNamespace,
		Metrics:   metrics,
		StandBack: others.serving,
	}
	wait := &whenServed{resource: sidecarSets, served: served}
	wait.begin = func(ctx context.Context) error {
		if err := sets.Watch(ctx, mgr.GetCache()); err != nil {
			return err
		}
		if err := admissions.forgetSets(ctx, mgr.GetCache()); err != nil {
			return err
		}
		wait.settled.Store(true)
		return sidecarset.Add(mgr, controller)
	}
	if err := mgr.Add(wait); err != nil {
		return nil, nil, fmt.Errorf("cannot schedule the watch for SidecarSets: %w", err)
	}
	return sets, wait, nil
}

// forgetSets has what is counted of a SidecarSet end with it.
func (m *Metrics) forgetSets(ctx context.Context, from cache.Cache) error {
	informer, err := from.GetInformer(ctx, catalog.NewObject(), cache.BlockUntilSynced(false))
	if err != nil {
		return fmt.Errorf("cannot watch SidecarSets: %w", err)
	}
	_, err = informer.AddEventHandler(toolscache.ResourceEventHandlerFuncs{DeleteFunc: func(object any) {
		if name, err := toolscache.DeletionHandlingMetaNamespaceKeyFunc(object); err == nil {
			m.sidecars.DeletePartialMatch(prometheus.Labels{"sidecarset": name})
		}
	}})
	if err != nil {
		return fmt.Errorf("cannot watch SidecarSets: %w", err)
	}
	return nil
}
