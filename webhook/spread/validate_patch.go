package spread

import (
	"fmt"
	"reflect"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apivalidation "k8s.io/apimachinery/pkg/api/validation"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	metav1validation "k8s.io/apimachinery/pkg/apis/meta/v1/validation"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/spillway-io/spillway/api"
	"github.com/spillway-io/spillway/webhook/stash"
)

// validatePatch applies the patch to a pod of the target, or to an empty one if
// the target is not known, exactly as admission will. What would have no effect
// is an error here, and so is what makes a pod invalid that was not before.
func validatePatch(raw []byte, known Known, path *field.Path) field.ErrorList {
	pod := samplePod(known.Template)
	patched, ignored, err := applyPatch(pod, raw)
	if err != nil {
		return field.ErrorList{field.Invalid(path, field.OmitValueType{}, fmt.Sprintf("cannot be applied to a pod as a strategic merge patch: %v; write the part of a pod that is to change, such as {\"metadata\":{\"labels\":{...}}}", err))}
	}
	errs := validateIgnored(ignored, path)
	if known.Template != nil {
		errs = append(errs, validateKept(pod, patched, path.Child("spec"))...)
	}
	return append(errs, brought(known.problems(pod, path), known.problems(patched, path))...)
}

// samplePod is a pod as the webhook meets it. Containers are the one field that
// every pod has, and are not nil for that reason.
func samplePod(template *corev1.PodTemplateSpec) *corev1.Pod {
	pod := &corev1.Pod{Spec: corev1.PodSpec{Containers: []corev1.Container{}}}
	if template != nil {
		pod.ObjectMeta, pod.Spec = template.ObjectMeta, template.Spec
	}
	pod.ObjectMeta = metav1.ObjectMeta{Labels: with(pod.Labels, api.OptInLabel, api.OptedIn), Annotations: pod.Annotations, Finalizers: pod.Finalizers}
	return pod
}

func validateIgnored(ignored []string, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	for _, name := range ignored {
		if isGuarded(name) {
			errs = append(errs, field.Forbidden(path.Child(name), "a subset cannot change this of a pod; remove it from the patch"))
			continue
		}
		errs = append(errs, field.Invalid(path.Child(name), field.OmitValueType{}, "is no field of a pod that this version of Spillway knows; correct its name, or remove it"))
	}
	return errs
}

// isGuarded tells fields that exist and that no patch changes from fields that
// do not exist.
func isGuarded(name string) bool {
	switch name {
	case "status", "spec.nodeName", "spec.priority":
		return true
	}
	name, isMetadata := strings.CutPrefix(name, "metadata.")
	name, _, _ = strings.Cut(name, "[")
	return isMetadata && slices.ContainsFunc(reflect.VisibleFields(reflect.TypeFor[metav1.ObjectMeta]()), func(f reflect.StructField) bool {
		tagged, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		return tagged == name
	})
}

// validateKept wants the workload's own containers to be there still.
func validateKept(pod, patched *corev1.Pod, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	for _, list := range []struct {
		name          string
		before, after []corev1.Container
	}{
		{"containers", pod.Spec.Containers, patched.Spec.Containers},
		{"initContainers", pod.Spec.InitContainers, patched.Spec.InitContainers},
	} {
		for _, container := range list.before {
			if !slices.ContainsFunc(list.after, func(c corev1.Container) bool { return c.Name == container.Name }) {
				errs = append(errs, field.Forbidden(path.Child(list.name), fmt.Sprintf("removes the container %q of the workload; a subset can change containers and add some, but not remove any", container.Name)))
			}
		}
	}
	return errs
}

// brought returns the errors that are not among those before.
func brought(before, after field.ErrorList) field.ErrorList {
	had := sets.New[string]()
	for _, err := range before {
		had.Insert(err.Error())
	}
	return slices.DeleteFunc(after, func(err *field.Error) bool { return had.Has(err.Error()) })
}

// problems returns why an API server or this webhook would refuse a pod, as far
// as that can be told of a part of one. Paths go below that of the patch.
func (k Known) problems(pod *corev1.Pod, path *field.Path) field.ErrorList {
	metadata, spec := path.Child("metadata"), path.Child("spec")
	errs := metav1validation.ValidateLabels(pod.Labels, metadata.Child("labels"))
	errs = append(errs, apivalidation.ValidateAnnotations(pod.Annotations, metadata.Child("annotations"))...)
	if _, err := stash.Read(pod); err != nil {
		errs = append(errs, field.Invalid(metadata.Child("annotations").Key(api.StashAnnotation), field.OmitValueType{}, err.Error()))
	}
	errs = append(errs, stash.FieldsOf(&pod.Spec).Validate(spec)...)
	errs = append(errs, validateSources(pod.Spec.Volumes, spec.Child("volumes"))...)
	if k.Template == nil {
		return errs
	}
	volumes := sets.New(k.Claims...)
	for i := range pod.Spec.Volumes {
		volumes.Insert(pod.Spec.Volumes[i].Name)
	}
	errs = append(errs, validateContainers(pod.Spec.InitContainers, volumes, spec.Child("initContainers"))...)
	return append(errs, validateContainers(pod.Spec.Containers, volumes, spec.Child("containers"))...)
}

// validateSources finds volumes that a patch gave a second source, when it was
// to replace the first.
func validateSources(volumes []corev1.Volume, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	for i := range volumes {
		source := reflect.ValueOf(volumes[i].VolumeSource)
		given := 0
		for _, kind := range source.Fields() {
			if !kind.IsZero() {
				given++
			}
		}
		if given > 1 {
			errs = append(errs, field.Forbidden(path.Key(volumes[i].Name), "has more than one source; to replace the workload's, name what stays, as in {\"name\":\"data\",\"$retainKeys\":[\"name\",\"emptyDir\"],\"emptyDir\":{}}"))
		}
	}
	return errs
}

// validateContainers names containers by name: in a patch their order is another.
func validateContainers(containers []corev1.Container, volumes sets.Set[string], path *field.Path) field.ErrorList {
	var errs field.ErrorList
	for i := range containers {
		container, path := &containers[i], path.Key(containers[i].Name)
		if container.Image == "" {
			errs = append(errs, field.Required(path.Child("image"), "the workload has no container of this name, and a new one needs an image; correct the name, or give an image"))
		}
		for _, mount := range container.VolumeMounts {
			if !volumes.Has(mount.Name) {
				errs = append(errs, field.Invalid(path.Child("volumeMounts").Key(mount.Name), mount.Name, "is no volume of the pod; correct the name, or add the volume to the patch"))
			}
		}
	}
	return errs
}
