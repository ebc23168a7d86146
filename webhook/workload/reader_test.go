package workload_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/openkruise/kruise-api/apps/v1alpha1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/spillway-io/spillway/webhook/spread"
	"github.com/spillway-io/spillway/webhook/workload"
	"github.com/spillway-io/spillway/webhook/workload/workloadtest"
)

// manifests are workloads of all sorts, and pods below them that are named after
// their controllers.
const manifests = `
{apiVersion: apps/v1, kind: Deployment, metadata: {namespace: default, name: web, uid: d-web, annotations: {deployment.kubernetes.io/revision: "2"}}, spec: {replicas: 7}}
---
{apiVersion: apps/v1, kind: ReplicaSet, metadata: {namespace: default, name: web-old, uid: rs-old, labels: {pod-template-hash: old}, annotations: {deployment.kubernetes.io/revision: "1"}, OWNER: Deployment/web/d-web}, spec: {replicas: 1}}
---
{apiVersion: apps/v1, kind: ReplicaSet, metadata: {namespace: default, name: web-new, uid: rs-new, generation: 1, labels: {pod-template-hash: new}, annotations: {deployment.kubernetes.io/revision: "2"}, OWNER: Deployment/web/d-web}, spec: {replicas: 6, template: {metadata: {annotations: {apps.kruise.io/matched-workloadspread: copied}}}}}
---
{apiVersion: apps/v1, kind: ReplicaSet, metadata: {namespace: default, name: rollout-1, uid: rs-rollout, OWNER: Farm/canary/farm}, spec: {replicas: 1}}
---
{apiVersion: example.com/v1, kind: Farm, metadata: {namespace: default, name: canary, uid: farm}, spec: {size: 4}}
---
{apiVersion: example.com/v1, kind: Farm, metadata: {namespace: default, name: herd, uid: herd}, spec: {scale: 9}}
---
{apiVersion: batch/v1, kind: Job, metadata: {namespace: default, name: sum, uid: job, generation: 1}, spec: {parallelism: 3}}
---
{apiVersion: apps.kruise.io/v1alpha1, kind: CloneSet, metadata: {namespace: default, name: clones, uid: clones}, spec: {replicas: 5}}
---
{apiVersion: v1, kind: Node, metadata: {name: own-1}}
---
{apiVersion: v1, kind: Pod, metadata: {namespace: default, name: of-old, labels: {pod-template-hash: old}, OWNER: ReplicaSet/web-old/rs-old}}
---
{apiVersion: v1, kind: Pod, metadata: {namespace: default, name: of-new, labels: {pod-template-hash: new, tier: front}, annotations: {apps.kruise.io/matched-workloadspread: copied}, OWNER: ReplicaSet/web-new/rs-new}}
---
{apiVersion: v1, kind: Pod, metadata: {namespace: default, name: of-rollout, OWNER: ReplicaSet/rollout-1/rs-rollout}}
---
{apiVersion: v1, kind: Pod, metadata: {namespace: default, name: of-job, OWNER: Job/sum/job}}
---
{apiVersion: v1, kind: Pod, metadata: {namespace: default, name: of-clones, OWNER: CloneSet/clones/clones}}
---
{apiVersion: v1, kind: Pod, metadata: {namespace: default, name: of-nobody}}
---
{apiVersion: v1, kind: Pod, metadata: {namespace: default, name: of-a-stranger, OWNER: Unheard/of/stranger}}
---
{apiVersion: v1, kind: Pod, metadata: {namespace: other, name: elsewhere, OWNER: ReplicaSet/web-new/rs-new}}
---
{apiVersion: apps.kruise.io/v1alpha1, kind: WorkloadSpread, metadata: {namespace: default, name: on-deployment}, spec: {targetRef: {apiVersion: apps/v1, kind: Deployment, name: web}}}
---
{apiVersion: apps.kruise.io/v1alpha1, kind: WorkloadSpread, metadata: {namespace: default, name: on-farm}, spec: {targetRef: {apiVersion: example.com/v1, kind: Farm, name: canary}, subsets: [{name: a, maxReplicas: 50%}]}}
---
{apiVersion: apps.kruise.io/v1alpha1, kind: WorkloadSpread, metadata: {namespace: default, name: on-job}, spec: {targetRef: {apiVersion: batch/v1, kind: Job, name: sum}}}
---
{apiVersion: apps.kruise.io/v1alpha1, kind: WorkloadSpread, metadata: {namespace: default, name: on-herd}, spec: {targetRef: {apiVersion: example.com/v1, kind: Farm, name: herd}, subsets: [{name: a, maxReplicas: 50%}]}}
---
{apiVersion: apps.kruise.io/v1alpha1, kind: WorkloadSpread, metadata: {namespace: default, name: on-clones}, spec: {targetRef: {apiVersion: apps.kruise.io/v1alpha1, kind: CloneSet, name: clones}}}
---
{apiVersion: apps.kruise.io/v1alpha1, kind: WorkloadSpread, metadata: {namespace: default, name: on-old}, spec: {targetRef: {apiVersion: apps/v1, kind: ReplicaSet, name: web-old}}}
---
{apiVersion: apps.kruise.io/v1alpha1, kind: WorkloadSpread, metadata: {namespace: default, name: on-nothing}, spec: {targetRef: {apiVersion: apps/v1, kind: Deployment, name: gone}}}
`

// TestWhatAReaderHasSeen when it starts is what it listed, once that has been gone through
// for sure: none of the pods by which others gave reservations up may be left.
func TestWhatAReaderHasSeen(t *testing.T) {
	before := time.Now()
	reader := workloadtest.Start(t)
	if got := reader.SeenUpTo(before.Add(spread.HeardAfter)); got != 0 {
		t.Errorf("before it started it had seen pods up to %d", got)
	}
	if got := reader.SeenUpTo(time.Now().Add(spread.HeardAfter)); got != 1 {
		t.Errorf("it has seen pods up to %d, want 1, which the list was of", got)
	}
}

// TestSpreadOf: the nearest owner that is targeted counts.
func TestSpreadOf(t *testing.T) {
	objects := aCluster(t)
	reader := workloadtest.Start(t, objects...)
	want := map[string]string{
		"of-old": "on-old", "of-new": "on-deployment", "of-rollout": "on-farm", "of-job": "on-job", "of-clones": "on-clones",
		"of-nobody": "", "of-a-stranger": "", "elsewhere": "",
	}
	got := map[string]string{}
	for _, pod := range podsAmong(objects) {
		ws, err := reader.SpreadOf(t.Context(), pod.Namespace, pod)
		if err != nil {
			t.Errorf("%s: %v", pod.Name, err)
		}
		got[pod.Name] = ""
		if ws != nil {
			got[pod.Name] = ws.Name
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got: %s", diff)
	}
}

// TestTargetAndPods: what a WorkloadSpread is decided by, from the cache and from
// the API server alike.
func TestTargetAndPods(t *testing.T) {
	objects := aCluster(t)
	reader := workloadtest.Start(t, objects...)
	want := map[string]string{
		"on-deployment": "7 of new: of-new of-old; wants new:6",
		"on-farm":       "unknown, a percentage needs the replicas of Farm \"canary\", whose kind has no scale subresource: set spec.targetFilter.replicasPathList: of-rollout",
		"on-herd":       "9 of versionIgnored: ",
		"on-job":        "3 of versionIgnored: of-job; wants versionIgnored:3",
		"on-clones":     "5 of versionIgnored: of-clones",
		"on-old":        "1 of old: of-old; wants old:1",
		"on-nothing":    "none",
	}
	want["on-clones live"] = want["on-clones"] + "; wants versionIgnored:5"
	got := map[string]string{}
	for _, object := range objects {
		ws, ok := object.(*v1alpha1.WorkloadSpread)
		if !ok {
			continue
		}
		cached, live := describe(t, reader, ws, false), describe(t, reader, ws, true)
		got[ws.Name] = cached
		if live != cached {
			got[ws.Name+" live"] = live
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got: %s", diff)
	}
}

func describe(t *testing.T, reader *workload.Reader, ws *v1alpha1.WorkloadSpread, live bool) string {
	t.Helper()
	read, list := reader.Target, reader.PodsWith
	if live {
		read, list = reader.LiveTarget, reader.LivePods
	}
	target, ok, err := read(t.Context(), ws)
	if err != nil {
		t.Fatal(err)
	}
	if !ok {
		return "none"
	}
	pods, err := list(t.Context(), ws)
	if err != nil {
		t.Fatal(err)
	}
	wanted, err := reader.Wanted(t.Context(), ws, pods, live)
	if err != nil {
		t.Fatal(err)
	}
	text := "unknown"
	if target.Replicas != nil {
		text = fmt.Sprintf("%d of %s", *target.Replicas, target.Version)
	}
	if target.ReplicasErr != nil {
		text += ", " + target.ReplicasErr.Error()
	}
	var names []string
	for _, pod := range pods {
		names = append(names, pod.Name)
	}
	slices.Sort(names)
	text += ": " + strings.Join(names, " ")
	for version, n := range wanted {
		if version != "old" || len(wanted) == 1 {
			text += fmt.Sprintf("; wants %s:%d", version, n)
		}
	}
	return text
}

// TestBorne: an annotation that the template has already says nothing.
func TestBorne(t *testing.T) {
	objects := aCluster(t)
	reader := workloadtest.Start(t, objects...)
	for _, pod := range podsAmong(objects) {
		if got, want := reader.Borne(t.Context(), pod.Namespace, pod), pod.Name == "of-new"; got != want {
			t.Errorf("%s: %t, want %t", pod.Name, got, want)
		}
	}
}

// TestSpreadsFor: a pod has to do with the WorkloadSpread that targets it and
// with the one it names.
func TestSpreadsFor(t *testing.T) {
	reader := workloadtest.Start(t, aCluster(t)...)
	pod := podsAmong(aCluster(t))[0]
	pod.Annotations = map[string]string{"apps.kruise.io/matched-workloadspread": `{"name":"other","subset":"a"}`}
	if got := fmt.Sprint(reader.SpreadsFor(t.Context(), pod)); got != "[default/on-old default/other]" {
		t.Errorf("got %s", got)
	}
}

// TestNotStarted: without the kind nothing can be targeted.
func TestNotStarted(t *testing.T) {
	ws, err := workload.NewReader(nil, nil, nil).SpreadOf(t.Context(), "default", &corev1.Pod{})
	if ws != nil || err != nil {
		t.Errorf("got %v, %v", ws, err)
	}
}

// aCluster reads the manifests, in which OWNER: KIND/NAME/UID stands for the reference to a
// controller.
func aCluster(t *testing.T) []client.Object {
	t.Helper()
	versions := map[string]string{"Deployment": "apps/v1", "ReplicaSet": "apps/v1", "Job": "batch/v1", "CloneSet": "apps.kruise.io/v1alpha1", "Farm": "example.com/v1", "Unheard": "example.com/v1"}
	var objects []client.Object
	for document := range strings.SplitSeq(manifests, "---\n") {
		content := map[string]any{}
		if err := yaml.Unmarshal([]byte(document), &content); err != nil {
			t.Fatal(err)
		}
		metadata := content["metadata"].(map[string]any)
		if owner, ok := metadata["OWNER"].(string); ok {
			delete(metadata, "OWNER")
			parts := strings.Split(owner, "/")
			metadata["ownerReferences"] = []any{map[string]any{"apiVersion": versions[parts[0]], "kind": parts[0], "name": parts[1], "uid": parts[2], "controller": true}}
		}
		object := objectOf(content["kind"])
		data, err := yaml.Marshal(content)
		if err != nil {
			t.Fatal(err)
		}
		if err := yaml.Unmarshal(data, object); err != nil {
			t.Fatal(err)
		}
		objects = append(objects, object)
	}
	return objects
}

func objectOf(kind any) client.Object {
	switch kind {
	case "Pod":
		return &corev1.Pod{}
	case "WorkloadSpread":
		return &v1alpha1.WorkloadSpread{}
	default:
		return &unstructured.Unstructured{}
	}
}

func podsAmong(objects []client.Object) []*corev1.Pod {
	var pods []*corev1.Pod
	for _, object := range objects {
		if pod, ok := object.(*corev1.Pod); ok {
			pods = append(pods, pod)
		}
	}
	return pods
}
