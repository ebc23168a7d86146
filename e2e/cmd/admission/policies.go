package main

import (
	"fmt"
	"strings"

	"github.com/spillway-io/spillway/e2e/admissions"
)

// The workloads that pods belong to.
const (
	// wanting wants more pods than it has, and nobody makes them: the cluster has no
	// controller of ReplicaSets. So a pod of it is one that it asks for.
	wanting = "web"
	// content wants no pods at all. A pod of it cannot be what it asks for, so whoever
	// admits one must think that he has old news of it.
	content = "idle"
)

// deployment is a workload that wants so many pods.
func deployment(name string, replicas int) string {
	return fmt.Sprintf(`---
apiVersion: apps/v1
kind: Deployment
metadata: {name: %[1]s, namespace: %[2]s}
spec:
  replicas: %[3]d
  selector: {matchLabels: {workload: %[1]s}}
  template:
    metadata: {labels: {app: %[4]s, workload: %[1]s}}
    spec: {containers: [{name: main, image: "registry.example/shop/main:v1.24.3"}]}
`, name, namespace, replicas, admissions.App)
}

// sidecarSets are those of the scenario, those that select the pod last: they are seen last.
func (s scenario) sidecarSets() string {
	var text strings.Builder
	for i := range s.others {
		text.WriteString(admissions.SidecarSet(200+i, fmt.Sprintf("other-%d", i)))
	}
	for i := range s.sets {
		text.WriteString(admissions.SidecarSet(i, admissions.App))
	}
	return text.String()
}

// workloadSpread has two subsets in zones of the cluster itself.
func (s scenario) workloadSpread() string {
	limit := ""
	if s.capacity != unlimited {
		limit = fmt.Sprintf("maxReplicas: %d", s.capacity)
	}
	return fmt.Sprintf(`
apiVersion: apps.kruise.io/v1alpha1
kind: WorkloadSpread
metadata: {name: %[1]s, namespace: %[2]s}
spec:
  targetRef: {apiVersion: apps/v1, kind: Deployment, name: %[1]s}
  subsets:
  - name: subset-a
    requiredNodeSelectorTerm: {matchExpressions: [{key: topology.kubernetes.io/zone, operator: In, values: [zone-a]}]}
    tolerations: [{key: zone-a, operator: Exists}]
    patch: {metadata: {labels: {subset: a}}}
    %[3]s
  - name: subset-b
    requiredNodeSelectorTerm: {matchExpressions: [{key: topology.kubernetes.io/zone, operator: In, values: [zone-b]}]}
    patch: {metadata: {labels: {subset: b}}}
`, s.owner, namespace, limit)
}
