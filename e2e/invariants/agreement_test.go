package invariants

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/spillway-io/spillway/api"
)

// TestCompare: what is different between two clusters that stay as they are.
func TestCompare(t *testing.T) {
	up, down := above("web", "u1", running), below("web", "d1", "u1", running)
	tests := map[string]struct {
		reason string
		tell   func(*history)
		want   []string
	}{
		"good": {
			reason: "Pods that are the same agree; so does one that ended, with its downstream pod or without.",
			tell: func(h *history) {
				h.runs(above("web", "u1"), below("web", "d1", "u1"))
				h.sees("upstream", above("done", "u2", in(corev1.PodSucceeded)))
				h.sees("upstream", above("also", "u3", in(corev1.PodSucceeded)))
				h.sees("eastern", below("also", "d3", "u3", in(corev1.PodSucceeded)))
				h.sees("upstream", above("elsewhere", "u4", on("metal-1")))
			},
		},
		"none": {
			reason: "An upstream pod without a downstream pod.",
			tell:   func(h *history) { h.sees("upstream", up) },
			want:   []string{"has 0 downstream pods, want one"},
		},
		"two": {
			reason: "Two downstream pods.",
			tell: func(h *history) {
				h.sees("upstream", up)
				h.sees("eastern", down)
				h.sees("eastern", below("web-2", "d2", "u1", running))
			},
			want: []string{"has 2 downstream pods, want one"},
		},
		"orphan": {
			reason: "A downstream pod whose upstream pod is gone, and one whose upstream pod nobody has seen.",
			tell: func(h *history) {
				h.sees("upstream", up)
				h.sees("eastern", down)
				h.seesGone("upstream", up)
				h.sees("eastern", below("api", "d2", "u2"))
			},
			want: []string{"has no upstream pod", "has no upstream pod"},
		},
		"elsewhere": {
			reason: "The downstream pod is in the cluster of another virtual node.",
			tell: func(h *history) {
				h.sees("upstream", up)
				h.sees("western", with(down, on("west")))
			},
			want: []string{"is on node east upstream, and downstream in cluster western"},
		},
		"deletion-in-both": {
			reason: "A deletion that waits for the downstream kubelet.",
			tell: func(h *history) {
				h.sees("upstream", with(up, asked))
				h.sees("eastern", with(down, asked))
			},
		},
		"deletion-unfinished": {
			reason: "A deletion that came to its end downstream, and not upstream.",
			tell: func(h *history) {
				h.sees("upstream", with(up, asked))
				h.sees("eastern", with(down, asked))
				h.seesGone("eastern", with(down, asked))
			},
			want: []string{"is being deleted upstream, with 0 downstream pods"},
		},
		"deletion": {
			reason: "A deletion upstream that is not passed on.",
			tell: func(h *history) {
				h.sees("upstream", with(up, asked))
				h.sees("eastern", down)
			},
			want: []string{"is being deleted upstream, with 1 downstream pods"},
		},
		"phase": {
			reason: "Another phase.",
			tell: func(h *history) {
				h.sees("upstream", up)
				h.sees("eastern", with(down, in(corev1.PodSucceeded)))
			},
			want: []string{"is Running upstream and Succeeded downstream"},
		},
		"readiness": {
			reason: "Another readiness.",
			tell: func(h *history) {
				h.sees("upstream", up)
				h.sees("eastern", with(down, func(pod *corev1.Pod) { pod.Status.Conditions[0].Status = corev1.ConditionFalse }))
			},
			want: []string{`has readiness "True" upstream and "False" downstream`},
		},
		"container-state": {
			reason: "Another state of a container.",
			tell: func(h *history) {
				h.sees("upstream", up)
				h.sees("eastern", with(down, containerIs(func(s *corev1.ContainerStatus) {
					s.State = corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{ExitCode: 3}}
				})))
			},
			want: []string{"has container app running (id c-1, restartCount 0, ready true, image app:1) upstream and " +
				"terminated with 3 (id c-1, restartCount 0, ready true, image app:1) downstream"},
		},
		"container-unknown": {
			reason: "Upstream has never heard of a container.",
			tell: func(h *history) {
				h.sees("upstream", with(up, func(pod *corev1.Pod) { pod.Status.ContainerStatuses = nil }))
				h.sees("eastern", down)
			},
			want: []string{"says nothing of container app upstream"},
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			h := newHistory()
			tt.tell(h)
			if diff := cmp.Diff(tt.want, h.compares(3)); diff != "" {
				t.Errorf("%s\n-want +got:\n%s", tt.reason, diff)
			}
		})
	}
}

// TestDisagreeing: a pod that agrees for a moment begins anew, one that only
// disagrees differently does not.
func TestDisagreeing(t *testing.T) {
	h := newHistory()
	up, down := above("web", "u1"), below("web", "d1", "u1")
	h.sees("upstream", up)
	h.Compare(h.later())
	began := h.now
	h.sees("eastern", with(down, running))
	h.Compare(h.later())
	if got := h.Disagreeing(h.now); len(got) != 1 || !got[0].Since.Equal(began) || got[0].What != "is Pending upstream and Running downstream" {
		t.Errorf("got %v, want one since %v, about the phase", got, began)
	}
	h.sees("upstream", with(up, running))
	h.Compare(h.later())
	h.sees("eastern", with(down, in(corev1.PodSucceeded)))
	h.Compare(h.later())
	if got := h.Disagreeing(h.now); len(got) != 0 {
		t.Errorf("got %v from before now, want none", got)
	}
	if got := h.Disagreeing(h.later()); len(got) != 1 {
		t.Errorf("got %v, want one", got)
	}
}

// TestObjects: whatever happens to an object that is not ours is found.
func TestObjects(t *testing.T) {
	type object = unstructured.Unstructured
	set := func(value any, path ...string) func(*object) {
		return func(o *object) {
			if err := unstructured.SetNestedField(o.Object, value, path...); err != nil {
				t.Error(err)
			}
		}
	}
	marks := func(upstream string) func(*object) {
		return func(o *object) {
			o.SetLabels(map[string]string{api.UpstreamLabel: upstream, api.VirtualNodeLabel: "east"})
			o.SetAnnotations(map[string]string{api.UpstreamUIDAnnotation: "u1"})
		}
	}
	sees := func(objects ...*object) func(*history) {
		return func(h *history) {
			for _, o := range objects {
				h.SeesObject("eastern", o, h.later())
			}
		}
	}
	tests := map[string]struct {
		reason string
		tell   func(*history)
		want   string
	}{
		"good":           {"The same again.", sees(thing("ConfigMap", "o1"), thing("ConfigMap", "o1")), ""},
		"good-pod":       {"A pod's kubelet and scheduler write.", sees(thing("Pod", "o1", set("x", "spec", "x")), thing("Pod", "o1", set("x", "spec", "x"), set("node", "spec", "nodeName"), set("Running", "status", "phase"), set("2", "metadata", "resourceVersion"))), ""},
		"good-ours":      {"Ours may change.", sees(thing("Secret", "o1", marks("id")), thing("Secret", "o1", marks("id"), set("2", "data", "key"))), ""},
		"good-elsewhere": {"Other namespaces are not guarded.", sees(thing("Secret", "o1", set("other", "metadata", "namespace")), thing("Secret", "o2", set("other", "metadata", "namespace"))), ""},
		"data":           {"Its data changed.", sees(thing("ConfigMap", "o1"), thing("ConfigMap", "o1", set("2", "data", "key"))), "is not ours and was changed, last by nobody knows whom"},
		"labels":         {"Its labels changed.", sees(thing("Pod", "o1"), thing("Pod", "o1", set("b", "metadata", "labels", "a"))), "is not ours and was changed, last by nobody knows whom"},
		"annotations":    {"Its annotations changed.", sees(thing("Service", "o1"), thing("Service", "o1", set("b", "metadata", "annotations", "a"))), "is not ours and was changed, last by nobody knows whom"},
		"other-upstream": {"It is another upstream cluster's.", sees(thing("Pod", "o1", marks("other")), thing("Pod", "o1", marks("other"), set("2", "spec", "x"))), "is not ours and was changed, last by nobody knows whom"},
		"written":        {"It was changed and changed back.", sees(thing("ConfigMap", "o1"), thing("ConfigMap", "o1", set("2", "metadata", "resourceVersion"))), "is not ours and was written, last by nobody knows whom"},
		"anew":           {"It was made anew.", sees(thing("ConfigMap", "o1"), thing("ConfigMap", "o2")), "is not ours and was deleted and made anew"},
		"asked": {"It was asked to go.", sees(thing("Pod", "o1"), thing("Pod", "o1", func(o *object) {
			o.SetDeletionTimestamp(&metav1.Time{Time: newHistory().now})
		})), "is not ours and was asked to go"},
		"gone": {"It was deleted.", func(h *history) {
			sees(thing("Pod", "o1"))(h)
			h.SeesObjectGone("eastern", thing("Pod", "o1"), h.later())
		}, "is not ours and was deleted"},
		"gone-unseen": {"It is missing in a list.", func(h *history) {
			sees(thing("Pod", "o1"), thing("Secret", "o2"))(h)
			h.ListsObjects("eastern", "Pod", nil, h.later())
		}, "is not ours and was deleted"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			h := newHistory()
			tt.tell(h)
			got := ""
			for _, v := range h.Violations() {
				got += v.What
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("%s\n-want +got:\n%s", tt.reason, diff)
			}
		})
	}
}
