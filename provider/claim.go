package provider

import (
	"context"
	"errors"
	"fmt"

	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
	logf "sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/spillway-io/spillway/provider/claim"
)

// guarded is how to reach the downstream cluster for whoever writes there: only
// while this process holds the claim.
func guarded(config *rest.Config, gate *claim.Gate) *rest.Config {
	config = rest.CopyConfig(config)
	config.Wrap(gate.Guard)
	return config
}

// start runs all parts until ctx ends, and looks after the claim for as long as
// they run: it is released when nothing writes any more.
func (v *virtualNode) start(ctx context.Context) error {
	downstream, err := kubernetes.NewForConfig(rest.AddUserAgent(rest.CopyConfig(v.opts.Downstream), "claim"))
	if err != nil {
		return fmt.Errorf("cannot set up the claim on the downstream cluster: %w", err)
	}
	keeper := &claim.Keeper{
		Claimant: claim.Claimant{
			Identity: v.rules.Identity, Holder: v.identity,
			UpstreamServer: v.opts.Upstream.Host, Namespace: v.opts.ClaimNamespace,
		},
		Downstream: downstream, Gate: v.gate, Identify: v.anchor.Identify, Elected: v.up.Elected(), Recovered: v.recovered,
	}
	ctx, v.stop = context.WithCancel(ctx)
	defer v.stop()
	// Before anything runs, so that nothing is written at all in the usual case of a
	// wrong kubeconfig. Without an answer, whatever depends on it waits for one.
	if _, err := v.anchor.Identify(ctx); err != nil && v.anchor.Refused() == nil {
		logf.FromContext(ctx).Info("The downstream cluster is not known yet", "cause", err.Error())
	}
	if v.anchor.Refused() != nil {
		return v.refused(nil)
	}
	claiming, release := context.WithCancel(context.WithoutCancel(ctx))
	defer release()
	kept := make(chan error, 1)
	go func() {
		defer v.stop() // who may not write has nothing to do here
		kept <- keeper.Run(claiming)
	}()
	err = v.up.Start(ctx)
	release()
	if refused := <-kept; refused != nil {
		return errors.Join(fmt.Errorf("cannot claim the downstream cluster: %w", refused), err)
	}
	return v.refused(err)
}

// refused adds why the downstream cluster cannot be worked with, if that is so.
func (v *virtualNode) refused(err error) error {
	if refused := v.anchor.Refused(); refused != nil {
		return errors.Join(fmt.Errorf("cannot work with the downstream cluster: %w", refused), err)
	}
	return err
}

// live reads the downstream API server, for conclusions that are drawn from what is
// there and what is not.
func (v *virtualNode) live() client.Reader {
	return v.anchor.Reader(v.below.GetAPIReader())
}
