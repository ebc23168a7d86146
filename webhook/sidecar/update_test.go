package sidecar

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/openkruise/kruise-api/apps/v1alpha1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/strategicpatch"

	"github.com/spillway-io/spillway/api"
)

// TestUpdate: the patch names what changed and nothing else, and gives the pod
// that Update returns.
func TestUpdate(t *testing.T) {
	v1, v2 := rolling("log:v1", nil), rolling("log:v2", nil)
	v1.Revision, v2.Revision = "agents-1", "agents-2"
	v2.Object.Spec.PatchPodMetadata = []v1alpha1.SidecarSetPatchPodMetadata{
		{Annotations: map[string]string{"kept": "new"}, PatchPolicy: v1alpha1.SidecarSetRetainPatchPolicy},
		{Annotations: map[string]string{"written": "new"}, PatchPolicy: v1alpha1.SidecarSetOverwritePatchPolicy},
		{Annotations: map[string]string{"merged": `{"b":2}`}, PatchPolicy: v1alpha1.SidecarSetMergePatchJsonPatchPolicy},
	}
	pod := podOf(t, v1, "p")
	pod.Annotations["written"], pod.Annotations["merged"] = "old", `{"a":1}`
	pod.Annotations[api.SidecarSetUpdateStateAnnotation] = `{"other":{"revision":"r","new":true}}`
	pod.Spec.Containers[0], pod.Spec.Containers[1] = pod.Spec.Containers[1], pod.Spec.Containers[0]
	pod.Spec.InitContainers = []corev1.Container{{Name: "setup", Image: "setup:v1"}}
	before := pod.DeepCopy()

	after, err := Update(pod, v2, midnight().Add(time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(before, pod); diff != "" {
		t.Errorf("the pod was modified: -want +got:\n%s", diff)
	}
	patch, err := UpdatePatch(pod, after)
	if err != nil {
		t.Fatal(err)
	}
	var got map[string]any
	if err := json.Unmarshal(patch, &got); err != nil {
		t.Fatal(err)
	}
	want := map[string]any{
		"metadata": map[string]any{
			"uid": "uid-p", "resourceVersion": "1",
			"annotations": map[string]any{
				"written": "new", "merged": `{"a":1,"b":2}`,
				api.SidecarSetHashAnnotation: `{"agents":{"updateTimestamp":"2025-11-01T01:00:00Z","hash":"` + v2.Hash +
					`","sidecarSetName":"agents","sidecarList":["log"],"controllerRevision":"agents-2"}}`,
				api.SidecarSetUpdateStateAnnotation: `{"agents":{"revision":"` + v2.Hash + `","updateTimestamp":"2025-11-01T01:00:00Z",` +
					`"lastContainerStatuses":{"log":{"imageID":"sha256:log:v1","containerID":"containerd://logfirst"}}},"other":{"revision":"r","new":true}}`,
			},
		},
		"spec": map[string]any{"containers": []any{map[string]any{"name": "log", "image": "log:v2"}}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the patch: -want +got:\n%s", diff)
	}
	raw, err := json.Marshal(pod)
	if err != nil {
		t.Fatal(err)
	}
	patched, err := strategicpatch.StrategicMergePatch(raw, patch, corev1.Pod{})
	if err != nil {
		t.Fatal(err)
	}
	var result corev1.Pod
	if err := json.Unmarshal(patched, &result); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(after, &result); diff != "" {
		t.Errorf("the patched pod: -want +got:\n%s", diff)
	}
}

// TestUpdateOfNative: a native sidecar follows; an init container of the same set
// that has run does not.
func TestUpdateOfNative(t *testing.T) {
	with := func(tag string) *Set {
		object := agents("log:" + tag)
		native := corev1.Container{Name: "mesh", Image: "mesh:" + tag, RestartPolicy: new(corev1.ContainerRestartPolicyAlways)}
		object.Spec.InitContainers = []v1alpha1.SidecarContainer{
			{Container: native}, {Container: corev1.Container{Name: "setup", Image: "setup:" + tag}},
		}
		return Compile(object, nil)
	}
	pod := podOf(t, with("v1"), "job")
	native := corev1.Container{Name: "log", Image: "log:v1", RestartPolicy: new(corev1.ContainerRestartPolicyAlways)}
	mesh := native
	mesh.Name, mesh.Image = "mesh", "mesh:v1"
	pod.Spec.InitContainers = []corev1.Container{{Name: "setup", Image: "setup:v1"}, mesh, native}
	pod.Spec.Containers = pod.Spec.Containers[1:]

	after, err := Update(pod, with("v2"), midnight())
	if err != nil {
		t.Fatal(err)
	}
	patch, err := UpdatePatch(pod, after)
	if err != nil {
		t.Fatal(err)
	}
	want := `"spec":{"initContainers":[{"name":"mesh","image":"mesh:v2"},{"name":"log","image":"log:v2"}]}}`
	if !strings.HasSuffix(string(patch), want) {
		t.Errorf("the patch is\n%s\nwant it to end with\n%s", patch, want)
	}
	record, err := ReadRecord(after)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"log", "mesh"}, record.Hashes["agents"].SidecarList); diff != "" {
		t.Errorf("the record lists: -want +got:\n%s", diff)
	}
}

// TestUpdateAgain: what a container was before a change that never came through
// is remembered when the next change is about another container.
func TestUpdateAgain(t *testing.T) {
	with := func(log, mesh string) *Set {
		object := agents(log)
		object.Spec.Containers = append(object.Spec.Containers, v1alpha1.SidecarContainer{Container: corev1.Container{Name: "mesh", Image: mesh}})
		return Compile(object, nil)
	}
	pod := podOf(t, with("log:v1", "mesh:v1"), "p")
	pod.Spec.Containers = append(pod.Spec.Containers, corev1.Container{Name: "mesh", Image: "mesh:v1"})
	runs(pod, "first")
	pod = updated(t, pod, with("log:v2", "mesh:v1"))
	pod = updated(t, pod, with("log:v2", "mesh:v2"))
	state := readStates(pod).of("agents")
	want := map[string]lastStatus{
		"log":  {ImageID: "sha256:log:v1", ContainerID: "containerd://logfirst"},
		"mesh": {ImageID: "sha256:mesh:v1", ContainerID: "containerd://meshfirst"},
	}
	if diff := cmp.Diff(want, state.LastContainerStatuses); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	runs(pod, "second")
	pod = updated(t, pod, with("log:v2", "mesh:v3"))
	state = readStates(pod).of("agents")
	want = map[string]lastStatus{"mesh": {ImageID: "sha256:mesh:v2", ContainerID: "containerd://meshsecond"}}
	if diff := cmp.Diff(want, state.LastContainerStatuses); diff != "" {
		t.Errorf("after it came through: -want +got:\n%s", diff)
	}
}

func TestUpdateFails(t *testing.T) {
	set := rolling("log:v2", nil)
	set.Object.Spec.PatchPodMetadata = []v1alpha1.SidecarSetPatchPodMetadata{
		{Annotations: map[string]string{"merged": `{"b":2}`}, PatchPolicy: v1alpha1.SidecarSetMergePatchJsonPatchPolicy},
	}
	pod := podOf(t, rolling("log:v1", nil), "p")
	pod.Annotations["merged"] = "text"
	if _, err := Update(pod, set, midnight()); err == nil || !strings.Contains(err.Error(), `"merged"`) {
		t.Errorf("got %v, want something about the annotation", err)
	}
	pod.Annotations[api.SidecarSetHashAnnotation] = "garbage"
	if _, err := Update(pod, set, midnight()); err == nil || !strings.Contains(err.Error(), api.SidecarSetHashAnnotation) {
		t.Errorf("got %v, want something about the annotation", err)
	}
}

// TestCarriedOut: when the node has done what was asked of it.
func TestCarriedOut(t *testing.T) {
	v1 := rolling("log:v1", nil)
	cases := map[string]struct {
		reason string
		change func(pod *corev1.Pod, status *corev1.ContainerStatus)
		want   bool
	}{
		"not yet": {"Nothing happened.", func(*corev1.Pod, *corev1.ContainerStatus) {}, false},
		"done":    {"It has the image.", func(_ *corev1.Pod, s *corev1.ContainerStatus) { s.Image = "docker.io/library/log:v2" }, true},
		"other name": {
			"The node calls the image by another name, but it is another one.",
			func(_ *corev1.Pod, s *corev1.ContainerStatus) { s.Image, s.ImageID = "sha256:2", "sha256:2" }, true,
		},
		"same digest": {
			"The new name is of the old image, and the container is new.",
			func(p *corev1.Pod, s *corev1.ContainerStatus) {
				s.ContainerID, p.Status.ObservedGeneration = "containerd://logsecond", p.Generation
			}, true,
		},
		"same digest, silent node": {
			"The node does not say which generation it knows.",
			func(p *corev1.Pod, s *corev1.ContainerStatus) {
				s.ContainerID, p.Status.ObservedGeneration = "containerd://logsecond", 0
			}, true,
		},
		"crashed before": {
			"The old image was restarted before the node knew of the new one.",
			func(_ *corev1.Pod, s *corev1.ContainerStatus) { s.ContainerID = "containerd://logsecond" }, false,
		},
		"killed": {
			"The old container is gone, and no new one is there.",
			func(p *corev1.Pod, s *corev1.ContainerStatus) {
				s.ContainerID, s.ImageID, p.Status.ObservedGeneration = "", "", p.Generation
			}, false,
		},
		"no status": {"Nobody has said anything.", func(p *corev1.Pod, _ *corev1.ContainerStatus) { p.Status.ContainerStatuses = nil }, false},
		"no container": {
			"There is nothing to wait for.",
			func(p *corev1.Pod, _ *corev1.ContainerStatus) { p.Spec.Containers = p.Spec.Containers[1:] }, true,
		},
		"kruise": {
			"Its record has no container's id, so a new id says nothing.",
			func(p *corev1.Pod, s *corev1.ContainerStatus) {
				p.Annotations[api.SidecarSetUpdateStateAnnotation] = `{"agents":{"lastContainerStatuses":{"log":{"imageID":"sha256:log:v1"}}}}`
				s.ContainerID, p.Status.ObservedGeneration = "containerd://logsecond", p.Generation
			}, false,
		},
		"never started": {
			"The container that starts now may be of the old image.",
			func(p *corev1.Pod, _ *corev1.ContainerStatus) {
				p.Annotations[api.SidecarSetUpdateStateAnnotation] = `{"agents":{"lastContainerStatuses":{"log":{}}}}`
			}, false,
		},
		"started": {
			"The node knows of the new image, and has started it.",
			func(p *corev1.Pod, _ *corev1.ContainerStatus) {
				p.Annotations[api.SidecarSetUpdateStateAnnotation] = `{"agents":{"lastContainerStatuses":{"log":{}}}}`
				p.Status.ObservedGeneration = p.Generation
			}, true,
		},
		"no state": {
			"The pod was created with what it has.",
			func(p *corev1.Pod, _ *corev1.ContainerStatus) {
				delete(p.Annotations, api.SidecarSetUpdateStateAnnotation)
			}, true,
		},
		"garbage": {
			"What nobody can read is not waited for.",
			func(p *corev1.Pod, _ *corev1.ContainerStatus) {
				p.Annotations[api.SidecarSetUpdateStateAnnotation] = `{"agents":[]}`
			}, true,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			pod := updated(t, podOf(t, v1, "p"), rolling("log:v2", nil))
			tc.change(pod, &pod.Status.ContainerStatuses[0])
			state := readStates(pod).of("agents")
			if got := state.carriedOut(pod); got != tc.want {
				t.Errorf("%s\ngot %t, want %t", tc.reason, got, tc.want)
			}
		})
	}
}

func TestSameImage(t *testing.T) {
	const digest = "sha256:0123456789abcdef"
	cases := map[string]struct {
		image, status, id string
		want              bool
	}{
		"as written":             {"log:v1", "log:v1", "", true},
		"another tag":            {"log:v1", "log:v2", "", false},
		"spelled out":            {"log:v1", "docker.io/library/log:v1", "", true},
		"default tag":            {"log", "docker.io/library/log:latest", "", true},
		"owner":                  {"acme/log", "docker.io/acme/log:latest", "", true},
		"old host":               {"index.docker.io/acme/log", "docker.io/acme/log:latest", "", true},
		"host without library":   {"docker.io/log:v1", "docker.io/library/log:v1", "", true},
		"port":                   {"localhost:5000/log", "localhost:5000/log:latest", "", true},
		"another host":           {"example.com/log:v1", "docker.io/library/log:v1", "", false},
		"digest":                 {"log@" + digest, "docker.io/library/log@" + digest, "", true},
		"tag and digest":         {"log:v1@" + digest, "docker.io/library/log@" + digest, "", true},
		"digest in the id":       {"log@" + digest, "docker.io/library/log:v1", "docker.io/library/log@" + digest, true},
		"digest as the image":    {"log@" + digest, digest, "", true},
		"another digest":         {"log@" + digest, "log@sha256:ff", "log@sha256:ff", false},
		"digest of another name": {"log:v1", "log@" + digest, "log@" + digest, false},
		"nothing":                {"log:v1", "", "", false},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if got := sameImage(tc.image, &corev1.ContainerStatus{Image: tc.status, ImageID: tc.id}); got != tc.want {
				t.Errorf("%s and %s: got %t, want %t", tc.image, tc.status, got, tc.want)
			}
		})
	}
}
