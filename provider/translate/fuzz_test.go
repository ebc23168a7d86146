package translate_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"
	corev1 "k8s.io/api/core/v1"
	utilerrors "k8s.io/apimachinery/pkg/util/errors"
	"sigs.k8s.io/randfill"
	"sigs.k8s.io/yaml"

	"github.com/spillway-io/spillway/api"
	"github.com/spillway-io/spillway/provider/translate"
	"github.com/spillway-io/spillway/webhook/stash"
)

// FuzzPod: no upstream pod makes translation panic or modify what it is given. What
// comes out carries our marks and nothing that is upstream's alone, gets the tokens
// and names the objects that are made for it and no others, and has nothing to follow.
func FuzzPod(f *testing.F) {
	for i, seed := range goldenPods(f, "testdata/*.txtar", "upstream.yaml") {
		f.Add(seed[0], uint8(i), i%2 == 0)
		f.Add(fmt.Appendf(nil, "filled %d", i), uint8(i), i%2 == 1)
	}
	f.Fuzz(func(t *testing.T, raw []byte, mode uint8, prefixed bool) {
		upstream := decodePod(raw)
		if upstream == nil {
			return
		}
		rules := fuzzedRules(mode, prefixed)
		before := upstream.DeepCopy()
		downstream, _, err := translate.Pod(upstream, rules, translate.Facts{PriorityClass: mode%2 == 0})
		if diff := cmp.Diff(before, upstream); diff != "" {
			t.Fatalf("Pod() modified its argument: -before +after:\n%s", diff)
		}
		if err != nil {
			if downstream != nil || !isKnown(err) {
				t.Fatalf("Pod() = %v with the error %v", downstream, err)
			}
			return
		}
		lawOwnership(t, upstream, downstream, rules)
		lawUpstreamOnly(t, downstream)
		lawReferences(t, upstream, downstream, rules)
		lawFollow(t, upstream, downstream, rules)
	})
}

// goldenPods are sections of the golden files, as JSON.
func goldenPods(f *testing.F, pattern string, sections ...string) [][][]byte {
	f.Helper()
	files, err := filepath.Glob(pattern)
	if err != nil || len(files) == 0 {
		f.Fatalf("no golden files: %v", err)
	}
	var all [][][]byte
	for _, file := range files {
		archive, err := txtar.ParseFile(file)
		if err != nil {
			f.Fatal(err)
		}
		var pods [][]byte
		for _, name := range sections {
			pod, err := yaml.YAMLToJSON(section(archive, name))
			if err != nil {
				f.Fatalf("%s: %s: %v", file, name, err)
			}
			pods = append(pods, pod)
		}
		all = append(all, pods)
	}
	return all
}

// decodePod returns a pod as an API server might store it: with a UID, and with
// names that differ where the API demands it. Nil for all others. Bytes that do not
// begin as JSON does fill the pod field by field, which gets further than JSON whose
// bytes were changed.
func decodePod(raw []byte) *corev1.Pod {
	pod := &corev1.Pod{}
	if len(raw) > 0 && raw[0] != '{' {
		return withLikelyStatus(likely(randfill.NewFromGoFuzz(raw)))
	}
	if json.Unmarshal(raw, pod) != nil || pod.UID == "" || pod.Name == "" || pod.Namespace == "" {
		return nil
	}
	names := make(map[string]bool)
	isNew := func(name string) bool {
		taken := names[name]
		names[name] = true
		return !taken
	}
	for i := range pod.Spec.Volumes {
		if !isNew("volume " + pod.Spec.Volumes[i].Name) {
			return nil
		}
	}
	for _, list := range [][]corev1.Container{pod.Spec.InitContainers, pod.Spec.Containers} {
		for i := range list {
			if !isNew(list[i].Name) {
				return nil
			}
		}
	}
	for i := range pod.Spec.EphemeralContainers {
		if !isNew(pod.Spec.EphemeralContainers[i].Name) {
			return nil
		}
	}
	return pod
}

// withLikelyStatus fills a pod with a status that speaks of its containers, or of
// one that it does not have.
func withLikelyStatus(filler *randfill.Filler) *corev1.Pod {
	filler = filler.Funcs(
		func(s *corev1.ConditionStatus, c randfill.Continue) {
			*s = corev1.ConditionStatus(word(c, "True", "False", "Unknown"))
		},
		func(s *corev1.ContainerState, c randfill.Continue) { one(c, &s.Waiting, &s.Running, &s.Terminated) },
		func(p *corev1.PodPhase, c randfill.Continue) {
			*p = corev1.PodPhase(word(c, "", "Pending", "Running", "Succeeded", "Failed"))
		},
	)
	pod := filledPod(filler, "uid-filled")
	lists := map[string][]corev1.ContainerStatus{"init": pod.Status.InitContainerStatuses, "app": pod.Status.ContainerStatuses, "debug": pod.Status.EphemeralContainerStatuses}
	for kind, statuses := range lists {
		for i := range statuses {
			statuses[i].Name = fmt.Sprintf("%s-%d", kind, i)
		}
	}
	conditions := []corev1.PodConditionType{
		corev1.PodScheduled, corev1.PodReady, corev1.ContainersReady, corev1.DisruptionTarget, corev1.PodResizePending, api.DownstreamScheduledCondition, "a",
	}
	var first, gate uint8
	filler.Fill(&first)
	filler.Fill(&gate)
	for i := range pod.Status.Conditions {
		pod.Status.Conditions[i].Type = conditions[(int(first)+i)%len(conditions)]
	}
	for i := range pod.Spec.ReadinessGates {
		pod.Spec.ReadinessGates[i].ConditionType = conditions[(int(gate)+i)%len(conditions)]
	}
	pod.Status.HostIPs = nil
	return pod
}

// fuzzedRules allow all modes; the first, and the namespaces, vary.
func fuzzedRules(mode uint8, prefixed bool) translate.Rules {
	modes := []translate.AccessMode{translate.AccessUpstream, translate.AccessDownstream, translate.AccessNone}
	namespaces := translate.Namespaces{}
	if prefixed {
		namespaces.Prefix = "up-"
	}
	first := int(mode) % len(modes)
	rules := randomRules("", namespaces)
	rules.Access.Modes = slices.Concat(modes[first:], modes[:first])
	return rules
}

// isKnown: the errors that the virtual node has an answer to. Several at once are about
// the fields of terms that no API server stores.
func isKnown(err error) bool {
	_, unreadable := errors.AsType[*stash.Error](err)
	_, refused := errors.AsType[*translate.AccessError](err)
	_, invalid := errors.AsType[utilerrors.Aggregate](err)
	return unreadable || refused || invalid || errors.Is(err, stash.ErrNotRouted)
}

// lawOwnership: whatever the upstream pod's own labels and annotations claim.
func lawOwnership(t *testing.T, upstream, downstream *corev1.Pod, rules translate.Rules) {
	t.Helper()
	if !rules.StandsFor(downstream, upstream) {
		t.Errorf("labels %v, annotations %v are not our marks", downstream.Labels, downstream.Annotations)
	}
	if want := rules.Namespaces.Downstream(upstream.Namespace); downstream.Name != upstream.Name || downstream.Namespace != want {
		t.Errorf("the downstream pod is %s/%s", downstream.Namespace, downstream.Name)
	}
	if made := downstream.Annotations[api.APIAccessAnnotation]; made == "" {
		t.Error("the downstream pod does not say what access it has")
	}
}

// lawUpstreamOnly: identity, bookkeeping, and what upstream's components decided.
func lawUpstreamOnly(t *testing.T, downstream *corev1.Pod) {
	t.Helper()
	meta, spec := downstream.ObjectMeta.DeepCopy(), downstream.Spec
	meta.Name, meta.Namespace, meta.Labels, meta.Annotations = "", "", nil, nil
	if diff := cmp.Diff(*(&corev1.Pod{}).ObjectMeta.DeepCopy(), *meta); diff != "" {
		t.Errorf("metadata of the upstream object: %s", diff)
	}
	if diff := cmp.Diff(corev1.PodStatus{}, downstream.Status); diff != "" {
		t.Errorf("the new pod has a status: %s", diff)
	}
	kept := corev1.PodSpec{
		NodeName: spec.NodeName, SchedulingGates: spec.SchedulingGates, SchedulingGroup: spec.SchedulingGroup, Overhead: spec.Overhead, Priority: spec.Priority,
		PreemptionPolicy: spec.PreemptionPolicy, ReadinessGates: spec.ReadinessGates, EvictionResponders: spec.EvictionResponders,
		EphemeralContainers: spec.EphemeralContainers, DeprecatedServiceAccount: spec.DeprecatedServiceAccount,
	}
	if diff := cmp.Diff(corev1.PodSpec{}, kept); diff != "" {
		t.Errorf("upstream's fields of the spec: %s", diff)
	}
	if access := downstream.Annotations[api.APIAccessAnnotation]; access != string(translate.AccessDownstream) {
		if spec.ServiceAccountName != "" || spec.AutomountServiceAccountToken == nil || *spec.AutomountServiceAccountToken {
			t.Errorf("access %s: ServiceAccount %q, automount %v", access, spec.ServiceAccountName, spec.AutomountServiceAccountToken)
		}
		for _, source := range projectedIn(&spec) {
			if source.ServiceAccountToken != nil || source.PodCertificate != nil {
				t.Errorf("access %s: downstream credentials %v", access, source)
			}
		}
	}
}

func projectedIn(spec *corev1.PodSpec) []corev1.VolumeProjection {
	var all []corev1.VolumeProjection
	for i := range spec.Volumes {
		if p := spec.Volumes[i].Projected; p != nil {
			all = append(all, p.Sources...)
		}
	}
	return all
}

// lawReferences: downstream names what References has brought there, and the
// Secret with Tokens, once for each.
func lawReferences(t *testing.T, upstream, downstream *corev1.Pod, rules translate.Rules) {
	t.Helper()
	rules = rules.MadeFor(downstream)
	type object struct {
		kind translate.Kind
		name string
	}
	brought := map[object]bool{{translate.Secret, translate.TokenSecret(upstream)}: true}
	for _, r := range translate.References(upstream, rules) {
		brought[object{r.Kind, r.Downstream}] = true
		if r.IsReserved() {
			return // the virtual node does not make such a pod
		}
	}
	for _, r := range translate.References(downstream, rules) {
		if !brought[object{r.Kind, r.Name}] {
			t.Errorf("nobody brings the %s %q", r.Kind, r.Name)
		}
	}
	var given, want []string
	for _, source := range projectedIn(&downstream.Spec) {
		if source.Secret != nil && source.Secret.Name == translate.TokenSecret(upstream) {
			for _, item := range source.Secret.Items {
				given = append(given, item.Key)
			}
		}
	}
	for _, token := range translate.Tokens(upstream, rules) {
		want = append(want, token.Key)
	}
	if diff := cmp.Diff(want, given); diff != "" {
		t.Errorf("tokens: -made +projected:\n%s", diff)
	}
}

// lawFollow: nothing but ephemeral containers follows into a new pod, and nothing
// at all once they are there.
func lawFollow(t *testing.T, upstream, downstream *corev1.Pod, rules translate.Rules) {
	t.Helper()
	change := translate.Follow(upstream, downstream, rules)
	if change == nil {
		return
	}
	if change.Spec != nil || change.Resources != nil || change.Metadata.Labels != nil || change.Metadata.Annotations != nil {
		t.Errorf("a pod as it was made is to follow %+v", change)
	}
	if _, err := change.Patches(); err != nil {
		t.Errorf("Patches(): %v", err)
	}
	for i := range change.EphemeralContainers {
		for _, env := range change.EphemeralContainers[i].EnvFrom {
			if env.SecretRef != nil && strings.HasPrefix(env.SecretRef.Name, "spillway-token-") {
				t.Errorf("the ephemeral container %q gets another pod's token", change.EphemeralContainers[i].Name)
			}
		}
	}
	downstream.Spec.EphemeralContainers = change.EphemeralContainers
	if again := translate.Follow(upstream, downstream, rules); again != nil {
		t.Errorf("what followed is to follow again: %+v", again)
	}
}
