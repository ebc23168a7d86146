package webhook_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/openkruise/kruise-api/apps/v1alpha1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/spillway-io/spillway/webhook"
	"github.com/spillway-io/spillway/webhook/mutate"
	"github.com/spillway-io/spillway/webhook/sidecar"
	"github.com/spillway-io/spillway/webhook/spread"
)

// sidecarPool is SidecarSets by name, a few versions of each. As in a cluster they
// are compiled once and shared by all admissions.
type sidecarPool [][]*sidecar.Set

func throwSidecars(seed uint64) (pool sidecarPool) {
	d := dice{rand.New(rand.NewPCG(seed, 1<<63))}
	for _, name := range []string{"a", "b", "c", "d"} {
		versions := make([]*sidecar.Set, 0, 8)
		for len(versions) < cap(versions) {
			if set := sidecar.Compile(d.sidecarSet(name), nil); set.Err == nil || d.oneIn(20) {
				versions = append(versions, set)
			}
		}
		pool = append(pool, versions)
	}
	return pool
}

// text is all that is in the sets.
func (p sidecarPool) text() string {
	var text strings.Builder
	for _, set := range slices.Concat(p...) {
		fmt.Fprintln(&text, set.Hash, set.HashWithoutImage, set.Err, toJSON(set.Object))
	}
	return text.String()
}

func (p sidecarPool) pick(d dice) (sets []*sidecar.Set) {
	for _, versions := range p {
		if !d.oneIn(3) {
			sets = append(sets, pick(d, versions...))
		}
	}
	return sets
}

// law is one of the laws for pods that SidecarSets are about, for every eighth pod
// another one: all of them for all pods would take too long.
func (p sidecarPool) law(d dice, pod *corev1.Pod) error {
	if d.IntN(8) > 0 {
		return nil
	}
	d.furnish(pod)
	a := passes{sets: p.pick(d)}
	if d.oneIn(2) {
		a.spread = d.decision(d.patch)
		patch := string(a.spread.Subset.Patch.Raw)
		if strings.Contains(patch, "$setElementOrder") && !strings.Contains(patch, `"image":"extra:1"`) {
			// It orders a container that it does not have; if that is a sidecar, it
			// takes effect when there is one, the second time.
			a.spread = nil
		}
	}
	return pick(d, a.lawTwice, a.lawOthersInBetween, a.lawPatchOnRaw)(d, pod)
}

// furnish gives the pod what sidecars share and clash with.
func (d dice) furnish(pod *corev1.Pod) {
	pod.Spec.RestartPolicy = pick(d, "", corev1.RestartPolicyAlways, corev1.RestartPolicyNever)
	app := &pod.Spec.Containers[0]
	app.Env = pick(d, nil, []corev1.EnvVar{}, []corev1.EnvVar{{Name: "A", Value: "1"}, {Name: "B", Value: "$(A)"}})
	app.VolumeMounts = pick(d, nil, []corev1.VolumeMount{{Name: "data", MountPath: "/data", SubPathExpr: "$(B)"}, {Name: "data", MountPath: "/logs/"}})
	pod.Spec.Volumes = []corev1.Volume{{Name: "data", VolumeSource: corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{}}}}
	if d.oneIn(3) {
		pod.Spec.InitContainers = []corev1.Container{{Name: pick(d, "setup", "log"), Image: "setup:1"}}
	}
	if d.oneIn(3) {
		metav1.SetMetaDataAnnotation(&pod.ObjectMeta, "merged", pick(d, `{"a": 1}`, "text", ""))
	}
}

func (d dice) sidecarSet(name string) *v1alpha1.SidecarSet {
	set := &v1alpha1.SidecarSet{ObjectMeta: metav1.ObjectMeta{Name: name}}
	spec := &set.Spec
	spec.Selector = &metav1.LabelSelector{MatchLabels: pick(d, map[string]string{"virtual-pod": "true"}, map[string]string{"app": d.nodeValue()}, map[string]string{"vk": "true"})}
	spec.Containers = []v1alpha1.SidecarContainer{d.sidecar(pick(d, name+"-log", name+"-log", "log", "app", "extra"))}
	if d.oneIn(2) {
		spec.InitContainers = []v1alpha1.SidecarContainer{d.sidecar(pick(d, name+"-init", "setup"))}
		spec.InitContainers[0].RestartPolicy = pick(d, nil, new(corev1.ContainerRestartPolicyAlways))
	}
	spec.Volumes = []corev1.Volume{{Name: "logs"}, {Name: "data"}, {Name: "unused"}}
	spec.ImagePullSecrets = some(d, 1, func() corev1.LocalObjectReference { return corev1.LocalObjectReference{Name: pick(d, "pull", "other")} })
	if policy := pick[v1alpha1.SidecarSetPatchPolicyType](d, "", "Retain", "Overwrite", "MergePatchJson"); policy != "" {
		spec.PatchPodMetadata = []v1alpha1.SidecarSetPatchPodMetadata{{PatchPolicy: policy, Annotations: map[string]string{"merged": pick(d, `{"a":2}`, `{"b":{"c":null}}`)}}}
	}
	return set
}

func (d dice) sidecar(name string) v1alpha1.SidecarContainer {
	c := v1alpha1.SidecarContainer{Container: corev1.Container{Name: name, Image: pick(d, "log:1", "log:2")}}
	c.Env = pick(d, nil, []corev1.EnvVar{{Name: "A", Value: "own"}})
	c.VolumeMounts = pick(d, nil, []corev1.VolumeMount{{Name: "logs", MountPath: "/logs"}}, []corev1.VolumeMount{{Name: "data", MountPath: "/mine"}})
	c.ShareVolumePolicy.Type = pick(d, "", v1alpha1.ShareVolumePolicyEnabled)
	c.PodInjectPolicy = pick(d, "", v1alpha1.AfterAppContainerType, v1alpha1.BeforeAppContainerType)
	c.TransferEnv = some(d, 1, func() v1alpha1.TransferEnvVar {
		return v1alpha1.TransferEnvVar{SourceContainerName: pick(d, "app", "extra", "a-log"), EnvNames: []string{"B", "A"}}
	})
	return c
}

// passes admits pods with the same sets, and into the same subset if there is
// one.
type passes struct {
	sets   []*sidecar.Set
	spread *spread.Decision
}

func (a passes) admit(pod *corev1.Pod, at time.Time) (*corev1.Pod, error) {
	out := mutate.Admit(mutate.Input{Pod: pod, Namespace: mutate.Namespace{Name: "default"}, Create: true, Spread: a.spread, Sidecars: a.sets, Now: at}, policy())
	if out.Skipped != "" || out.Denied != nil || out.SpreadFailed != nil {
		return nil, fmt.Errorf("skipped %q, denied %w, failed %w", out.Skipped, out.Denied, out.SpreadFailed)
	}
	return out.Pod, nil
}

func (a passes) text() string { return sidecarPool{a.sets}.text() }

// lawTwice is L1, for the pod, and L2.
func (a passes) lawTwice(_ dice, pod *corev1.Pod) error {
	before := toJSON(pod)
	once, err := a.admit(pod, time.Unix(1e9, 0))
	if err != nil {
		return err
	}
	if after := toJSON(pod); after != before {
		return fmt.Errorf("Admit changed its input: %s", cmp.Diff(before, after))
	}
	return a.unchanged(once)
}

// unchanged admits an admitted pod again, later, by way of JSON.
func (a passes) unchanged(once *corev1.Pod) error {
	once = fromJSON(toJSON(once))
	twice, err := a.admit(once, time.Unix(2e9, 0))
	if err != nil {
		return err
	}
	if operations, err := webhook.Patch(nil, once, twice); err != nil || len(operations) > 0 || toJSON(once) != toJSON(twice) {
		return fmt.Errorf("the second patch is not empty: %s (%w); sets: %s", toJSON(operations), err, a.text())
	}
	return nil
}

// lawOthersInBetween is L2 where the ServiceAccount plugin, and webhooks, change
// all containers in between.
func (a passes) lawOthersInBetween(d dice, pod *corev1.Pod) error {
	once, err := a.admit(pod, time.Unix(1e9, 0))
	if err != nil {
		return err
	}
	token := corev1.VolumeMount{Name: "token", MountPath: "/var/run/secrets/kubernetes.io/serviceaccount"}
	between := once.DeepCopy()
	for _, list := range [][]corev1.Container{between.Spec.InitContainers, between.Spec.Containers} {
		for i := range list {
			list[i].VolumeMounts = append(list[i].VolumeMounts, token)
			list[i].SecurityContext = &corev1.SecurityContext{RunAsUser: new(int64(1000))}
		}
	}
	late := corev1.Container{Name: "late", VolumeMounts: []corev1.VolumeMount{{Name: "data", MountPath: "/late"}}}
	between.Spec.Containers = slices.Insert(between.Spec.Containers, d.IntN(len(between.Spec.Containers)), late)
	again, err := a.admit(fromJSON(toJSON(between)), time.Unix(2e9, 0))
	if err != nil {
		return err
	}
	if len(again.Spec.Containers) != len(between.Spec.Containers) || len(again.Spec.InitContainers) != len(between.Spec.InitContainers) {
		return fmt.Errorf("there are other containers now: %s; sets: %s", cmp.Diff(toJSON(between.Spec), toJSON(again.Spec)), a.text())
	}
	for _, c := range slices.Concat(again.Spec.InitContainers, again.Spec.Containers) {
		mounted := slices.ContainsFunc(c.VolumeMounts, func(m corev1.VolumeMount) bool { return m.Name == token.Name })
		// The subset's patch speaks for the app, every time.
		injected := slices.Contains(c.Env, corev1.EnvVar{Name: "IS_INJECTED", Value: "true"})
		if injected && (!mounted || c.SecurityContext == nil) {
			return fmt.Errorf("what others gave container %s is gone; sets: %s", c.Name, a.text())
		}
	}
	return a.unchanged(again)
}

// lawPatchOnRaw is L4: fields that this build does not know stay, on the objects
// that have them.
func (a passes) lawPatchOnRaw(_ dice, pod *corev1.Pod) error {
	patched, err := patchedRaw(pod, func(pod *corev1.Pod) (*corev1.Pod, error) { return a.admit(pod, time.Unix(1e9, 0)) })
	if err != nil {
		return fmt.Errorf("%w; sets: %s", err, a.text())
	}
	return appKeepsUnknown(patched)
}
