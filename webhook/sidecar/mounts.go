package sidecar

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/openkruise/kruise-api/apps/v1alpha1"
	corev1 "k8s.io/api/core/v1"
)

// sharedMounts returns the mounts of the app's containers that a sidecar shares,
// and the environment that their subPathExpr needs. At a path where the sidecar
// has something itself, that stays; where two containers differ, the first one's
// is taken.
func (d *draft) sharedMounts(set *Set, c *v1alpha1.SidecarContainer) (mounts []corev1.VolumeMount, needed []corev1.EnvVar) {
	if c.ShareVolumePolicy.Type != v1alpha1.ShareVolumePolicyEnabled {
		return nil, nil
	}
	taken := map[string]bool{}
	for i := range c.VolumeMounts {
		taken[path.Clean(c.VolumeMounts[i].MountPath)] = true
	}
	for i := range c.VolumeDevices {
		taken[path.Clean(c.VolumeDevices[i].DevicePath)] = true
	}
	for i := range d.app {
		for _, mount := range d.app[i].VolumeMounts {
			at := path.Clean(mount.MountPath)
			if taken[at] {
				continue
			}
			taken[at] = true
			mounts = append(mounts, permitted(mount, c))
			env, missing := expandedBy(mount.SubPathExpr, d.app[i].Env)
			needed = withEnv(needed, env)
			if missing != "" && lastNamed(c.Env, missing) < 0 {
				d.warnings = append(d.warnings, fmt.Sprintf(
					"SidecarSet %q: container %q shares the mount at %s of container %q, whose subPathExpr needs $(%s), which is not in its env: only what is there can be shared, not envFrom",
					set.Name(), c.Name, mount.MountPath, d.app[i].Name, missing))
			}
		}
	}
	return mounts, needed
}

// Where and from what volumes API servers mount the token of the pod's service account:
// plugin/pkg/admission/serviceaccount of Kubernetes.
const (
	tokenPath         = "/var/run/secrets/kubernetes.io/serviceaccount"
	tokenVolumePrefix = "kube-api-access-"
)

// tokenMount is the mount of the service account's token that an API server has given
// the app's containers. It would give it to the sidecars, too, and then ask us again,
// since the pod has changed: by far the dearest part of an admission.
func (d *draft) tokenMount() []corev1.VolumeMount {
	if mounts := d.pod.Spec.AutomountServiceAccountToken; mounts != nil && !*mounts {
		return nil
	}
	for i := range d.app {
		for _, mount := range d.app[i].VolumeMounts {
			if mount.MountPath == tokenPath && strings.HasPrefix(mount.Name, tokenVolumePrefix) {
				return []corev1.VolumeMount{{Name: mount.Name, MountPath: tokenPath, ReadOnly: true}}
			}
		}
	}
	return nil
}

// permitted returns a mount as the sidecar may have it: the API server refuses pods
// in which containers that are not privileged mount something on the node.
func permitted(mount corev1.VolumeMount, c *v1alpha1.SidecarContainer) corev1.VolumeMount {
	if p := mount.MountPropagation; p != nil && *p == corev1.MountPropagationBidirectional && !isPrivileged(c.SecurityContext) {
		mount.MountPropagation = new(corev1.MountPropagationHostToContainer)
	}
	return mount
}

// withMounts adds mounts at paths that nothing is mounted at.
func withMounts(mounts, added []corev1.VolumeMount) []corev1.VolumeMount {
	for _, mount := range added {
		at := path.Clean(mount.MountPath)
		if !slices.ContainsFunc(mounts, func(m corev1.VolumeMount) bool { return path.Clean(m.MountPath) == at }) {
			mounts = append(slices.Clip(mounts), mount)
		}
	}
	return mounts
}

// expandedBy returns the variables that an expression refers to, with those that
// their values refer to, in the order of env, which is the one they need.
// missing is one that is not there.
func expandedBy(expression string, env []corev1.EnvVar) (vars []corev1.EnvVar, missing string) {
	wanted := references(expression)
	for _, name := range wanted {
		if !slices.ContainsFunc(env, func(e corev1.EnvVar) bool { return e.Name == name }) {
			missing = name
		}
	}
	// A value refers to variables before it only.
	for i := len(env) - 1; i >= 0 && len(wanted) > 0; i-- {
		if slices.Contains(wanted, env[i].Name) {
			vars = append(vars, env[i])
			wanted = append(wanted, references(env[i].Value)...)
		}
	}
	slices.Reverse(vars)
	return vars, missing
}

// references returns the names that an expression refers to, as $(NAME). $$ is a
// dollar sign. The rule is that of the Kubernetes API for env, command and
// subPathExpr.
func references(expression string) []string {
	var names []string
	for {
		_, after, found := strings.Cut(expression, "$")
		if !found || after == "" {
			return names
		}
		switch after[0] {
		case '$':
			expression = after[1:]
		case '(':
			name, rest, closed := strings.Cut(after[1:], ")")
			if !closed {
				return names
			}
			names = append(names, name)
			expression = rest
		default:
			expression = after
		}
	}
}
