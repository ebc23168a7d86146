package stories

import (
	"context"
	_ "embed"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/yaml"

	"github.com/spillway-io/spillway/api"
)

//go:embed testdata/founding.yaml
var foundingSpread string

const foundingWorkload = `
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 10
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web, virtual-pod: "true"}}
    spec:
      terminationGracePeriodSeconds: 1
      nodeSelector: {disktype: ssd}
      tolerations:
      - {key: dedicated, operator: Exists, effect: NoSchedule}
      affinity:
        nodeAffinity:
          requiredDuringSchedulingIgnoredDuringExecution:
            nodeSelectorTerms:
            - matchExpressions:
              - {key: topology.kubernetes.io/zone, operator: In, values: [a, b]}
        podAntiAffinity:
          requiredDuringSchedulingIgnoredDuringExecution:
          - topologyKey: kubernetes.io/hostname
            labelSelector: {matchLabels: {app: database}}
      containers:
      - {name: app, image: "web:1"}
`

// constraints are a pod's scheduling fields, as YAML and without what every API
// server adds by itself.
func constraints(t *testing.T, pod *corev1.Pod) string {
	t.Helper()
	var tolerations []corev1.Toleration
	for _, toleration := range pod.Spec.Tolerations {
		if toleration.TolerationSeconds == nil {
			tolerations = append(tolerations, toleration)
		}
	}
	text, err := yaml.Marshal(map[string]any{
		"nodeSelector": pod.Spec.NodeSelector, "affinity": pod.Spec.Affinity,
		"tolerations": tolerations, "topologySpreadConstraints": pod.Spec.TopologySpreadConstraints,
	})
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// wanted is YAML in the layout that constraints has.
func wanted(t *testing.T, text string) string {
	t.Helper()
	var value map[string]any
	if err := yaml.UnmarshalStrict([]byte(text), &value); err != nil {
		t.Fatal(err)
	}
	return manifest(t, value)
}

// Upstream, the pods of the subset common have the workload's constraints and
// the subset's; the others are pinned to the virtual node and no more, except
// that those whose constraints Spillway saved itself require just any virtual
// node besides.
const (
	inCommon = `
nodeSelector: {disktype: ssd}
affinity:
  nodeAffinity:
    requiredDuringSchedulingIgnoredDuringExecution:
      nodeSelectorTerms:
      - matchExpressions:
        - {key: topology.kubernetes.io/zone, operator: In, values: [a, b]}
        - {key: node-role.kubernetes.io/WorkerNode, operator: In, values: ["true"]}
  podAntiAffinity:
    requiredDuringSchedulingIgnoredDuringExecution:
    - topologyKey: kubernetes.io/hostname
      labelSelector: {matchLabels: {app: database}}
tolerations:
- {key: dedicated, operator: Exists, effect: NoSchedule}
- {key: unscheduer, operator: Equal, value: "true", effect: NoSchedule}
topologySpreadConstraints: null
`
	inVirtual = `
nodeSelector: null
affinity:
  nodeAffinity:
    requiredDuringSchedulingIgnoredDuringExecution:
      nodeSelectorTerms:
      - matchExpressions:
        - {key: node-role.kubernetes.io/local-virtual-kubelet, operator: In, values: ["true"]}
tolerations:
- {key: dedicated, operator: Exists, effect: NoSchedule}
- {key: virtual-kubelet.io/provider, operator: Equal, value: spillway, effect: NoSchedule}
topologySpreadConstraints: null
`
	saved = `
        - {key: type, operator: In, values: [virtual-kubelet]}
tolerations:`
	belowAsGiven = `
nodeSelector: null
affinity: null
tolerations:
- {key: node.kubernetes.io/not-ready, operator: Exists, effect: NoExecute}
- {key: node.kubernetes.io/unreachable, operator: Exists, effect: NoExecute}
- {key: test, operator: Exists, effect: NoExecute}
topologySpreadConstraints: null
`
	belowAsWritten = `
nodeSelector: {disktype: ssd}
affinity:
  nodeAffinity:
    requiredDuringSchedulingIgnoredDuringExecution:
      nodeSelectorTerms:
      - matchExpressions:
        - {key: topology.kubernetes.io/zone, operator: In, values: [a, b]}
  podAntiAffinity:
    requiredDuringSchedulingIgnoredDuringExecution:
    - topologyKey: kubernetes.io/hostname
      labelSelector: {matchLabels: {app: database}}
tolerations:
- {key: dedicated, operator: Exists, effect: NoSchedule}
topologySpreadConstraints: null
`
)

// TestFoundingConfiguration: half of the replicas run on own workers, the others
// in the downstream cluster with the constraints that the configuration gives.
func TestFoundingConfiguration(t *testing.T) {
	s := tell(t, nil)
	s.foundsOn(foundingSpread)
	for name, pod := range s.half("common") {
		if diff := cmp.Diff(wanted(t, inCommon), constraints(t, pod)); diff != "" {
			t.Errorf("%s in common -want +got:\n%s", name, diff)
		}
		if pod.Annotations["subset"] != "common" || handled(pod) || pod.Annotations[api.StashMarkerAnnotation] != "" {
			t.Errorf("%s in common has the annotations %v", name, pod.Annotations)
		}
	}
	given := fmt.Sprintf(`{"tolerations":[%s,%s,%s]}`,
		`{"key":"node.kubernetes.io/not-ready","operator":"Exists","effect":"NoExecute"}`,
		`{"key":"node.kubernetes.io/unreachable","operator":"Exists","effect":"NoExecute"}`,
		`{"key":"test","operator":"Exists","effect":"NoExecute"}`)
	for name, pod := range s.half("local-virtual-kubelet") {
		if pod.Annotations["subset"] != "local-virtual-kubelet" || pod.Annotations[api.StashMarkerAnnotation] != "" {
			t.Errorf("%s on the virtual node has the annotations %v", name, pod.Annotations)
		}
		if diff := cmp.Diff(given, pod.Annotations[api.StashAnnotation]); diff != "" {
			t.Errorf("the stash of %s -given +got:\n%s", name, diff)
		}
		s.runsBelow(pod, inVirtual, belowAsGiven)
	}
}

// TestFoundingConfigurationWithoutStash: a patch that gives no constraints for
// the downstream cluster leaves it those that the workload's author wrote.
func TestFoundingConfigurationWithoutStash(t *testing.T) {
	s := tell(t, nil)
	var kept []string
	for line := range strings.Lines(foundingSpread) {
		if !strings.Contains(line, "clusterSelector:") {
			kept = append(kept, line)
		}
	}
	s.foundsOn(strings.Join(kept, ""))
	s.half("common")
	for name, pod := range s.half("local-virtual-kubelet") {
		if pod.Annotations[api.StashMarkerAnnotation] == "" {
			t.Errorf("the stash of %s is not marked: %v", name, pod.Annotations)
		}
		s.runsBelow(pod, strings.Replace(inVirtual, "\ntolerations:", saved, 1), belowAsWritten)
	}
}

// foundsOn applies the configuration and ten replicas in one go, as users do,
// and waits until all run, five and five.
func (s *story) foundsOn(spread string) {
	s.Helper()
	s.applies(strings.Replace(spread, "namespace: default", "namespace: "+s.namespace, 1) + "---" + foundingWorkload)
	s.isSpread("web:1", distribution{"common on own": 5, "local-virtual-kubelet on east": 5})
}

// half returns the five pods of a subset by name.
func (s *story) half(subset string) map[string]*corev1.Pod {
	s.Helper()
	half := s.in(subset)
	if len(half) != 5 {
		s.Errorf("%d pods in %s, want 5", len(half), subset)
	}
	return half
}

// runsBelow checks a pod of the virtual subset in both clusters.
func (s *story) runsBelow(pod *corev1.Pod, above, below string) {
	s.Helper()
	if diff := cmp.Diff(wanted(s.T, above), constraints(s.T, pod)); diff != "" {
		s.Errorf("%s upstream -want +got:\n%s", pod.Name, diff)
	}
	s.eventually(pod.Name+" runs downstream", func(context.Context) error {
		twin := s.pod(s.downstream, pod.Name)
		if twin.Status.Phase != corev1.PodRunning {
			return fmt.Errorf("it is %s", twin.Status.Phase)
		}
		if diff := cmp.Diff(wanted(s.T, below), constraints(s.T, twin)); diff != "" {
			s.Errorf("%s downstream -want +got:\n%s", pod.Name, diff)
		}
		return nil
	})
}
