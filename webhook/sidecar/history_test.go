package sidecar

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/openkruise/kruise-api/apps/v1alpha1"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/spillway-io/spillway/api"
)

// agents is a SidecarSet of one container, log, with that image.
func agents(image string) *v1alpha1.SidecarSet {
	return &v1alpha1.SidecarSet{
		ObjectMeta: metav1.ObjectMeta{Name: "agents", UID: "set-uid", Generation: 7},
		Spec: v1alpha1.SidecarSetSpec{
			Selector:   &metav1.LabelSelector{MatchLabels: map[string]string{"app": "web"}},
			Containers: []v1alpha1.SidecarContainer{{Container: corev1.Container{Name: "log", Image: image}}},
		},
	}
}

// TestRevisionData: the content is Kruise's, key by key.
func TestRevisionData(t *testing.T) {
	set := agents("log:v1")
	set.Spec.UpdateStrategy.Paused = true
	set.Spec.Volumes = []corev1.Volume{}
	set.Spec.ImagePullSecrets = []corev1.LocalObjectReference{{Name: "pull"}}
	got, err := RevisionData(set)
	if err != nil {
		t.Fatal(err)
	}
	want := `{"spec":{"$patch":"replace",` +
		`"containers":[{"image":"log:v1","name":"log","resources":{},"shareVolumePolicy":{},"upgradeStrategy":{}}],` +
		`"imagePullSecrets":[{"name":"pull"}],"initContainers":null,"patchPodMetadata":null,"volumes":null}}`
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestRestore(t *testing.T) {
	old := agents("log:v1")
	old.Spec.Volumes = []corev1.Volume{{Name: "spool"}}
	old.Spec.InitContainers = []v1alpha1.SidecarContainer{{Container: corev1.Container{Name: "init", Image: "init:v1"}}}
	old.Spec.PatchPodMetadata = []v1alpha1.SidecarSetPatchPodMetadata{{Annotations: map[string]string{"a": "1"}}}
	data, err := RevisionData(old)
	if err != nil {
		t.Fatal(err)
	}
	live := agents("log:v2")
	live.Spec.Selector.MatchLabels["app"] = "other"
	live.Spec.UpdateStrategy.Paused = true
	live.Spec.ImagePullSecrets = []corev1.LocalObjectReference{{Name: "pull"}}
	before := live.DeepCopy()

	want := old.DeepCopy()
	want.Spec.Selector.MatchLabels["app"] = "other"
	want.Spec.UpdateStrategy.Paused = true
	got, err := Restore(live, data)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if diff := cmp.Diff(before, live); diff != "" {
		t.Errorf("the live set was modified: -want +got:\n%s", diff)
	}
}

func TestRestoreRefuses(t *testing.T) {
	cases := map[string]struct{ reason, data, want string }{
		"garbage": {"It is no JSON.", `{`, "cannot decode"},
		"empty":   {"Another kind's revision may have the label.", `{}`, "no spec"},
		"template": {
			"A DaemonSet's revision has another shape.",
			`{"spec":{"template":{}}}`, `unknown field "spec.template"`,
		},
		"newer": {
			"Kruise 1.9 has fields that must not get lost.",
			`{"spec":{"containers":[{"name":"c","resourcesPolicy":{}}]}}`, `unknown field "spec.containers[0].resourcesPolicy"`,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if _, err := Restore(agents("log:v1"), []byte(tc.data)); err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("%s\ngot %v, want something about %s", tc.reason, err, tc.want)
			}
		})
	}
}

// history is the API server's revisions of one set, carried through its versions.
type history struct {
	*testing.T

	revisions  []*appsv1.ControllerRevision
	inUse      map[string]bool
	collisions *int32
}

func (h *history) apply(set *v1alpha1.SidecarSet) HistoryPlan {
	h.Helper()
	set.Status.CollisionCount = h.collisions
	plan, err := History(Compile(set, nil), h.revisions, h.inUse)
	if err != nil {
		h.Fatal(err)
	}
	if plan.Create && plan.Update {
		h.Error("the plan both creates and updates")
	}
	h.revisions = slices.DeleteFunc(h.revisions, func(r *appsv1.ControllerRevision) bool {
		return r.Name == plan.Current.Name || slices.Contains(plan.Delete, r)
	})
	h.revisions = append(h.revisions, plan.Current)
	h.collisions = &plan.Collisions
	return plan
}

// numbers are those of the revisions that there are, sorted.
func (h *history) numbers() (numbers []int64) {
	for _, r := range h.revisions {
		numbers = append(numbers, r.Revision)
	}
	slices.Sort(numbers)
	return numbers
}

func (h *history) byNumber(n int64) *appsv1.ControllerRevision {
	return h.revisions[slices.IndexFunc(h.revisions, func(r *appsv1.ControllerRevision) bool { return r.Revision == n })]
}

func version(n int) *v1alpha1.SidecarSet { return agents(fmt.Sprintf("log:v%d", n)) }

func span(from, to int64) (all []int64) {
	for n := from; n <= to; n++ {
		all = append(all, n)
	}
	return all
}

// TestHistoryIsLimited is Kruise's own story of 15 versions, and one that returns.
func TestHistoryIsLimited(t *testing.T) {
	h := &history{T: t}
	for n := 1; n <= 15; n++ {
		if plan := h.apply(version(n)); !plan.Create {
			t.Fatalf("version %d is not created", n)
		}
	}
	if diff := cmp.Diff(span(6, 15), h.numbers()); diff != "" {
		t.Errorf("after 15 versions: -want +got:\n%s", diff)
	}
	name := h.byNumber(12).Name
	plan := h.apply(version(12))
	if plan.Create || !plan.Update || plan.Current.Name != name || len(plan.Delete) != 0 {
		t.Errorf("the 12th version again: %+v", plan)
	}
	if diff := cmp.Diff(append(span(6, 11), span(13, 16)...), h.numbers()); diff != "" {
		t.Errorf("after the rollback: -want +got:\n%s", diff)
	}
	if plan := h.apply(version(12)); plan.Create || plan.Update || len(plan.Delete) > 0 {
		t.Errorf("nothing happened, and it wants %+v", plan)
	}
}

func TestHistoryKeeps(t *testing.T) {
	cases := map[string]struct {
		reason string
		limit  *int32
		set    func(h *history, set *v1alpha1.SidecarSet)
		want   []int64
	}{
		"limit": {"Three and no more.", new(int32(3)), nil, []int64{4, 5, 6}},
		"floor": {"The current one is never deleted.", new(int32(0)), nil, []int64{6}},
		"pods": {
			"Pods have it.", new(int32(2)),
			func(h *history, _ *v1alpha1.SidecarSet) { h.inUse = map[string]bool{h.byNumber(1).Name: true} },
			[]int64{1, 6},
		},
		"many pods": {
			"Pods have more than the limit.", new(int32(1)),
			func(h *history, _ *v1alpha1.SidecarSet) {
				h.inUse = map[string]bool{h.byNumber(1).Name: true, h.byNumber(2).Name: true, h.byNumber(5).Name: true}
			},
			[]int64{1, 2, 5, 6},
		},
		"pinned name": {
			"New pods are to get it.", new(int32(2)),
			func(h *history, set *v1alpha1.SidecarSet) {
				set.Spec.InjectionStrategy.Revision = &v1alpha1.SidecarSetInjectRevision{RevisionName: new(h.byNumber(2).Name)}
			},
			[]int64{2, 6},
		},
		"pinned version": {
			"New pods are to get the last with that label.", new(int32(2)),
			func(h *history, set *v1alpha1.SidecarSet) {
				h.byNumber(2).Labels[v1alpha1.SidecarSetCustomVersionLabel] = "stable"
				h.byNumber(3).Labels[v1alpha1.SidecarSetCustomVersionLabel] = "stable"
				set.Spec.InjectionStrategy.Revision = &v1alpha1.SidecarSetInjectRevision{CustomVersion: new("stable")}
			},
			[]int64{3, 6},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			h := &history{T: t}
			for n := 1; n <= 5; n++ {
				h.apply(version(n))
			}
			set := version(6)
			set.Spec.RevisionHistoryLimit = tc.limit
			if tc.set != nil {
				tc.set(h, set)
			}
			h.apply(set)
			if diff := cmp.Diff(tc.want, h.numbers()); diff != "" {
				t.Errorf("%s\n-want +got:\n%s", tc.reason, diff)
			}
		})
	}
}

// TestHistoryLabels: the custom version follows the set, and stays when the set
// has none any more, since injectionStrategy may ask for it.
func TestHistoryLabels(t *testing.T) {
	h := &history{T: t}
	set := version(1)
	for i, step := range []struct {
		version        string
		want           string
		create, update bool
	}{{"", "", true, false}, {"v1", "v1", false, true}, {"v1", "v1", false, false}, {"v2", "v2", false, true}, {"", "v2", false, false}} {
		set.Labels = map[string]string{v1alpha1.SidecarSetCustomVersionLabel: step.version}
		plan := h.apply(set)
		if plan.Create != step.create || plan.Update != step.update || plan.Current.Labels[v1alpha1.SidecarSetCustomVersionLabel] != step.want {
			t.Errorf("step %d: %+v", i, plan)
		}
		if plan.Current.Labels[api.SidecarSetNameLabel] != "agents" || plan.Current.OwnerReferences[0].UID != "set-uid" {
			t.Errorf("step %d: the revision is nobody's: %+v", i, plan.Current.ObjectMeta)
		}
	}
}

// TestHistoryCollision: a name that is taken, by another version or by a set of
// this name that is gone, is not used.
func TestHistoryCollision(t *testing.T) {
	h := &history{T: t}
	first := h.apply(version(1)).Current
	h.revisions[0].Data.Raw = []byte(`{"spec":{}}`)
	second := h.apply(version(1))
	if !second.Create || second.Current.Name == first.Name || second.Collisions != 1 || second.Current.Revision != 2 {
		t.Errorf("a name taken by another version: %+v", second)
	}
	for _, r := range h.revisions {
		r.OwnerReferences[0].UID = types.UID("former")
	}
	third := h.apply(version(1))
	if !third.Create || third.Current.Revision != 1 || third.Collisions != 2 || len(third.Delete) != 0 {
		t.Errorf("names taken by a former set's revisions: %+v", third)
	}
}
