package provider

import (
	"fmt"

	"k8s.io/utils/clock"

	"github.com/spillway-io/spillway/provider/events"
	"github.com/spillway-io/spillway/provider/pods"
	"github.com/spillway-io/spillway/provider/services"
)

// addEvents has the leader show events about downstream pods upstream.
func (v *virtualNode) addEvents() error {
	if !v.opts.MirrorEvents {
		return nil
	}
	metrics, err := events.NewMetrics(v.opts.Metrics)
	if err != nil {
		return fmt.Errorf("cannot register the metrics: %w", err)
	}
	return events.NewRunner(events.Sources{
		Identity: v.rules.Identity,
		Upstream: v.upstream, Downstream: v.downstream,
		UpstreamPods: v.up.GetCache(), DownstreamPods: v.below.GetCache(),
		Metrics: metrics,
		Clock:   clock.RealClock{},
	}).SetUp(v.up)
}

// addServices has the leader reflect upstream Services downstream, of namespaces
// that ask for it also if the option is off.
func (v *virtualNode) addServices() error {
	reconciler := &services.Reconciler{
		Identity:   v.rules.Identity,
		Upstream:   pods.Cluster{Client: v.up.GetClient(), Live: v.up.GetAPIReader()},
		Downstream: pods.Cluster{Client: v.below.GetClient(), Live: v.live()},
		Events:     v.up.GetEventRecorder(recorder),

		MakeNamespace: v.makeNamespace,
		ByDefault:     v.opts.ReflectServices,
	}
	if err := reconciler.SetUp(v.up, v.below.GetCache()); err != nil {
		return err
	}
	v.onRecovery = append(v.onRecovery, reconciler.Recovered)
	return nil
}
