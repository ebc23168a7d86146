package stories

import (
	"context"
	"fmt"
	"path/filepath"
	"testing"

	corev1 "k8s.io/api/core/v1"

	"github.com/spillway-io/spillway/e2e/faults"
	"github.com/spillway-io/spillway/e2e/playground"
)

// lossAudit has the API server log who writes events, nodes and what pods are, and what
// a node then says.
const lossAudit = `
- level: RequestResponse
  verbs: [update, patch]
  resources:
  - {group: "", resources: [nodes/status]}
- level: Metadata
  verbs: [create, update, patch, delete]
  resources:
  - {group: "", resources: [pods, pods/status, events, nodes]}
  - {group: events.k8s.io, resources: [events]}
`

// noStreamedLists has an API server refuse to begin watches with what there is, as
// those before Kubernetes 1.34 do: informers then list.
const noStreamedLists = "--feature-gates=WatchList=false"

// losing is a stage whose clocks run fast, with virtual nodes that get lost.
type losing struct {
	stage
}

func lossStage(t *testing.T) *losing {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), startTimeout)
	t.Cleanup(cancel)
	l := &losing{stage: shared}
	l.dir = filepath.Join(shared.dir, "loss")
	clusters, err := playground.StartAll(ctx,
		playground.Options{
			Name: "lossy", Dir: l.dir, Binaries: l.binaries.Upstream, Audit: lossAudit, Nodes: []*corev1.Node{ownNode("own-1"), ownNode("own-2"), ownNode("own-3")},
			ExtraArgs: map[playground.Component][]string{
				playground.APIServer: {
					fmt.Sprintf("--default-not-ready-toleration-seconds=%.0f", toleration.Seconds()),
					fmt.Sprintf("--default-unreachable-toleration-seconds=%.0f", toleration.Seconds()),
					noStreamedLists,
				},
				playground.ControllerManager: {
					"--node-monitor-period=500ms", "--node-monitor-grace-period=" + leasePeriod.String(),
					"--node-eviction-rate=10", // or each lost node waits 10 s for the one before
				},
			},
		},
		playground.Options{
			Name: "beyond", Dir: l.dir, Binaries: l.binaries.Downstream, Nodes: []*corev1.Node{playground.FakeNode("beyond-1"), playground.FakeNode("beyond-2")},
			ExtraArgs: map[playground.Component][]string{playground.APIServer: {noStreamedLists}},
		},
	)
	if err != nil {
		t.Fatal(err)
	}
	l.upstream, l.downstream = clusters[0], clusters[1]
	atEnd(t, clusters[1].Stop)
	atEnd(t, clusters[0].Stop)
	if l.webhook, err = playground.StartWebhook(ctx, playground.WebhookOptions{Binary: l.spillway, Upstream: l.upstream}); err != nil {
		t.Fatal(err)
	}
	atEnd(t, l.webhook.Stop)
	return l
}

// start starts a virtual node that probes five times as often as others. What it offers
// is less than what is free, and so does not depend on the pods of others downstream:
// its Node has no news but of itself.
func (l *losing) start(t *testing.T, name, downstreamKubeconfig string, args ...string) *playground.VirtualNode {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), startTimeout)
	defer cancel()
	node, err := playground.StartVirtualNode(ctx, playground.VirtualNodeOptions{
		Binary: l.spillway, Name: name, Upstream: l.upstream, Downstream: l.downstream, DownstreamKubeconfig: downstreamKubeconfig,
		Labels: map[string]string{"clusterID": name}, ExtraArgs: append(args, "--probe-interval=2s", "--capacity-limit=cpu=8,memory=16Gi,pods=100"),
	})
	if err != nil {
		t.Fatal(err)
	}
	atEnd(t, node.Stop)
	return node
}

// losable is a virtual node whose downstream cluster can be cut off.
type losable struct {
	t     *testing.T
	on    *losing
	name  string
	node  *playground.VirtualNode
	proxy *faults.Proxy
}

func (l *losing) losable(t *testing.T, name string) *losable {
	t.Helper()
	target, err := l.downstream.DownstreamNodeConfig(name)
	if err != nil {
		t.Fatal(err)
	}
	proxy, err := faults.Start(t.Context(), faults.Options{Name: "proxy-" + name, Dir: l.dir, Target: target})
	if err != nil {
		t.Fatal(err)
	}
	atEnd(t, proxy.Stop)
	return &losable{t: t, on: l, name: name, proxy: proxy, node: l.start(t, name, proxy.Kubeconfig())}
}
