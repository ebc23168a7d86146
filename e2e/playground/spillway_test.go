package playground

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/spillway-io/spillway/e2e/binaries"
)

func testSpillway(t *testing.T, upstream, downstream *Cluster) {
	ctx := deadline(t)
	binary, err := binaries.Spillway(ctx, binaries.Options{Out: os.Stderr})
	if err != nil {
		t.Fatal(err)
	}
	balancer, err := StartBalancer(ctx, upstream)
	if err != nil {
		t.Fatal(err)
	}
	stopAtEnd(t, balancer.Stop)
	webhook, err := StartWebhook(ctx, WebhookOptions{Binary: binary, Upstream: upstream, Balancer: balancer})
	if err != nil {
		t.Fatal(err)
	}
	stopAtEnd(t, webhook.Stop)
	node, err := StartVirtualNode(ctx, VirtualNodeOptions{
		Binary: binary, Name: "east", Upstream: upstream, Downstream: downstream,
		Labels: map[string]string{"clusterID": "east", "example.com/tier": "overflow"}, PodWorkers: 4,
	})
	if err != nil {
		t.Fatal(err)
	}
	stopAtEnd(t, node.Stop)

	t.Run("the node has its labels", func(t *testing.T) {
		got, err := upstream.Client().CoreV1().Nodes().Get(ctx, "east", metav1.GetOptions{})
		if err != nil {
			t.Fatal(err)
		}
		for key, want := range map[string]string{"clusterID": "east", "example.com/tier": "overflow"} {
			if got.Labels[key] != want {
				t.Errorf("label %s is %q, want %q", key, got.Labels[key], want)
			}
		}
	})
	t.Run("both answer", func(t *testing.T) {
		for _, url := range []string{webhook.Metrics + "/metrics", node.Metrics + "/metrics", webhook.Health + "/healthz", node.Health + "/healthz"} {
			if _, err := get(ctx, http.DefaultClient, url); err != nil {
				t.Error(err)
			}
		}
	})
	t.Run("both serve what alerts and dashboard ask for", func(t *testing.T) { testMetrics(ctx, t, webhook, node) })
	t.Run("both work again after they were killed", func(t *testing.T) {
		if err := errors.Join(webhook.Kill(), node.Kill(), webhook.Start(), node.Start()); err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(webhook.WaitReady(ctx), node.WaitReady(ctx)); err != nil {
			t.Fatal(err)
		}
		if err := upstream.CreateNamespace(ctx, "overflowing", map[string]string{"virtual-pod": "true"}); err != nil {
			t.Fatal(err)
		}
		if _, _, err := upstream.Kubectl(ctx, pickyDeployment, "apply", "--namespace=overflowing", "-f", "-"); err != nil {
			t.Fatal(err)
		}
		waitRunningOn(ctx, t, upstream, "overflowing", 3, "east")
		waitRunningOn(ctx, t, downstream, "overflowing", 3, "ssd")
	})
	t.Run("a second webhook answers while the first does not", func(t *testing.T) {
		second, err := StartWebhook(ctx, WebhookOptions{Binary: binary, Upstream: upstream, Name: "second", Balancer: balancer})
		if err != nil {
			t.Fatal(err)
		}
		stopAtEnd(t, second.Stop)
		if err := webhook.Kill(); err != nil {
			t.Fatal(err)
		}
		if err := second.WaitReady(ctx); err != nil {
			t.Error(err)
		}
		if err := errors.Join(webhook.Start(), webhook.WaitReady(ctx)); err != nil {
			t.Error(err)
		}
	})
	t.Run("they may do no more than they need", func(t *testing.T) {
		forbidden(ctx, t, upstream, "spillway-webhook", webhookGroup, "get secrets", "create pods", "update pods", "patch deployments", "update workloadspreads", "delete namespaces",
			"update sidecarsets", "create controllerrevisions", "get configmaps")
		forbidden(ctx, t, upstream, "spillway-node-east", nodeGroup, "update secrets", "delete configmaps", "create pods", "delete namespaces", "delete nodes", "delete persistentvolumeclaims")
		forbidden(ctx, t, downstream, "spillway-downstream-node-east", downstreamGroup, "patch nodes", "delete namespaces", "create deployments", "create serviceaccounts/token", "delete persistentvolumeclaims", "delete persistentvolumes")
	})
}

func stopAtEnd(t *testing.T, stop func(context.Context) error) {
	t.Helper()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), politely)
		defer cancel()
		if err := stop(ctx); err != nil {
			t.Error(err)
		}
	})
}

// forbidden makes sure that RBAC grants a user none of the actions, each a verb
// and a resource.
func forbidden(ctx context.Context, t *testing.T, c *Cluster, user, group string, actions ...string) {
	t.Helper()
	for _, action := range actions {
		var verb, resource string
		if _, err := fmt.Sscan(action, &verb, &resource); err != nil {
			t.Fatal(err)
		}
		answer, _, err := c.Kubectl(ctx, "", "auth", "can-i", verb, resource, "--all-namespaces", "--as="+user, "--as-group="+group)
		if err == nil {
			t.Errorf("%s may %s in %s: %s", user, action, c.Name(), answer)
		}
	}
}
