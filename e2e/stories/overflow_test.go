package stories

import (
	"fmt"
	"strings"
	"testing"
)

// workload is the manifest of a workload named web of one of the kinds with
// replicas.
func workload(apiVersion, kind string, replicas int, image string) string {
	policy := ""
	if kind == "StatefulSet" {
		policy = "podManagementPolicy: Parallel"
	}
	return strings.NewReplacer(
		"$apiVersion", apiVersion, "$kind", kind, "$replicas", fmt.Sprint(replicas), "$image", image, "$policy", policy,
	).Replace(`
apiVersion: $apiVersion
kind: $kind
metadata: {name: web}
spec:
  $policy
  replicas: $replicas
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web, virtual-pod: "true"}}
    spec:
      terminationGracePeriodSeconds: 1
      containers:
      - {name: app, image: "$image"}
`)
}

// TestDeploymentOverflows: the first two pods are on own machines whatever
// happens, and the rest on the virtual node.
func TestDeploymentOverflows(t *testing.T) { tell(t, nil).overflows("apps/v1", "Deployment") }

// TestCloneSetOverflows: the same for CloneSets, whose controller a stand-in is.
func TestCloneSetOverflows(t *testing.T) {
	s := tell(t, nil)
	s.keepsCloneSet()
	s.overflows("apps.kruise.io/v1alpha1", "CloneSet")
}

// TestStatefulSetOverflows: the same, with ordinals 0 and 1 on own machines.
func TestStatefulSetOverflows(t *testing.T) {
	s := tell(t, nil)
	s.overflows("apps/v1", "StatefulSet")
	for name := range s.in("a") {
		if name != "web-0" && name != "web-1" {
			t.Errorf("%s is in a", name)
		}
	}
}

func (s *story) overflows(apiVersion, kind string) {
	s.Helper()
	s.spreads(fmt.Sprintf(twoOwnFirst, apiVersion, kind))
	s.applies(workload(apiVersion, kind, 2, "web:1"))
	s.isSpread("web:1", distribution{"a on own": 2})
	s.scales(kind, 6)
	s.isSpread("web:1", distribution{"a on own": 2, "b on east": 4})

	s.applies(workload(apiVersion, kind, 6, "web:2"))
	s.isSpread("web:2", distribution{"a on own": 2, "b on east": 4})
	before := s.in("a")

	s.scales(kind, 2)
	s.isSpread("web:2", distribution{"a on own": 2})
	for name, pod := range s.in("a") {
		if before[name] == nil || before[name].UID != pod.UID {
			s.Errorf("%s is left after the scale-in, want the two that were in a before", name)
		}
	}
	s.scales(kind, 0)
	s.isSpread("web:2", distribution{})
	s.scales(kind, 6)
	s.isSpread("web:2", distribution{"a on own": 2, "b on east": 4})
}

// TestJobOverflows: the first two pods of a Job are on own machines, and the
// rest on the virtual node, also after it was suspended.
func TestJobOverflows(t *testing.T) {
	s := tell(t, nil)
	s.spreads(fmt.Sprintf(twoOwnFirst, "batch/v1", "Job"))
	s.applies(`
apiVersion: batch/v1
kind: Job
metadata: {name: web}
spec:
  parallelism: 2
  completions: 20
  template:
    metadata:
      labels: {app: web, virtual-pod: "true"}
      annotations: {playground.spillway.io/run-for: 1h}
    spec:
      restartPolicy: Never
      terminationGracePeriodSeconds: 1
      containers:
      - {name: app, image: "web:1"}
`)
	changes := func(spec string) {
		t.Helper()
		_, _, err := s.upstream.Kubectl(s.ctx, "", "patch", "job", "web", "-n", s.namespace, "-p", `{"spec":`+spec+`}`)
		s.must("change the Job", err)
	}
	s.isSpread("web:1", distribution{"a on own": 2})
	changes(`{"parallelism":6}`)
	s.isSpread("web:1", distribution{"a on own": 2, "b on east": 4})
	changes(`{"suspend":true}`)
	s.isSpread("web:1", distribution{})
	changes(`{"suspend":false}`)
	s.isSpread("web:1", distribution{"a on own": 2, "b on east": 4})
}

// TestPercentagesOverThreeSubsets: 20, 30 and 50 percent of ten.
func TestPercentagesOverThreeSubsets(t *testing.T) {
	s := tell(t, nil)
	s.spreads(`
apiVersion: apps.kruise.io/v1alpha1
kind: WorkloadSpread
metadata: {name: web}
spec:
  targetRef: {apiVersion: apps/v1, kind: Deployment, name: web}
  subsets:
  - name: a
    maxReplicas: 20%
    requiredNodeSelectorTerm: {matchExpressions: [{key: topology.kubernetes.io/zone, operator: In, values: [a]}, {key: pool, operator: In, values: [own]}]}
  - name: b
    maxReplicas: 30%
    requiredNodeSelectorTerm: {matchExpressions: [{key: topology.kubernetes.io/zone, operator: In, values: [b]}, {key: pool, operator: In, values: [own]}]}
  - name: c
    maxReplicas: 50%
    requiredNodeSelectorTerm: {matchExpressions: [{key: clusterID, operator: In, values: [east]}]}
`)
	s.applies(workload("apps/v1", "Deployment", 10, "web:1"))
	s.isSpread("web:1", distribution{"a on own": 2, "b on own": 3, "c on east": 5})
}

// TestPercentagesFollowTheScale: a scale-out counts from the first pod on with
// what is wanted now.
func TestPercentagesFollowTheScale(t *testing.T) {
	s := tell(t, nil)
	s.spreads(strings.Replace(fmt.Sprintf(twoOwnFirst, "apps/v1", "Deployment"), "maxReplicas: 2", "maxReplicas: 50%", 1))
	s.applies(workload("apps/v1", "Deployment", 4, "web:1"))
	s.isSpread("web:1", distribution{"a on own": 2, "b on east": 2})
	s.scales("Deployment", 10)
	s.isSpread("web:1", distribution{"a on own": 5, "b on east": 5})
}
