package mutate_test

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/openkruise/kruise-api/apps/v1alpha1"
	"github.com/rogpeppe/go-internal/txtar"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	kjson "sigs.k8s.io/json"
	"sigs.k8s.io/yaml"

	"github.com/spillway-io/spillway/webhook/mutate"
	"github.com/spillway-io/spillway/webhook/sidecar"
	"github.com/spillway-io/spillway/webhook/stash"
)

// sidecarSets reads the sets of a case as the webhook knows them: with what their
// type has no place for, and sorted.
func sidecarSets(t *testing.T, given *txtar.Archive, revisions []*appsv1.ControllerRevision) (sets []*sidecar.Set) {
	t.Helper()
	data, ok := find(given, "sidecarsets.yaml")
	if !ok {
		return nil
	}
	for document := range bytes.SplitSeq(data, []byte("\n---\n")) {
		text, err := yaml.YAMLToJSONStrict(document)
		if err != nil {
			t.Fatalf("sidecarsets.yaml: %v", err)
		}
		object := &v1alpha1.SidecarSet{}
		unknown, err := kjson.UnmarshalStrict(text, object)
		if err != nil {
			t.Fatalf("sidecarsets.yaml: %v", err)
		}
		before := toYAML(t, object)
		sets = append(sets, sidecar.Compile(object, unknown).WithPinned(revisions))
		if after := toYAML(t, object); after != before {
			t.Errorf("the SidecarSet was modified:\n%s", after)
		}
	}
	slices.SortFunc(sets, func(a, b *sidecar.Set) int { return strings.Compare(a.Name(), b.Name()) })
	return sets
}

// sidecarsOf says in a line for each set what became of it.
func sidecarsOf(out mutate.Outcome) string {
	var text strings.Builder
	for _, set := range out.Injected {
		fmt.Fprintf(&text, "injected %s %s\n", set.Name(), set.Revision)
	}
	for _, failure := range out.SidecarsFailed {
		fmt.Fprintf(&text, "failed %s: %v\n", failure.Set, failure.Err)
	}
	return strings.ReplaceAll(text.String(), " \n", "\n")
}

// TestSidecarsThatDoNotFitIntoAnnotations: an API server would refuse the pod, and
// it is not to blame.
func TestSidecarsThatDoNotFitIntoAnnotations(t *testing.T) {
	set := &v1alpha1.SidecarSet{ObjectMeta: metav1.ObjectMeta{Name: "logs", UID: "u"}}
	set.Spec.Selector = &metav1.LabelSelector{MatchLabels: map[string]string{"virtual-pod": "true"}}
	set.Spec.Containers = []v1alpha1.SidecarContainer{{Container: corev1.Container{Name: "log", Image: "log:1"}}}
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Labels: map[string]string{"virtual-pod": "true"}}}
	pod.Spec.Containers = []corev1.Container{{Name: "app"}}
	admit := func(size int) mutate.Outcome {
		pod.Annotations = map[string]string{"large": strings.Repeat("x", size)}
		in := mutate.Input{Pod: pod, Namespace: mutate.Namespace{Name: "default"}, Create: true, Sidecars: []*sidecar.Set{sidecar.Compile(set, nil)}}
		return mutate.Admit(in, mutate.Policy{RoutingKeys: stash.DefaultRoutingKeys()})
	}
	if out := admit(240 << 10); len(out.Injected) != 1 || len(out.SidecarsFailed) > 0 {
		t.Errorf("below the limit: injected %d, failed %v", len(out.Injected), out.SidecarsFailed)
	}
	out := admit(256<<10 - 200)
	if out.Denied != nil || len(out.Injected) > 0 || len(out.Pod.Spec.Containers) != 1 || out.Pod.Annotations["kruise.io/sidecarset-injected-list"] != "" {
		t.Errorf("above the limit: denied %v, injected %d, containers %d", out.Denied, len(out.Injected), len(out.Pod.Spec.Containers))
	}
	if len(out.SidecarsFailed) != 1 || out.SidecarsFailed[0].UID != "u" || !strings.Contains(out.SidecarsFailed[0].Err.Error(), "262144") || len(out.Warnings) != 1 {
		t.Errorf("failed %v, warnings %q", out.SidecarsFailed, out.Warnings)
	}
}

// TestSidecarsAfterABugOfOurs: the pod is placed all the same, and the sets that
// are about it are told.
func TestSidecarsAfterABugOfOurs(t *testing.T) {
	compile := func(name, app string) *sidecar.Set {
		set := &v1alpha1.SidecarSet{ObjectMeta: metav1.ObjectMeta{Name: name}}
		set.Spec.Selector = &metav1.LabelSelector{MatchLabels: map[string]string{"app": app}}
		set.Spec.Containers = []v1alpha1.SidecarContainer{{Container: corev1.Container{Name: name, Image: "log:1"}}}
		return sidecar.Compile(set, nil)
	}
	broken := compile("broken", "web")
	broken.Object.Spec.InjectionStrategy.Revision = &v1alpha1.SidecarSetInjectRevision{Policy: "Always"}
	broken.Pinned = &sidecar.Set{}
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Labels: map[string]string{"virtual-pod": "true", "app": "web"}}}
	pod.Spec.NodeSelector = map[string]string{"disk": "ssd"}
	in := mutate.Input{Pod: pod, Namespace: mutate.Namespace{Name: "default"}, Create: true, Sidecars: []*sidecar.Set{broken, compile("other", "db"), compile("whole", "web")}}
	out := mutate.Admit(in, mutate.Policy{RoutingKeys: stash.DefaultRoutingKeys()})
	if out.Denied != nil || out.Pod.Annotations["clusterSelector"] == "" || len(out.Pod.Spec.Containers) > 0 || len(out.Injected) > 0 {
		t.Errorf("denied %v, annotations %v, containers %v", out.Denied, out.Pod.Annotations, out.Pod.Spec.Containers)
	}
	if said := sidecarsOf(out); strings.Count(said, "\n") != 2 || !strings.HasPrefix(said, "failed broken: panic: ") || !strings.Contains(said, "\nfailed whole: panic: ") {
		t.Errorf("said: %s", said)
	}
}
