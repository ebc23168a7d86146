package pods

import (
	"maps"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/spillway-io/spillway/api"
)

// planCase is a row of the state table in one situation.
type planCase struct {
	reason string
	world  World
	want   plan
}

// TestPlan has every row of the state table.
func TestPlan(t *testing.T) {
	node := testNode()
	cases := rowsOfRunningPods()
	maps.Copy(cases, rowsOfNewPods())
	maps.Copy(cases, rowsOfStrandedPods())
	covered := map[Row]bool{}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			before := World{Upstream: tc.world.Upstream.DeepCopy(), Downstream: tc.world.Downstream.DeepCopy()}
			got := Plan(tc.world, node)
			covered[got.Row] = true
			if diff := cmp.Diff(tc.want, summary(got)); diff != "" {
				t.Errorf("%s: Plan(): -want +got:\n%s", tc.reason, diff)
			}
			if diff := cmp.Diff(before, World{Upstream: tc.world.Upstream, Downstream: tc.world.Downstream}); diff != "" {
				t.Errorf("Plan() modified the pods: -before +after:\n%s", diff)
			}
		})
	}
	for _, row := range []Row{
		RowNothing, RowOrphan, RowPredecessor, RowTerminating, RowFinish, RowEnded, RowStranded, RowMirror, RowLost, RowConflict, RowRefused, RowUnroutable, RowBlocked, RowCreate,
	} {
		if !covered[row] {
			t.Errorf("no case covers the row %q", row)
		}
	}
}

// rowsOfRunningPods are those of pods that were created once, in the table's order.
func rowsOfRunningPods() map[string]planCase {
	return map[string]planCase{
		"nothing-of-nothing": {
			reason: "both pods are gone",
			want:   plan{Row: RowNothing},
		},
		"nothing-foreign": {
			reason: "a foreign downstream pod without an upstream one is none of our business",
			world:  World{Downstream: foreign(), UpstreamLive: true},
			want:   plan{Row: RowNothing},
		},
		"nothing-of-another-virtual-node": {
			reason: "nor is one of another virtual node of the same upstream cluster",
			world:  World{Downstream: twin(func(p *corev1.Pod) { p.Labels[api.VirtualNodeLabel] = "west" }), UpstreamLive: true},
			want:   plan{Row: RowNothing},
		},
		"orphan-unconfirmed": {
			reason: "a cache that has no upstream pod may be empty or behind",
			world:  World{Downstream: twin()},
			want:   plan{Row: RowOrphan, Confirm: Upstream},
		},
		"orphan": {
			reason: "the upstream pod is gone indeed; how many are is not known here",
			world:  World{Downstream: twin(), UpstreamLive: true},
			want:   plan{Row: RowOrphan, Orphan: true},
		},
		"orphan-on-another-node": {
			reason: "a pod of that name that was bound elsewhere is not ours to run",
			world:  World{Upstream: upstream(on("elsewhere"), uid("next")), Downstream: twin(), UpstreamLive: true},
			want:   plan{Row: RowOrphan, Orphan: true},
		},
		"orphan-going": {
			reason: "a deletion is asked for once",
			world:  World{Downstream: twin(deleting(30)), UpstreamLive: true},
			want:   plan{Row: RowOrphan},
		},
		"predecessor-unconfirmed": {
			reason: "the upstream cache may show the old pod while the downstream pod is already the new one's",
			world:  World{Upstream: upstream(uid("next")), Downstream: twin()},
			want:   plan{Row: RowPredecessor, Confirm: Upstream},
		},
		"predecessor": {
			reason: "the old pod of that name must go before the new one is created",
			world:  World{Upstream: upstream(uid("next")), Downstream: twin(), UpstreamLive: true},
			want:   plan{Row: RowPredecessor, Delete: "down", Grace: -1},
		},
		"predecessor-going": {
			reason: "and it is waited for",
			world:  World{Upstream: upstream(uid("next")), Downstream: twin(deleting(30)), UpstreamLive: true},
			want:   plan{Row: RowPredecessor},
		},
		"predecessor-unseen": {
			reason: "and is looked at again where no event may come",
			world:  World{Upstream: upstream(uid("next")), Downstream: twin(deleting(30)), UpstreamLive: true, DownstreamLive: true},
			want:   plan{Row: RowPredecessor, Again: unseenRetry},
		},
		"terminating": {
			reason: "a deletion is passed on with its grace period",
			world:  World{Upstream: upstream(deleting(12)), Downstream: twin()},
			want:   plan{Row: RowTerminating, Delete: "down", Grace: 12},
		},
		"terminating-going": {
			reason: "once",
			world:  World{Upstream: upstream(deleting(12)), Downstream: twin(deleting(12))},
			want:   plan{Row: RowTerminating},
		},
		"terminating-more-urgently": {
			reason: "and again when it has become more urgent",
			world:  World{Upstream: upstream(deleting(2)), Downstream: twin(deleting(12))},
			want:   plan{Row: RowTerminating, Delete: "down", Grace: 2},
		},
		"terminating-unseen": {
			reason: "no event may come for a downstream pod that the cache does not have",
			world:  World{Upstream: upstream(deleting(12)), Downstream: twin(deleting(12)), DownstreamLive: true},
			want:   plan{Row: RowTerminating, Again: unseenRetry},
		},
		"terminating-by-force": {
			reason: "never with grace 0: the downstream pod would be gone while its containers run",
			world:  World{Upstream: upstream(deleting(0)), Downstream: twin(deleting(12))},
			want:   plan{Row: RowTerminating, Delete: "down", Grace: 1},
		},
		"terminating-mirrors": {
			reason: "the last words of the containers are still passed on",
			world:  World{Upstream: upstream(deleting(12), phase(corev1.PodRunning)), Downstream: twin(deleting(12), phase(corev1.PodSucceeded), bound)},
			want:   plan{Row: RowTerminating, Phase: corev1.PodSucceeded, Annotation: "n1"},
		},
		"finish-unconfirmed": {
			reason: "the downstream cache may lag behind our own create",
			world:  World{Upstream: upstream(deleting(12))},
			want:   plan{Row: RowFinish, Confirm: Downstream},
		},
		"finish": {
			reason: "the containers are gone, so the upstream pod may go",
			world:  World{Upstream: upstream(deleting(12)), DownstreamLive: true},
			want:   plan{Row: RowFinish, DeleteUpstream: true},
		},
		"finish-by-force-unfinished": {
			reason: "an API server that lost its etcd in the middle of our own deletion had noted grace 0 and not removed the pod: nobody else will",
			world:  World{Upstream: upstream(deleting(0)), DownstreamLive: true},
			want:   plan{Row: RowFinish, DeleteUpstream: true},
		},
		"finish-beside-foreign": {
			reason: "a foreign pod of that name does not hold ours back",
			world:  World{Upstream: upstream(deleting(12)), Downstream: foreign(), DownstreamLive: true},
			want:   plan{Row: RowFinish, DeleteUpstream: true},
		},
		"finish-with-finalizer-unconfirmed": {
			reason: "the upstream cache may not show yet that the pod has ended well, which the Job controller counts",
			world:  World{Upstream: upstream(deleting(12), held, phase(corev1.PodRunning)), DownstreamLive: true},
			want:   plan{Row: RowFinish, Confirm: Upstream},
		},
		"finish-with-finalizer": {
			reason: "a pod that finalizers keep fails first, so that the Job controller counts it",
			world:  World{Upstream: upstream(deleting(12), held, phase(corev1.PodRunning)), DownstreamLive: true, UpstreamLive: true},
			want:   plan{Row: RowFinish, Phase: corev1.PodFailed, DeleteUpstream: true},
		},
		"finish-with-finalizer-succeeded": {
			reason: "unless it had ended by itself",
			world:  World{Upstream: upstream(deleting(12), held, phase(corev1.PodSucceeded)), DownstreamLive: true},
			want:   plan{Row: RowFinish, DeleteUpstream: true},
		},
		"finish-held": {
			reason: "afterwards the finalizers' owners are waited for",
			world:  World{Upstream: upstream(deleting(0), held, phase(corev1.PodFailed)), DownstreamLive: true},
			want:   plan{Row: RowFinish},
		},
		"ended": {
			reason: "an upstream pod that is over never runs again: nothing is created",
			world:  World{Upstream: upstream(phase(corev1.PodSucceeded)), DownstreamLive: true},
			want:   plan{Row: RowNothing},
		},
		"ended-beside-foreign": {
			reason: "nor is a conflict worth a word then",
			world:  World{Upstream: upstream(phase(corev1.PodFailed)), Downstream: foreign(), DownstreamLive: true},
			want:   plan{Row: RowNothing},
		},
		"ended-both": {
			reason: "a downstream pod that ended stays for its logs",
			world:  World{Upstream: upstream(phase(corev1.PodSucceeded)), Downstream: twin(phase(corev1.PodSucceeded))},
			want:   plan{Row: RowMirror},
		},
		"ended-both-late-news": {
			reason: "what a kubelet says after the end, such as when it really was, goes upstream, too",
			world:  World{Upstream: upstream(phase(corev1.PodSucceeded)), Downstream: twin(phase(corev1.PodSucceeded), started, bound)},
			want:   plan{Row: RowMirror, Phase: corev1.PodSucceeded, Annotation: "n1"},
		},
		"ended-both-differently": {
			reason: "a phase that is final stays, whatever is said later",
			world:  World{Upstream: upstream(phase(corev1.PodFailed)), Downstream: twin(phase(corev1.PodSucceeded), started, bound)},
			want:   plan{Row: RowNothing},
		},
		"ended-both-deleting": {
			reason: "what is being deleted downstream says nothing new",
			world:  World{Upstream: upstream(phase(corev1.PodFailed)), Downstream: twin(phase(corev1.PodFailed), started, bound, deleting(0))},
			want:   plan{Row: RowNothing},
		},
		"ended-upstream-only-unconfirmed": {
			reason: "a downstream pod that seems to run may have ended already",
			world:  World{Upstream: upstream(phase(corev1.PodFailed)), Downstream: twin(phase(corev1.PodRunning))},
			want:   plan{Row: RowEnded, Confirm: Downstream},
		},
		"ended-upstream-only": {
			reason: "a kubelet stops the containers of a pod whose phase is final",
			world:  World{Upstream: upstream(phase(corev1.PodFailed)), Downstream: twin(phase(corev1.PodRunning)), DownstreamLive: true},
			want:   plan{Row: RowEnded, Delete: "down", Grace: -1},
		},
		"mirror-news": {
			reason: "status and downstream node go upstream together",
			world:  World{Upstream: upstream(), Downstream: twin(phase(corev1.PodRunning), started, bound)},
			want:   plan{Row: RowMirror, Phase: corev1.PodRunning, Annotation: "n1"},
		},
		"mirror-no-news": {
			reason: "a status that is already upstream is not written",
			world:  World{Upstream: upstream(phase(corev1.PodRunning), started), Downstream: twin(phase(corev1.PodRunning), started, bound)},
			want:   plan{Row: RowMirror},
		},
		"mirror-change": {
			reason: "a new label is passed on",
			world:  World{Upstream: upstream(func(p *corev1.Pod) { p.Labels = map[string]string{"a": "b"} }), Downstream: twin()},
			want:   plan{Row: RowMirror, Change: true},
		},
		"mirror-deleted-downstream": {
			reason: "what is being deleted downstream is watched to its end",
			world:  World{Upstream: upstream(phase(corev1.PodRunning), started), Downstream: twin(phase(corev1.PodRunning), started, bound, deleting(30)), Now: metav1.Unix(2000, 0)},
			want:   plan{Row: RowMirror, Again: time.Minute},
		},
		"lost-unconfirmed": {
			reason: "the downstream cache may be behind",
			world:  World{Upstream: upstream(phase(corev1.PodRunning), started)},
			want:   plan{Row: RowLost, Confirm: Downstream},
		},
		"lost-half-confirmed": {
			reason: "the upstream cache may not show yet that the pod has ended well",
			world:  World{Upstream: upstream(phase(corev1.PodRunning), started), DownstreamLive: true},
			want:   plan{Row: RowLost, Confirm: Upstream},
		},
		"lost": {
			reason: "a pod that had started is not started a second time",
			world:  World{Upstream: upstream(phase(corev1.PodRunning), started), UpstreamLive: true, DownstreamLive: true},
			want:   plan{Row: RowLost, Phase: corev1.PodFailed, Reason: ReasonLost, Warning: ReasonLost},
		},
		"lost-to-foreign": {
			reason: "nor when somebody took its name meanwhile",
			world:  World{Upstream: upstream(phase(corev1.PodRunning), started), Downstream: foreign(), UpstreamLive: true, DownstreamLive: true},
			want:   plan{Row: RowLost, Phase: corev1.PodFailed, Reason: ReasonLost, Warning: ReasonLost},
		},
	}
}

// TestPlanConfirmsOnce: a plan made from live readings never asks for another.
func TestPlanConfirmsOnce(t *testing.T) {
	pods := []*corev1.Pod{nil, upstream(), upstream(uid("next")), upstream(on("elsewhere")), upstream(deleting(5)), upstream(started), upstream(phase(corev1.PodFailed))}
	for i, up := range pods {
		for j, down := range []*corev1.Pod{nil, foreign(), twin(), twin(deleting(5)), twin(phase(corev1.PodSucceeded))} {
			action := Plan(World{Upstream: up, Downstream: down, UpstreamLive: true, DownstreamLive: true, Prepared: true}, testNode())
			if action.Confirm != Neither || action.Prepare {
				t.Errorf("upstream %d, downstream %d: row %q wants side %d read again", i, j, action.Row, action.Confirm)
			}
		}
	}
}

// TestMirrorHoldsBackTheGeneration: a change is not called observed in the same
// breath in which it is passed on.
func TestMirrorHoldsBackTheGeneration(t *testing.T) {
	up := upstream(func(p *corev1.Pod) {
		p.Generation, p.Status.ObservedGeneration = 2, 1
		p.Spec.Containers[0].Image = "c:2"
	})
	action := Plan(World{Upstream: up, Downstream: twin(started, phase(corev1.PodRunning))}, testNode())
	if action.Change == nil || action.Status == nil || action.Status.ObservedGeneration != 1 {
		t.Errorf("Plan() = %+v, want a change and a status that observed generation 1", action)
	}
}

func TestRejected(t *testing.T) {
	got := summary(World{Upstream: upstream(), Now: metav1.Now()}.Rejected(errBoom))
	want := plan{Row: RowCreate, Phase: corev1.PodFailed, Reason: ReasonRejected, Warning: ReasonRejected}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("Rejected(): -want +got:\n%s", diff)
	}
}
