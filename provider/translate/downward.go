package translate

import (
	corev1 "k8s.io/api/core/v1"

	"github.com/spillway-io/spillway/api"
)

// downward makes the downward API say what upstream's API server says, where that
// is known and another thing than what a downstream kubelet would say.
func downward(spec *corev1.PodSpec, upstream *corev1.Pod, namespaces Namespaces, mode AccessMode) {
	known := map[string]string{"metadata.uid": string(upstream.UID), "spec.nodeName": upstream.Spec.NodeName}
	inFiles := map[string]string{"metadata.uid": annotationPath(api.UpstreamUIDAnnotation)}
	if namespaces.Downstream(upstream.Namespace) != upstream.Namespace {
		known["metadata.namespace"] = upstream.Namespace
		inFiles["metadata.namespace"] = annotationPath(api.UpstreamNamespaceAnnotation)
	}
	if mode != AccessDownstream {
		known["spec.serviceAccountName"] = upstream.Spec.ServiceAccountName
	}
	for _, c := range allContainers(spec) {
		downwardEnv(c.Env, known)
	}
	for _, ref := range downwardFiles(spec) {
		if path, elsewhere := inFiles[ref.FieldPath]; elsewhere {
			ref.FieldPath = path
		}
	}
}

// downwardEnv puts known values in the place of the fields that have them.
func downwardEnv(env []corev1.EnvVar, known map[string]string) {
	for i := range env {
		from := env[i].ValueFrom
		if from == nil || from.FieldRef == nil {
			continue
		}
		if value, ok := known[from.FieldRef.FieldPath]; ok {
			env[i] = corev1.EnvVar{Name: env[i].Name, Value: value}
		}
	}
}

// downwardFiles returns the fields that downward API volumes and projections hold.
func downwardFiles(spec *corev1.PodSpec) []*corev1.ObjectFieldSelector {
	var all []*corev1.ObjectFieldSelector
	collect := func(items []corev1.DownwardAPIVolumeFile) {
		for i := range items {
			if ref := items[i].FieldRef; ref != nil {
				all = append(all, ref)
			}
		}
	}
	for i := range spec.Volumes {
		if d := spec.Volumes[i].DownwardAPI; d != nil {
			collect(d.Items)
		}
		for _, source := range projections(&spec.Volumes[i]) {
			if source.DownwardAPI != nil {
				collect(source.DownwardAPI.Items)
			}
		}
	}
	return all
}

func annotationPath(key string) string { return "metadata.annotations['" + key + "']" }
