package main

import (
	"fmt"
	"strings"

	"github.com/spillway-io/spillway/api"
)

// scenario is what there is in the cluster, and which pods are admitted.
type scenario struct {
	name, what string
	// labels are added to the pod's.
	labels map[string]string
	// sets and others are how many SidecarSets select the pod, and how many do not.
	sets, others int
	// capacity is that of the first subset of the WorkloadSpread; 0: there is none.
	capacity int
	// limit is how many times the CPU of decode and allow it may take; 0: it is told only.
	limit float64
	// operations is how many the patch may have; 0: it is told only.
	operations int
}

// scenarios are in the order in which the cluster gets from one to the next.
func scenarios() []scenario {
	optedIn := map[string]string{api.OptInLabel: api.OptedIn}
	const full, roomy = 1, 1_000_000
	return []scenario{
		{name: "S0", what: "not opted in", limit: 0.5},
		{name: "S0-opted-out", what: "label says no", labels: map[string]string{api.OptInLabel: api.OptedOut}, limit: 0.5},
		{name: "S6", what: "stash", labels: optedIn, limit: 1.2},
		{name: "S4", what: "spread, first subset is full", labels: optedIn, capacity: full, limit: 1.6},
		{name: "S5", what: "spread with sidecars", labels: optedIn, capacity: full, sets: 1, limit: 1.6},
		{name: "S5-write", what: "spread with sidecars, a slot for each", labels: optedIn, capacity: roomy, sets: 1},
		{name: "S1", what: "one SidecarSet", labels: optedIn, sets: 1, limit: 1.3, operations: 12},
		{name: "S2", what: "ten SidecarSets", labels: optedIn, sets: 10, limit: 2},
		{name: "S3", what: "200 SidecarSets, one selects", labels: optedIn, sets: 1, others: 199, limit: 1.4},
	}
}

// sidecarSets are those of the scenario, those that select the pod last: they are seen last.
func (s scenario) sidecarSets() string {
	var text strings.Builder
	for i := range s.others {
		fmt.Fprintf(&text, sidecarSet, 200+i, fmt.Sprintf("other-%d", i))
	}
	for i := range s.sets {
		fmt.Fprintf(&text, sidecarSet, i, app)
	}
	return text.String()
}

// sidecarSet injects a log shipper, a proxy and an init container, with volumes and
// environment of the app's. It is formatted with a number and the app.
const sidecarSet = `---
apiVersion: apps.kruise.io/v1alpha1
kind: SidecarSet
metadata: {name: set-%03[1]d}
spec:
  selector: {matchLabels: {app: %[2]s}}
  updateStrategy: {type: NotUpdate}
  initContainers:
  - name: init-%[1]d
    image: registry.example/mesh/init:v1.2.0
    command: [/bin/init, --redirect=15001]
    resources: {requests: {cpu: 10m, memory: 16Mi}}
    volumeMounts: [{name: shared-%[1]d, mountPath: /shared}]
  containers:
  - name: log-%[1]d
    image: registry.example/logs/agent:v2.7.1
    imagePullPolicy: IfNotPresent
    args: [--source=/var/log/web, --sink=loki]
    podInjectPolicy: AfterAppContainer
    shareVolumePolicy: {type: enabled}
    env: [{name: AGENT_LEVEL, value: info}, {name: AGENT_ID, value: "%[1]d"}]
    transferEnv: [{sourceContainerName: main, envName: SETTING_01}, {sourceContainerName: main, envName: POD_NAME}]
    resources: {requests: {cpu: 20m, memory: 64Mi}, limits: {cpu: 100m, memory: 128Mi}}
    volumeMounts: [{name: shared-%[1]d, mountPath: /shared}, {name: agent-%[1]d, mountPath: /etc/agent}]
  - name: proxy-%[1]d
    image: registry.example/mesh/proxy:v1.2.0
    imagePullPolicy: IfNotPresent
    args: [proxy, --concurrency=2]
    podInjectPolicy: BeforeAppContainer
    shareVolumePolicy: {type: disabled}
    env: [{name: PROXY_PORT, value: "15001"}]
    ports: [{name: mesh-%[1]d, containerPort: 15%03[1]d, protocol: TCP}]
    readinessProbe: {httpGet: {path: /ready, port: 15021}, periodSeconds: 5}
    resources: {requests: {cpu: 50m, memory: 64Mi}}
    volumeMounts: [{name: shared-%[1]d, mountPath: /shared}]
  volumes:
  - {name: shared-%[1]d, emptyDir: {}}
  - {name: agent-%[1]d, configMap: {name: agent, optional: true}}
`

// workload is what the pod belongs to; it has no pods, so that nothing but what is
// measured happens.
const workload = `
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop}
spec:
  replicas: 0
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: main, image: "registry.example/shop/main:v1.24.3"}]}
`

// workloadSpread has two subsets in zones of the cluster itself. It is formatted with
// the capacity of the first.
const workloadSpread = `
apiVersion: apps.kruise.io/v1alpha1
kind: WorkloadSpread
metadata: {name: web, namespace: shop}
spec:
  targetRef: {apiVersion: apps/v1, kind: Deployment, name: web}
  subsets:
  - name: subset-a
    maxReplicas: %d
    requiredNodeSelectorTerm: {matchExpressions: [{key: topology.kubernetes.io/zone, operator: In, values: [zone-a]}]}
    tolerations: [{key: zone-a, operator: Exists}]
    patch: {metadata: {labels: {subset: a}}}
  - name: subset-b
    requiredNodeSelectorTerm: {matchExpressions: [{key: topology.kubernetes.io/zone, operator: In, values: [zone-b]}]}
    patch: {metadata: {labels: {subset: b}}}
`
