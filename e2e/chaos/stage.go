package chaos

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"

	"github.com/spillway-io/spillway/e2e/binaries"
	"github.com/spillway-io/spillway/e2e/faults"
	"github.com/spillway-io/spillway/e2e/invariants"
	"github.com/spillway-io/spillway/e2e/playground"
)

const (
	virtualNode = "east"
	// namespace is where all pods are; foreign things are in it too, downstream, and
	// in a namespace of their own.
	namespace, foreignNamespace = "chaos", "theirs"

	startTimeout = 3 * time.Minute
	stopTimeout  = time.Minute
)

// Stage is what faults are done to. Its clusters are only ever looked at directly;
// the virtual node sees them through above and below.
type Stage struct {
	out                  io.Writer
	dir                  string
	upstream, downstream *playground.Cluster
	webhook              *playground.Webhook
	// above and below are the virtual node's ways to the upstream and the downstream
	// API server.
	above, below *faults.Proxy
	replicas     []*playground.VirtualNode
	witness      *invariants.Witness

	leading sync.Mutex
	leads   int // the index of the replica that was last seen to lead

	stops []func(context.Context) error
}

// StartStage builds and starts everything below dir; Stop must be called even after
// an error. seed is for the choices of the proxies, out for what the user should
// know.
func StartStage(ctx context.Context, out io.Writer, dir string, seed uint64) (*Stage, error) {
	s := &Stage{out: out, dir: dir}
	// Building takes minutes the first time; the deadline starts after it.
	paths, err := binaries.Components(ctx, binaries.Options{Out: out})
	if err != nil {
		return s, err
	}
	spillway, err := binaries.Spillway(ctx, binaries.Options{Out: out})
	if err != nil {
		return s, err
	}
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	if err := s.startClusters(ctx, paths); err != nil {
		return s, err
	}
	if s.webhook, err = playground.StartWebhook(ctx, playground.WebhookOptions{Binary: spillway, Upstream: s.upstream}); err != nil {
		return s, err
	}
	s.supervises(s.webhook.Process)
	if s.above, err = s.startProxy(ctx, "above", s.upstream.NodeConfig, seed); err != nil {
		return s, err
	}
	if s.below, err = s.startProxy(ctx, "below", s.downstream.DownstreamNodeConfig, seed+1); err != nil {
		return s, err
	}
	for _, replica := range []string{"1", "2"} {
		node, err := playground.StartVirtualNode(ctx, playground.VirtualNodeOptions{
			Binary: spillway, Name: virtualNode, Replica: replica, Upstream: s.upstream, Downstream: s.downstream,
			UpstreamKubeconfig: s.above.Kubeconfig(), DownstreamKubeconfig: s.below.Kubeconfig(),
			ExtraArgs: []string{"--verbosity=1"},
		})
		if err != nil {
			return s, err
		}
		s.replicas = append(s.replicas, node)
		s.supervises(node.Process)
	}
	return s, s.startWitness(ctx)
}

// Stop ends everything, what was started last first.
func (s *Stage) Stop() error {
	ctx, cancel := context.WithTimeout(context.Background(), stopTimeout)
	defer cancel()
	var errs []error
	for _, stop := range slices.Backward(s.stops) {
		errs = append(errs, stop(ctx))
	}
	return errors.Join(errs...)
}

func (s *Stage) startClusters(ctx context.Context, paths binaries.Paths) error {
	var nodes []*corev1.Node
	for _, name := range []string{"metal-1", "metal-2", "metal-3"} {
		nodes = append(nodes, playground.FakeNode(name, playground.Capacity("1000", "1Ti", "2000")))
	}
	clusters, err := playground.StartAll(ctx,
		playground.Options{Name: "upstream", Dir: s.dir, Binaries: paths},
		playground.Options{Name: "downstream", Dir: s.dir, Binaries: paths, Nodes: nodes})
	if err != nil {
		return err
	}
	s.upstream, s.downstream = clusters[0], clusters[1]
	s.stops = append(s.stops, func(ctx context.Context) error { return playground.StopAll(ctx, clusters...) })
	return s.downstream.Apply(ctx, kubeletsTakeCare)
}

func (s *Stage) startProxy(ctx context.Context, name string, to func(node string) (*rest.Config, error), seed uint64) (*faults.Proxy, error) {
	target, err := to(virtualNode)
	if err != nil {
		return nil, err
	}
	proxy, err := faults.Start(ctx, faults.Options{Name: name, Dir: s.dir, Target: target, Seed: seed})
	if err != nil {
		return nil, err
	}
	s.stops = append(s.stops, proxy.Stop)
	return proxy, nil
}

// startWitness also makes what is not ours, before anything could harm it.
func (s *Stage) startWitness(ctx context.Context) error {
	if err := s.makeForeignThings(ctx); err != nil {
		return err
	}
	system, err := s.upstream.Client().CoreV1().Namespaces().Get(ctx, metav1.NamespaceSystem, metav1.GetOptions{})
	if err != nil {
		return fmt.Errorf("cannot read the upstream cluster's id: %w", err)
	}
	s.witness, err = invariants.StartWitness(ctx, invariants.Scope{
		Upstream: s.upstream.Name(), UpstreamID: string(system.UID),
		Nodes:   map[string]string{virtualNode: s.downstream.Name()},
		Guarded: []string{namespace, foreignNamespace},
	}, s.upstream, s.downstream)
	if err != nil {
		return err
	}
	s.stops = append(s.stops, func(context.Context) error {
		s.witness.Stop()
		return nil
	})
	return nil
}

// leader is the replica that holds the lease or, while the upstream API server does
// not answer, the one that last did.
func (s *Stage) leader(ctx context.Context) *playground.VirtualNode {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	s.leading.Lock()
	defer s.leading.Unlock()
	lease, err := s.upstream.Client().CoordinationV1().Leases("spillway-system").Get(ctx, "spillway-node-"+virtualNode, metav1.GetOptions{})
	if err != nil || lease.Spec.HolderIdentity == nil {
		return s.replicas[s.leads]
	}
	for i, replica := range s.replicas {
		// A replica's name in the lease ends with where it answers.
		if strings.HasSuffix(*lease.Spec.HolderIdentity, "_"+strings.TrimPrefix(replica.Health, "http://")) {
			s.leads = i
		}
	}
	return s.replicas[s.leads]
}

func (s *Stage) say(format string, args ...any) {
	// What cannot be written to the user cannot be reported to them either.
	_, _ = fmt.Fprintf(s.out, time.Now().Format("15:04:05 ")+format+"\n", args...)
}
