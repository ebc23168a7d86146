package sidecar

import (
	"iter"
	"slices"

	"github.com/openkruise/kruise-api/apps/v1alpha1"
	corev1 "k8s.io/api/core/v1"

	"github.com/spillway-io/spillway/api"
)

// build returns a sidecar as it is to be in this pod: with what it shares with
// the app, and the sign that it was injected.
func (d *draft) build(set *Set, c *v1alpha1.SidecarContainer) corev1.Container {
	built := c.Container
	shared, needed := d.sharedMounts(set, c)
	built.VolumeMounts = withMounts(slices.Concat(built.VolumeMounts, shared), d.tokenMount())
	built.Env = signed(built.Env)
	built.Env = withEnv(built.Env, d.transferredEnv(c.TransferEnv))
	built.Env = withEnv(built.Env, needed)
	return built
}

// signed adds the sign that a container was injected. It cannot be had otherwise
// than true: the container would not be found again.
func signed(env []corev1.EnvVar) []corev1.EnvVar {
	with := make([]corev1.EnvVar, 0, len(env)+1)
	for i := range env {
		if env[i].Name != api.InjectedEnv {
			with = append(with, env[i])
		}
	}
	return append(with, corev1.EnvVar{Name: api.InjectedEnv, Value: "true"})
}

// overlay returns a sidecar that is in the pod already, with what it lacks. What
// it has it keeps, since others may have changed it on purpose: an image behind a
// mirror, a security context, the mount of a token.
func overlay(existing, built corev1.Container) corev1.Container {
	existing.Env = withEnv(existing.Env, built.Env)
	existing.VolumeMounts = withMounts(existing.VolumeMounts, built.VolumeMounts)
	for _, device := range built.VolumeDevices {
		if !slices.ContainsFunc(existing.VolumeDevices, func(d corev1.VolumeDevice) bool { return d.DevicePath == device.DevicePath }) {
			existing.VolumeDevices = append(slices.Clip(existing.VolumeDevices), device)
		}
	}
	return existing
}

// containersOf are all containers of a set, init containers first.
func containersOf(set *Set) iter.Seq[*v1alpha1.SidecarContainer] {
	return func(yield func(*v1alpha1.SidecarContainer) bool) {
		for _, list := range [][]v1alpha1.SidecarContainer{set.Object.Spec.InitContainers, set.Object.Spec.Containers} {
			for i := range list {
				if !yield(&list[i]) {
					return
				}
			}
		}
	}
}

// containersIn are the two lists of containers of a pod.
func containersIn(spec *corev1.PodSpec) iter.Seq[[]corev1.Container] {
	return slices.Values([][]corev1.Container{spec.InitContainers, spec.Containers})
}
