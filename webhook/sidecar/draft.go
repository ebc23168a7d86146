package sidecar

import (
	"cmp"
	"maps"
	"slices"

	"github.com/openkruise/kruise-api/apps/v1alpha1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/spillway-io/spillway/api"
)

// draft is a pod into which sets are injected, one after the other. What it
// changes is its own.
type draft struct {
	pod    *corev1.Pod
	record Record
	// app are the containers that nobody injected: those that are shared with.
	app []corev1.Container
	// sidecars are the containers of the sets so far.
	sidecars []corev1.Container
	// These are what the sets accepted so far use, and by which set.
	containers  map[string]string
	volumes     map[string]volumeClaim
	ports       map[hostPort]string
	overwritten map[string]string
	// overwriting is the same of all sets that are about the pod.
	overwriting map[string]string
	// contested are containers of the pod that a set was left out for.
	contested map[string]bool
	// What is new goes around what is there when all sets are through: before or
	// after the app's, and native sidecars in the place of containers last.
	beforeInit, afterInit, native []corev1.Container
	before, after                 []corev1.Container
	warnings                      []string
}

func newDraft(pod *corev1.Pod, record Record, matched []*Set) *draft {
	own := *pod
	own.Spec.Containers = slices.Clone(pod.Spec.Containers)
	own.Spec.InitContainers = slices.Clone(pod.Spec.InitContainers)
	d := &draft{
		pod: &own, record: record,
		containers: map[string]string{}, volumes: map[string]volumeClaim{}, ports: map[hostPort]string{}, overwritten: map[string]string{},
		overwriting: map[string]string{}, contested: map[string]bool{},
	}
	for _, set := range matched {
		if set.Err != nil {
			continue
		}
		for key := range overwritten(set) {
			d.overwriting[key] = cmp.Or(d.overwriting[key], set.Name())
		}
	}
	for i := range pod.Spec.Containers {
		if !isInjected(&pod.Spec.Containers[i]) {
			d.app = append(d.app, pod.Spec.Containers[i])
		}
	}
	return d
}

// inject builds the containers of an accepted set and puts them where they
// belong.
func (d *draft) inject(set *Set, now metav1.Time) {
	had, recorded := d.record.Hashes[set.Name()]
	same := recorded && had.Hash == set.Hash
	if !same {
		d.removeOutdated(set, had)
	}
	native := d.endsByItself()
	var running []string
	var built []corev1.Container
	for i := range set.Object.Spec.InitContainers {
		c := &set.Object.Spec.InitContainers[i]
		container := d.build(set, c)
		if isNative(&container) {
			running = append(running, c.Name)
		}
		list := &d.beforeInit
		if c.PodInjectPolicy != v1alpha1.BeforeAppContainerType {
			list = &d.afterInit
		}
		built = append(built, d.put(container, same, true, list))
	}
	for i := range set.Object.Spec.Containers {
		c := &set.Object.Spec.Containers[i]
		container := d.build(set, c)
		list := &d.before
		switch {
		case native:
			container.RestartPolicy = new(corev1.ContainerRestartPolicyAlways)
			list = &d.native
		case c.PodInjectPolicy != v1alpha1.BeforeAppContainerType:
			list = &d.after
		}
		running = append(running, c.Name)
		built = append(built, d.put(container, same, native, list))
	}
	d.sidecars = append(d.sidecars, built...)
	d.addVolumes(set)
	d.pod.Spec.ImagePullSecrets = withPullSecrets(d.pod.Spec.ImagePullSecrets, set.Object.Spec.ImagePullSecrets)
	d.record = d.record.With(set, running, now)
}

// removeOutdated removes what another version of the set had and this one has
// not. A pod that is copied may bring it along. What another set was left out for
// stays: that set would be let in the next time, and now is not.
func (d *draft) removeOutdated(set *Set, had Entry) {
	outdated := func(c corev1.Container) bool {
		return isInjected(&c) && slices.Contains(had.SidecarList, c.Name) && d.containers[c.Name] != set.Name() && !d.contested[c.Name]
	}
	d.pod.Spec.Containers = slices.DeleteFunc(d.pod.Spec.Containers, outdated)
	d.pod.Spec.InitContainers = slices.DeleteFunc(d.pod.Spec.InitContainers, outdated)
}

// put puts a container where the set's own one of that name is, or else at the
// end of the list of those to be added. It returns the container as it is then.
func (d *draft) put(c corev1.Container, same, init bool, added *[]corev1.Container) corev1.Container {
	right, wrong := &d.pod.Spec.Containers, &d.pod.Spec.InitContainers
	if init {
		right, wrong = wrong, right
	}
	named := func(other corev1.Container) bool { return other.Name == c.Name }
	*wrong = slices.DeleteFunc(*wrong, named)
	at := slices.IndexFunc(*right, named)
	if at < 0 {
		*added = append(*added, c)
		return c
	}
	if same {
		c = overlay((*right)[at], c)
	}
	(*right)[at] = c
	return c
}

// finish returns the pod with all that was injected.
func (d *draft) finish() *corev1.Pod {
	byName := func(a, b corev1.Container) int { return cmp.Compare(a.Name, b.Name) }
	slices.SortStableFunc(d.beforeInit, byName)
	slices.SortStableFunc(d.afterInit, byName)
	spec := &d.pod.Spec
	spec.InitContainers = slices.Concat(d.beforeInit, spec.InitContainers, d.afterInit, d.native)
	spec.Containers = slices.Concat(d.before, spec.Containers, d.after)
	// The record consists of what can be encoded.
	annotations, err := d.record.Write(d.pod.Annotations)
	if err != nil {
		d.warnings = append(d.warnings, err.Error())
		return d.pod
	}
	d.pod.Annotations = annotations
	return d.pod
}

// nameDefaultContainer has kubectl logs and exec find the app although a sidecar
// stands before it. This is done before the first container is built: sets can
// ask for the annotation, and get the same answer every time.
func (d *draft) nameDefaultContainer(accepted []*Set) {
	if _, named := d.pod.Annotations[api.DefaultContainerAnnotation]; named || len(d.app) == 0 || !d.sidecarComesFirst(accepted) {
		return
	}
	annotations := maps.Clone(d.pod.Annotations)
	if annotations == nil {
		annotations = make(map[string]string, 1)
	}
	annotations[api.DefaultContainerAnnotation] = d.app[0].Name
	d.pod.Annotations = annotations
}

func (d *draft) sidecarComesFirst(accepted []*Set) bool {
	if isInjected(&d.pod.Spec.Containers[0]) {
		return true
	}
	comesBefore := func(c v1alpha1.SidecarContainer) bool {
		there := slices.ContainsFunc(d.pod.Spec.Containers, func(other corev1.Container) bool { return other.Name == c.Name })
		return c.PodInjectPolicy == v1alpha1.BeforeAppContainerType && !there
	}
	return !d.endsByItself() && slices.ContainsFunc(accepted, func(set *Set) bool {
		return slices.ContainsFunc(set.Object.Spec.Containers, comesBefore)
	})
}

// endsByItself says whether the pod is one that sidecars must not keep from
// ending.
func (d *draft) endsByItself() bool {
	return d.pod.Spec.RestartPolicy != "" && d.pod.Spec.RestartPolicy != corev1.RestartPolicyAlways
}

func isNative(c *corev1.Container) bool {
	return c.RestartPolicy != nil && *c.RestartPolicy == corev1.ContainerRestartPolicyAlways
}

// isInjected says whether a container is somebody's sidecar. Kruise and we leave
// the same sign.
func isInjected(c *corev1.Container) bool {
	return slices.ContainsFunc(c.Env, func(e corev1.EnvVar) bool { return e.Name == api.InjectedEnv && e.Value == "true" })
}
