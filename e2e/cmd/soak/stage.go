package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"

	"github.com/spillway-io/spillway/e2e/binaries"
	"github.com/spillway-io/spillway/e2e/playground"
	"github.com/spillway-io/spillway/e2e/rig"
)

const (
	virtualNode = "east"
	// spokenLine is what every container has logged.
	spokenLine = "2026-01-02T03:04:05Z stdout F all is well\n"
	// kubelets have kwok answer who reads a log.
	kubelets = `
apiVersion: kwok.x-k8s.io/v1alpha1
kind: ClusterLogs
metadata: {name: logs}
spec:
  logs:
  - {containers: [app], logsFile: %s, follow: true}
`
)

// side is a cluster, and clients that cost it as little as clients can.
type side struct {
	*playground.Cluster
	kubernetes.Interface
	dynamic dynamic.Interface
}

// target is one of our processes.
type target struct {
	// name is what it is called in tables, kind what it is.
	name, kind string
	process    *playground.Process
	metrics    string
	profiles   string
}

// stage is what the load goes through.
type stage struct {
	*rig.Rig

	upstream, downstream side
	targets              []target
	// upstreamID is in the marks of everything downstream.
	upstreamID string
}

// start starts everything.
func start(ctx context.Context, r *rig.Rig) (*stage, error) {
	s := &stage{Rig: r}
	programs, err := rig.Build(ctx, "")
	if err != nil {
		return s, err
	}
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	if err := s.startClusters(ctx, programs.Components); err != nil {
		return s, err
	}
	if err := s.startWebhooks(ctx, programs.Spillway); err != nil {
		return s, err
	}
	return s, s.startNode(ctx, programs.Spillway)
}

func (s *stage) startClusters(ctx context.Context, paths binaries.Paths) error {
	log := filepath.Join(s.Dir, "app.log")
	if err := os.WriteFile(log, []byte(spokenLine), 0o600); err != nil {
		return fmt.Errorf("cannot write a log: %w", err)
	}
	large := playground.Capacity("1000", "1Ti", "5000")
	// Two cores are hardly enough for two clusters at this rate. What is judged is not theirs.
	thrifty := []string{"GOGC=400"}
	clusters, err := playground.StartAll(ctx,
		playground.Options{
			Name: "upstream", Dir: s.Dir, Binaries: paths, Env: thrifty,
			Nodes: []*corev1.Node{playground.FakeNode("own", large, playground.Label("pool", "own"))},
			// A namespace leaves thousands of events: one at a time, they outlast a request.
			ExtraArgs: map[playground.Component][]string{playground.APIServer: {"--delete-collection-workers=8"}},
		},
		playground.Options{Name: "downstream", Dir: s.Dir, Binaries: paths, Env: thrifty, KubeletAPI: fmt.Sprintf(kubelets, log), Nodes: []*corev1.Node{
			playground.FakeNode("metal-1", large), playground.FakeNode("metal-2", large),
		}})
	if err != nil {
		return err
	}
	s.AtEnd(func(ctx context.Context) error { return playground.StopAll(ctx, clusters...) })
	if s.upstream, err = newSide(clusters[0]); err != nil {
		return err
	}
	s.downstream, err = newSide(clusters[1])
	return err
}

func newSide(cluster *playground.Cluster) (side, error) {
	anything, err := dynamic.NewForConfig(cluster.AdminConfig())
	if err != nil {
		return side{}, fmt.Errorf("cannot make a client: %w", err)
	}
	typed, err := cluster.ProtobufClient()
	if err != nil {
		return side{}, err
	}
	return side{cluster, typed, anything}, nil
}

func (s *stage) startWebhooks(ctx context.Context, spillway string) error {
	balancer, err := playground.StartBalancer(ctx, s.upstream.Cluster)
	if err != nil {
		return err
	}
	s.AtEnd(balancer.Stop)
	for _, name := range []string{"webhook-1", "webhook-2"} {
		profiles, err := s.Ports.TakeAddress()
		if err != nil {
			return err
		}
		webhook, err := playground.StartWebhook(ctx, playground.WebhookOptions{
			Binary: spillway, Upstream: s.upstream.Cluster, Name: name, Balancer: balancer, ExtraArgs: []string{"--profile-address=" + profiles},
		})
		if err != nil {
			return err
		}
		s.AtEnd(webhook.Stop)
		s.targets = append(s.targets, target{name, "webhook", webhook.Process, webhook.Metrics, profiles})
		if err := webhook.WaitPolicies(ctx); err != nil {
			return err
		}
	}
	return nil
}

func (s *stage) startNode(ctx context.Context, spillway string) error {
	profiles, err := s.Ports.TakeAddress()
	if err != nil {
		return err
	}
	node, err := playground.StartVirtualNode(ctx, playground.VirtualNodeOptions{
		Binary: spillway, Name: virtualNode, Upstream: s.upstream.Cluster, Downstream: s.downstream.Cluster,
		Labels: map[string]string{"clusterID": virtualNode}, ExtraArgs: []string{"--profile-address=" + profiles},
	})
	if err != nil {
		return err
	}
	s.AtEnd(node.Stop)
	s.targets = append(s.targets, target{"virtual node", "node", node.Process, node.Metrics, profiles})
	return nil
}

// machines are all processes, of whose CPU time the rates are made.
func (s *stage) machines() map[string]*playground.Process {
	all := map[string]*playground.Process{}
	for _, t := range s.targets {
		all[t.name] = t.process
	}
	for _, c := range []side{s.upstream, s.downstream} {
		for _, p := range []*playground.Process{c.Etcd, c.APIServer, c.ControllerManager, c.Scheduler, c.Kwok} {
			all[c.Name()+" "+p.Name()] = p
		}
	}
	return all
}

// alive says which of our processes ended by itself.
func (s *stage) alive() error {
	var errs []error
	for _, t := range s.targets {
		errs = append(errs, t.process.Err())
	}
	return errors.Join(errs...)
}

// pause waits for a while, and says whether ctx goes on.
func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
