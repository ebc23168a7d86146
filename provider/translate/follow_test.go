package translate_test

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/strategicpatch"

	"github.com/spillway-io/spillway/provider/translate"
	"github.com/spillway-io/spillway/webhook/stash"
)

func TestFollow(t *testing.T) {
	id := translate.Identity{UpstreamID: upstreamID, Node: stash.VirtualNode{Name: "east"}}
	cases := map[string]struct {
		reason     string
		upstream   option // what happened upstream since the downstream pod was made
		downstream option // and downstream
		want       option // what the downstream pod is like afterwards; nil: there is nothing to follow
	}{
		"nothing-changed": {
			reason: "a downstream pod as it was made needs nothing",
		},
		"label-and-annotation": {
			reason: "labels select and annotations configure, there as here",
			upstream: func(p *corev1.Pod) {
				p.Labels, p.Annotations = map[string]string{"app": "new"}, map[string]string{"note": "new"}
			},
			want: func(p *corev1.Pod) { p.Labels["app"], p.Annotations["note"] = "new", "new" },
		},
		"downstream-additions-stay": {
			reason:     "what others put on the downstream pod is not ours to remove",
			downstream: func(p *corev1.Pod) { p.Labels["theirs"], p.Annotations["theirs"] = "x", "y" },
		},
		"own-annotation-stays-upstream": {
			reason:   "what we tell about the upstream pod is not told downstream",
			upstream: func(p *corev1.Pod) { p.Annotations = map[string]string{"spillway.io/downstream-node": "n1"} },
		},
		"image": {
			reason:   "an image follows by container name, beside containers that downstream added",
			upstream: func(p *corev1.Pod) { p.Generation, p.Spec.Containers[0].Image = 2, "app:2" },
			downstream: func(p *corev1.Pod) {
				p.Spec.Containers = append([]corev1.Container{{Name: "mesh-proxy", Image: "mesh:1"}}, p.Spec.Containers...)
			},
			want: func(p *corev1.Pod) { p.Spec.Containers[1].Image = "app:2" },
		},
		"image-rewritten-downstream": {
			reason:     "an image that downstream admission rewrites is not fought over while upstream did not change",
			downstream: func(p *corev1.Pod) { p.Spec.Containers[0].Image = "mirror.example/app:1" },
		},
		"image-already-observed": {
			reason: "nor after a change that was passed on and observed",
			upstream: func(p *corev1.Pod) {
				p.Generation, p.Status.ObservedGeneration, p.Spec.Containers[0].Image = 2, 2, "app:2"
			},
			downstream: func(p *corev1.Pod) { p.Spec.Containers[0].Image = "mirror.example/app:2" },
		},
		"deadline": {
			reason:   "a deadline follows",
			upstream: func(p *corev1.Pod) { p.Generation, p.Spec.ActiveDeadlineSeconds = 2, new(int64(60)) },
			want:     func(p *corev1.Pod) { p.Spec.ActiveDeadlineSeconds = new(int64(60)) },
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			upstream := pod(containers("app"), generation(1))
			upstream.UID = "up"
			downstream, err := translate.Pod(upstream, id)
			if err != nil {
				t.Fatal(err)
			}
			downstream.UID = "down"
			for change, to := range map[*option]*corev1.Pod{&tc.upstream: upstream, &tc.downstream: downstream} {
				if *change != nil {
					(*change)(to)
				}
			}
			change := translate.Follow(upstream, downstream, id)
			if tc.want == nil {
				if change != nil {
					t.Errorf("%s: Follow() = %+v, want nothing", tc.reason, change)
				}
				return
			}
			if change == nil {
				t.Fatalf("%s: Follow() found nothing", tc.reason)
			}
			got := patched(t, downstream, change)
			want := downstream.DeepCopy()
			tc.want(want)
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%s: the patched downstream pod: -want +got:\n%s", tc.reason, diff)
			}
			if again := translate.Follow(upstream, got, id); again != nil {
				t.Errorf("Follow() of a pod that was patched = %+v, want nothing", again)
			}
		})
	}
}

func TestMarksAreNeededAll(t *testing.T) {
	id := translate.Identity{UpstreamID: upstreamID, Node: stash.VirtualNode{Name: "east"}}
	marked := &corev1.Pod{}
	id.Mark(&marked.ObjectMeta, "up")
	upstream := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{UID: "up"}}
	if !id.Owns(marked) || !id.StandsFor(marked, upstream) {
		t.Errorf("a pod with all marks, %v %v, is not owned", marked.Labels, marked.Annotations)
	}
	for what, unmark := range map[string]func(*corev1.Pod){
		"another upstream cluster": func(p *corev1.Pod) { p.Labels["spillway.io/upstream"] = "other" },
		"another virtual node":     func(p *corev1.Pod) { p.Labels["spillway.io/virtual-node"] = "other" },
		"no upstream UID":          func(p *corev1.Pod) { p.Annotations = nil },
		"no labels":                func(p *corev1.Pod) { p.Labels = nil },
	} {
		foreign := marked.DeepCopy()
		unmark(foreign)
		if id.Owns(foreign) {
			t.Errorf("a pod with %s is owned", what)
		}
	}
	if id.StandsFor(marked, &corev1.Pod{ObjectMeta: metav1.ObjectMeta{UID: "next"}}) {
		t.Error("a pod stands for the successor of the pod it was made for")
	}
}

// patched applies the change as the API server does.
func patched(t *testing.T, downstream *corev1.Pod, change *translate.Change) *corev1.Pod {
	t.Helper()
	patch, err := change.Patch()
	if err != nil {
		t.Fatal(err)
	}
	before, err := json.Marshal(downstream)
	if err != nil {
		t.Fatal(err)
	}
	after, err := strategicpatch.StrategicMergePatch(before, patch, corev1.Pod{})
	if err != nil {
		t.Fatal(err)
	}
	got := &corev1.Pod{}
	if err := json.Unmarshal(after, got); err != nil {
		t.Fatal(err)
	}
	return got
}
