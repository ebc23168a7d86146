package sidecar

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"

	"github.com/openkruise/kruise-api/apps/v1alpha1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// Warnings names what a valid SidecarSet says in vain or what its author may not
// expect, and, unless old is nil, which part of a change does not reach pods that
// run already. Both sets must have their defaults.
func Warnings(set, old *v1alpha1.SidecarSet) []string {
	spec := field.NewPath("spec")
	warnings := warnOfScope(&set.Spec, spec)
	for i := range set.Spec.Containers {
		warnings = append(warnings, warnOfContainer(&set.Spec.Containers[i], spec.Child("containers").Index(i))...)
		warnings = append(warnings, warnOfRequests(&set.Spec.Containers[i].Container, spec.Child("containers").Index(i))...)
	}
	for i := range set.Spec.InitContainers {
		warnings = append(warnings, warnOfContainer(&set.Spec.InitContainers[i], spec.Child("initContainers").Index(i))...)
		if isNative(&set.Spec.InitContainers[i].Container) {
			warnings = append(warnings, warnOfRequests(&set.Spec.InitContainers[i].Container, spec.Child("initContainers").Index(i))...)
		}
	}
	warnings = append(warnings, warnOfVolumes(set, spec.Child("volumes"))...)
	for i := range set.Spec.PatchPodMetadata {
		if set.Spec.PatchPodMetadata[i].PatchPolicy == v1alpha1.SidecarSetOverwritePatchPolicy {
			warnings = append(warnings, fmt.Sprintf("%s: Overwrite replaces what the pod's own author wrote, also in pods that run, when their images are updated", spec.Child("patchPodMetadata").Index(i).Child("patchPolicy")))
		}
	}
	if old == nil {
		return warnings
	}
	return append(warnings, warnOfChange(&set.Spec, &old.Spec, spec)...)
}

func warnOfScope(spec *v1alpha1.SidecarSetSpec, path *field.Path) []string {
	var warnings []string
	if spec.Namespace != "" && spec.NamespaceSelector != nil {
		warnings = append(warnings, fmt.Sprintf("%s: has no effect beside spec.namespace", path.Child("namespaceSelector")))
	}
	if r := spec.InjectionStrategy.Revision; r != nil && r.RevisionName != nil && r.CustomVersion != nil {
		warnings = append(warnings, fmt.Sprintf("%s: has no effect beside revisionName", path.Child("injectionStrategy", "revision", "customVersion")))
	}
	return warnings
}

func warnOfContainer(c *v1alpha1.SidecarContainer, path *field.Path) []string {
	var warnings []string
	for i := range c.TransferEnv {
		transfer := &c.TransferEnv[i]
		if transfer.SourceContainerName == "" && transfer.SourceContainerNameFrom == nil || transfer.EnvName == "" && len(transfer.EnvNames) == 0 {
			warnings = append(warnings, fmt.Sprintf("%s: transfers nothing; give a source container and the names of variables", path.Child("transferEnv").Index(i)))
		}
	}
	if hook := c.Lifecycle; hook != nil {
		warnings = append(warnings, warnOfSleep(hook.PostStart, path.Child("lifecycle", "postStart"))...)
		warnings = append(warnings, warnOfSleep(hook.PreStop, path.Child("lifecycle", "preStop"))...)
	}
	return warnings
}

// warnOfSleep is about hooks that API servers refuse in pods which end sooner. How
// soon is for the pod to say; Kubernetes' default is 30 seconds.
func warnOfSleep(hook *corev1.LifecycleHandler, path *field.Path) []string {
	if hook == nil || hook.Sleep == nil || hook.Sleep.Seconds <= corev1.DefaultTerminationGracePeriodSeconds {
		return nil
	}
	return []string{fmt.Sprintf("%s: pods whose terminationGracePeriodSeconds is less than %d, such as the default, cannot be created with it", path.Child("sleep", "seconds"), hook.Sleep.Seconds)}
}

// warnOfRequests is about HorizontalPodAutoscalers, which count utilization only if
// every container of a pod has a request. In a pod the limit stands for it.
func warnOfRequests(c *corev1.Container, path *field.Path) []string {
	_, requested := c.Resources.Requests[corev1.ResourceCPU]
	_, limited := c.Resources.Limits[corev1.ResourceCPU]
	if requested || limited {
		return nil
	}
	return []string{fmt.Sprintf("%s: without cpu HorizontalPodAutoscalers cannot scale the pods by their cpu utilization any more", path.Child("resources", "requests"))}
}

func warnOfVolumes(set *v1alpha1.SidecarSet, path *field.Path) []string {
	used := make(map[string]bool)
	for c := range containersOf(&Set{Object: set}) {
		for i := range c.VolumeMounts {
			used[c.VolumeMounts[i].Name] = true
		}
		for i := range c.VolumeDevices {
			used[c.VolumeDevices[i].Name] = true
		}
	}
	var warnings []string
	for i := range set.Spec.Volumes {
		if name := set.Spec.Volumes[i].Name; !used[name] {
			warnings = append(warnings, fmt.Sprintf("%s: no container mounts volume %q, and no pod gets it", path.Index(i), name))
		}
	}
	return warnings
}

// warnOfChange tells what running pods do not follow.
func warnOfChange(spec, old *v1alpha1.SidecarSetSpec, path *field.Path) []string {
	var warnings []string
	if !equality.Semantic.DeepEqual(spec.Selector, old.Selector) || spec.Namespace != old.Namespace || !equality.Semantic.DeepEqual(spec.NamespaceSelector, old.NamespaceSelector) {
		warnings = append(warnings, fmt.Sprintf("%s: pods that have the sidecars and are not selected any more keep them, and are not updated", path.Child("selector")))
	}
	warnings = append(warnings, warnOfContainers(spec.Containers, old.Containers, path.Child("containers"))...)
	warnings = append(warnings, warnOfContainers(spec.InitContainers, old.InitContainers, path.Child("initContainers"))...)
	warnings = append(warnings, warnOfPlainInits(spec.InitContainers, old.InitContainers, path.Child("initContainers"))...)
	for _, part := range []struct {
		name        string
		after, then any
	}{
		{"volumes", spec.Volumes, old.Volumes},
		{"imagePullSecrets", spec.ImagePullSecrets, old.ImagePullSecrets},
	} {
		if !equality.Semantic.DeepEqual(part.after, part.then) {
			warnings = append(warnings, fmt.Sprintf("%s: only new pods get the change; which ones have not is not reported", path.Child(part.name)))
		}
	}
	return warnings
}

func warnOfContainers(containers, old []v1alpha1.SidecarContainer, path *field.Path) []string {
	var warnings []string
	for i := range containers {
		before := indexByName(old, containers[i].Name)
		if before < 0 {
			warnings = append(warnings, fmt.Sprintf("%s: pods that run do not get container %q before they are created again", path.Index(i), containers[i].Name))
			continue
		}
		for _, name := range notFollowed(&containers[i], &old[before]) {
			warning := fmt.Sprintf("%s: pods that run follow the change when they are created again, and no new image before that", path.Index(i).Child(name))
			if name == "imagePullPolicy" {
				warning += "; what is given does not change with the tag"
			}
			warnings = append(warnings, warning)
		}
	}
	for i := range old {
		if indexByName(containers, old[i].Name) < 0 {
			warnings = append(warnings, fmt.Sprintf("%s: pods that run keep container %q until they are created again", path, old[i].Name))
		}
	}
	return warnings
}

// warnOfPlainInits is about images that no rollout is about.
func warnOfPlainInits(containers, old []v1alpha1.SidecarContainer, path *field.Path) []string {
	var warnings []string
	for i := range containers {
		before := indexByName(old, containers[i].Name)
		if before >= 0 && !isNative(&containers[i].Container) && containers[i].Image != old[before].Image {
			warnings = append(warnings, fmt.Sprintf("%s: only new pods get the image, since those that run have run the container already", path.Index(i).Child("image")))
		}
	}
	return warnings
}

func indexByName(containers []v1alpha1.SidecarContainer, name string) int {
	return slices.IndexFunc(containers, func(c v1alpha1.SidecarContainer) bool { return c.Name == name })
}

// notFollowed names the fields of a container, as users write them, that differ
// and that nothing changes in a pod that runs. That is all but the image.
func notFollowed(c, old *v1alpha1.SidecarContainer) []string {
	after, before := fieldsOf(c), fieldsOf(old)
	delete(after, "image")
	delete(before, "image")
	var names []string
	for name := range after {
		if !reflect.DeepEqual(after[name], before[name]) {
			names = append(names, name)
		}
	}
	for name := range before {
		if _, kept := after[name]; !kept {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// fieldsOf returns the fields of a container by their names in JSON, nil if it
// cannot be written as JSON.
func fieldsOf(c *v1alpha1.SidecarContainer) map[string]any {
	text, err := json.Marshal(c)
	if err != nil {
		return nil
	}
	var fields map[string]any
	if json.Unmarshal(text, &fields) != nil {
		return nil
	}
	return fields
}
