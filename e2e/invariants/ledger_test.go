package invariants

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"

	"github.com/spillway-io/spillway/api"
)

// TestPods: for each invariant about pods a history that keeps it, and histories
// that break it in every way there is.
func TestPods(t *testing.T) {
	web, webBelow := above("web", "u1"), below("web", "d1", "u1")
	member := labelled(appsv1.StatefulSetPodNameLabel, "db-0")
	tests := map[string]struct {
		reason string
		tell   func(*history)
		want   []string
	}{
		"good-life": {
			reason: "A pod that runs, is taken away and goes, violates nothing.",
			tell: func(h *history) {
				h.runs(web, webBelow)
				h.TakesAway("u1")
				h.sees("upstream", with(web, running, asked))
				h.sees("eastern", with(webBelow, running, asked))
				h.seesGone("eastern", with(webBelow, running, asked))
				h.seesGone("upstream", with(web, running, asked))
				h.confirms("upstream")
			},
		},
		"good-late": {
			reason: "The downstream deletion is seen before the upstream one: no violation, as the list shows.",
			tell: func(h *history) {
				h.runs(web, webBelow)
				h.TakesAway("u1")
				h.sees("eastern", with(webBelow, running, asked))
				h.confirms("upstream", *with(web, running, asked))
				h.seesGone("eastern", with(webBelow, running, asked))
			},
		},
		"good-rollout": {
			reason: "A container may be started again for another image.",
			tell: func(h *history) {
				h.runs(web, webBelow)
				h.sees("eastern", with(webBelow, running, func(pod *corev1.Pod) { pod.Spec.Containers[0].Image = "app:2" }))
				h.sees("eastern", with(webBelow, running, containerIs(func(s *corev1.ContainerStatus) { s.RestartCount, s.ContainerID = 1, "c-2" })))
			},
		},
		"good-others": {
			reason: "Pods of other nodes, other upstream clusters and other virtual nodes are none of ours.",
			tell: func(h *history) {
				h.sees("upstream", with(web, on("metal-1"), in(corev1.PodFailed)))
				h.runs(web, webBelow)
				h.sees("eastern", below("web", "d2", "u1", running, on("west")))
				h.sees("eastern", below("web", "d3", "u1", running, labelled("spillway.io/upstream", "other")))
			},
		},
		"start-twice": {
			reason: "Two downstream pods were started for one upstream pod, also one after the other.",
			tell: func(h *history) {
				h.runs(web, webBelow)
				h.lists("eastern", *below("web", "d2", "u1", running))
			},
			want: []string{"OneStart: eastern shop/web (d1), eastern shop/web (d2)"},
		},
		"start-elsewhere": {
			reason: "Two downstream clusters run one upstream pod.",
			tell: func(h *history) {
				h.runs(web, webBelow)
				h.sees("western", below("web", "d2", "u1", running, on("west")))
			},
			want: []string{"OneStart: eastern shop/web (d1), western shop/web (d2)"},
		},
		"start-restarted": {
			reason: "A container was started again.",
			tell: func(h *history) {
				h.runs(web, webBelow)
				h.sees("eastern", with(webBelow, running, containerIs(func(s *corev1.ContainerStatus) { s.RestartCount = 1 })))
			},
			want: []string{"OneStart: eastern shop/web (d1)"},
		},
		"start-another-container": {
			reason: "A second container id is a second start, whatever the restartCount says.",
			tell: func(h *history) {
				h.runs(web, webBelow)
				h.sees("eastern", with(webBelow, running, containerIs(func(s *corev1.ContainerStatus) { s.ContainerID = "c-2" })))
			},
			want: []string{"OneStart: eastern shop/web (d1)"},
		},
		"kept-asked": {
			reason: "A downstream pod was asked to go while its upstream pod lived, as a later list proves.",
			tell: func(h *history) {
				h.runs(web, webBelow)
				h.sees("eastern", with(webBelow, running, asked))
				h.confirms("upstream", *with(web, running))
			},
			want: []string{"Kept: eastern shop/web (d1)"},
		},
		"kept-gone": {
			reason: "A downstream pod went in an instant, and the upstream pod is not even known yet.",
			tell: func(h *history) {
				h.sees("eastern", webBelow)
				h.seesGone("eastern", webBelow)
				h.confirms("upstream", *web)
			},
			want: []string{"Kept: eastern shop/web (d1)"},
		},
		"kept-gone-and-failed": {
			reason: "The upstream pod failed for it before anybody could ask.",
			tell: func(h *history) {
				h.runs(web, webBelow)
				h.seesGone("eastern", with(webBelow, running))
				h.confirms("upstream", *with(web, running, in(corev1.PodFailed)))
			},
			want: []string{"Kept: eastern shop/web (d1)"},
		},
		"good-ended": {
			reason: "The downstream pod of a pod that is over may go.",
			tell: func(h *history) {
				h.runs(web, webBelow)
				h.sees("eastern", with(webBelow, running, in(corev1.PodSucceeded)))
				h.sees("upstream", with(web, running, in(corev1.PodSucceeded)))
				h.sees("eastern", with(webBelow, running, in(corev1.PodSucceeded), asked))
			},
		},
		"kept-gone-unseen": {
			reason: "A downstream pod is missing in a list.",
			tell: func(h *history) {
				h.runs(web, webBelow)
				h.lists("eastern")
				h.confirms("upstream", *with(web, running))
			},
			want: []string{"Kept: eastern shop/web (d1)"},
		},
		"lived-failed": {
			reason: "An upstream pod failed.",
			tell:   func(h *history) { h.sees("upstream", with(web, in(corev1.PodFailed))) },
			want:   []string{"Lived: upstream shop/web (u1)"},
		},
		"lived-failed-before": {
			reason: "An upstream pod failed before the scenario deleted it.",
			tell: func(h *history) {
				h.TakesAway("u1")
				h.sees("upstream", with(web, in(corev1.PodFailed)))
			},
			want: []string{"Lived: upstream shop/web (u1)"},
		},
		"lived-deleted": {
			reason: "Somebody else than the scenario deleted an upstream pod.",
			tell:   func(h *history) { h.sees("upstream", with(web, asked)) },
			want:   []string{"Lived: upstream shop/web (u1)"},
		},
		"lived-vanished": {
			reason: "An upstream pod is missing in a list.",
			tell: func(h *history) {
				h.sees("upstream", web)
				h.lists("upstream")
			},
			want: []string{"Lived: upstream shop/web (u1)"},
		},
		"lived-released": {
			reason: "The controller of a workload that is scaled in deletes a pod; that is no violation. An eviction is.",
			tell: func(h *history) {
				h.Releases("shop")
				h.sees("upstream", with(web, labelled(WorkloadLabel, "shop"), asked))
				h.sees("upstream", above("api", "u2", labelled(WorkloadLabel, "shop"), asked, evicted))
			},
			want: []string{"Lived: upstream shop/api (u2)"},
		},
		"completed-started-twice": {
			reason: "A second pod was started for an index, and the first was not even deleted.",
			tell: func(h *history) {
				h.runs(above("sum-0-a", "u1", ofIndex("0")), below("sum-0-a", "d1", "u1"))
				h.sees("upstream", above("sum-0-b", "u2", ofIndex("0")))
				h.sees("eastern", below("sum-0-b", "d2", "u2", running))
			},
			want: []string{"Completed: upstream shop/sum-0-a (u1), upstream shop/sum-0-b (u2)"},
		},
		"completed-succeeded-twice": {
			reason: "Two pods of an index succeeded.",
			tell: func(h *history) {
				h.sees("upstream", above("sum-1-a", "u1", ofIndex("1"), in(corev1.PodSucceeded)))
				h.sees("upstream", above("sum-1-b", "u2", ofIndex("1"), in(corev1.PodSucceeded)))
			},
			want: []string{"Completed: upstream shop/sum-1-a (u1), upstream shop/sum-1-b (u2)"},
		},
		"completed-never": {
			reason: "An index of a Job that is to be done did not succeed; the other did.",
			tell: func(h *history) {
				h.runs(above("sum-0", "u1", ofIndex("0")), below("sum-0", "d1", "u1"))
				h.sees("upstream", above("sum-0", "u1", ofIndex("0"), in(corev1.PodSucceeded)))
				h.Completes([]batchv1.Job{job(2)}, h.later())
			},
			want: []string{"Completed: upstream Job shop/sum (job)"},
		},
		"good-pair": {
			reason: "An API server ended before it told a Job's controller of the first pod: both pods run until the controller deletes one.",
			tell: func(h *history) {
				first := h.interrupted()
				h.lists("upstream", *first, *above("sum-0-b", "u2", ofIndex("0"), made(h.later())))
				h.Answers(h.later())
				h.runs(first, below("sum-0-a", "d1", "u1"))
				h.runs(above("sum-0-b", "u2", ofIndex("0")), below("sum-0-b", "d2", "u2"))
				h.sees("upstream", above("sum-0-b", "u2", ofIndex("0"), asked))
				h.sees("upstream", with(first, in(corev1.PodSucceeded)))
				h.Completes([]batchv1.Job{job(1)}, h.later())
			},
		},
		"pair-of-a-failed-pod": {
			reason: "The first pod failed, so the outage is not why there is a second.",
			tell: func(h *history) {
				first := h.interrupted()
				h.runs(first, below("sum-0-a", "d1", "u1"))
				h.sees("upstream", with(first, in(corev1.PodFailed)))
				h.runs(above("sum-0-b", "u2", ofIndex("0"), made(h.later())), below("sum-0-b", "d2", "u2"))
			},
			want: []string{"Lived: upstream shop/sum-0-a (u1)", "Completed: upstream shop/sum-0-a (u1), upstream shop/sum-0-b (u2)"},
		},
		"pair-of-another-time": {
			reason: "The first pod was made long before the outage, the second after it.",
			tell: func(h *history) {
				h.runs(above("sum-0-a", "u1", ofIndex("0"), made(h.now.Add(-time.Minute))), below("sum-0-a", "d1", "u1"))
				h.Interrupts(h.later())
				h.Answers(h.later())
				h.runs(above("sum-0-b", "u2", ofIndex("0"), made(h.later())), below("sum-0-b", "d2", "u2"))
			},
			want: []string{"Completed: upstream shop/sum-0-a (u1), upstream shop/sum-0-b (u2)"},
		},
		"pair-and-a-third": {
			reason: "Of an index that has a pair, one more was started.",
			tell: func(h *history) {
				h.runsPair()
				h.runs(above("sum-0-c", "u3", ofIndex("0"), made(h.later())), below("sum-0-c", "d3", "u3"))
			},
			want: []string{"Completed: upstream shop/sum-0-a (u1), upstream shop/sum-0-b (u2), upstream shop/sum-0-c (u3)"},
		},
		"pair-evicted": {
			reason: "Not the controller ends one of a pair.",
			tell: func(h *history) {
				h.runsPair()
				h.sees("upstream", above("sum-0-b", "u2", ofIndex("0"), asked, evicted))
			},
			want: []string{"Lived: upstream shop/sum-0-b (u2)"},
		},
		"identity-one-cluster": {
			reason: "Two pods of one identity are Running in one cluster, in two namespaces that stand for one.",
			tell: func(h *history) {
				other := func(pod *corev1.Pod) {
					pod.Namespace = "elsewhere"
					pod.Annotations[api.UpstreamNamespaceAnnotation] = "shop"
				}
				h.sees("eastern", below("db-0", "d1", "u1", member, running))
				h.sees("eastern", below("db-0", "d2", "u2", member, running, other))
			},
			want: []string{"Identity: eastern shop/db-0 (d1), eastern elsewhere/db-0 (d2)"},
		},
		"identity-two-clusters": {
			reason: "Two downstream clusters run one identity, and the first still does when it is asked.",
			tell: func(h *history) {
				h.sees("eastern", below("db-0", "d1", "u1", member, running))
				h.sees("western", below("db-0", "d2", "u2", member, running, on("west")))
				h.confirms("eastern", *below("db-0", "d1", "u1", member, running))
			},
			want: []string{"Identity: eastern shop/db-0 (d1), western shop/db-0 (d2)"},
		},
		"identity-moved": {
			reason: "An identity that has ended in one cluster may run in the other, although the watch of the first is late.",
			tell: func(h *history) {
				h.sees("eastern", below("db-0", "d1", "u1", member, running))
				h.sees("western", below("db-0", "d2", "u2", member, running, on("west")))
				h.confirms("eastern")
			},
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			h := newHistory()
			tt.tell(h)
			if diff := cmp.Diff(tt.want, kinds(h.Violations())); diff != "" {
				t.Errorf("%s\n-want +got:\n%s", tt.reason, diff)
			}
			if strings.HasPrefix(name, "good") && len(h.Doubts()) > 0 {
				t.Errorf("%s\nin doubt: %v", tt.reason, h.Doubts())
			}
		})
	}
}
