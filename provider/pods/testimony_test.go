package pods

import (
	"context"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
)

// TestTestimony: an end counts as seen only if it is that of the pod whose deletion the
// API server accepted from us, on behalf of the upstream pod that is asked about.
func TestTestimony(t *testing.T) {
	noon := time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)
	deletes := func(r *Reconciler) { r.testimony.deletes(key, "up", "down") }
	accepted := func(r *Reconciler) { r.testimony.deleted(key) }
	announced := func(options ...option) func(*Reconciler) {
		return func(r *Reconciler) {
			r.announce(t.Context(), event.TypedDeleteEvent[*corev1.Pod]{Object: twin(options...)})
		}
	}
	released := func(r *Reconciler) { r.testimony.released(key, "up", noon) }
	cases := map[string]struct {
		reason      string
		steps       []func(*Reconciler)
		upstream    *corev1.Pod
		after       time.Duration
		ended, left bool
	}{
		"nothing":   {"of a pod that nobody touched nothing is known", nil, upstream(), 0, false, false},
		"seen":      {"asked for, accepted, announced", []func(*Reconciler){deletes, accepted, announced()}, upstream(), 0, true, false},
		"quick":     {"an end may be announced before the answer arrives", []func(*Reconciler){deletes, announced(), accepted}, upstream(), 0, true, false},
		"refused":   {"the pod that was there may have been another one", []func(*Reconciler){deletes, announced()}, upstream(), 0, false, false},
		"early":     {"an end before the deletion says nothing of a pod that came after it", []func(*Reconciler){announced(), deletes, accepted}, upstream(), 0, false, false},
		"other":     {"another pod's end is another pod's", []func(*Reconciler){deletes, accepted, announced(uid("newer"))}, upstream(), 0, false, false},
		"unnamed":   {"what a list lacked has no UID", []func(*Reconciler){deletes, accepted, announced(uid(""))}, upstream(), 0, false, false},
		"again":     {"a deletion that is asked for again begins anew", []func(*Reconciler){deletes, accepted, announced(), deletes}, upstream(), 0, false, false},
		"successor": {"the next upstream pod of that name has not ended", []func(*Reconciler){deletes, accepted, announced()}, upstream(uid("next")), 0, false, false},
		"created":   {"nor has a downstream pod that is to be created", []func(*Reconciler){deletes, accepted, announced(), func(r *Reconciler) { r.testimony.creates(key) }}, upstream(), 0, false, false},
		"released":  {"what is being removed needs no second request", []func(*Reconciler){deletes, accepted, announced(), released}, upstream(), time.Second, true, true},
		"stays":     {"what is still there after that does", []func(*Reconciler){released}, upstream(), releasing, false, false},
		"set-back":  {"a clock that was set back does not delay it", []func(*Reconciler){released}, upstream(), -time.Minute, false, false},
		"released-next": {
			"the removal of a pod is not that of the next one",
			[]func(*Reconciler){released},
			upstream(uid("next")),
			0, false, false,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			r := &Reconciler{Node: testNode()}
			for _, step := range tc.steps {
				step(r)
			}
			ended, left := r.testimony.about(key, tc.upstream, noon.Add(tc.after))
			if ended != tc.ended || left != tc.left {
				t.Errorf("%s: ended %v, leaving %v", tc.reason, ended, left)
			}
			r.testimony.about(key, nil, noon)
			if len(r.testimony.known) > 0 {
				t.Error("it remembers a pod that is gone")
			}
		})
	}
}

// announce is the event that an informer hands to the reconciler.
func (r *Reconciler) announce(ctx context.Context, e event.TypedDeleteEvent[*corev1.Pod]) {
	queue := workqueue.NewTypedRateLimitingQueue(workqueue.DefaultTypedControllerRateLimiter[reconcile.Request]())
	defer queue.ShutDown()
	r.handle().Delete(ctx, e, queue)
}

// TestTestimonyOfLists: an informer that found a pod missing says so.
func TestTestimonyOfLists(t *testing.T) {
	r := &Reconciler{Node: testNode()}
	r.testimony.deletes(key, "up", "down")
	r.testimony.deleted(key)
	r.announce(t.Context(), event.TypedDeleteEvent[*corev1.Pod]{Object: twin(), DeleteStateUnknown: true})
	if ended, _ := r.testimony.about(key, upstream(), time.Now()); ended {
		t.Error("a pod that a list lacked counts as ended")
	}
}

// TestAnnounced: an end that was announced lets the upstream pod go, and decides nothing
// else.
func TestAnnounced(t *testing.T) {
	cases := map[string]struct {
		reason string
		world  World
		want   plan
	}{
		"finish": {
			reason: "whose end was announced after we deleted it needs no reading",
			world:  World{Upstream: upstream(deleting(12)), Ended: true},
			want:   plan{Row: RowFinish, DeleteUpstream: true},
		},
		"finish-with-finalizer": {
			reason: "which says nothing of the upstream pod",
			world:  World{Upstream: upstream(deleting(12), held, phase(corev1.PodRunning)), Ended: true},
			want:   plan{Row: RowFinish, Confirm: Upstream},
		},
		"finish-leaving": {
			reason: "the API server that is removing the pod is left in peace, but not trusted for ever",
			world:  World{Upstream: upstream(deleting(0)), Ended: true, Leaving: true},
			want:   plan{Row: RowFinish, Again: releasing},
		},
		"lost": {
			reason: "a pod that nobody upstream deleted is given up only by reading",
			world:  World{Upstream: upstream(started, phase(corev1.PodRunning)), Ended: true},
			want:   plan{Row: RowLost, Confirm: Downstream},
		},
		"create": {
			reason: "nor does an announced end spare any reading before a pod is created",
			world:  World{Upstream: upstream(), Ended: true},
			want:   plan{Row: RowCreate, Confirm: Upstream},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, summary(Plan(tc.world, testNode()))); diff != "" {
				t.Errorf("%s: -want +got:\n%s", tc.reason, diff)
			}
		})
	}
}
