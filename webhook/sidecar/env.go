package sidecar

import (
	"slices"
	"strings"

	"github.com/openkruise/kruise-api/apps/v1alpha1"
	corev1 "k8s.io/api/core/v1"
)

// transferredEnv returns variables of other containers: the app's, and sidecars
// of sets before. What is not there is left out, in silence as in Kruise: one
// set serves apps that have it and apps that have not.
func (d *draft) transferredEnv(transfers []v1alpha1.TransferEnvVar) []corev1.EnvVar {
	var all []corev1.EnvVar
	for i := range transfers {
		source := d.source(&transfers[i])
		if source == nil {
			continue
		}
		names := slices.Clone(transfers[i].EnvNames)
		if transfers[i].EnvName != "" {
			names = append(names, transfers[i].EnvName)
		}
		slices.Sort(names)
		for _, name := range slices.Compact(names) {
			if at := lastNamed(source.Env, name); at >= 0 {
				all = withEnv(all, source.Env[at:at+1])
			}
		}
	}
	return all
}

// lastNamed is where a variable is, -1 if nowhere. Of several of one name the last
// counts in a container.
func lastNamed(env []corev1.EnvVar, name string) int {
	for i := range slices.Backward(env) {
		if env[i].Name == name {
			return i
		}
	}
	return -1
}

// source finds the container that variables are taken from.
func (d *draft) source(transfer *v1alpha1.TransferEnvVar) *corev1.Container {
	name := transfer.SourceContainerName
	if from := transfer.SourceContainerNameFrom; from != nil && from.FieldRef != nil {
		name = d.fieldOf(from.FieldRef.FieldPath)
	}
	for _, list := range [][]corev1.Container{d.app, d.sidecars} {
		for i := range list {
			if list[i].Name == name {
				return &list[i]
			}
		}
	}
	return nil
}

// fieldOf returns the pod's label or annotation that a path of the form
// metadata.labels['key'] or metadata.annotations['key'] names. The record is not
// among them: it is written last.
func (d *draft) fieldOf(fieldPath string) string {
	switch from, key, _ := subscripted(fieldPath); {
	case from == labelsPath:
		return d.pod.Labels[key]
	case from == annotationsPath && !strings.HasPrefix(key, recordPrefix):
		return d.pod.Annotations[key]
	default:
		return ""
	}
}

// withEnv adds variables whose names are not taken.
func withEnv(env, added []corev1.EnvVar) []corev1.EnvVar {
	shared := true
	for i := range added {
		if named(env, added[i].Name) {
			continue
		}
		if shared {
			env, shared = slices.Grow(slices.Clip(env), len(added)-i), false
		}
		env = append(env, added[i])
	}
	return env
}

// named says whether there is a variable of that name.
func named(env []corev1.EnvVar, name string) bool {
	return slices.ContainsFunc(env, func(e corev1.EnvVar) bool { return e.Name == name })
}
