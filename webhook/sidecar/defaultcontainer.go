package sidecar

import (
	"strings"

	"github.com/openkruise/kruise-api/apps/v1alpha1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
)

// defaultSidecar writes the defaults of a container, first those of SidecarSets.
func defaultSidecar(c *v1alpha1.SidecarContainer, position v1alpha1.PodInjectPolicyType) {
	setIfZero(&c.PodInjectPolicy, position)
	setIfZero(&c.UpgradeStrategy.UpgradeType, v1alpha1.SidecarContainerColdUpgrade)
	setIfZero(&c.ShareVolumePolicy.Type, v1alpha1.ShareVolumePolicyDisabled)
	for i := range c.TransferEnv {
		if from := c.TransferEnv[i].SourceContainerNameFrom; from != nil {
			defaultFieldRef(from.FieldRef)
		}
	}
	defaultContainer(&c.Container)
}

// defaultContainer writes the defaults that Kubernetes has for containers, as far
// as Kruise does: those of startup probes, of the service of gRPC probes and of
// key references to files are left to the API server, which writes them into the
// pod. So are requests, which follow from limits in pods only.
func defaultContainer(c *corev1.Container) {
	setIfZero(&c.ImagePullPolicy, pullPolicy(c.Image))
	setIfZero(&c.TerminationMessagePath, corev1.TerminationMessagePathDefault)
	setIfZero(&c.TerminationMessagePolicy, corev1.TerminationMessageReadFile)
	for i := range c.Ports {
		setIfZero(&c.Ports[i].Protocol, corev1.ProtocolTCP)
	}
	for i := range c.Env {
		if from := c.Env[i].ValueFrom; from != nil {
			defaultFieldRef(from.FieldRef)
		}
	}
	roundUp(c.Resources.Limits)
	roundUp(c.Resources.Requests)
	defaultProbe(c.LivenessProbe)
	defaultProbe(c.ReadinessProbe)
	if c.Lifecycle != nil {
		defaultHook(c.Lifecycle.PostStart)
		defaultHook(c.Lifecycle.PreStop)
	}
}

// pullPolicy is what Kubernetes does with an image for which nothing is said: it
// asks for the tag "latest" again at every start. That is also the tag of an
// image without tag and digest.
func pullPolicy(image string) corev1.PullPolicy {
	name, _, hasDigest := strings.Cut(image, "@")
	// A colon before the last slash is that of a registry's port.
	_, tag, hasTag := strings.Cut(name[strings.LastIndex(name, "/")+1:], ":")
	if tag == "latest" || image != "" && !hasTag && !hasDigest {
		return corev1.PullAlways
	}
	return corev1.PullIfNotPresent
}

func defaultFieldRef(ref *corev1.ObjectFieldSelector) {
	if ref != nil {
		setIfZero(&ref.APIVersion, "v1")
	}
}

// roundUp leaves no quantity with more digits than Kubernetes keeps.
func roundUp(quantities corev1.ResourceList) {
	for name, quantity := range quantities {
		quantity.RoundUp(resource.Milli)
		quantities[name] = quantity
	}
}

func defaultProbe(probe *corev1.Probe) {
	if probe == nil {
		return
	}
	setIfZero(&probe.TimeoutSeconds, 1)
	setIfZero(&probe.PeriodSeconds, 10)
	setIfZero(&probe.SuccessThreshold, 1)
	setIfZero(&probe.FailureThreshold, 3)
	defaultHTTPGet(probe.HTTPGet)
}

func defaultHook(hook *corev1.LifecycleHandler) {
	if hook != nil {
		defaultHTTPGet(hook.HTTPGet)
	}
}

func defaultHTTPGet(get *corev1.HTTPGetAction) {
	if get != nil {
		setIfZero(&get.Path, "/")
		setIfZero(&get.Scheme, corev1.URISchemeHTTP)
	}
}
