package sidecar_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"path"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"

	"github.com/spillway-io/spillway/api"
	"github.com/spillway-io/spillway/webhook/sidecar"
)

// TestLaws injects random sets into random pods. A third of the pods are copies
// of pods that have other versions of the sets.
func TestLaws(t *testing.T) {
	injected, failed := 0, 0
	for seed := range uint64(500) {
		d := dice{rand.New(rand.NewPCG(4, seed))}
		pod, sets := d.pod(), d.sets(t)
		copied := d.oneIn(3)
		if copied {
			delete(pod.Annotations, api.SidecarSetHashAnnotation) // no pod is that old
			pod = d.inject(pod, d.sets(t)).Pod
			pod.Spec.RestartPolicy = pick(d, pod.Spec.RestartPolicy, corev1.RestartPolicyNever)
		}
		pod = throughJSON(pod)
		result := d.inject(pod, sets)
		if partlyFailed(result, sets) {
			continue // by another key it may be a version that fits
		}
		injected, failed = injected+len(result.Injected), failed+len(result.Failures)
		errs := []error{lawUntouched(d, pod, sets), lawTwice(d, result, sets), lawLater(d, result, sets), lawWhole(pod, result), lawSingle(result.Pod)}
		if !copied {
			errs = append(errs, lawNoTrace(pod, sets))
		}
		if err := errors.Join(errs...); err != nil {
			t.Fatalf("seed %d: %v\npod: %s\nsets: %s", seed, err, toJSON(pod), describe(sets))
		}
	}
	t.Logf("%d sets injected, %d failed", injected, failed)
	if injected < 200 || failed < 100 {
		t.Errorf("%d sets injected, %d failed: the throws are no test", injected, failed)
	}
}

// inject gives every pass another time, as the clock does.
func (d dice) inject(pod *corev1.Pod, sets []*sidecar.Set) sidecar.Result {
	subject := sidecar.Subject{
		Pod: pod, Namespace: sidecar.Namespace{Name: "default", Labels: map[string]string{"team": "a"}},
		Key: pod.Name, Now: time.Unix(1767225600+d.Int64N(1e6), 0),
	}
	if subject.Key == "" {
		// The UID of the request stands for a name, and each call has another one.
		subject.Key = fmt.Sprint(d.Uint64())
	}
	return sidecar.Inject(subject, sets)
}

// partlyFailed says whether a set was left out that has two versions.
func partlyFailed(result sidecar.Result, sets []*sidecar.Set) bool {
	return slices.ContainsFunc(sets, func(s *sidecar.Set) bool {
		revision := s.Object.Spec.InjectionStrategy.Revision
		return revision != nil && revision.Policy == "Partial" && slices.Contains(failures(result), s.Name())
	})
}

// lawUntouched: nothing that is given is modified.
func lawUntouched(d dice, pod *corev1.Pod, sets []*sidecar.Set) error {
	pod = pod.DeepCopy()
	podBefore, setsBefore := toJSON(pod), describe(sets)
	untouched := canaries(pod)
	result := d.inject(pod, sets)
	if !untouched() {
		return errors.New("something was written behind the end of a list of the pod")
	}
	d.inject(d.later(result.Pod), sets)
	if diff := cmp.Diff(podBefore, toJSON(pod)); diff != "" {
		return fmt.Errorf("the pod was modified: %s", diff)
	}
	if diff := cmp.Diff(setsBefore, describe(sets)); diff != "" {
		return fmt.Errorf("the sets were modified: %s", diff)
	}
	return nil
}

// canaries gives lists of the pod room for one element more, which has a value
// that nobody may write over: others could have a part of the same list.
func canaries(pod *corev1.Pod) (untouched func() bool) {
	const canary = "canary"
	spec := &pod.Spec
	spec.Volumes = append(spec.Volumes, corev1.Volume{Name: canary})
	spec.ImagePullSecrets = append(spec.ImagePullSecrets, corev1.LocalObjectReference{Name: canary})
	volumes, secrets := spec.Volumes, spec.ImagePullSecrets
	spec.Volumes, spec.ImagePullSecrets = volumes[:len(volumes)-1], secrets[:len(secrets)-1]
	names := []*string{&volumes[len(volumes)-1].Name, &secrets[len(secrets)-1].Name}
	for _, list := range [][]corev1.Container{spec.InitContainers, spec.Containers} {
		for i := range list {
			env := slices.Concat(list[i].Env, []corev1.EnvVar{{Name: canary}})
			mounts := slices.Concat(list[i].VolumeMounts, []corev1.VolumeMount{{Name: canary}})
			list[i].Env, list[i].VolumeMounts = env[:len(env)-1], mounts[:len(mounts)-1]
			names = append(names, &env[len(env)-1].Name, &mounts[len(mounts)-1].Name)
		}
	}
	return func() bool {
		return !slices.ContainsFunc(names, func(name *string) bool { return *name != canary })
	}
}

// lawTwice: a pod that has its sidecars stays as it is, to the byte.
func lawTwice(d dice, once sidecar.Result, sets []*sidecar.Set) error {
	again := d.inject(throughJSON(once.Pod), sets)
	if diff := cmp.Diff(asLines(once.Pod), asLines(again.Pod)); diff != "" {
		return fmt.Errorf("the second time: %s", diff)
	}
	if diff := cmp.Diff(failures(once), failures(again)); diff != "" {
		return fmt.Errorf("the second time others fail: %s", diff)
	}
	return nil
}

// lawLater: what others added in between stays, and a third time changes nothing.
func lawLater(d dice, once sidecar.Result, sets []*sidecar.Set) error {
	between := d.later(once.Pod)
	given := throughJSON(between)
	untouched := canaries(given)
	second := d.inject(given, sets)
	if !untouched() {
		return errors.New("after others: something was written behind the end of a list of the pod")
	}
	for _, c := range containers(between) {
		after, err := named(second.Pod, c.Name)
		if err != nil {
			return fmt.Errorf("after others: %w", err)
		}
		if toJSON(within(c, after)) != toJSON(c) {
			return fmt.Errorf("after others: %s", cmp.Diff(asLines(c), asLines(within(c, after))))
		}
	}
	if second.Pod.Annotations["later"] != "on" {
		return errors.New("after others: their annotation is gone")
	}
	return lawTwice(d, second, sets)
}

// within is after without the mounts and variables that before has not.
func within(before, after corev1.Container) corev1.Container {
	after.Env = slices.DeleteFunc(slices.Clone(after.Env), func(e corev1.EnvVar) bool {
		return !slices.ContainsFunc(before.Env, func(o corev1.EnvVar) bool { return o.Name == e.Name })
	})
	after.VolumeMounts = slices.DeleteFunc(slices.Clone(after.VolumeMounts), func(m corev1.VolumeMount) bool {
		return !slices.ContainsFunc(before.VolumeMounts, func(o corev1.VolumeMount) bool { return o.MountPath == m.MountPath })
	})
	return after
}

// lawWhole: a set that is in is in as a whole, and everything that was not
// injected is as it was, in the order in which it was.
func lawWhole(before *corev1.Pod, result sidecar.Result) error {
	record, err := sidecar.ReadRecord(result.Pod)
	if err != nil && len(result.Injected) > 0 {
		return err
	}
	for _, set := range result.Injected {
		spec := &set.Object.Spec
		for _, c := range slices.Concat(spec.InitContainers, spec.Containers) {
			if in, err := named(result.Pod, c.Name); err != nil || !isInjected(in) {
				return fmt.Errorf("set %s is not in as a whole: injected %t, %w", set.Name(), isInjected(in), err)
			}
		}
		if entry := record.Hashes[set.Name()]; entry.Hash != set.Hash || record.HashesWithoutImage[set.Name()].Hash != set.HashWithoutImage || !slices.Contains(record.Sets, set.Name()) {
			return fmt.Errorf("set %s is not recorded", set.Name())
		}
	}
	apps := func(pod *corev1.Pod) (apps []corev1.Container) {
		return slices.DeleteFunc(containers(pod), isInjected)
	}
	if diff := cmp.Diff(asLines(apps(before)), asLines(apps(result.Pod))); diff != "" {
		return fmt.Errorf("the app's containers: %s", diff)
	}
	return nil
}

// lawSingle: there is one of each name and path, and a volume for every mount.
func lawSingle(pod *corev1.Pod) error {
	seen := map[string]bool{}
	once := func(what, name string) error {
		if key := what + " " + name; seen[key] {
			return fmt.Errorf("there are two of %s", key)
		}
		seen[what+" "+name] = true
		return nil
	}
	var errs []error
	for i := range pod.Spec.Volumes {
		errs = append(errs, once("volume", pod.Spec.Volumes[i].Name))
	}
	for _, c := range containers(pod) {
		errs = append(errs, once("container", c.Name))
		for _, e := range c.Env {
			errs = append(errs, once("variable of "+c.Name, e.Name))
		}
		for _, m := range c.VolumeMounts {
			if isInjected(c) {
				errs = append(errs, once("mount of "+c.Name, path.Clean(m.MountPath)))
			}
			if !seen["volume "+m.Name] {
				errs = append(errs, fmt.Errorf("container %s mounts %s, which is not there", c.Name, m.Name))
			}
		}
	}
	for _, secret := range pod.Spec.ImagePullSecrets {
		errs = append(errs, once("secret", secret.Name))
	}
	return errors.Join(errs...)
}

// lawNoTrace: a set that fails might as well not be there.
func lawNoTrace(pod *corev1.Pod, sets []*sidecar.Set) error {
	subject := sidecar.Subject{
		Pod: pod, Namespace: sidecar.Namespace{Name: "default", Labels: map[string]string{"team": "a"}}, Key: "key", Now: time.Unix(1767225600, 0),
	}
	with := sidecar.Inject(subject, sets)
	failed := failures(with)
	without := sidecar.Inject(subject, slices.DeleteFunc(slices.Clone(sets), func(s *sidecar.Set) bool { return slices.Contains(failed, s.Name()) }))
	if diff := cmp.Diff(asLines(without.Pod), asLines(with.Pod)); diff != "" {
		return fmt.Errorf("what failed, %v, has left: %s", failed, diff)
	}
	return nil
}

func failures(result sidecar.Result) (names []string) {
	for _, failure := range result.Failures {
		names = append(names, failure.Set)
	}
	return names
}

func containers(pod *corev1.Pod) []corev1.Container {
	return slices.Concat(pod.Spec.InitContainers, pod.Spec.Containers)
}

func named(pod *corev1.Pod, name string) (corev1.Container, error) {
	for _, c := range containers(pod) {
		if c.Name == name {
			return c, nil
		}
	}
	return corev1.Container{}, fmt.Errorf("container %s is not there", name)
}

func isInjected(c corev1.Container) bool {
	return slices.Contains(c.Env, corev1.EnvVar{Name: api.InjectedEnv, Value: "true"})
}

// describe is all that is in sets, as text.
func describe(sets []*sidecar.Set) string {
	var text string
	for _, set := range sets {
		text += fmt.Sprintf("%s %s %v %s\n", set.Hash, set.Revision, set.Err, toJSON(set.Object))
		if set.Pinned != nil {
			text += "pinned " + describe([]*sidecar.Set{set.Pinned})
		}
	}
	return text
}

func toJSON(v any) string {
	text, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return string(text)
}

// asLines is JSON in lines, whose differences can be read.
func asLines(v any) string {
	text, err := json.MarshalIndent(v, "", " ")
	if err != nil {
		panic(err)
	}
	return string(text)
}

func throughJSON(pod *corev1.Pod) *corev1.Pod {
	out := &corev1.Pod{}
	if err := json.Unmarshal([]byte(toJSON(pod)), out); err != nil {
		panic(err)
	}
	return out
}
