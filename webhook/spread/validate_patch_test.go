package spread_test

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/openkruise/kruise-api/apps/v1alpha1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/spillway-io/spillway/webhook/spread"
)

// patching is a WorkloadSpread whose second subset has the patch.
func patching(patch string) string {
	return subsets("{name: a, maxReplicas: 1}", "{name: b, patch: "+patch+"}")
}

func TestValidatePatch(t *testing.T) {
	const path = "spec.subsets[1].patch"
	known := podTemplate(t)
	const supplied = `{metadata: {annotations: {clusterSelector: '%s'}}}`
	checkInvalid(t, map[string]invalid{
		"text":      {reason: "not an object", spread: patching(`garbage`), want: [][2]string{{path, "write the part of a pod that is to change"}}},
		"list":      {reason: "a JSON patch is another kind of patch", spread: patching(`[{op: remove, path: /spec}]`), want: [][2]string{{path, "not a JSON object"}}},
		"type":      {reason: "found also where the target does not exist", spread: patching(`{spec: {containers: {}}}`), want: [][2]string{{path, "cannot hold a JSON object"}}},
		"directive": {reason: "a directive that Kubernetes does not have", spread: patching(`{spec: {$patch: erase}}`), want: [][2]string{{path, "erase"}}},
		"panic":     {reason: "the library would panic", spread: patching(`{spec: {containers: [{name: {}}, {name: {}}]}}`), want: [][2]string{{path, "strategic merge patch"}}},
		"all":       {reason: "no pod would be left", spread: patching(`{$patch: replace}`), want: [][2]string{{path, "cannot delete or replace the pod"}}},
		"unknown": {
			reason: "Kruise drops misspelt fields in silence", spread: patching(`{metadata: {lables: a}, spec: {priorityClass: low}, template: {}}`),
			want: [][2]string{{path + ".metadata.lables", "correct its name"}, {path + ".spec.priorityClass", "correct its name"}, {path + ".template", "correct its name"}},
		},
		"guarded": {
			reason: "a pod's identity, owner and node are nobody's to patch",
			spread: patching(`{metadata: {name: x, namespace: y, uid: z, ownerReferences: []}, spec: {nodeName: own-1, priority: 5}, status: {}}`),
			want: [][2]string{
				{path + ".metadata.name", "Forbidden"},
				{path + ".metadata.namespace", "Forbidden"},
				{path + ".metadata.ownerReferences", "Forbidden"},
				{path + ".metadata.uid", "Forbidden"},
				{path + ".spec.nodeName", "Forbidden"},
				{path + ".spec.priority", "Forbidden"},
				{path + ".status", "Forbidden"},
			},
		},
		"opt-out": {
			reason: "the pod's own opt-in and our marker",
			spread: patching(`{metadata: {labels: {virtual-pod: "false"}, annotations: {spillway.io/stash: x}}}`),
			want:   [][2]string{{path + ".metadata.labels[virtual-pod]", "Forbidden"}, {path + ".metadata.annotations[spillway.io/stash]", "Forbidden"}},
		},
		"label": {
			reason: "the API server would refuse every pod of the subset", spread: patching(`{metadata: {labels: {a: "no value"}}}`),
			want: [][2]string{{path + ".metadata.labels", "a valid label must"}},
		},
		"stash": {
			reason: "the pod would be denied", spread: patching(fmt.Sprintf(supplied, `{"tolerations":{}}`)),
			want: [][2]string{{path + ".metadata.annotations[clusterSelector]", `field "tolerations" cannot hold a JSON object`}},
		},
		"stash-invalid": {
			reason: "the downstream API server would refuse it", spread: patching(fmt.Sprintf(supplied, `{"tolerations":[{"key":"a","effect":"Never"}]}`)),
			want: [][2]string{{path + ".metadata.annotations[clusterSelector]", "clusterSelector.tolerations[0].effect"}},
		},
		"toleration": {
			reason: "as in a pod", spread: patching(`{spec: {tolerations: [{key: a, effect: Never}]}}`),
			want: [][2]string{{path + ".spec.tolerations[0].effect", "Unsupported value"}},
		},
		"two-sources": {
			reason: "the patch merges with the template's emptyDir", known: known, spread: patching(`{spec: {volumes: [{name: data, hostPath: {path: /data}}]}}`),
			want: [][2]string{{path + ".spec.volumes[data]", "$retainKeys"}},
		},
		"container-removed": {
			reason: "the workload would not run", known: known, spread: patching(`{spec: {containers: [{name: main, $patch: delete}, {name: other, image: x}]}}`),
			want: [][2]string{{path + ".spec.containers", `removes the container "main"`}},
		},
		"no-container": {
			reason: "the workload would not run", known: known, spread: patching(`{spec: {containers: null}}`),
			want: [][2]string{{path, "leaves the pod without a container"}},
		},
		"container-misspelt": {
			reason: "a new container where an old one was meant", known: known, spread: patching(`{spec: {containers: [{name: mian, env: [{name: A, value: b}]}]}}`),
			want: [][2]string{{path + ".spec.containers[mian].image", "correct the name"}},
		},
		"mount": {
			reason: "no such volume", known: known, spread: patching(`{spec: {containers: [{name: main, volumeMounts: [{name: logs, mountPath: /logs}]}]}}`),
			want: [][2]string{{path + ".spec.containers[main].volumeMounts[logs]", "add the volume"}},
		},
	})
}

func TestValidatePatchAccepts(t *testing.T) {
	for name, patch := range map[string]string{
		"none":       `null`,
		"empty":      `{}`,
		"labels":     `{metadata: {labels: {vk: "true", virtual-pod: "true"}, annotations: {subset: b}, finalizers: [example.com/a]}}`,
		"nulls":      `{spec: {affinity: {nodeAffinity: null, podAntiAffinity: null}, nodeSelector: null}}`,
		"env":        `{spec: {containers: [{name: main, env: [{name: A, value: b}], resources: {limits: {cpu: "1"}}}]}}`,
		"container":  `{spec: {containers: [{name: extra, image: "extra:1"}]}}`,
		"mount":      `{spec: {containers: [{name: main, volumeMounts: [{name: claim, mountPath: /again}]}]}}`,
		"volume":     `{spec: {volumes: [{name: data, $retainKeys: [name, hostPath], hostPath: {path: /data}}]}}`,
		"directives": `{spec: {tolerations: [], $setElementOrder/containers: [{name: main}], containers: [{name: main, tty: true}], nodeSelector: {$patch: replace, type: virtual-kubelet}}}`,
		"class":      `{spec: {priorityClassName: low}}`,
		"stash":      `{metadata: {annotations: {clusterSelector: '{"nodeSelector":{"disk":"ssd"}}'}}}`,
	} {
		t.Run(name, func(t *testing.T) {
			for _, known := range []spread.Known{{}, podTemplate(t)} {
				compare(t, "a patch that works", spread.Validate(parse(t, patching(patch)), known), nil)
			}
		})
	}
}

func TestValidateUpdate(t *testing.T) {
	const valid = "{name: a, maxReplicas: 1}"
	cases := map[string]struct {
		reason    string
		old, spec string
		change    func(ws *v1alpha1.WorkloadSpread)
		want      [][2]string
	}{
		"reorder": {
			reason: "legal at any time", old: subsets(valid, "{name: b, maxReplicas: 2}"), spec: subsets("{name: b, maxReplicas: 2}", valid),
		},
		"target-version": {
			reason: "a version is only a view", old: subsets(valid),
			spec: "spec:\n  targetRef: {apiVersion: apps/v2, kind: Deployment, name: web}\n  subsets: [" + valid + "]",
		},
		"target": {
			reason: "the counts are of other pods", old: subsets(valid),
			spec: "spec:\n  targetRef: {apiVersion: apps.kruise.io/v1alpha1, kind: CloneSet, name: web2}\n  subsets: [" + valid + "]",
			want: [][2]string{{"spec.targetRef.apiVersion", `"apps" cannot be changed`}, {"spec.targetRef.kind", `"Deployment" cannot be changed`}, {"spec.targetRef.name", `"web" cannot be changed`}},
		},
		"turns-bad": {
			reason: "a change is judged", old: subsets(valid), spec: subsets("{name: a, maxReplicas: -1}"),
			want: [][2]string{{"spec.subsets[0].maxReplicas", "must not be negative"}},
		},
		"was-bad": {
			reason: "labels and finalizers change on objects older than the rules", old: subsets("{name: a, maxReplicas: '5'}"), spec: subsets("{name: a, maxReplicas: '5'}"),
			change: func(ws *v1alpha1.WorkloadSpread) { ws.Labels = map[string]string{"a": "b"} },
		},
		"annotation-turns-bad": {
			reason: "it is as good as a field", old: subsets(valid), spec: subsets(valid),
			change: func(ws *v1alpha1.WorkloadSpread) {
				ws.Annotations = map[string]string{"spillway.io/virtual-subsets": "x"}
			},
			want: [][2]string{{"metadata.annotations[spillway.io/virtual-subsets]", "names no subset"}},
		},
		"return-turns-bad": {
			reason: "so is this one", old: subsets(valid), spec: subsets(valid),
			change: func(ws *v1alpha1.WorkloadSpread) {
				ws.Annotations = map[string]string{"spillway.io/return-to-base": ""}
			},
			want: [][2]string{{"metadata.annotations[spillway.io/return-to-base]", "longer than 0"}},
		},
		"being-deleted": {
			reason: "finalizers come off whatever else changes", old: subsets(valid), spec: subsets("{name: a, maxReplicas: '5'}"),
			change: func(ws *v1alpha1.WorkloadSpread) { ws.DeletionTimestamp = &metav1.Time{} },
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			ws := parse(t, tc.spec)
			if tc.change != nil {
				tc.change(ws)
			}
			compare(t, tc.reason, spread.ValidateUpdate(ws, parse(t, tc.old), spread.Known{}), tc.want)
		})
	}
}

func TestWarnings(t *testing.T) {
	const pinned = "requiredNodeSelectorTerm: {matchExpressions: [{key: zone, operator: Exists}]}"
	const adaptively = "scheduleStrategy: {type: Adaptive, adaptive: {rescheduleCriticalSeconds: 30}}\n  subsets: "
	returning := func(apiVersion, kind, rest string) string {
		return fmt.Sprintf("metadata: {annotations: {spillway.io/return-to-base: 10m}}\nspec:\n  targetRef: {apiVersion: %s, kind: %s, name: web}\n  %s[{name: a, maxReplicas: 1, %s}, {name: b, %[4]s}]",
			apiVersion, kind, rest, pinned)
	}
	cases := map[string]struct {
		reason, spread string
		want           []string
	}{
		"founding": {"says nothing in vain", founding(t), nil},
		"bare": {"legal, and probably unfinished", subsets("{name: a, maxReplicas: 2, "+pinned+"}", "{name: b, patch: {}}"), []string{
			`spec.subsets[1]: subset "b" selects no nodes and patches nothing: its pods run wherever they would have run without it`,
		}},
		"dead": {"the second gets no pod", subsets("{name: a, "+pinned+"}", "{name: b, "+pinned+"}"), []string{
			`spec.subsets[0].maxReplicas: without it subset "a" takes every pod, and those after it get none, unless its virtual nodes are all cordoned; give it maxReplicas, or set spec.scheduleStrategy.type to Adaptive`,
		}},
		"adaptive-off": {"adaptive in name only", spec("  scheduleStrategy: {type: Adaptive, adaptive: {}}\n  subsets: [{name: a, " + pinned + "}]"), []string{
			"spec.scheduleStrategy.adaptive.rescheduleCriticalSeconds: without it no pod that cannot be scheduled moves to another subset",
		}},
		"return": {"nothing in vain about it", returning("apps/v1", "Deployment", adaptively), nil},
		"return-fixed": {"a pod that runs is given up for one that may not", returning("apps/v1", "Deployment", "subsets: "), []string{
			"metadata.annotations[spillway.io/return-to-base]: a pod that returns to a subset whose nodes are full stays Pending; set spec.scheduleStrategy.type to Adaptive, with rescheduleCriticalSeconds",
		}},
		"return-job": {"Jobs would count it as a failure", returning("batch/v1", "Job", adaptively), []string{
			"metadata.annotations[spillway.io/return-to-base]: pods of a Job do not return to earlier subsets",
		}},
		"return-unknown": {"nobody knows whether all pods are there", returning("example.org/v1", "Thing", adaptively), []string{
			"metadata.annotations[spillway.io/return-to-base]: no pod returns while it is not known how many the target wants; set spec.targetFilter.replicasPathList",
		}},
		"return-path": {"now it is known", returning("example.org/v1", "Thing", "targetFilter: {replicasPathList: [spec.size]}\n  "+adaptively), nil},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, spread.Warnings(parse(t, tc.spread))); diff != "" {
				t.Errorf("%s: -want +got:\n%s", tc.reason, diff)
			}
		})
	}
}
