package stories

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"
	statsv1alpha1 "k8s.io/kubelet/pkg/apis/stats/v1alpha1"

	"github.com/spillway-io/spillway/e2e/playground"
)

// podMetricsCRD lets a test say what pods use, in place of metrics-server.
const podMetricsCRD = `
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata:
  name: pods.metrics.k8s.io
  annotations: {api-approved.kubernetes.io: "unapproved, a test"}
spec:
  group: metrics.k8s.io
  scope: Namespaced
  names: {kind: PodMetrics, listKind: PodMetricsList, plural: pods, singular: pod}
  versions:
  - {name: v1beta1, served: true, storage: true, schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}}
`

// TestFiguresFromPodMetrics: a virtual node that is not trusted with nodes/proxy
// downstream, as that leads into every container there, tells what its pods use from
// PodMetrics.
func TestFiguresFromPodMetrics(t *testing.T) {
	s := tell(t, nil)
	site, err := playground.Start(s.ctx, playground.Options{
		Name: "metered", Dir: s.dir, Binaries: s.binaries.Downstream, Nodes: []*corev1.Node{playground.FakeNode("metered-1")},
	})
	s.must("start a cluster", err)
	s.finally(site.Stop)
	s.must("make room for PodMetrics", site.InstallCRDs(s.ctx, podMetricsCRD))
	node, err := s.virtualNode(s.ctx, "metered", site)
	s.must("start a virtual node", err)
	s.finally(node.Stop)
	_, err = site.Client().RbacV1().ClusterRoles().Patch(s.ctx, "spillway:node-metrics", types.JSONPatchType,
		[]byte(`[{"op":"test","path":"/rules/0/resources","value":["nodes/proxy"]},{"op":"remove","path":"/rules/0"}]`), metav1.PatchOptions{})
	s.must("take nodes/proxy away", err)

	s.runsOn("metered", "busy")
	below := s.pod(site, "busy")
	content, err := json.Marshal(map[string]any{
		"apiVersion": "metrics.k8s.io/v1beta1", "kind": "PodMetrics",
		"metadata":   map[string]any{"name": "busy", "namespace": s.namespace, "labels": below.Labels},
		"timestamp":  time.Now().Add(time.Second).UTC().Format(time.RFC3339),
		"containers": []any{map[string]any{"name": "app", "usage": map[string]any{"cpu": "250m", "memory": "64Mi"}}},
	})
	s.must("encode PodMetrics", err)
	s.must("say what the pod uses", site.Apply(s.ctx, string(content)))

	transport, err := rest.TransportFor(s.upstream.AdminConfig())
	s.must("make a client", err)
	s.eventually("the virtual node tells what the pod uses", func(ctx context.Context) error {
		return usesQuarterOfACore(ctx, &http.Client{Transport: transport}, node.Kubelet, "busy")
	})
}

func usesQuarterOfACore(ctx context.Context, client *http.Client, kubelet, pod string) (err error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, kubelet+"/stats/summary", http.NoBody)
	if err != nil {
		return err
	}
	response, err := client.Do(request)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, response.Body.Close()) }()
	var summary statsv1alpha1.Summary
	if err := json.NewDecoder(response.Body).Decode(&summary); err != nil {
		return fmt.Errorf("%s: %w", response.Status, err)
	}
	for _, p := range summary.Pods {
		if p.PodRef.Name == pod && p.CPU != nil && p.CPU.UsageNanoCores != nil && *p.CPU.UsageNanoCores == 250_000_000 {
			return nil
		}
	}
	return errors.New("it does not")
}
