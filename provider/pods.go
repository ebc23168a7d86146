package provider

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"
	logf "sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/spillway-io/spillway/provider/capacity"
	"github.com/spillway-io/spillway/provider/orphans"
	"github.com/spillway-io/spillway/provider/pods"
	"github.com/spillway-io/spillway/provider/references"
	"github.com/spillway-io/spillway/provider/storage"
)

// recorder is the reporter of all events that are our own.
const recorder = "spillway-node"

// tracerName is what the spans of pods say made them.
const tracerName = "github.com/spillway-io/spillway/provider/pods"

// addPods has the leader run the pods, and what has to be there before they can:
// copies of what they refer to, and their claims.
func (v *virtualNode) addPods(ctx context.Context, recovery *pods.Recovery) error {
	metrics, err := pods.NewMetrics(v.opts.Metrics)
	if err != nil {
		return fmt.Errorf("cannot register the metrics: %w", err)
	}
	reconciler := &pods.Reconciler{
		Node:       pods.Node{Rules: v.rules, InternalIP: v.opts.InternalIP, StrandedAfter: v.opts.StrandedAfter},
		Upstream:   pods.Cluster{Client: deleting{v.up.GetClient(), v.upstream.CoreV1()}, Live: v.up.GetAPIReader(), Behind: v.informers.upstream.Doubt},
		Downstream: pods.Cluster{Client: deleting{v.below.GetClient(), v.downstream.CoreV1()}, Live: v.live(), Behind: v.informers.downstream.Doubt},
		TooLarge:   tooLarge(ctx, v.below.GetCache(), v.opts.Policy),
		Events:     v.up.GetEventRecorder(recorder),
		Metrics:    metrics,
		Clock:      clock.RealClock{},
	}
	if v.opts.Traces != nil {
		reconciler.Tracer.Spans = v.opts.Traces.Tracer(tracerName)
	}
	copies, err := references.SetUp(ctx, v.up, v.below, references.Options{
		Rules: v.rules, Mode: v.opts.CollectGarbage, Events: reconciler.Events, Metrics: v.opts.Metrics, Clock: clock.RealClock{},
	})
	if err != nil {
		return err
	}
	claims := &storage.Reconciler{
		Rules: v.rules, Upstream: reconciler.Upstream, Downstream: reconciler.Downstream,
		Events: reconciler.Events, MakeNamespace: reconciler.MakeNamespace,
	}
	if err := claims.SetUp(ctx, v.up, v.below.GetCache()); err != nil {
		return err
	}
	v.makeNamespace = reconciler.MakeNamespace
	sweeper, err := orphans.SetUp(ctx, v.up, v.below, orphans.Options{
		Identity: v.rules.Identity, Mode: v.opts.DeleteOrphans, Events: reconciler.Events, Metrics: v.opts.Metrics, Clock: clock.RealClock{},
	})
	if err != nil {
		return err
	}
	reconciler.Orphan = sweeper.Kick
	v.onRecovery = append(v.onRecovery, sweeper.Kick, recovery.Signal, copies.Recovered, claims.Recovered)
	reconciler.Preparers = []pods.Preparer{copies, claims}
	return reconciler.SetUp(v.up, v.below.GetCache(), recovery, v.opts.Workers, copies.Woken(), claims.Woken())
}

// tooLarge judges by the nodes in the downstream cache, as far as it is filled.
func tooLarge(ctx context.Context, downstream client.Reader, policy capacity.Policy) func(*corev1.Pod) (string, bool) {
	return func(pod *corev1.Pod) (string, bool) {
		var nodes corev1.NodeList
		if err := downstream.List(ctx, &nodes); err != nil {
			logf.FromContext(ctx).Error(err, "Sizes of the downstream nodes unknown")
			return "", false
		}
		return capacity.TooLarge(pod, nodes.Items, policy)
	}
}
