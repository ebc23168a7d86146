package admissions

import "fmt"

// SidecarSet injects a log shipper, a proxy and an init container, with volumes and
// environment of the app's. number tells it from others, and app is the label that it
// selects by.
func SidecarSet(number int, app string) string {
	return fmt.Sprintf(`---
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
`, number, app)
}

// Workload is what the pod belongs to; it wants no pods, so that nothing but what is
// measured happens.
func Workload(namespace string) string {
	return fmt.Sprintf(`
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: %s}
spec:
  replicas: 0
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: main, image: "registry.example/shop/main:v1.24.3"}]}
`, namespace)
}

// WorkloadSpread has two subsets in zones of the cluster itself, of which the first
// has that capacity.
func WorkloadSpread(namespace string, capacity int) string {
	return fmt.Sprintf(`
apiVersion: apps.kruise.io/v1alpha1
kind: WorkloadSpread
metadata: {name: web, namespace: %s}
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
`, namespace, capacity)
}
