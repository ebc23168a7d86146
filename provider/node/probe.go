package node

import (
	"context"
	"errors"
	"fmt"
	"time"

	"k8s.io/client-go/discovery"
	"k8s.io/client-go/rest"
	logf "sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/spillway-io/spillway/provider/retry"
)

// DefaultProbeInterval is that of kubelets' heartbeats.
const DefaultProbeInterval = 10 * time.Second

// prober asks the downstream API server whether it is ready.
type prober struct {
	downstream discovery.DiscoveryInterface
	// identify and writable are those of Sources.
	identify func(context.Context) (string, error)
	writable func() error
	// interval is the pause between two probes.
	interval time.Duration
}

// timeout bounds each request of a probe. An API server that needs half of it for
// everything is slow; it is not away.
func (p prober) timeout() time.Duration { return p.interval }

// retry is the pause after a probe that failed. Failures count once in an interval
// all the same.
func (p prober) retry() time.Duration { return p.interval / 5 }

// verdict is the outcome of one probe.
type verdict struct {
	err error
	// cluster is the downstream cluster's id; empty when unknown.
	cluster string
	// version is asked for after a success only, and empty when unknown.
	version string
}

// noNode is a name that no node can have. API servers find the pods of a node by
// an index of their watch cache, so that asking for them is cheap in any cluster.
const noNode = "-"

// probe asks the downstream API server whether it is ready, and whether we may
// see pods there: the former is everybody's to know. Then it asks whether the
// cluster is ours, and whether we may write.
func (p prober) probe(ctx context.Context) verdict {
	api := p.downstream.RESTClient()
	if err := p.ask(ctx, api.Get().AbsPath("/readyz")); err != nil {
		return verdict{err: err}
	}
	pods := api.Get().AbsPath("/api/v1/pods").Param("fieldSelector", "spec.nodeName="+noNode).Param("resourceVersion", "0")
	if err := p.ask(ctx, pods); err != nil {
		return verdict{err: err}
	}
	cluster, err := p.identify(ctx)
	if err != nil {
		return verdict{err: err}
	}
	if err := p.writable(); err != nil {
		return verdict{err: &notClaimedError{err}, cluster: cluster}
	}
	info, err := p.serverVersion(ctx)
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		// It has gone silent since it said that it is ready.
		return verdict{err: err, cluster: cluster}
	case err != nil:
		// It is ready; that it does not tell its version changes nothing.
		logf.FromContext(ctx).Error(err, "Downstream version unknown")
	}
	return verdict{cluster: cluster, version: info}
}

func (p prober) ask(ctx context.Context, request *rest.Request) error {
	ctx, cancel := context.WithTimeout(ctx, p.timeout())
	defer cancel()
	return request.Do(ctx).Error()
}

func (p prober) serverVersion(ctx context.Context) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, p.timeout())
	defer cancel()
	info, err := discovery.ToServerVersionInterfaceWithContext(p.downstream).ServerVersionWithContext(ctx)
	if err != nil {
		return "", fmt.Errorf("cannot read the downstream version: %w", err)
	}
	return info.GitVersion, nil
}

// run sends verdicts until ctx ends, beginning after the one given: one every
// interval, and the first success after a failure at once.
func (p prober) run(ctx context.Context, last verdict, verdicts chan<- verdict) {
	for sent := time.Now(); ; {
		pause := p.interval
		if last.err != nil {
			pause = p.retry()
		}
		if !retry.Pause(ctx, pause) {
			return
		}
		recovering := last.err != nil
		last = p.probe(ctx)
		if last.err != nil && recovering && time.Since(sent) < p.interval {
			continue
		}
		select {
		case <-ctx.Done():
			return
		case verdicts <- last:
			sent = time.Now()
		}
	}
}
