package webhook

import (
	"context"
	"fmt"

	"sigs.k8s.io/controller-runtime/pkg/manager"

	"github.com/spillway-io/spillway/webhook/catalog"
	"github.com/spillway-io/spillway/webhook/sidecarset"
)

// sidecarSets is the resource of SidecarSets.
const sidecarSets = "sidecarsets"

// addSidecars adds to the manager what keeps SidecarSets, and returns what knows
// them, and what waits for the kind.
func addSidecars(mgr manager.Manager, others *others, opts Options, served servedFunc) (*catalog.Catalog, *whenServed, error) {
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
		wait.settled.Store(true)
		return sidecarset.Add(mgr, controller)
	}
	if err := mgr.Add(wait); err != nil {
		return nil, nil, fmt.Errorf("cannot schedule the watch for SidecarSets: %w", err)
	}
	return sets, wait, nil
}
