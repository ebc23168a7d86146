package sidecar

import (
	"fmt"
	"strings"

	"github.com/openkruise/kruise-api/apps/v1alpha1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// containerRules is what the rules about a container need to know of the set.
type containerRules struct {
	// volumes are those of the set by name.
	volumes map[string]*corev1.Volume
	// names are those of the containers before.
	names map[string]bool
}

// validateContainers judges containers as the API server would in a pod: what it
// refuses there would keep users from creating pods.
func validateContainers(spec *v1alpha1.SidecarSetSpec, path *field.Path) field.ErrorList {
	if len(spec.Containers)+len(spec.InitContainers) == 0 {
		return field.ErrorList{field.Required(path.Child("containers"), "give at least one container or init container")}
	}
	rules := containerRules{volumes: volumesByName(spec.Volumes), names: make(map[string]bool)}
	var errs field.ErrorList
	hostPorts := make(map[string]bool)
	for i := range spec.Containers {
		c, path := &spec.Containers[i], path.Child("containers").Index(i)
		errs = append(errs, rules.validateSidecar(c, path)...)
		errs = append(errs, validateHostPorts(c.Ports, hostPorts, path.Child("ports"))...)
		if c.RestartPolicy != nil {
			errs = append(errs, field.Forbidden(path.Child("restartPolicy"), "is only for init containers; give it to one in spec.initContainers to make it a sidecar that ends after the app"))
		}
		errs = append(errs, validateRunning(&c.Container, path)...)
	}
	for i := range spec.InitContainers {
		c, path := &spec.InitContainers[i], path.Child("initContainers").Index(i)
		errs = append(errs, rules.validateSidecar(c, path)...)
		errs = append(errs, validateHostPorts(c.Ports, make(map[string]bool), path.Child("ports"))...)
		if c.RestartPolicy != nil {
			errs = append(errs, oneOf(path.Child("restartPolicy"), *c.RestartPolicy, corev1.ContainerRestartPolicyAlways)...)
		}
		if isNative(&c.Container) {
			errs = append(errs, validateRunning(&c.Container, path)...)
		} else {
			errs = append(errs, validateNotRunning(&c.Container, path)...)
		}
	}
	return errs
}

// validateSidecar judges what containers and init containers have in common.
func (r containerRules) validateSidecar(c *v1alpha1.SidecarContainer, path *field.Path) field.ErrorList {
	errs := r.validateContainerName(c.Name, path.Child("name"))
	errs = append(errs, validateInjection(c, path)...)
	errs = append(errs, validateImage(c.Image, path.Child("image"))...)
	errs = append(errs, oneOf(path.Child("imagePullPolicy"), c.ImagePullPolicy, corev1.PullAlways, corev1.PullIfNotPresent, corev1.PullNever)...)
	errs = append(errs, oneOf(path.Child("terminationMessagePolicy"), c.TerminationMessagePolicy, corev1.TerminationMessageReadFile, corev1.TerminationMessageFallbackToLogsOnError)...)
	if len(c.RestartPolicyRules) > 0 {
		errs = append(errs, field.Forbidden(path.Child("restartPolicyRules"), "sidecars restart by the rules of the pod; remove it"))
	}
	errs = append(errs, validatePorts(c.Ports, path.Child("ports"))...)
	errs = append(errs, validateEnv(c.Env, path.Child("env"))...)
	errs = append(errs, validateEnvFrom(c.EnvFrom, path.Child("envFrom"))...)
	errs = append(errs, r.validateMounts(&c.Container, path.Child("volumeMounts"))...)
	errs = append(errs, r.validateDevices(&c.Container, path.Child("volumeDevices"))...)
	errs = append(errs, validateResources(&c.Resources, path.Child("resources"))...)
	errs = append(errs, validateResizePolicy(c.ResizePolicy, path.Child("resizePolicy"))...)
	return append(errs, validateSecurity(c.SecurityContext, path.Child("securityContext"))...)
}

func (r containerRules) validateContainerName(name string, path *field.Path) field.ErrorList {
	if name == "" {
		return field.ErrorList{field.Required(path, "give the container a name that no app uses")}
	}
	errs := refused(path, name, validation.IsDNS1123Label(name))
	if r.names[name] {
		errs = append(errs, field.Duplicate(path, name))
	}
	r.names[name] = true
	return errs
}

// validateInjection judges what SidecarSets add to containers. Kruise reads most
// of it for containers only; with us it is in force for init containers, too.
func validateInjection(c *v1alpha1.SidecarContainer, path *field.Path) field.ErrorList {
	errs := oneOf(path.Child("podInjectPolicy"), c.PodInjectPolicy, v1alpha1.BeforeAppContainerType, v1alpha1.AfterAppContainerType)
	errs = append(errs, oneOf(path.Child("shareVolumePolicy", "type"), c.ShareVolumePolicy.Type, v1alpha1.ShareVolumePolicyEnabled, v1alpha1.ShareVolumePolicyDisabled)...)
	upgrade := path.Child("upgradeStrategy", "upgradeType")
	if c.UpgradeStrategy.UpgradeType == v1alpha1.SidecarContainerHotUpgrade {
		errs = append(errs, field.Forbidden(upgrade, "Spillway has no hot upgrade; use ColdUpgrade"))
	} else {
		errs = append(errs, oneOf(upgrade, c.UpgradeStrategy.UpgradeType, v1alpha1.SidecarContainerColdUpgrade)...)
	}
	for i := range c.TransferEnv {
		if from := c.TransferEnv[i].SourceContainerNameFrom; from != nil {
			errs = append(errs, validateSource(from.FieldRef, path.Child("transferEnv").Index(i).Child("sourceContainerNameFrom", "fieldRef"))...)
		}
	}
	return errs
}

// validateSource judges where the name of a container is read from. Only labels
// and annotations can name one.
func validateSource(ref *corev1.ObjectFieldSelector, path *field.Path) field.ErrorList {
	if ref == nil {
		return field.ErrorList{field.Required(path, "name a label or an annotation, such as metadata.labels['app']")}
	}
	errs := oneOf(path.Child("apiVersion"), ref.APIVersion, "v1")
	path = path.Child("fieldPath")
	if ref.FieldPath == "" {
		return append(errs, field.Required(path, "name a label or an annotation, such as metadata.labels['app']"))
	}
	values, key, _ := subscripted(ref.FieldPath)
	if values != labelsPath && values != annotationsPath {
		return append(errs, field.Invalid(path, ref.FieldPath, "must be metadata.labels['KEY'] or metadata.annotations['KEY']"))
	}
	return append(errs, validateSubscript(values, key, ref.FieldPath, path)...)
}

// Field paths that take a key.
const (
	labelsPath      = "metadata.labels"
	annotationsPath = "metadata.annotations"
)

// subscripted splits metadata.labels['key'] into the field and the key.
func subscripted(fieldPath string) (values, key string, ok bool) {
	inner, closed := strings.CutSuffix(fieldPath, "']")
	values, key, opened := strings.Cut(inner, "['")
	if !closed || !opened {
		return "", "", false
	}
	return values, key, true
}

func validateSubscript(values, key, fieldPath string, path *field.Path) field.ErrorList {
	if values == annotationsPath {
		key = strings.ToLower(key)
	}
	return refused(path, fieldPath, validation.IsQualifiedName(key))
}

func validateImage(image string, path *field.Path) field.ErrorList {
	if image == "" {
		return field.ErrorList{field.Required(path, "give the image of the container")}
	}
	if strings.ContainsAny(image, " \t\r\n") {
		return field.ErrorList{field.Invalid(path, image, "must not contain blanks")}
	}
	return nil
}

// validateRunning judges what is for containers that run beside the app.
func validateRunning(c *corev1.Container, path *field.Path) field.ErrorList {
	errs := validateProbe(c.LivenessProbe, onlyOneSuccess, path.Child("livenessProbe"))
	errs = append(errs, validateProbe(c.ReadinessProbe, noGracePeriod, path.Child("readinessProbe"))...)
	errs = append(errs, validateProbe(c.StartupProbe, onlyOneSuccess, path.Child("startupProbe"))...)
	return append(errs, validateLifecycle(c.Lifecycle, path.Child("lifecycle"))...)
}

// validateNotRunning judges what a container that ends before the app begins
// cannot have.
func validateNotRunning(c *corev1.Container, path *field.Path) field.ErrorList {
	const why = "is only for init containers with restartPolicy Always"
	var errs field.ErrorList
	for _, given := range []struct {
		name string
		is   bool
	}{
		{"livenessProbe", c.LivenessProbe != nil}, {"readinessProbe", c.ReadinessProbe != nil}, {"startupProbe", c.StartupProbe != nil}, {"lifecycle", c.Lifecycle != nil},
	} {
		if given.is {
			errs = append(errs, field.Forbidden(path.Child(given.name), why))
		}
	}
	for i, policy := range c.ResizePolicy {
		if policy.RestartPolicy == corev1.RestartContainer {
			errs = append(errs, field.Forbidden(path.Child("resizePolicy").Index(i).Child("restartPolicy"), why+"; use NotRequired"))
		}
	}
	return errs
}

func validateResizePolicy(policies []corev1.ContainerResizePolicy, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	seen := make(map[corev1.ResourceName]bool, len(policies))
	for i, policy := range policies {
		path := path.Index(i)
		errs = append(errs, oneOf(path.Child("resourceName"), policy.ResourceName, corev1.ResourceCPU, corev1.ResourceMemory)...)
		errs = append(errs, oneOf(path.Child("restartPolicy"), policy.RestartPolicy, corev1.NotRequired, corev1.RestartContainer)...)
		if seen[policy.ResourceName] {
			errs = append(errs, field.Duplicate(path.Child("resourceName"), policy.ResourceName))
		}
		seen[policy.ResourceName] = true
	}
	return errs
}

// validateHostPorts is about ports of the node, of which taken are those of
// containers before. Init containers run one by one and share none with others.
func validateHostPorts(ports []corev1.ContainerPort, taken map[string]bool, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	for i, port := range ports {
		if port.HostPort == 0 {
			continue
		}
		key := fmt.Sprintf("%s/%s/%d", port.Protocol, port.HostIP, port.HostPort)
		if taken[key] {
			errs = append(errs, field.Duplicate(path.Index(i).Child("hostPort"), key))
		}
		taken[key] = true
	}
	return errs
}
