package capacity_test

import (
	"fmt"
	"testing"

	corev1 "k8s.io/api/core/v1"

	"github.com/spillway-io/spillway/provider/capacity"
)

// BenchmarkSurvey: a large cluster, a tenth of whose pods are ours.
func BenchmarkSurvey(b *testing.B) {
	nodes := make([]corev1.Node, 1000)
	for i := range nodes {
		nodes[i] = node(fmt.Sprintf("node-%04d", i), "cpu=64 memory=256Gi pods=110 ephemeral-storage=1Ti", label("topology.kubernetes.io/zone", "a"))
	}
	pods := make([]corev1.Pod, 30000)
	for i := range pods {
		pods[i] = pod(nodes[i%len(nodes)].Name, "cpu=500m memory=1Gi", resizing("cpu=500m memory=1Gi"))
		if i%10 == 0 {
			own(&pods[i])
		}
	}
	for b.Loop() {
		capacity.Survey(nodes, pods, isOwn, capacity.Policy{Reserve: list("cpu=10"), Limit: list("memory=1Ti")})
	}
}
