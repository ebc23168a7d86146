package sidecar_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/openkruise/kruise-api/apps/v1alpha1"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/spillway-io/spillway/api"
	"github.com/spillway-io/spillway/webhook/sidecar"
)

// dice throws pods and sets. All names come from small alphabets, so that they
// clash: of containers, volumes, paths, variables and annotations.
type dice struct{ *rand.Rand }

func (d dice) oneIn(n int) bool { return d.IntN(n) == 0 }

func pick[T any](d dice, from ...T) T { return from[d.IntN(len(from))] }

// some returns up to most elements, each with another name.
func some[T any](d dice, most int, names []string, element func(name string) T) (list []T) {
	names = slices.Clone(names)
	d.Shuffle(len(names), func(i, j int) { names[i], names[j] = names[j], names[i] })
	for _, name := range names[:d.IntN(min(most, len(names))+1)] {
		list = append(list, element(name))
	}
	return list
}

func (d dice) env(name string) corev1.EnvVar {
	switch d.IntN(4) {
	case 0:
		return corev1.EnvVar{Name: name, ValueFrom: &corev1.EnvVarSource{FieldRef: &corev1.ObjectFieldSelector{APIVersion: "v1", FieldPath: "metadata.name"}}}
	case 1:
		return corev1.EnvVar{Name: name, Value: "$(" + pick(d, "A", "B", "C") + ")/$$(A)"}
	default:
		return corev1.EnvVar{Name: name, Value: pick(d, "1", "2")}
	}
}

func (d dice) mount(path string) corev1.VolumeMount {
	mount := corev1.VolumeMount{Name: pick(d, "logs", "cache"), MountPath: path}
	switch d.IntN(5) {
	case 0:
		mount.SubPathExpr = pick(d, "$(A)", "x-$(B)-$(C)", "$$(A)", "$(MISSING)")
	case 1:
		mount.MountPropagation = new(corev1.MountPropagationHostToContainer)
	}
	return mount
}

func (d dice) container(name string) corev1.Container {
	return corev1.Container{
		Name: name, Image: pick(d, "one:1", "two:2"),
		Env:          some(d, 3, []string{"A", "B", "C", "D"}, d.env),
		VolumeMounts: some(d, 3, []string{"/logs", pick(d, "/cache", "/cache/"), "/data"}, d.mount),
	}
}

func (d dice) volume(name string) corev1.Volume {
	if d.oneIn(3) {
		return corev1.Volume{Name: name, VolumeSource: corev1.VolumeSource{HostPath: &corev1.HostPathVolumeSource{Path: "/var/" + name}}}
	}
	return corev1.Volume{Name: name, VolumeSource: corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{}}}
}

// pod throws one that nobody has put sidecars into, at least none of ours.
func (d dice) pod() *corev1.Pod {
	pod := &corev1.Pod{}
	pod.Name = pick(d, "", "web-1", "web-2")
	pod.Labels = map[string]string{"app": pick(d, "web", "db"), "main": pick(d, "app", "worker", "log")}
	for _, name := range []string{"logs", "cache"} {
		pod.Spec.Volumes = append(pod.Spec.Volumes, d.volume(name))
	}
	pod.Spec.RestartPolicy = pick(d, "", corev1.RestartPolicyAlways, corev1.RestartPolicyAlways, corev1.RestartPolicyNever, corev1.RestartPolicyOnFailure)
	pod.Spec.Containers = append(some(d, 1, []string{"worker", "log", "mon"}, d.container), d.container("app"))
	pod.Spec.InitContainers = some(d, 2, []string{"init", "setup", "proxy"}, d.container)
	if native := pod.Spec.InitContainers; len(native) > 0 && d.oneIn(3) {
		native[0].RestartPolicy = new(corev1.ContainerRestartPolicyAlways)
	}
	if d.oneIn(5) {
		foreign := d.container("mesh")
		foreign.Env = append(foreign.Env, corev1.EnvVar{Name: api.InjectedEnv, Value: "true"})
		pod.Spec.Containers = slices.Insert(pod.Spec.Containers, d.IntN(2), foreign)
	}
	for _, key := range some(d, 3, []string{"plain", "json", "main", api.DefaultContainerAnnotation}, func(key string) string { return key }) {
		metav1.SetMetaDataAnnotation(&pod.ObjectMeta, key, pick(d, "", "app", "worker", `{"a":1,"b":{"c":12345678901234567890}}`, `{ "a": {"x": null} }`, "[1]"))
	}
	if d.oneIn(8) {
		metav1.SetMetaDataAnnotation(&pod.ObjectMeta, api.SidecarSetHashAnnotation,
			pick(d, `{"a":"legacy"}`, `{"gone":{"hash":"x","sidecarSetName":"gone","sidecarList":["log"]}}`, "{}", "null", "garbage"))
		metav1.SetMetaDataAnnotation(&pod.ObjectMeta, api.SidecarSetListAnnotation, pick(d, "gone", "b,a", ""))
	}
	return pod
}

// sets throws up to four, ready to be injected: most of them valid.
func (d dice) sets(t testing.TB) (sets []*sidecar.Set) {
	t.Helper()
	for _, name := range []string{"a", "b", "c", "d"} {
		for attempts := 0; !d.oneIn(4); attempts++ {
			compiled := sidecar.Compile(d.set(name), nil)
			if compiled.Err != nil && attempts < 20 && !d.oneIn(40) {
				continue
			}
			if compiled.Object.Spec.InjectionStrategy.Revision != nil {
				compiled = compiled.WithPinned(d.revisions(t, name))
			}
			sets = append(sets, compiled)
			break
		}
	}
	return sets
}

func (d dice) set(name string) *v1alpha1.SidecarSet {
	set := &v1alpha1.SidecarSet{}
	set.Name, set.Status.LatestRevision = name, pick(d, "", name+"-1", name+"-2")
	spec := &set.Spec
	spec.Selector = &metav1.LabelSelector{MatchLabels: map[string]string{"app": pick(d, "web", "web", "web", "db")}}
	if d.oneIn(10) {
		spec.NamespaceSelector = &metav1.LabelSelector{MatchLabels: map[string]string{"team": pick(d, "a", "b")}}
	}
	names := []string{name + "-log", name + "-mon", "log", "mon", "proxy", "app"}
	spec.Containers = some(d, 2, names[:3+d.IntN(4)], d.sidecar)
	spec.InitContainers = some(d, 2, []string{name + "-init", name + "-proxy", "setup", "proxy", "log"}[:2+d.IntN(4)], d.sidecar)
	for i := range spec.InitContainers {
		if d.oneIn(2) {
			spec.InitContainers[i].RestartPolicy = new(corev1.ContainerRestartPolicyAlways)
		}
	}
	for _, volume := range []string{"logs", "cache"} {
		spec.Volumes = append(spec.Volumes, d.volume(volume))
	}
	spec.Volumes = append(spec.Volumes, d.volume("spool"), d.volume("unused"))
	spec.ImagePullSecrets = some(d, 2, []string{"pull-a", "pull-b"}, func(name string) corev1.LocalObjectReference { return corev1.LocalObjectReference{Name: name} })
	spec.PatchPodMetadata = some(d, 1, []string{"plain", "json", "main", "json"}, d.patch)
	spec.InjectionStrategy.Paused = d.oneIn(12)
	// A version without containers cannot be told from another one by its hash.
	if len(spec.Containers) > 0 && d.oneIn(4) {
		spec.InjectionStrategy.Revision = &v1alpha1.SidecarSetInjectRevision{RevisionName: new(name + pick(d, "-1", "-1", "-2", "-3")), Policy: pick[v1alpha1.SidecarSetInjectRevisionPolicy](d, "Always", "Partial")}
		spec.UpdateStrategy.Partition = new(intstr.FromString("50%"))
	}
	return set
}

// patch throws one of an annotation; a name that ends in json has objects.
func (d dice) patch(key string) v1alpha1.SidecarSetPatchPodMetadata {
	policy := pick[v1alpha1.SidecarSetPatchPolicyType](d, "Retain", "Overwrite", "MergePatchJson", "MergePatchJson")
	value := pick(d, "app", "log", `{"a":2}`, "")
	if policy == "MergePatchJson" {
		value = pick(d, `{"a":1}`, `{"a":null}`, `{"b":{"d":[1, 2],"c":null}}`, `{"a":{"x":1e400}}`, `{ "n": 1.50 }`)
	}
	return v1alpha1.SidecarSetPatchPodMetadata{PatchPolicy: policy, Annotations: map[string]string{key: value}}
}

func (d dice) sidecar(name string) v1alpha1.SidecarContainer {
	c := v1alpha1.SidecarContainer{Container: d.container(name)}
	if len(c.VolumeMounts) > 0 && d.oneIn(2) {
		c.VolumeMounts[0].Name = "spool"
	}
	if d.oneIn(15) {
		c.Env = append(c.Env, corev1.EnvVar{Name: api.InjectedEnv, Value: "false"})
	}
	c.PodInjectPolicy = pick(d, "", v1alpha1.BeforeAppContainerType, v1alpha1.AfterAppContainerType)
	c.ShareVolumePolicy.Type = pick(d, "", v1alpha1.ShareVolumePolicyEnabled)
	if d.oneIn(2) {
		transfer := v1alpha1.TransferEnvVar{SourceContainerName: pick(d, "app", "log", "worker", "a-log"), EnvName: pick(d, "", "A", "D"), EnvNames: pick(d, nil, []string{"C", "B", "E", api.InjectedEnv})}
		if d.oneIn(3) {
			path := pick(d, "metadata.labels['main']", "metadata.annotations['main']", "metadata.annotations['"+api.DefaultContainerAnnotation+"']", "metadata.annotations['"+api.SidecarSetListAnnotation+"']")
			transfer.SourceContainerNameFrom = &v1alpha1.SourceContainerNameSource{FieldRef: &corev1.ObjectFieldSelector{FieldPath: path}}
		}
		c.TransferEnv = append(c.TransferEnv, transfer)
	}
	return c
}

// revisions throws two of a set's.
func (d dice) revisions(t testing.TB, set string) (all []*appsv1.ControllerRevision) {
	t.Helper()
	for n := range int64(2) {
		past := d.set(set)
		data, err := sidecar.RevisionData(sidecar.Default(past))
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, &appsv1.ControllerRevision{
			ObjectMeta: metav1.ObjectMeta{Name: fmt.Sprintf("%s-%d", set, n+1), Labels: map[string]string{api.SidecarSetNameLabel: set}},
			Data:       runtime.RawExtension{Raw: data}, Revision: n + 1,
		})
	}
	return all
}

// later is what webhooks and plugins after ours do to a pod: tokens are mounted,
// variables and security contexts added, images moved to a mirror, containers and
// annotations added.
func (d dice) later(pod *corev1.Pod) *corev1.Pod {
	pod = pod.DeepCopy()
	for _, list := range [][]corev1.Container{pod.Spec.InitContainers, pod.Spec.Containers} {
		for i := range list {
			c := &list[i]
			if !slices.ContainsFunc(c.VolumeMounts, func(m corev1.VolumeMount) bool { return strings.TrimSuffix(m.MountPath, "/") == "/token" }) {
				c.VolumeMounts = append(c.VolumeMounts, corev1.VolumeMount{Name: "token", MountPath: "/token", ReadOnly: d.oneIn(2)})
			}
			if d.oneIn(2) {
				c.Env = slices.Insert(c.Env, d.IntN(len(c.Env)+1), corev1.EnvVar{Name: "LATER", Value: pick(d, "1", "2")})
			}
			if d.oneIn(3) {
				c.SecurityContext = &corev1.SecurityContext{RunAsUser: new(int64(1000))}
			}
			if d.oneIn(3) {
				c.Image = "mirror/" + c.Image
			}
		}
	}
	late := corev1.Container{Name: "late", Image: "late:1", VolumeMounts: []corev1.VolumeMount{{Name: "cache", MountPath: "/late"}}}
	if d.oneIn(2) {
		late.Env = []corev1.EnvVar{{Name: api.InjectedEnv, Value: "true"}}
	}
	pod.Spec.Containers = slices.Insert(pod.Spec.Containers, d.IntN(len(pod.Spec.Containers)+1), late)
	metav1.SetMetaDataAnnotation(&pod.ObjectMeta, "later", "on")
	return pod
}
