package node

import (
	"context"
	"fmt"
	"time"

	"k8s.io/client-go/discovery"
	logf "sigs.k8s.io/controller-runtime/pkg/log"
)

const (
	probeInterval = 10 * time.Second
	probeTimeout  = 5 * time.Second
	// recoveryInterval is how often an API server that did not answer is asked.
	// Failures count once in a probeInterval all the same.
	recoveryInterval = 2 * time.Second
)

// verdict is the outcome of one probe.
type verdict struct {
	err error
	// version is asked for after a success only, and empty when unknown.
	version string
}

// probe asks the downstream API server whether it is ready.
func probe(ctx context.Context, downstream discovery.DiscoveryInterface) verdict {
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	if err := downstream.RESTClient().Get().AbsPath("/readyz").Do(ctx).Error(); err != nil {
		return verdict{err: err}
	}
	info, err := serverVersion(ctx, downstream)
	if err != nil {
		// It is ready; that it does not tell its version changes nothing.
		logf.FromContext(ctx).Error(err, "Downstream version unknown")
	}
	return verdict{version: info}
}

func serverVersion(ctx context.Context, downstream discovery.DiscoveryInterface) (string, error) {
	info, err := discovery.ToServerVersionInterfaceWithContext(downstream).ServerVersionWithContext(ctx)
	if err != nil {
		return "", fmt.Errorf("cannot read the downstream version: %w", err)
	}
	return info.GitVersion, nil
}

// probeAll sends verdicts until ctx ends, beginning after the one given: one
// every probeInterval, and the first success after a failure at once.
func probeAll(ctx context.Context, downstream discovery.DiscoveryInterface, last verdict, verdicts chan<- verdict) {
	for sent := time.Now(); ; {
		pause := probeInterval
		if last.err != nil {
			pause = recoveryInterval
		}
		if !waitFor(ctx, pause) {
			return
		}
		recovering := last.err != nil
		last = probe(ctx, downstream)
		if last.err != nil && recovering && time.Since(sent) < probeInterval {
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
