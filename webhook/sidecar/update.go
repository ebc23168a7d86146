package sidecar

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/spillway-io/spillway/api"
)

// Update returns the pod with the set's images, and with the annotations that say
// so. Only images can change in a pod that runs; that all else is the same, Plan
// has made sure of. Names and images of containers are all that is needed of the
// pod's spec. The pod is not modified.
func Update(pod *corev1.Pod, set *Set, now time.Time) (*corev1.Pod, error) {
	record, err := ReadRecord(pod)
	if err != nil {
		return nil, err
	}
	after := pod.DeepCopy()
	after.Annotations, err = patchMetadata(after.Annotations, set.Object.Spec.PatchPodMetadata, true)
	if err != nil {
		return nil, fmt.Errorf("cannot patch the pod's metadata: %w", err)
	}
	images := imagesOf(set)
	state := inPlaceState{Revision: set.Hash, UpdateTimestamp: toSecond(now), LastContainerStatuses: map[string]lastStatus{}}
	for name, last := range readStates(pod).of(set.Name()).LastContainerStatuses {
		// What a container was before a change that is still under way, it is still.
		if _, ours := images[name]; ours && !last.replaced(pod, name) {
			state.LastContainerStatuses[name] = last
		}
	}
	for c := range runningIn(&after.Spec) {
		if image, ours := images[c.Name]; ours && image != c.Image {
			c.Image = image
			state.LastContainerStatuses[c.Name] = lastStatusOf(pod, c.Name)
		}
	}
	record = record.With(set, slices.Sorted(maps.Keys(images)), metav1.Time{Time: now})
	if after.Annotations, err = record.Write(after.Annotations); err != nil {
		return nil, err
	}
	after.Annotations[api.SidecarSetUpdateStateAnnotation], err = readStates(pod).with(set.Name(), state)
	return after, err
}

// UpdatePatch returns what differs in images and annotations as a strategic merge
// patch. The API server refuses it when the pod is not what it was before.
func UpdatePatch(before, after *corev1.Pod) ([]byte, error) {
	type container struct {
		Name  string `json:"name"`
		Image string `json:"image"`
	}
	type spec struct {
		Containers     []container `json:"containers,omitempty"`
		InitContainers []container `json:"initContainers,omitempty"`
	}
	changed := func(before, after []corev1.Container) (images []container) {
		for i := range after {
			if i < len(before) && before[i].Name == after[i].Name && before[i].Image != after[i].Image {
				images = append(images, container{Name: after[i].Name, Image: after[i].Image})
			}
		}
		return images
	}
	var patch struct {
		Metadata struct {
			UID             types.UID         `json:"uid"`
			ResourceVersion string            `json:"resourceVersion"`
			Annotations     map[string]string `json:"annotations,omitempty"`
		} `json:"metadata"`
		Spec spec `json:"spec,omitzero"`
	}
	patch.Metadata.UID, patch.Metadata.ResourceVersion = before.UID, before.ResourceVersion
	patch.Metadata.Annotations = maps.Clone(after.Annotations)
	maps.DeleteFunc(patch.Metadata.Annotations, func(key, value string) bool {
		had, ok := before.Annotations[key]
		return ok && had == value
	})
	patch.Spec.Containers = changed(before.Spec.Containers, after.Spec.Containers)
	patch.Spec.InitContainers = changed(before.Spec.InitContainers, after.Spec.InitContainers)
	data, err := json.Marshal(patch)
	if err != nil {
		return nil, fmt.Errorf("cannot encode the patch of the pod: %w", err)
	}
	return data, nil
}

// inPlaceStates are what the pod's sidecars were before their images were last
// changed, by set. Others may know more of a set than we do.
type inPlaceStates map[string]json.RawMessage

// inPlaceState is that for one set. Kruise's has the image's id only, and so
// never notices a new image that is the old one by another name.
type inPlaceState struct {
	// Revision is the hash of the version that the pod was changed to.
	Revision              string                `json:"revision"`
	UpdateTimestamp       metav1.Time           `json:"updateTimestamp"`
	LastContainerStatuses map[string]lastStatus `json:"lastContainerStatuses"`
}

// lastStatus is what a container was.
type lastStatus struct {
	ImageID      string `json:"imageID,omitempty"`
	ContainerID  string `json:"containerID,omitempty"`
	RestartCount int32  `json:"restartCount,omitempty"`
}

// readStates reads the pod's annotation. What cannot be read is as good as none:
// it says nothing but which changes are under way, and those come to an end.
func readStates(pod *corev1.Pod) inPlaceStates {
	text := pod.Annotations[api.SidecarSetUpdateStateAnnotation]
	if text == "" {
		return nil
	}
	var states inPlaceStates
	if json.Unmarshal([]byte(text), &states) != nil {
		return nil
	}
	return states
}

func (s inPlaceStates) of(set string) inPlaceState {
	text, known := s[set]
	if !known {
		return inPlaceState{}
	}
	var state inPlaceState
	if json.Unmarshal(text, &state) != nil {
		return inPlaceState{}
	}
	return state
}

func (s inPlaceStates) with(set string, state inPlaceState) (string, error) {
	encoded, err := json.Marshal(state)
	if err != nil {
		return "", fmt.Errorf("cannot write the annotation %q: %w", api.SidecarSetUpdateStateAnnotation, err)
	}
	all := make(inPlaceStates, len(s)+1)
	maps.Copy(all, s)
	all[set] = encoded
	text, err := json.Marshal(all)
	if err != nil {
		return "", fmt.Errorf("cannot write the annotation %q: %w", api.SidecarSetUpdateStateAnnotation, err)
	}
	return string(text), nil
}

func lastStatusOf(pod *corev1.Pod, container string) lastStatus {
	status := statusOf(pod, container)
	if status == nil {
		return lastStatus{}
	}
	return lastStatus{ImageID: status.ImageID, ContainerID: status.ContainerID, RestartCount: status.RestartCount}
}

func statusOf(pod *corev1.Pod, container string) *corev1.ContainerStatus {
	for _, statuses := range [][]corev1.ContainerStatus{pod.Status.InitContainerStatuses, pod.Status.ContainerStatuses} {
		for i := range statuses {
			if statuses[i].Name == container {
				return &statuses[i]
			}
		}
	}
	return nil
}

// carriedOut says whether the node has done what was last asked of it.
func (s *inPlaceState) carriedOut(pod *corev1.Pod) bool {
	for name, last := range s.LastContainerStatuses {
		if !last.replaced(pod, name) {
			return false
		}
	}
	return true
}

// replaced says whether the container is another one than it was. A container
// that the pod has not is not waited for.
func (l lastStatus) replaced(pod *corev1.Pod, name string) bool {
	image, there := imageIn(pod, name)
	if !there {
		return true
	}
	status := statusOf(pod, name)
	if status == nil {
		return false
	}
	observed := pod.Status.ObservedGeneration
	anew := status.ContainerID != "" && status.ContainerID != l.ContainerID
	switch {
	case sameImage(image, status):
		return true
	case l.ImageID != "" && status.ImageID != "" && status.ImageID != l.ImageID:
		return true
	case l.ContainerID != "":
		// It is no restart of the old image, if the node knows of the new one. A
		// node that does not say is taken at its word.
		return anew && (observed == 0 || observed >= pod.Generation)
	case l.ImageID != "":
		// Kruise's record: nothing else is known.
		return false
	}
	// There was no container yet. One of the old image may still have been started.
	return anew && observed != 0 && observed >= pod.Generation
}

func imageIn(pod *corev1.Pod, container string) (image string, there bool) {
	for c := range runningIn(&pod.Spec) {
		if c.Name == container {
			return c.Image, true
		}
	}
	return "", false
}

// sameImage says whether a container has the image, under whatever name the node
// gives it.
func sameImage(image string, status *corev1.ContainerStatus) bool {
	if status.Image == image || normalImage(image) == normalImage(status.Image) {
		return true
	}
	_, digest, byDigest := strings.Cut(image, "@")
	return byDigest && (strings.HasSuffix(status.ImageID, "@"+digest) || strings.HasSuffix(status.Image, "@"+digest) || status.Image == digest)
}

// normalImage spells a reference out: nginx is docker.io/library/nginx:latest. A
// tag beside a digest does not count.
func normalImage(image string) string {
	name, digest, byDigest := strings.Cut(image, "@")
	tag := "latest"
	if colon := strings.LastIndexByte(name, ':'); colon > strings.LastIndexByte(name, '/') {
		name, tag = name[:colon], name[colon+1:]
	}
	host, path, deep := strings.Cut(name, "/")
	switch {
	case !deep:
		name = "docker.io/library/" + name
	case host == "index.docker.io":
		name = "docker.io/" + path
	case !strings.ContainsAny(host, ".:") && host != "localhost":
		name = "docker.io/" + name
	}
	if rest, official := strings.CutPrefix(name, "docker.io/"); official && !strings.Contains(rest, "/") {
		name = "docker.io/library/" + rest
	}
	if byDigest {
		return name + "@" + digest
	}
	return name + ":" + tag
}
