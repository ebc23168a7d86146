package offline

import (
	"context"
	"errors"
	"os"
	"slices"
	"testing"
	"time"

	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"

	"github.com/spillway-io/spillway/e2e/binaries"
	"github.com/spillway-io/spillway/e2e/playground"
	"github.com/spillway-io/spillway/e2e/testmain"
)

const (
	startTimeout = 2 * time.Minute
	caseTimeout  = 30 * time.Second
)

// stage is what the cases share.
type stage struct {
	spillway string
	// live has the webhook, plain has none.
	live, plain *playground.Cluster
	// inLive and inPlain act as administrators.
	inLive, inPlain dynamic.Interface
}

// shared is set by TestMain and only read afterwards.
var shared stage //nolint:gochecknoglobals // TestMain has no other way to hand the clusters to the tests.

func TestMain(m *testing.M) { os.Exit(testmain.Run(m, "offline", shared.set)) }

// set builds and starts everything; stop must be called even after an error.
func (s *stage) set(dir string) (stop func() error, err error) {
	var stops []func(context.Context) error
	stop = func() error {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		var errs []error
		for _, stop := range slices.Backward(stops) {
			errs = append(errs, stop(ctx))
		}
		return errors.Join(errs...)
	}
	// Building takes minutes the first time; the deadline starts after it.
	paths, err := binaries.Components(context.Background(), binaries.Options{Out: os.Stderr})
	if err != nil {
		return stop, err
	}
	if s.spillway, err = binaries.Spillway(context.Background(), binaries.Options{Out: os.Stderr}); err != nil {
		return stop, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()
	clusters, err := playground.StartAll(ctx,
		playground.Options{Name: "live", Dir: dir, Binaries: paths, Without: []playground.Component{playground.Scheduler, playground.Kwok}},
		playground.Options{Name: "plain", Dir: dir, Binaries: paths, Without: []playground.Component{playground.Scheduler, playground.Kwok, playground.ControllerManager}},
	)
	if err != nil {
		return stop, err
	}
	s.live, s.plain = clusters[0], clusters[1]
	stops = append(stops, s.plain.Stop, s.live.Stop)
	if s.inLive, err = client(s.live); err != nil {
		return stop, err
	}
	if s.inPlain, err = client(s.plain); err != nil {
		return stop, err
	}
	webhook, err := playground.StartWebhook(ctx, playground.WebhookOptions{Binary: s.spillway, Upstream: s.live})
	if err != nil {
		return stop, err
	}
	stops = append(stops, webhook.Stop)
	return stop, webhook.WaitPolicies(ctx)
}

// client acts as the administrator of a cluster, and prints no warnings.
func client(of *playground.Cluster) (dynamic.Interface, error) {
	config := of.AdminConfig()
	config.WarningHandler = rest.NoWarnings{}
	return dynamic.NewForConfig(config)
}
