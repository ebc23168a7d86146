package sidecar_test

import "testing"

func TestValidateContainer(t *testing.T) {
	checkJudged(t, map[string]judged{
		"name":           {"no label", selected("containers: [{name: Agent_1, image: a}]"), refusedFor(invalid, inContainer+"name")},
		"no-name":        {"nobody could find it again", selected("containers: [{image: a}]"), refusedFor(required, inContainer+"name")},
		"twice":          {"a pod has one", selected("containers: [{name: a, image: a}, {name: a, image: b}]"), refusedFor(duplicate, "spec.containers[1].name")},
		"twice-init":     {"a pod has one", selected("containers: [{name: a, image: a}]\n  initContainers: [{name: a, image: b}]"), refusedFor(duplicate, inInit+"name")},
		"no-image":       {"nothing to run", selected("containers: [{name: a}]"), refusedFor(required, inContainer+"image")},
		"image-blank":    {"the API server refuses such pods", selected("containers: [{name: a, image: 'a:1 '}]"), refusedFor(invalid, inContainer+"image")},
		"pull":           {"no such policy", agent("imagePullPolicy: Sometimes"), refusedFor(unsupported, inContainer+"imagePullPolicy")},
		"termination":    {"no such policy", agent("terminationMessagePolicy: Log"), refusedFor(unsupported, inContainer+"terminationMessagePolicy")},
		"restart":        {"only for init containers", agent("restartPolicy: Always"), refusedFor(forbidden, inContainer+"restartPolicy")},
		"restart-rules":  {"the pod's are in force", agent("restartPolicyRules: [{action: Restart}]"), refusedFor(forbidden, inContainer+"restartPolicyRules")},
		"restart-init":   {"only one is a sidecar's", setup("restartPolicy: OnFailure"), refusedFor(unsupported, inInit+"restartPolicy")},
		"native":         {"Kruise refuses it with RollingUpdate; our rollout can", setup("restartPolicy: Always"), nil},
		"inject":         {"no such place", agent("podInjectPolicy: First"), refusedFor(unsupported, inContainer+"podInjectPolicy")},
		"inject-init":    {"it would mean another place in silence", setup("podInjectPolicy: First"), refusedFor(unsupported, inInit+"podInjectPolicy")},
		"share":          {"no such policy", agent("shareVolumePolicy: {type: Enabled}"), refusedFor(unsupported, inContainer+"shareVolumePolicy.type")},
		"hot":            {"refused by decision", agent("upgradeStrategy: {upgradeType: HotUpgrade, hotUpgradeEmptyImage: 'empty:1'}"), refusedFor(forbidden, inContainer+"upgradeStrategy.upgradeType")},
		"hot-no-empty":   {"Kruise accepts it, and fails", agent("upgradeStrategy: {upgradeType: HotUpgrade}"), refusedFor(forbidden, inContainer+"upgradeStrategy.upgradeType")},
		"hot-init":       {"refused by decision", setup("restartPolicy: Always, upgradeStrategy: {upgradeType: HotUpgrade}"), refusedFor(forbidden, inInit+"upgradeStrategy.upgradeType")},
		"upgrade":        {"no such type", agent("upgradeStrategy: {upgradeType: Warm}"), refusedFor(unsupported, inContainer+"upgradeStrategy.upgradeType")},
		"transfer-name":  {"the API's comment says it works", agent("transferEnv: [{sourceContainerNameFrom: {fieldRef: {fieldPath: metadata.name}}, envName: A}]"), refusedFor(invalid, inContainer+"transferEnv[0].sourceContainerNameFrom.fieldRef.fieldPath")},
		"transfer-path":  {"from where?", agent("transferEnv: [{sourceContainerNameFrom: {fieldRef: {fieldPath: ''}}, envName: A}]"), refusedFor(required, inContainer+"transferEnv[0].sourceContainerNameFrom.fieldRef.fieldPath")},
		"transfer-api":   {"no such version", agent("transferEnv: [{sourceContainerNameFrom: {fieldRef: {apiVersion: v2, fieldPath: \"metadata.labels['a']\"}}, envName: A}]"), refusedFor(unsupported, inContainer+"transferEnv[0].sourceContainerNameFrom.fieldRef.apiVersion")},
		"transfer-key":   {"no label has it", agent("transferEnv: [{sourceContainerNameFrom: {fieldRef: {fieldPath: \"metadata.labels['a b']\"}}, envName: A}]"), refusedFor(invalid, inContainer+"transferEnv[0].sourceContainerNameFrom.fieldRef.fieldPath")},
		"transfer-none":  {"from where? Kruise crashes", agent("transferEnv: [{sourceContainerNameFrom: {}, envName: A}]"), refusedFor(required, inContainer+"transferEnv[0].sourceContainerNameFrom.fieldRef")},
		"transfer":       {"label and annotation, and an empty item as in Kruise", agent("transferEnv: [{sourceContainerNameFrom: {fieldRef: {fieldPath: \"metadata.labels['app']\"}}, envName: A}, {sourceContainerNameFrom: {fieldRef: {fieldPath: \"metadata.annotations['A/b']\"}}, envNames: [B]}, {}]"), nil},
		"resize":         {"neither cpu nor memory", agent("resizePolicy: [{resourceName: disk, restartPolicy: NotRequired}]"), refusedFor(unsupported, inContainer+"resizePolicy[0].resourceName")},
		"resize-restart": {"no such policy", agent("resizePolicy: [{resourceName: cpu, restartPolicy: Never}]"), refusedFor(unsupported, inContainer+"resizePolicy[0].restartPolicy")},
		"resize-twice":   {"which?", agent("resizePolicy: [{resourceName: cpu, restartPolicy: NotRequired}, {resourceName: cpu, restartPolicy: NotRequired}]"), refusedFor(duplicate, inContainer+"resizePolicy[1].resourceName")},
		"resize-init":    {"it has ended before", setup("resizePolicy: [{resourceName: cpu, restartPolicy: RestartContainer}]"), refusedFor(forbidden, inInit+"resizePolicy[0].restartPolicy")},
		"probe-init": {
			"it does not run beside the app", setup("livenessProbe: {exec: {command: [a]}}, readinessProbe: {}, startupProbe: {}, lifecycle: {}"),
			[][2]string{{forbidden, inInit + "livenessProbe"}, {forbidden, inInit + "readinessProbe"}, {forbidden, inInit + "startupProbe"}, {forbidden, inInit + "lifecycle"}},
		},
		"probe-native": {"it does", setup("restartPolicy: Always, startupProbe: {exec: {command: [a]}}, lifecycle: {preStop: {exec: {command: [a]}}}"), nil},
	})
}

func TestValidatePorts(t *testing.T) {
	checkJudged(t, map[string]judged{
		"name":        {"no such name", agent("ports: [{name: Metrics_Port, containerPort: 1}]"), refusedFor(invalid, inContainer+"ports[0].name")},
		"name-twice":  {"which?", agent("ports: [{name: a, containerPort: 1}, {name: a, containerPort: 2}]"), refusedFor(duplicate, inContainer+"ports[1].name")},
		"none":        {"which?", agent("ports: [{containerPort: 0}]"), refusedFor(required, inContainer+"ports[0].containerPort")},
		"range":       {"out of range", agent("ports: [{containerPort: 65536}]"), refusedFor(invalid, inContainer+"ports[0].containerPort")},
		"host-range":  {"out of range", agent("ports: [{containerPort: 1, hostPort: -1}]"), refusedFor(invalid, inContainer+"ports[0].hostPort")},
		"host-twice":  {"a node has one", agent("ports: [{containerPort: 1, hostPort: 80}, {containerPort: 2, hostPort: 80}]"), refusedFor(duplicate, inContainer+"ports[1].hostPort")},
		"host-init":   {"not even by itself", setup("ports: [{containerPort: 1, hostPort: 80}, {containerPort: 2, hostPort: 80}]"), refusedFor(duplicate, inInit+"ports[1].hostPort")},
		"host-inits":  {"one after the other", selected("containers: [{name: a, image: a, ports: [{containerPort: 1, hostPort: 80}]}]\n  initContainers: [{name: b, image: a, ports: [{containerPort: 1, hostPort: 80}]}]"), nil},
		"protocol":    {"no such protocol", agent("ports: [{containerPort: 1, protocol: HTTP}]"), refusedFor(unsupported, inContainer+"ports[0].protocol")},
		"udp-and-tcp": {"two ports", agent("ports: [{containerPort: 1, hostPort: 80}, {containerPort: 1, hostPort: 80, protocol: UDP}]"), nil},
	})
}

func TestValidateProbes(t *testing.T) {
	at := func(field string) string { return inContainer + field }
	checkJudged(t, map[string]judged{
		"nothing":     {"what is probed?", agent("livenessProbe: {periodSeconds: 1}"), refusedFor(required, at("livenessProbe"))},
		"two":         {"which?", agent("readinessProbe: {exec: {command: [a]}, tcpSocket: {port: 1}}"), refusedFor(forbidden, at("readinessProbe.tcpSocket"))},
		"command":     {"nothing to run", agent("startupProbe: {exec: {}}"), refusedFor(required, at("startupProbe.exec.command"))},
		"port":        {"out of range", agent("livenessProbe: {httpGet: {port: 0}}"), refusedFor(invalid, at("livenessProbe.httpGet.port"))},
		"port-name":   {"no port has it", agent("livenessProbe: {tcpSocket: {port: a--b}}"), refusedFor(invalid, at("livenessProbe.tcpSocket.port"))},
		"scheme":      {"no such scheme", agent("livenessProbe: {httpGet: {port: 1, scheme: http}}"), refusedFor(unsupported, at("livenessProbe.httpGet.scheme"))},
		"header":      {"no header has it", agent("livenessProbe: {httpGet: {port: 1, httpHeaders: [{name: 'a b', value: c}]}}"), refusedFor(invalid, at("livenessProbe.httpGet.httpHeaders[0].name"))},
		"grpc":        {"out of range", agent("livenessProbe: {grpc: {port: 0}}"), refusedFor(invalid, at("livenessProbe.grpc.port"))},
		"negative":    {"less than nothing", agent("livenessProbe: {exec: {command: [a]}, periodSeconds: -1}"), refusedFor(invalid, at("livenessProbe.periodSeconds"))},
		"successes":   {"one is enough", agent("livenessProbe: {exec: {command: [a]}, successThreshold: 2}"), refusedFor(invalid, at("livenessProbe.successThreshold"))},
		"grace":       {"not at once", agent("livenessProbe: {exec: {command: [a]}, terminationGracePeriodSeconds: 0}"), refusedFor(invalid, at("livenessProbe.terminationGracePeriodSeconds"))},
		"grace-ready": {"it ends nothing", agent("readinessProbe: {exec: {command: [a]}, terminationGracePeriodSeconds: 1}"), refusedFor(forbidden, at("readinessProbe.terminationGracePeriodSeconds"))},
		"hook":        {"what is done?", agent("lifecycle: {preStop: {}}"), refusedFor(required, at("lifecycle.preStop"))},
		"hook-two":    {"which?", agent("lifecycle: {postStart: {exec: {command: [a]}, sleep: {seconds: 1}}}"), refusedFor(forbidden, at("lifecycle.postStart.sleep"))},
		"sleep":       {"less than nothing", agent("lifecycle: {preStop: {sleep: {seconds: -1}}}"), refusedFor(invalid, at("lifecycle.preStop.sleep.seconds"))},
		"stop-signal": {"most pods could not be created", agent("lifecycle: {stopSignal: SIGTERM}"), refusedFor(forbidden, at("lifecycle.stopSignal"))},
		"fine":        {"what probes may say", agent("ports: [{name: web, containerPort: 80}], livenessProbe: {httpGet: {port: web}}, readinessProbe: {tcpSocket: {port: 80}, successThreshold: 3}, startupProbe: {grpc: {port: 80}}, lifecycle: {preStop: {httpGet: {port: 80}}}"), nil},
	})
}

func TestValidateResources(t *testing.T) {
	checkJudged(t, map[string]judged{
		"name":        {"no such resource", agent("resources: {limits: {cpus: 1}}"), refusedFor(unsupported, inContainer+"resources.limits[cpus]")},
		"no-name":     {"no name", agent("resources: {limits: {'a b': 1}}"), refusedFor(invalid, inContainer+"resources.limits[a b]")},
		"negative":    {"less than nothing", agent("resources: {requests: {cpu: -1}}"), refusedFor(invalid, inContainer+"resources.requests[cpu]")},
		"more":        {"the API server refuses such pods", agent("resources: {requests: {memory: 2Gi}, limits: {memory: 1Gi}}"), refusedFor(invalid, inContainer+"resources.requests[memory]")},
		"device":      {"devices are not shared", agent("resources: {requests: {example.com/gpu: 1}, limits: {example.com/gpu: 2}}"), refusedFor(invalid, inContainer+"resources.requests[example.com/gpu]")},
		"device-free": {"devices are limited", agent("resources: {requests: {example.com/gpu: 1}}"), refusedFor(invalid, inContainer+"resources.requests[example.com/gpu]")},
		"device-half": {"there are no halves", agent("resources: {limits: {example.com/gpu: 500m}}"), refusedFor(invalid, inContainer+"resources.limits[example.com/gpu]")},
		"quota":       {"the name of a quota", agent("resources: {limits: {requests.example.com/gpu: 1}}"), refusedFor(invalid, inContainer+"resources.limits[requests.example.com/gpu]")},
		"huge":        {"not alone", agent("resources: {limits: {hugepages-2Mi: 4Mi}}"), refusedFor(required, inContainer+"resources")},
		"huge-part":   {"no whole pages", agent("resources: {limits: {cpu: 1, hugepages-2Mi: 3Mi}}"), refusedFor(invalid, inContainer+"resources.limits[hugepages-2Mi]")},
		"claims":      {"the pod's", agent("resources: {claims: [{name: gpu}]}"), refusedFor(forbidden, inContainer+"resources.claims")},
		"fine":        {"what containers may ask for", agent("resources: {requests: {cpu: 100m}, limits: {cpu: 1, memory: 1Gi, hugepages-2Mi: 4Mi, example.com/gpu: 1}}"), nil},
	})
}

func TestValidateSecurity(t *testing.T) {
	at := func(field string) string { return inContainer + "securityContext." + field }
	checkJudged(t, map[string]judged{
		"privileged":   {"neither and both", agent("securityContext: {privileged: true, allowPrivilegeEscalation: false}"), refusedFor(invalid, at("allowPrivilegeEscalation"))},
		"admin":        {"the same in other words", agent("securityContext: {capabilities: {add: [CAP_SYS_ADMIN]}, allowPrivilegeEscalation: false}"), refusedFor(invalid, at("allowPrivilegeEscalation"))},
		"user":         {"out of range", agent("securityContext: {runAsUser: -1}"), refusedFor(invalid, at("runAsUser"))},
		"group":        {"out of range", agent("securityContext: {runAsGroup: 2147483648}"), refusedFor(invalid, at("runAsGroup"))},
		"proc":         {"no such type", agent("securityContext: {procMount: None}"), refusedFor(unsupported, at("procMount"))},
		"seccomp":      {"which?", agent("securityContext: {seccompProfile: {type: Localhost}}"), refusedFor(required, at("seccompProfile.localhostProfile"))},
		"seccomp-path": {"out of its directory", agent("securityContext: {seccompProfile: {type: Localhost, localhostProfile: ../a}}"), refusedFor(invalid, at("seccompProfile.localhostProfile"))},
		"seccomp-type": {"no such type", agent("securityContext: {seccompProfile: {type: None}}"), refusedFor(unsupported, at("seccompProfile.type"))},
		"apparmor":     {"not with this type", agent("securityContext: {appArmorProfile: {type: RuntimeDefault, localhostProfile: a}}"), refusedFor(forbidden, at("appArmorProfile.localhostProfile"))},
		"apparmor-pad": {"a blank", agent("securityContext: {appArmorProfile: {type: Localhost, localhostProfile: 'a '}}"), refusedFor(invalid, at("appArmorProfile.localhostProfile"))},
		"fine":         {"what containers may be", agent("securityContext: {privileged: true, runAsUser: 0, procMount: Default, seccompProfile: {type: RuntimeDefault}, appArmorProfile: {type: Unconfined}}"), nil},
	})
}
