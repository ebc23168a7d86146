package portability_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// TestMissingDownstream: what an inventory tells is missing, and no more than that.
func TestMissingDownstream(t *testing.T) {
	const container = "containers: [{name: app, image: app}]"
	cases := map[string]struct {
		reason, pod string
		want        []string
	}{
		"priority-class": {
			"a class that is there is kept; another is left out", `spec: {` + container + `, priorityClassName: gold}`,
			[]string{`spec.priorityClassName: the downstream cluster has no PriorityClass "gold": the pod has the default priority there; do: kubectl create priorityclass gold --value=NUMBER, in the downstream cluster`},
		},
		"priority-class-there": {"it is kept", `spec: {` + container + `, priorityClassName: normal}`, nil},
		"runtime-class": {
			"API servers refuse a pod of a class that is not there", `spec: {` + container + `, runtimeClassName: kata}`,
			[]string{`spec.runtimeClassName: the downstream cluster has no RuntimeClass "kata", and refuses the pod; do: create it there, or give the virtual node --runtime-class-map with one that is there`},
		},
		"runtime-class-mapped": {"the class downstream is another one, which is there", `spec: {` + container + `, runtimeClassName: runsc}`, nil},
		"inline-driver": {
			"of two, one has inline volumes, and a third is not there",
			`spec: {` + container + `, volumes: [{name: a, csi: {driver: secrets.example.com}}, {name: b, csi: {driver: disk.example.com}}, {name: c, csi: {driver: none.example.com}}]}`,
			[]string{
				`spec.volumes[1].csi: the downstream cluster's CSI driver "disk.example.com" has no volumes without a claim: the pod waits there for its volume "b"; do: install the driver in the downstream cluster, or use another volume`,
				`spec.volumes[2].csi: the downstream cluster has no CSI driver "none.example.com": the pod waits there for its volume "c"; do: install the driver in the downstream cluster, or use another volume`,
			},
		},
		"ephemeral-class": {
			"of claims that downstream makes: mapped, default, and missing",
			`spec: {` + container + `, volumes: [{name: a, ephemeral: {volumeClaimTemplate: {spec: {storageClassName: gp3}}}}, {name: b, ephemeral: {volumeClaimTemplate: {spec: {}}}}, {name: c, ephemeral: {volumeClaimTemplate: {spec: {storageClassName: io2}}}}]}`,
			[]string{`spec.volumes[2].ephemeral: the downstream cluster has no StorageClass "io2": the pod waits there for the volume of "c"; do: create it there, or give the virtual node --storage-class-map with one that is there`},
		},
		"label": {
			"no node has it, as virtual nodes downstream take no pods of ours", `spec: {` + container + `, nodeSelector: {disk: tape}}`,
			[]string{`spec.nodeSelector: no downstream node has the label disk=tape: the pod stays Pending there; do: kubectl label node NODE disk=tape, in the downstream cluster, or change the nodeSelector`},
		},
		"label-of-cordoned-node": {"it can be uncordoned tomorrow", `spec: {` + container + `, nodeSelector: {disk: hdd}}`, nil},
		"labels-of-several": {
			"each is there, but on no node are both", `spec: {` + container + `, nodeSelector: {disk: ssd, zone: b}}`,
			[]string{`spec.nodeSelector: no downstream node has all labels of nodeSelector: the pod stays Pending there; do: label a downstream node, or change what the pod requires`},
		},
		"affinity": {
			"none is in that zone", `spec: {` + container + `, affinity: {nodeAffinity: {requiredDuringSchedulingIgnoredDuringExecution: {nodeSelectorTerms: [{matchExpressions: [{key: zone, operator: In, values: [d]}]}]}}}}`,
			[]string{`spec.affinity.nodeAffinity: none of the 3 downstream nodes matches what the pod requires of its node: the pod stays Pending there; do: label a downstream node, or change what the pod requires`},
		},
		"affinity-preferred": {"a wish keeps no pod waiting", `spec: {` + container + `, affinity: {nodeAffinity: {preferredDuringSchedulingIgnoredDuringExecution: [{weight: 1, preference: {matchExpressions: [{key: zone, operator: In, values: [d]}]}}]}}}`, nil},
		"taint": {
			"the only node of that label is for others", `spec: {` + container + `, nodeSelector: {disk: nvme}}`,
			[]string{`spec.tolerations: all downstream nodes that the pod may run on have taints that it does not tolerate (dedicated=batch:NoSchedule): it stays Pending there; do: add a toleration to the pod, or remove the taint from a downstream node`},
		},
		"taint-tolerated": {"it may run there", `spec: {` + container + `, nodeSelector: {disk: nvme}, tolerations: [{key: dedicated, operator: Exists}]}`, nil},
		"spread": {
			"nodes without the key take no such pod, and none has it", `spec: {` + container + `, topologySpreadConstraints: [{maxSkew: 1, topologyKey: rack, whenUnsatisfiable: DoNotSchedule}, {maxSkew: 1, topologyKey: row, whenUnsatisfiable: ScheduleAnyway}, {maxSkew: 1, topologyKey: zone, whenUnsatisfiable: DoNotSchedule}]}`,
			[]string{`spec.topologySpreadConstraints[0]: no downstream node has the label rack: the pod stays Pending there; do: label the downstream nodes with rack, or change the constraint`},
		},
		"pod-affinity": {
			"to be near others takes a key; to be apart does not", `spec: {` + container + `, affinity: {podAffinity: {requiredDuringSchedulingIgnoredDuringExecution: [{topologyKey: rack}]}, podAntiAffinity: {requiredDuringSchedulingIgnoredDuringExecution: [{topologyKey: row}]}}}`,
			[]string{`spec.affinity.podAffinity.requiredDuringSchedulingIgnoredDuringExecution[0]: no downstream node has the label rack: the pod stays Pending there; do: label the downstream nodes with rack, or change the constraint`},
		},
		"too-large": {
			"even an empty node has less", `spec: {containers: [{name: app, image: app, resources: {requests: {cpu: "12"}}}]}`,
			[]string{`spec.containers[].resources.requests: no downstream node could hold the pod: it requests cpu 12, but the largest usable downstream node has 8 (east-1); do: lower the requests, or add a larger node to the downstream cluster`},
		},
		"too-large-but-tolerant": {"the node that is for others has it, and it may run there", `spec: {containers: [{name: app, image: app, resources: {requests: {cpu: "12"}}}], tolerations: [{operator: Exists}]}`, nil},
		"extended-resource": {
			"no node has such devices", `spec: {containers: [{name: app, image: app, resources: {requests: {example.com/gpu: "1"}}}]}`,
			[]string{`spec.containers[].resources.requests: no downstream node could hold the pod: it requests example.com/gpu 1, but no usable downstream node has any; do: lower the requests, or add a larger node to the downstream cluster`},
		},
		"pod-security": {
			"the namespace admits the level baseline", `{metadata: {namespace: strict}, spec: {containers: [{name: app, image: app, securityContext: {privileged: true}}]}}`,
			[]string{`spec.securityContext: the downstream namespace "strict" admits pods of level "baseline" only, and refuses this one: privileged (container "app" must not set securityContext.privileged=true); do: change the pod so that it fits, or the label pod-security.kubernetes.io/enforce of the downstream namespace`},
		},
		"pod-security-fits":    {"an ordinary pod is of that level", `{metadata: {namespace: strict}, spec: {` + container + `}}`, nil},
		"pod-security-nowhere": {"the namespace says nothing", `spec: {containers: [{name: app, image: app, securityContext: {privileged: true}}]}`, nil},
		"namespace-to-come":    {"it is made with the first pod, and says nothing", `{metadata: {namespace: new}, spec: {containers: [{name: app, image: app, securityContext: {privileged: true}}]}}`, nil},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, judged(t, tc.pod, east), cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("%s: -want +got\n%s", tc.reason, diff)
			}
		})
	}
}

// TestRestrictedLevel: of the strictest level all that is missing is said at once.
func TestRestrictedLevel(t *testing.T) {
	got := judged(t, `{metadata: {namespace: strictest}, spec: {containers: [{name: app, image: app}]}}`, east)
	if len(got) != 1 || !strings.Contains(got[0], `level "restricted"`) || !strings.Contains(got[0], "runAsNonRoot") || !strings.Contains(got[0], "seccompProfile") {
		t.Errorf("got %q", got)
	}
}

// TestUnread: what may not be read is not missing.
func TestUnread(t *testing.T) {
	const pod = `{metadata: {namespace: strict}, spec: {priorityClassName: gold, runtimeClassName: kata, nodeSelector: {disk: tape}, volumes: [{name: s, csi: {driver: none}}, {name: e, ephemeral: {volumeClaimTemplate: {spec: {storageClassName: none}}}}],
  containers: [{name: app, image: app, securityContext: {privileged: true}}]}}`
	const all = `
apiVersion: spillway.io/v1
kind: DownstreamInventory
unread: [{resource: priorityclasses}, {resource: storageclasses}, {resource: runtimeclasses}, {resource: csidrivers}, {resource: namespaces}, {resource: serviceaccounts}, {resource: nodes}]
`
	if got := judged(t, pod, all); len(got) > 0 {
		t.Errorf("nothing could be read, and yet: %q", got)
	}
	if got := judged(t, pod, east); len(got) != 6 {
		t.Errorf("of six things that are missing: %q", got)
	}
}
