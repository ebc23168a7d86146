package docs

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/spillway-io/spillway/e2e/binaries"
	"github.com/spillway-io/spillway/e2e/playground"
)

// stopTimeout bounds the end of a stage.
const stopTimeout = time.Minute

// programs are what a page's commands find, and what a stage is made of.
type programs struct {
	clusters binaries.Paths
	spillway string
	// path is a folder with the programs that pages call.
	path string
}

// stage is what pages run against.
type stage struct {
	upstream *playground.Cluster
	// downstream are the other clusters, by their names.
	downstream map[string]*playground.Cluster
	webhook    *playground.Webhook
	// nodes are the virtual nodes, of the clusters of their names.
	nodes []*playground.VirtualNode
}

// downstreamOf are the names of a stage's downstream clusters.
func downstreamOf(kind Stage) []string {
	if kind == Two {
		return []string{"east", "west"}
	}
	return []string{"east"}
}

// startStage starts the clusters in dir, and Spillway between them unless the pages
// are to install it.
func startStage(ctx context.Context, p programs, dir string, kind Stage) (*stage, error) {
	logs, err := simulatedLogs(dir)
	if err != nil {
		return nil, err
	}
	names := downstreamOf(kind)
	options := []playground.Options{{Name: "upstream", Dir: dir, Binaries: p.clusters, Nodes: []*corev1.Node{
		playground.FakeNode("own-1", playground.Zone("a"), playground.Label("pool", "own"), playground.Label("disktype", "ssd")),
		playground.FakeNode("own-2", playground.Zone("b"), playground.Label("pool", "own"), playground.Label("disktype", "ssd")),
	}}}
	for _, name := range names {
		options = append(options, playground.Options{Name: name, Dir: dir, Binaries: p.clusters, KubeletAPI: logs, Nodes: []*corev1.Node{
			playground.FakeNode(name+"-1", playground.Zone("a"), playground.Label("disktype", "ssd")),
			playground.FakeNode(name+"-2", playground.Zone("b"), playground.Label("disktype", "hdd")),
		}})
	}
	clusters, err := playground.StartAll(ctx, options...)
	if err != nil {
		return nil, err
	}
	s := &stage{upstream: clusters[0], downstream: map[string]*playground.Cluster{}}
	for i, name := range names {
		s.downstream[name] = clusters[i+1]
	}
	if kind == Bare {
		return s, nil
	}
	if err := s.startSpillway(ctx, p.spillway); err != nil {
		return nil, errors.Join(err, s.stop())
	}
	return s, nil
}

func (s *stage) startSpillway(ctx context.Context, binary string) error {
	var err error
	s.webhook, err = playground.StartWebhook(ctx, playground.WebhookOptions{
		Binary: binary, Upstream: s.upstream, ExtraArgs: []string{"--unschedulable-backoff=10s"},
	})
	if err != nil {
		return err
	}
	if err := s.webhook.WaitPolicies(ctx); err != nil {
		return err
	}
	for name, downstream := range s.downstream {
		node, err := playground.StartVirtualNode(ctx, playground.VirtualNodeOptions{
			Binary: binary, Name: name, Upstream: s.upstream, Downstream: downstream,
			Labels: map[string]string{"clusterID": name}, ExtraArgs: []string{"--probe-interval=1s"},
		})
		if err != nil {
			return err
		}
		s.nodes = append(s.nodes, node)
	}
	return nil
}

// stop ends what was started, clients before servers.
func (s *stage) stop() error {
	ctx, cancel := context.WithTimeout(context.Background(), stopTimeout)
	defer cancel()
	clusters := []*playground.Cluster{s.upstream}
	var errs []error
	for _, downstream := range s.downstream {
		clusters = append(clusters, downstream)
		// What a page has left without an answer would not hear that it is to end.
		errs = append(errs, syscall.Kill(downstream.APIServer.PID(), syscall.SIGCONT))
	}
	for _, node := range s.nodes {
		errs = append(errs, node.Stop(ctx))
	}
	if s.webhook != nil {
		errs = append(errs, s.webhook.Stop(ctx))
	}
	return errors.Join(append(errs, playground.StopAll(ctx, clusters...))...)
}

// simulatedLogs has kubelets answer with one line for every container. It is all that
// pages can ask of them without containers.
func simulatedLogs(dir string) (string, error) {
	file := filepath.Join(dir, "containers.log")
	const line = "2026-01-02T03:04:05Z stdout F ready to serve\n"
	return fmt.Sprintf(`
apiVersion: kwok.x-k8s.io/v1alpha1
kind: ClusterLogs
metadata: {name: logs}
spec:
  logs:
  - {logsFile: %[1]s, previousLogsFile: %[1]s}
`, file), os.WriteFile(file, []byte(line), 0o600)
}

// namespaceOf is the namespace of a page that shares its clusters.
func namespaceOf(p Page) string {
	if p.Stage != Shared {
		return corev1.NamespaceDefault
	}
	return strings.ToLower(strings.NewReplacer("/", "-", ".", "-").Replace(strings.TrimSuffix(p.Path, ".md")))
}
