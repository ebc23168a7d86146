package portability_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	"sigs.k8s.io/yaml"

	"github.com/spillway-io/spillway/provider/portability"
)

// upstreamClasses are those that claims of the cases name.
const upstreamClasses = `
- {metadata: {name: elastic}, provisioner: spillway.io/virtual-node, volumeBindingMode: WaitForFirstConsumer, parameters: {downstreamStorageClass: fast}}
- {metadata: {name: plain}, provisioner: spillway.io/virtual-node, volumeBindingMode: WaitForFirstConsumer}
- {metadata: {name: mapped}, provisioner: spillway.io/virtual-node, volumeBindingMode: WaitForFirstConsumer}
- {metadata: {name: gone}, provisioner: spillway.io/virtual-node, volumeBindingMode: WaitForFirstConsumer, parameters: {downstreamStorageClass: io2}}
- {metadata: {name: immediate}, provisioner: spillway.io/virtual-node}
- {metadata: {name: local}, provisioner: kubernetes.io/no-provisioner}
- {metadata: {name: gp3, annotations: {storageclass.kubernetes.io/is-default-class: "true"}}, provisioner: ebs.csi.aws.com}
`

const upstreamVolumes = `
- {metadata: {name: nfs}, spec: {nfs: {server: nfs.example.com, path: /}}}
- {metadata: {name: disk}, spec: {csi: {driver: ebs.csi.aws.com, volumeHandle: vol-1}}}
- {metadata: {name: made, annotations: {pv.kubernetes.io/provisioned-by: spillway.io/virtual-node}}, spec: {csi: {driver: virtual-node.spillway.io, volumeHandle: shop/data}}}
- {metadata: {name: directory}, spec: {local: {path: /data}}}
- {metadata: {name: misplaced, annotations: {spillway.io/downstream-node: east-9}}, spec: {local: {path: /data}}}
- {metadata: {name: own}, spec: {local: {path: /data}, nodeAffinity: {required: {nodeSelectorTerms: [{matchExpressions: [{key: kubernetes.io/hostname, operator: In, values: [own-1]}]}]}}}}
- {metadata: {name: theirs, annotations: {spillway.io/downstream-node: east-1}}, spec: {local: {path: /data}, nodeAffinity: {required: {nodeSelectorTerms: [{matchExpressions: [{key: kubernetes.io/hostname, operator: In, values: [east]}]}]}}}}
- {metadata: {name: placed, annotations: {spillway.io/downstream-node: east-1}}, spec: {hostPath: {path: /data}}}
`

func TestJudgeClaims(t *testing.T) {
	cases := map[string]struct {
		reason, claim string
		inventory     string
		want          []string
	}{
		"elastic":       {"its class is the virtual node's, and the class below is there", `{storageClassName: elastic}`, east, nil},
		"default-below": {"the class names none, and there is a default downstream", `{storageClassName: plain}`, east, nil},
		"mapped":        {"the virtual node maps it to one that is there", `{storageClassName: mapped}`, east, nil},
		"missing-below": {
			"the class names one that is not there", `{storageClassName: gone}`, east,
			[]string{`spec.volumes[0].persistentVolumeClaim: the downstream cluster has no StorageClass "io2": the pod waits there for the volume of "data"; do: create it there, or name one that is there in the parameter downstreamStorageClass of StorageClass "gone"`},
		},
		"no-default-below": {
			"the class names none, and downstream there is no default", `{storageClassName: plain}`, "{apiVersion: spillway.io/v1, kind: DownstreamInventory, storageClasses: [{name: fast}]}",
			[]string{`spec.volumes[0].persistentVolumeClaim: the downstream cluster has no default StorageClass: the pod waits there for the volume of "data"; do: annotate a StorageClass there: storageclass.kubernetes.io/is-default-class: "true", or name one`},
		},
		"missing-but-not-known": {"without an inventory nothing is known about it", `{storageClassName: gone}`, "", nil},
		"other-provisioner": {
			"its volumes are of the upstream cluster", `{storageClassName: gp3}`, "",
			[]string{`spec.volumes[0].persistentVolumeClaim: StorageClass "gp3" has the provisioner ebs.csi.aws.com, whose volumes the downstream cluster cannot use: the pod of claim "data" does not start on a virtual node; do: use a StorageClass with provisioner spillway.io/virtual-node, see docs/storage.md`},
		},
		"default-class": {
			"a claim without a class gets the default one", `{}`, "",
			[]string{`spec.volumes[0].persistentVolumeClaim: StorageClass "gp3" has the provisioner ebs.csi.aws.com, whose volumes the downstream cluster cannot use: the pod of claim "data" does not start on a virtual node; do: use a StorageClass with provisioner spillway.io/virtual-node, see docs/storage.md`},
		},
		"no-class":       {"it asks for no class, and gets a volume by hand", `{storageClassName: ""}`, east, nil},
		"no-provisioner": {"volumes are made by hand, as local ones are", `{storageClassName: local}`, east, nil},
		"unknown-class": {
			"whose provisioner it has is not in the input", `{storageClassName: io9}`, "",
			[]string{`unsure: spec.volumes[0].persistentVolumeClaim: StorageClass "io9" of claim "data" is not in the input: on a virtual node the pod starts only if its provisioner is spillway.io/virtual-node; do: have it judged: kubectl get storageclass io9 -o yaml > class.yaml, and add -f class.yaml`},
		},
		"immediate": {
			"nobody knows in which cluster to make the volume", `{storageClassName: immediate}`, "",
			[]string{`spec.volumes[0].persistentVolumeClaim: StorageClass "immediate" of claim "data" needs volumeBindingMode: WaitForFirstConsumer, and no volume is made without it; do: create the StorageClass anew with volumeBindingMode: WaitForFirstConsumer`},
		},
		"data-source": {
			"a snapshot is an upstream object", `{storageClassName: elastic, dataSource: {kind: VolumeSnapshot, name: s}}`, "",
			[]string{`spec.volumes[0].persistentVolumeClaim: claim "data" asks for upstream objects, by selector, data source or VolumeAttributesClass, which the downstream cluster does not have; do: remove selector, dataSource, dataSourceRef and volumeAttributesClassName from the claim`},
		},
		"bound-nfs":      {"it means the same downstream", `{volumeName: nfs}`, east, nil},
		"bound-made":     {"the virtual node made it", `{volumeName: made}`, east, nil},
		"bound-placed":   {"it says which node has it", `{volumeName: placed}`, east, nil},
		"bound-unknown":  {"the volume is not in the input", `{volumeName: other}`, east, nil},
		"bound-anywhere": {"how many downstream nodes there are is not known", `{volumeName: directory}`, "", nil},
		"bound-directory": {
			"which of the nodes has it is never guessed", `{volumeName: directory}`, east,
			[]string{`spec.volumes[0].persistentVolumeClaim: volume "directory" of claim "data" is a directory of one node, and which of the 3 downstream nodes has it is not said; do: kubectl annotate pv directory spillway.io/downstream-node=NODE`},
		},
		"bound-directory-of-the-only-worker": {
			"control planes and virtual nodes are not counted, as the virtual node does not count them", `{volumeName: directory}`,
			"{apiVersion: spillway.io/v1, kind: DownstreamInventory, nodes: [{name: w}, {name: beyond, labels: {type: virtual-kubelet}}, {name: c, taints: [{key: node-role.kubernetes.io/control-plane, effect: NoSchedule}]}]}", nil,
		},
		"bound-directory-of-no-node": {
			"the annotation names a node that is not there", `{volumeName: misplaced}`, east,
			[]string{`spec.volumes[0].persistentVolumeClaim: volume "misplaced" of claim "data" is a directory of node "east-9" by its annotation, and the downstream cluster has no such node; do: kubectl annotate --overwrite pv misplaced spillway.io/downstream-node=NODE`},
		},
		"bound-on-virtual-node": {"it admits the virtual node, and says which downstream node has it", `{volumeName: theirs}`, east, nil},
		"bound-on-own-machine": {
			"a local volume of an upstream node keeps the pod there", `{volumeName: own}`, "",
			[]string{`spec.volumes[0].persistentVolumeClaim: volume "own" of claim "data" is on nodes other than the virtual node: the pod does not start there; do: keep the pod upstream: label virtual-pod: "false", or use a volume whose node affinity admits the virtual node by its label kubernetes.io/hostname`},
		},
		"bound-disk": {
			"no downstream node can attach it", `{volumeName: disk}`, "",
			[]string{`spec.volumes[0].persistentVolumeClaim: volume "disk" of claim "data" is of a type that the downstream cluster cannot use; local, hostPath and nfs volumes can be; do: keep the pod upstream: label virtual-pod: "false", or give it a claim of a StorageClass with provisioner spillway.io/virtual-node`},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			known := portability.Storage{
				Classes: read[[]storagev1.StorageClass](t, upstreamClasses), Volumes: read[[]corev1.PersistentVolume](t, upstreamVolumes),
				Mapped: map[string]string{"mapped": "fast"}, Node: map[string]string{"kubernetes.io/hostname": "east"}, Named: true,
			}
			claim := read[corev1.PersistentVolumeClaim](t, `{metadata: {namespace: shop, name: data}, spec: `+tc.claim+`}`)
			known.Claims = []corev1.PersistentVolumeClaim{claim}
			pod := read[corev1.Pod](t, `{metadata: {namespace: shop, name: web}, spec: {volumes: [{name: data, persistentVolumeClaim: {claimName: data}}, {name: unknown, persistentVolumeClaim: {claimName: unknown}}]}}`)
			got := linesOf(portability.JudgeClaims(&pod, known, read[portability.Inventory](t, tc.inventory)))
			if diff := cmp.Diff(tc.want, got, cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("%s: -want +got\n%s", tc.reason, diff)
			}
		})
	}
}

// TestJudgeVolumeOfUnnamedNode: a volume may be that of a virtual node whose name nobody
// has said.
func TestJudgeVolumeOfUnnamedNode(t *testing.T) {
	known := portability.Storage{
		Claims:  []corev1.PersistentVolumeClaim{read[corev1.PersistentVolumeClaim](t, `{metadata: {namespace: shop, name: data}, spec: {volumeName: theirs}}`)},
		Volumes: read[[]corev1.PersistentVolume](t, upstreamVolumes), Node: map[string]string{"kubernetes.io/hostname": "virtual-node"},
	}
	pod := read[corev1.Pod](t, `{metadata: {namespace: shop, name: web}, spec: {volumes: [{name: data, persistentVolumeClaim: {claimName: data}}]}}`)
	want := []string{`unsure: spec.volumes[0].persistentVolumeClaim: volume "theirs" of claim "data" is on certain nodes only, and the virtual node's name is not known; do: give the virtual node's name with --node-name`}
	if diff := cmp.Diff(want, linesOf(portability.JudgeClaims(&pod, known, portability.Inventory{}))); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

// TestJudgeEphemeralClaims: the claim of an ephemeral volume needs an upstream volume as
// any other does; its class downstream is for Judge.
func TestJudgeEphemeralClaims(t *testing.T) {
	cases := map[string]struct {
		reason, class string
		want          []string
	}{
		"elastic":    {"the virtual node makes it", "elastic", nil},
		"gone-below": {"the class below is that of the template, not of the parameter", "gone", nil},
		"other-provisioner": {
			"nobody makes the upstream volume", "gp3",
			[]string{`spec.volumes[0].ephemeral: StorageClass "gp3" has the provisioner ebs.csi.aws.com, whose volumes the downstream cluster cannot use: the pod of claim "web-scratch" does not start on a virtual node; do: use a StorageClass with provisioner spillway.io/virtual-node, see docs/storage.md`},
		},
		"immediate": {
			"as for claims", "immediate",
			[]string{`spec.volumes[0].ephemeral: StorageClass "immediate" of claim "web-scratch" needs volumeBindingMode: WaitForFirstConsumer, and no volume is made without it; do: create the StorageClass anew with volumeBindingMode: WaitForFirstConsumer`},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			pod := read[corev1.Pod](t, `{metadata: {namespace: shop, name: web}, spec: {volumes: [{name: scratch, ephemeral: {volumeClaimTemplate: {spec: {storageClassName: `+tc.class+`}}}}, {name: none, ephemeral: {}}]}}`)
			known := portability.Storage{Classes: read[[]storagev1.StorageClass](t, upstreamClasses)}
			got := linesOf(portability.JudgeClaims(&pod, known, read[portability.Inventory](t, east)))
			if diff := cmp.Diff(tc.want, got, cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("%s: -want +got\n%s", tc.reason, diff)
			}
		})
	}
}

func linesOf(warnings []portability.Warning) []string {
	var lines []string
	for _, w := range warnings {
		line := w.String()
		if w.Unsure {
			line = "unsure: " + line
		}
		lines = append(lines, line)
	}
	return lines
}

func read[T any](t *testing.T, text string) (value T) {
	t.Helper()
	if err := yaml.UnmarshalStrict([]byte(text), &value); err != nil {
		t.Fatal(err)
	}
	return value
}
