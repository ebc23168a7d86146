package sidecar_test

import "testing"

func TestValidateEnv(t *testing.T) {
	at := func(field string) string { return inContainer + "env[0]." + field }
	from := func(source string) string { return agent("env: [{name: A, valueFrom: {" + source + "}}]") }
	checkJudged(t, map[string]judged{
		"no-name":       {"nobody could read it", agent("env: [{value: a}]"), refusedFor(required, at("name"))},
		"name":          {"no variable has it", agent("env: [{name: 'A=B', value: a}]"), refusedFor(invalid, at("name"))},
		"nothing":       {"from where?", from(""), refusedFor(required, at("valueFrom"))},
		"two":           {"which?", from("fieldRef: {fieldPath: metadata.name}, secretKeyRef: {name: a, key: b}"), refusedFor(forbidden, at("valueFrom.secretKeyRef"))},
		"value":         {"which?", agent("env: [{name: A, value: a, valueFrom: {fieldRef: {fieldPath: metadata.name}}}]"), refusedFor(forbidden, at("valueFrom"))},
		"field":         {"not one that variables hold", from("fieldRef: {fieldPath: spec.containers}"), refusedFor(unsupported, at("valueFrom.fieldRef.fieldPath"))},
		"field-none":    {"which?", from("fieldRef: {fieldPath: ''}"), refusedFor(required, at("valueFrom.fieldRef.fieldPath"))},
		"field-labels":  {"which label?", from("fieldRef: {fieldPath: metadata.labels}"), refusedFor(unsupported, at("valueFrom.fieldRef.fieldPath"))},
		"field-key":     {"no label has it", from("fieldRef: {fieldPath: \"metadata.labels['a b']\"}"), refusedFor(invalid, at("valueFrom.fieldRef.fieldPath"))},
		"field-sub":     {"it has no keys", from("fieldRef: {fieldPath: \"spec.nodeName['a']\"}"), refusedFor(invalid, at("valueFrom.fieldRef.fieldPath"))},
		"field-version": {"no such version", from("fieldRef: {apiVersion: v2, fieldPath: metadata.name}"), refusedFor(unsupported, at("valueFrom.fieldRef.apiVersion"))},
		"resource":      {"no such amount", from("resourceFieldRef: {resource: limits.gpu}"), refusedFor(unsupported, at("valueFrom.resourceFieldRef.resource"))},
		"resource-none": {"which?", from("resourceFieldRef: {resource: ''}"), refusedFor(required, at("valueFrom.resourceFieldRef.resource"))},
		"divisor":       {"no such unit", from("resourceFieldRef: {resource: limits.cpu, divisor: 1k}"), refusedFor(unsupported, at("valueFrom.resourceFieldRef.divisor"))},
		"secret":        {"which?", from("secretKeyRef: {key: a}"), refusedFor(required, at("valueFrom.secretKeyRef.name"))},
		"config-key":    {"which?", from("configMapKeyRef: {name: a, key: ''}"), refusedFor(required, at("valueFrom.configMapKeyRef.key"))},
		"config-bad":    {"no key is like it", from("configMapKeyRef: {name: a, key: 'b c'}"), refusedFor(invalid, at("valueFrom.configMapKeyRef.key"))},
		"file": {
			"which, and where?", from("fileKeyRef: {key: '', volumeName: '', path: ''}"),
			[][2]string{{required, at("valueFrom.fileKeyRef.key")}, {required, at("valueFrom.fileKeyRef.volumeName")}, {required, at("valueFrom.fileKeyRef.path")}},
		},
		"all-none":   {"from where?", agent("envFrom: [{prefix: a}]"), refusedFor(required, inContainer+"envFrom[0]")},
		"all-two":    {"which?", agent("envFrom: [{configMapRef: {name: a}, secretRef: {name: a}}]"), refusedFor(forbidden, inContainer+"envFrom[0].secretRef")},
		"all-prefix": {"no variable begins so", agent("envFrom: [{prefix: 'a=', secretRef: {name: a}}]"), refusedFor(invalid, inContainer+"envFrom[0].prefix")},
		"all-name":   {"no object has it", agent("envFrom: [{secretRef: {name: A_B}}]"), refusedFor(invalid, inContainer+"envFrom[0].secretRef.name")},
		"fine":       {"what variables may be", agent("env: [{name: a.b-c, value: ''}, {name: B, valueFrom: {fieldRef: {fieldPath: \"metadata.annotations['A/b']\"}}}, {name: C, valueFrom: {resourceFieldRef: {resource: limits.memory, divisor: 1Mi}}}, {name: D, valueFrom: {fieldRef: {fieldPath: spec.host}}}], envFrom: [{prefix: X_, secretRef: {name: a}}]"), nil},
	})
}

func TestValidateMounts(t *testing.T) {
	at := func(field string) string { return inContainer + "volumeMounts[0]." + field }
	mount := func(fields string) string { return agent("volumeMounts: [{name: logs, " + fields + "}]") }
	device := func(fields string) string {
		return selected("containers: [{name: agent, image: a, " + fields + "}]\n  volumes: [{name: logs}, {name: disk, persistentVolumeClaim: {claimName: a}}]")
	}
	checkJudged(t, map[string]judged{
		"volume":        {"the set must declare it, also where apps bring it", agent("volumeMounts: [{name: data, mountPath: /data}]"), refusedFor(notFound, at("name"))},
		"no-volume":     {"which?", agent("volumeMounts: [{mountPath: /data}]"), refusedFor(required, at("name"))},
		"no-path":       {"where?", mount("mountPath: ''"), refusedFor(required, at("mountPath"))},
		"twice":         {"one place, one volume", agent("volumeMounts: [{name: logs, mountPath: /a}, {name: logs, mountPath: /a}]"), refusedFor(duplicate, inContainer+"volumeMounts[1].mountPath")},
		"sub-up":        {"out of the volume", mount("mountPath: /a, subPath: a/../../b"), refusedFor(invalid, at("subPath"))},
		"sub-abs":       {"out of the volume", mount("mountPath: /a, subPath: /b"), refusedFor(invalid, at("subPath"))},
		"expr-up":       {"out of the volume", mount("mountPath: /a, subPathExpr: ../$(A)"), refusedFor(invalid, at("subPathExpr"))},
		"sub-both":      {"which?", mount("mountPath: /a, subPath: a, subPathExpr: b"), refusedFor(forbidden, at("subPathExpr"))},
		"propagation":   {"no such mode", mount("mountPath: /a, mountPropagation: Both"), refusedFor(unsupported, at("mountPropagation"))},
		"bidirectional": {"only with privilege", mount("mountPath: /a, mountPropagation: Bidirectional"), refusedFor(forbidden, at("mountPropagation"))},
		"recursive":     {"only what is read only", mount("mountPath: /a, recursiveReadOnly: Enabled"), refusedFor(forbidden, at("recursiveReadOnly"))},
		"recursive-bad": {"no such mode", mount("mountPath: /a, readOnly: true, recursiveReadOnly: Always"), refusedFor(unsupported, at("recursiveReadOnly"))},
		"device":        {"not a claim's", device("volumeDevices: [{name: logs, devicePath: /dev/a}]"), refusedFor(invalid, inContainer+"volumeDevices[0].name")},
		"device-none":   {"the set has no such volume", device("volumeDevices: [{name: x, devicePath: /dev/a}]"), refusedFor(notFound, inContainer+"volumeDevices[0].name")},
		"device-path":   {"where?", device("volumeDevices: [{name: disk, devicePath: ''}]"), refusedFor(required, inContainer+"volumeDevices[0].devicePath")},
		"device-up":     {"where?", device("volumeDevices: [{name: disk, devicePath: /dev/../a}]"), refusedFor(invalid, inContainer+"volumeDevices[0].devicePath")},
		"device-twice":  {"one name, one path", device("volumeDevices: [{name: disk, devicePath: /a}, {name: disk, devicePath: /a}]"), [][2]string{{duplicate, inContainer + "volumeDevices[1].devicePath"}, {duplicate, inContainer + "volumeDevices[1].name"}}},
		"device-mount":  {"as what?", device("volumeDevices: [{name: disk, devicePath: /a}], volumeMounts: [{name: disk, mountPath: /b}]"), refusedFor(invalid, inContainer+"volumeDevices[0].name")},
		"device-clash":  {"device or directory?", device("volumeDevices: [{name: disk, devicePath: /a}], volumeMounts: [{name: logs, mountPath: /a}]"), refusedFor(invalid, inContainer+"volumeDevices[0].devicePath")},
		"fine":          {"what mounts may be", agent("volumeMounts: [{name: logs, mountPath: /a, subPathExpr: $(POD)}, {name: logs, mountPath: 'C:\\b', readOnly: true, recursiveReadOnly: IfPossible}, {name: logs, mountPath: /c, mountPropagation: HostToContainer}]"), nil},
	})
}

func TestValidateVolumes(t *testing.T) {
	volume := func(fields string) string {
		return selected("containers: [{name: agent, image: a}]\n  volumes: [{name: a, " + fields + "}]")
	}
	const at = "spec.volumes[0]."
	checkJudged(t, map[string]judged{
		"no-name":         {"nobody could mount it", one("volumes: [{emptyDir: {}}]"), refusedFor(required, at+"name")},
		"name":            {"no label", one("volumes: [{name: A_b}]"), refusedFor(invalid, at+"name")},
		"twice":           {"which?", one("volumes: [{name: a}, {name: a}]"), refusedFor(duplicate, "spec.volumes[1].name")},
		"two":             {"which?", volume("emptyDir: {}, hostPath: {path: /a}"), refusedFor(forbidden, at+"emptyDir")},
		"size":            {"less than nothing", volume("emptyDir: {sizeLimit: -1}"), refusedFor(invalid, at+"emptyDir.sizeLimit")},
		"host":            {"which?", volume("hostPath: {path: ''}"), refusedFor(required, at+"hostPath.path")},
		"host-up":         {"somewhere else", volume("hostPath: {path: /a/../b}"), refusedFor(invalid, at+"hostPath.path")},
		"host-type":       {"no such type", volume("hostPath: {path: /a, type: Dir}"), refusedFor(unsupported, at+"hostPath.type")},
		"claim":           {"which?", volume("persistentVolumeClaim: {claimName: ''}"), refusedFor(required, at+"persistentVolumeClaim.claimName")},
		"ephemeral":       {"which?", volume("ephemeral: {}"), refusedFor(required, at+"ephemeral.volumeClaimTemplate")},
		"ephemeral-bare":  {"how much, and for whom?", volume("ephemeral: {volumeClaimTemplate: {spec: {}}}"), [][2]string{{required, at + "ephemeral.volumeClaimTemplate.spec.accessModes"}, {required, at + "ephemeral.volumeClaimTemplate.spec.resources.requests[storage]"}}},
		"ephemeral-mode":  {"no such mode", volume("ephemeral: {volumeClaimTemplate: {spec: {accessModes: [Once], resources: {requests: {storage: 1Gi}}}}}"), refusedFor(unsupported, at+"ephemeral.volumeClaimTemplate.spec.accessModes[0]")},
		"csi-long":        {"too long", volume("csi: {driver: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa}"), refusedFor(tooLong, at+"csi.driver")},
		"projected-twice": {"which?", volume("projected: {sources: [{secret: {name: a, items: [{key: a, path: b}]}}, {configMap: {name: a, items: [{key: c, path: b}]}}]}"), refusedFor(duplicate, at+"projected.sources[1]")},
		"nfs":             {"which, and where?", volume("nfs: {server: '', path: a}"), [][2]string{{required, at + "nfs.server"}, {invalid, at + "nfs.path"}}},
		"csi":             {"no driver has it", volume("csi: {driver: 'a b'}"), refusedFor(invalid, at+"csi.driver")},
		"image":           {"which?", volume("image: {reference: ''}"), refusedFor(required, at+"image.reference")},
		"secret":          {"which?", volume("secret: {}"), refusedFor(required, at+"secret.secretName")},
		"secret-mode":     {"out of range", volume("secret: {secretName: a, defaultMode: 512}"), refusedFor(invalid, at+"secret.defaultMode")},
		"config":          {"which?", volume("configMap: {}"), refusedFor(required, at+"configMap.name")},
		"config-item":     {"which, and where?", volume("configMap: {name: a, items: [{key: '', path: ''}]}"), [][2]string{{required, at + "configMap.items[0].key"}, {required, at + "configMap.items[0].path"}}},
		"config-path":     {"out of the volume", volume("configMap: {name: a, items: [{key: a, path: /b}]}"), refusedFor(invalid, at+"configMap.items[0].path")},
		"config-dots":     {"the kubelet's own", volume("configMap: {name: a, items: [{key: a, path: ..data}]}"), refusedFor(invalid, at+"configMap.items[0].path")},
		"downward":        {"what?", volume("downwardAPI: {items: [{path: a}]}"), refusedFor(required, at+"downwardAPI.items[0]")},
		"downward-field":  {"not one that files hold", volume("downwardAPI: {items: [{path: a, fieldRef: {fieldPath: status.podIP}}]}"), refusedFor(unsupported, at+"downwardAPI.items[0].fieldRef.fieldPath")},
		"downward-of":     {"whose?", volume("downwardAPI: {items: [{path: a, resourceFieldRef: {resource: limits.cpu}}]}"), refusedFor(required, at+"downwardAPI.items[0].resourceFieldRef.containerName")},
		"projected-two":   {"which?", volume("projected: {sources: [{secret: {name: a}, configMap: {name: a}}]}"), refusedFor(forbidden, at+"projected.sources[0].configMap")},
		"token":           {"too short", volume("projected: {sources: [{serviceAccountToken: {path: a, expirationSeconds: 599}}]}"), refusedFor(invalid, at+"projected.sources[0].serviceAccountToken.expirationSeconds")},
		"token-path":      {"where?", volume("projected: {sources: [{serviceAccountToken: {path: ''}}]}"), refusedFor(required, at+"projected.sources[0].serviceAccountToken.path")},
		"fine-empty":      {"an emptyDir by default", one("volumes: [{name: a}]"), nil},
		"fine-projected":  {"a token, as Kruise takes it", volume("projected: {sources: [{serviceAccountToken: {path: token}}, {configMap: {name: a}}, {downwardAPI: {items: [{path: a, fieldRef: {fieldPath: metadata.labels}}]}}]}"), nil},
		"fine-from-nodes": {"what agents read", volume("hostPath: {path: /var/log, type: Directory}"), nil},
	})
}
