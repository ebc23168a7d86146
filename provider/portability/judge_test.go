package portability_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/yaml"

	"github.com/spillway-io/spillway/provider/portability"
	"github.com/spillway-io/spillway/provider/translate"
	"github.com/spillway-io/spillway/webhook/stash"
)

// east is a downstream cluster of three machines and a virtual node of its own.
const east = `
apiVersion: spillway.io/v1
kind: DownstreamInventory
priorityClasses: [normal, system-cluster-critical]
storageClasses: [{name: fast}, {name: slow, default: true}]
runtimeClasses: [gvisor]
csiDrivers: [{name: secrets.example.com, inline: true}, {name: disk.example.com}]
namespaces:
- {name: shop, serviceAccounts: [default, reader]}
- {name: strict, podSecurity: {enforce: baseline}, serviceAccounts: [default]}
- {name: strictest, podSecurity: {enforce: restricted, enforce-version: v1.30}, serviceAccounts: [default]}
nodes:
- {name: east-1, labels: {disk: ssd, zone: a, kubernetes.io/hostname: east-1}, allocatable: {cpu: "8", memory: 32Gi}}
- {name: east-2, labels: {disk: hdd, zone: b, kubernetes.io/hostname: east-2}, allocatable: {cpu: "8", memory: 32Gi}, unschedulable: true, taints: [{key: node.kubernetes.io/unschedulable, effect: NoSchedule}]}
- {name: east-3, labels: {disk: nvme, zone: c, kubernetes.io/hostname: east-3}, allocatable: {cpu: "16", memory: 16Gi}, taints: [{key: dedicated, value: batch, effect: NoSchedule}]}
- {name: beyond, labels: {type: virtual-kubelet, disk: tape}, allocatable: {cpu: "1000", memory: 4Ti}}
`

const agentFix = `run the agent as a DaemonSet of the downstream cluster, and opt this pod out: label virtual-pod: "false"`

// judged translates a pod as a virtual node does, and judges it.
func judged(t *testing.T, pod, inventory string, access ...translate.AccessMode) []string {
	t.Helper()
	var inv portability.Inventory
	upstream := &corev1.Pod{}
	if err := yaml.UnmarshalStrict([]byte(inventory), &inv); err != nil {
		t.Fatal(err)
	}
	if err := yaml.UnmarshalStrict([]byte(pod), upstream); err != nil {
		t.Fatal(err)
	}
	if upstream.Namespace == "" {
		upstream.Namespace = "shop"
	}
	upstream.UID = "u"
	rules := translate.Rules{
		Identity:       translate.Identity{UpstreamID: "id", Node: stash.VirtualNode{Name: "east", RoutingKeys: stash.DefaultRoutingKeys()}},
		RuntimeClasses: map[string]string{"runsc": "gvisor"}, StorageClasses: map[string]string{"gp3": "fast"},
		SchedulerNames: map[string]string{"packer": "packer"},
		Access:         translate.Access{Modes: access, Host: "upstream.example.com", Port: "443"},
	}
	downstream, notes, err := translate.Pod(upstream, rules, translate.Facts{})
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for _, w := range append(portability.Judge(downstream, upstream, inv), portability.OfNotes(notes)...) {
		lines = append(lines, w.String())
	}
	return lines
}

// TestNeverPortable: what holds for every downstream cluster needs no inventory.
func TestNeverPortable(t *testing.T) {
	const container = "containers: [{name: app, image: app}]"
	cases := map[string]struct {
		reason, pod string
		want        []string
	}{
		"plain": {"a pod that asks nothing of its machine", `spec: {` + container + `}`, nil},
		"host-path": {
			"the directory is another machine's", `spec: {` + container + `, volumes: [{name: data, hostPath: {path: /srv/data}}]}`,
			[]string{`spec.volumes[0].hostPath: volume "data" is /srv/data of whichever downstream node the pod runs on, not of an upstream node; do: use a PersistentVolumeClaim, an emptyDir or a ConfigMap, or provide the path on the downstream nodes`},
		},
		"host-path-of-agents": {
			"what agents read tells of the pods of that machine", `spec: {` + container + `, volumes: [{name: logs, hostPath: {path: /var/log/pods}}]}`,
			[]string{`spec.volumes[0].hostPath: volume "logs" is /var/log/pods of whichever downstream node the pod runs on, not of an upstream node, which is what the agents of a DaemonSet read; do: ` + agentFix},
		},
		"host-path-of-app-logs": {
			"an app's folder beside those of agents, and a device, are the app's own", `spec: {` + container + `, volumes: [{name: logs, hostPath: {path: /var/log/app}}, {name: fuse, hostPath: {path: /dev/fuse}}]}`,
			[]string{
				`spec.volumes[0].hostPath: volume "logs" is /var/log/app of whichever downstream node the pod runs on, not of an upstream node; do: use a PersistentVolumeClaim, an emptyDir or a ConfigMap, or provide the path on the downstream nodes`,
				`spec.volumes[1].hostPath: volume "fuse" is /dev/fuse of whichever downstream node the pod runs on, not of an upstream node; do: use a PersistentVolumeClaim, an emptyDir or a ConfigMap, or provide the path on the downstream nodes`,
			},
		},
		"host-path-of-all-logs": {
			"log agents mount the whole folder", `spec: {` + container + `, volumes: [{name: logs, hostPath: {path: /var/log/}}]}`,
			[]string{`spec.volumes[0].hostPath: volume "logs" is /var/log/ of whichever downstream node the pod runs on, not of an upstream node, which is what the agents of a DaemonSet read; do: ` + agentFix},
		},
		"host-namespaces": {
			"they are the downstream node's", `spec: {` + container + `, hostNetwork: true, hostPID: true, hostIPC: true}`,
			[]string{
				`spec.hostNetwork: the pod has the network of a downstream node: its address, its ports, and what listens on its localhost; do: remove hostNetwork, or opt the pod out: label virtual-pod: "false"`,
				`spec.hostPID: the processes that the pod sees are those of a downstream node; do: remove hostPID, or opt the pod out: label virtual-pod: "false"`,
				`spec.hostIPC: the memory that the pod shares is that of a downstream node; do: remove hostIPC, or opt the pod out: label virtual-pod: "false"`,
			},
		},
		"host-port": {
			"it opens where the pod runs; other ports are the pod's own",
			`spec: {containers: [{name: app, image: app, ports: [{containerPort: 80}, {containerPort: 81, hostPort: 8081}]}]}`,
			[]string{`spec.containers[0].ports[1].hostPort: port 8081 opens on a downstream node, not at the address of the virtual node; do: remove hostPort, and reach the pod by its own address or a Service`},
		},
		"host-port-of-host-network": {
			"API servers set it for every port then; it says nothing new",
			`spec: {hostNetwork: true, containers: [{name: app, image: app, ports: [{containerPort: 80, hostPort: 80}]}]}`,
			[]string{`spec.hostNetwork: the pod has the network of a downstream node: its address, its ports, and what listens on its localhost; do: remove hostNetwork, or opt the pod out: label virtual-pod: "false"`},
		},
		"host-address": {
			"no agent of upstream's is there; the pod's own address and node are as upstream says",
			`spec: {initContainers: [{name: init, image: init, env: [{name: AGENT, valueFrom: {fieldRef: {fieldPath: status.hostIP}}}]}], containers: [{name: app, image: app, env: [{name: IP, valueFrom: {fieldRef: {fieldPath: status.podIP}}}, {name: NODE, valueFrom: {fieldRef: {fieldPath: spec.nodeName}}}]}]}`,
			[]string{`spec.initContainers[0].env[0]: AGENT is the address of a downstream node: an agent that a DaemonSet runs on upstream nodes is not there; do: run the agent in the downstream cluster too, or inject it by a SidecarSet and use localhost`},
		},
		"system-class": {
			"translation never keeps it", `spec: {` + container + `, priorityClassName: system-cluster-critical}`,
			[]string{`spec.priorityClassName: PriorityClass "system-cluster-critical" is for components of the downstream cluster itself: the pod has the default priority there; do: use a PriorityClass of your own, and create it in both clusters`},
		},
		"scheduler": {
			"translation drops it", `spec: {` + container + `, schedulerName: gang}`,
			[]string{`spec.schedulerName: scheduler "gang" is not asked downstream: the default scheduler of that cluster places the pod; do: give the virtual node --scheduler-map, if the downstream cluster has such a scheduler`},
		},
		"scheduler-mapped":  {"it is asked", `spec: {` + container + `, schedulerName: packer}`, nil},
		"scheduler-default": {"every cluster has it", `spec: {` + container + `, schedulerName: default-scheduler}`, nil},
		"account": {
			"there is no token", `spec: {` + container + `, serviceAccountName: reader}`,
			[]string{`spec.serviceAccountName: the pod gets no token of ServiceAccount "reader": its access to Kubernetes APIs is "none"; do: annotate the pod spillway.io/api-access: upstream, where the virtual node's --pod-api-access allows it, or say that it needs none: automountServiceAccountToken: false`},
		},
		"account-without-token": {"its author says that it needs none", `spec: {` + container + `, serviceAccountName: reader, automountServiceAccountToken: false}`, nil},
		"account-default":       {"that of pods that say nothing", `spec: {` + container + `, serviceAccountName: default}`, nil},
		"token-projected": {
			"translation leaves it out", `spec: {` + container + `, volumes: [{name: vault, projected: {sources: [{serviceAccountToken: {audience: vault, path: token}}]}}]}`,
			[]string{`spec.volumes: Volume "vault" lacks the ServiceAccount token "token": API access "none" does not give it; do: ask for access with the annotation spillway.io/api-access, where the virtual node's --pod-api-access allows it`},
		},
		"devices": {
			"nobody allocates them", `spec: {` + container + `, resourceClaims: [{name: gpu, resourceClaimTemplateName: gpu}]}`,
			[]string{`spec.resourceClaims[0]: the devices of claim "gpu" are allocated by the upstream scheduler, to which a virtual node offers none, and claims are not brought downstream; do: request an extended resource that downstream nodes have, as in nvidia.com/gpu: 1`},
		},
		"reserved-name": {
			"it would be another pod's token", `spec: {` + container + `, volumes: [{name: t, secret: {secretName: spillway-token-of-another}}]}`,
			[]string{`spec: the name of Secret "spillway-token-of-another" is one that only objects of Spillway have downstream, and the virtual node refuses the pod; do: give it another name`},
		},
		"namespace-selector": {
			"downstream namespaces have other labels", `spec: {` + container + `, affinity: {podAntiAffinity: {requiredDuringSchedulingIgnoredDuringExecution: [{topologyKey: zone, namespaceSelector: {matchLabels: {team: a}}}]}}}`,
			[]string{`spec.affinity: Pod affinity selects namespaces by their labels, which are those of the downstream cluster's namespaces there; do: name the namespaces, or label them downstream as they are labelled upstream`},
		},
		"what-an-inventory-tells": {
			"nothing is known of the cluster",
			`spec: {` + container + `, priorityClassName: gold, runtimeClassName: kata, nodeSelector: {disk: tape}, volumes: [{name: s, csi: {driver: none}}, {name: e, ephemeral: {volumeClaimTemplate: {spec: {storageClassName: none}}}}]}`, nil,
		},
		"what-follows-the-pod": {
			"references, empty directories, and network volumes", `spec: {` + container + `, volumes: [{name: c, configMap: {name: c}}, {name: s, secret: {secretName: s}}, {name: e, emptyDir: {}}, {name: n, nfs: {server: nfs.example.com, path: /}}]}`, nil,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, judged(t, tc.pod, ""), cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("%s: -want +got\n%s", tc.reason, diff)
			}
		})
	}
}

// TestPortableWithAccess: with access to an API, credentials are no matter.
func TestPortableWithAccess(t *testing.T) {
	pod := `spec: {containers: [{name: app, image: app}], serviceAccountName: reader}`
	for _, mode := range []translate.AccessMode{translate.AccessUpstream, translate.AccessDownstream} {
		if got := judged(t, pod, east, mode); len(got) > 0 {
			t.Errorf("access %s: %q", mode, got)
		}
	}
	missing := `spec: {containers: [{name: app, image: app}], serviceAccountName: writer}`
	want := []string{`spec.serviceAccountName: the downstream namespace "shop" has no ServiceAccount "writer", and the downstream cluster refuses the pod; do: kubectl create serviceaccount writer -n shop, in the downstream cluster`}
	if diff := cmp.Diff(want, judged(t, missing, east, translate.AccessDownstream)); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}
