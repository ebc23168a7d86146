package orphans

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/spillway-io/spillway/provider/translate"
	"github.com/spillway-io/spillway/webhook/stash"
)

func identity() translate.Identity {
	return translate.Identity{
		UpstreamID: "cluster", Node: stash.VirtualNode{Name: "east"},
		Namespaces: translate.Namespaces{Prefix: "up-"},
	}
}

type option func(*corev1.Pod)

// above is the i-th upstream pod.
func above(i int, options ...option) corev1.Pod {
	name := fmt.Sprintf("web-%04d", i)
	pod := corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: name, UID: types.UID("up-" + name)}, Spec: corev1.PodSpec{NodeName: "east"}}
	for _, o := range options {
		o(&pod)
	}
	return pod
}

// below is its downstream pod.
func below(i int, options ...option) corev1.Pod {
	up := above(i)
	pod := corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: "up-shop", Name: up.Name, UID: types.UID("down-" + up.Name)},
		Status:     corev1.PodStatus{Phase: corev1.PodRunning},
	}
	identity().Mark(&pod.ObjectMeta, up.UID)
	for _, o := range options {
		o(&pod)
	}
	return pod
}

// pods are those from one number to another.
func pods(of func(int, ...option) corev1.Pod, from, to int, options ...option) []corev1.Pod {
	all := make([]corev1.Pod, 0, to-from)
	for i := from; i < to; i++ {
		all = append(all, of(i, options...))
	}
	return all
}

func phase(to corev1.PodPhase) option { return func(p *corev1.Pod) { p.Status.Phase = to } }

func going(p *corev1.Pod) { p.DeletionTimestamp = new(metav1.Unix(2000, 0)) }

func uid(u types.UID) option { return func(p *corev1.Pod) { p.UID = u } }

func on(node string) option { return func(p *corev1.Pod) { p.Spec.NodeName = node } }

// deleted are the first n orphans, deleted so long before now.
func deleted(n int, ago time.Duration) map[types.UID]time.Time {
	all := map[types.UID]time.Time{}
	for i := range n {
		all[below(i).UID] = now().Add(-ago)
	}
	return all
}

// witnessed are the first n upstream pods, whose deletion was announced so long ago.
func witnessed(n int, ago time.Duration) map[types.UID]time.Time {
	all := map[types.UID]time.Time{}
	for i := range n {
		all[above(i).UID] = now().Add(-ago)
	}
	return all
}

// there are upstream pods of which the watch has told nothing else.
func there(from, to int) map[types.NamespacedName]bool {
	all := map[types.NamespacedName]bool{}
	for _, pod := range pods(above, from, to) {
		all[nameOf(&pod)] = true
	}
	return all
}

func now() time.Time { return time.Unix(10_000, 0) }

func TestJudge(t *testing.T) {
	type want struct {
		Orphans, Ours int
		Mass          bool
		Witnessed     int
		Pending       int
	}
	over := phase(corev1.PodSucceeded)
	cases := map[string]struct {
		reason            string
		upstream          []corev1.Pod
		downstream        []corev1.Pod
		deleted           map[types.UID]time.Time
		witnessed         map[types.UID]time.Time
		there             map[types.NamespacedName]bool
		want              want
		firstUpstreamName string
	}{
		"none":        {reason: "all have theirs", upstream: pods(above, 0, 20), downstream: pods(below, 0, 20), want: want{Ours: 20}},
		"terminating": {reason: "a pod stays upstream until its downstream pod is gone", upstream: pods(above, 0, 20, going), downstream: pods(below, 0, 20, going), want: want{Ours: 20}},
		"one": {
			reason: "it is gone upstream", upstream: pods(above, 1, 20), downstream: pods(below, 0, 20), want: want{Orphans: 1, Ours: 20},
			firstUpstreamName: "shop/web-0000",
		},
		"elsewhere":   {reason: "an upstream pod on another node is not ours to run", upstream: pods(above, 0, 1, on("west")), downstream: pods(below, 0, 1), want: want{Orphans: 1, Ours: 1}},
		"predecessor": {reason: "a name that has a successor here is the reconciler's", upstream: pods(above, 0, 1, uid("next")), downstream: pods(below, 0, 1), want: want{Ours: 1}},
		"going":       {reason: "a deletion is asked for once", downstream: pods(below, 0, 20, going), want: want{Ours: 20}},
		"foreign": {
			reason:     "of others, of other virtual nodes, of namespaces that stand for none",
			downstream: slices.Concat(pods(below, 0, 20, func(p *corev1.Pod) { p.Labels = nil }), pods(below, 20, 40, func(p *corev1.Pod) { p.Namespace = "shop" })),
		},
		"all-of-ten":        {reason: "few are deleted whatever share they are", downstream: pods(below, 0, 10), want: want{Orphans: 10, Ours: 10}},
		"all-of-eleven":     {reason: "more are not", downstream: pods(below, 0, 11), want: want{Orphans: 11, Ours: 11, Mass: true}},
		"half":              {reason: "half of them are", upstream: pods(above, 50, 100), downstream: pods(below, 0, 100), want: want{Orphans: 50, Ours: 100}},
		"more-than-half":    {reason: "and not one more", upstream: pods(above, 51, 100), downstream: pods(below, 0, 100), want: want{Orphans: 51, Ours: 100, Mass: true}},
		"empty-upstream":    {reason: "an upstream list without anything", downstream: pods(below, 0, 5000), want: want{Orphans: 5000, Ours: 5000, Mass: true}},
		"empty-downstream":  {reason: "a downstream list without anything", upstream: pods(above, 0, 5000)},
		"partial-upstream":  {reason: "an upstream list that was cut off", upstream: pods(above, 0, 500), downstream: pods(below, 0, 5000), want: want{Orphans: 4500, Ours: 5000, Mass: true}},
		"partial-both-ways": {reason: "a downstream list that was cut off shows fewer to compare with", upstream: pods(above, 0, 80), downstream: pods(below, 75, 95), want: want{Orphans: 15, Ours: 20, Mass: true}},
		"trickle": {
			reason: "eight at a time are as many as all at once, in the end", upstream: pods(above, 2508, 5000), downstream: pods(below, 2500, 5000),
			deleted: deleted(2500, time.Minute), want: want{Orphans: 8, Ours: 5000, Mass: true},
		},
		"trickle-allowed": {
			reason: "until they are half", upstream: pods(above, 2500, 5000), downstream: pods(below, 2492, 5000),
			deleted: deleted(2492, time.Minute), want: want{Orphans: 8, Ours: 5000},
		},
		"trickle-still-going": {
			reason: "those that are not gone yet count once", upstream: pods(above, 8, 16), downstream: slices.Concat(pods(below, 0, 6, going), pods(below, 6, 16)),
			deleted: deleted(6, time.Minute), want: want{Orphans: 2, Ours: 16},
		},
		"long-ago": {
			reason: "what was deleted long ago does not count", upstream: pods(above, 2508, 5000), downstream: pods(below, 2500, 5000),
			deleted: deleted(2500, window), want: want{Orphans: 8, Ours: 2500},
		},
		"over": {
			reason:   "API servers remove pods that are over without asking us: a namespace of Jobs is none of a guard's business",
			upstream: pods(above, 0, 3), downstream: slices.Concat(pods(below, 0, 3), pods(below, 3, 100, over)), want: want{Orphans: 97, Ours: 100},
		},
		"over-beside-many": {
			reason: "nor do they make many that run look few", downstream: slices.Concat(pods(below, 0, 11), pods(below, 11, 100, over)),
			want: want{Orphans: 100, Ours: 100, Mass: true},
		},
		"witnessed": {
			reason: "an announcement is no lie, however many there are", downstream: pods(below, 0, 100), witnessed: witnessed(100, time.Second),
			want: want{Orphans: 100, Ours: 100, Witnessed: 100},
		},
		"witnessed-beside-many": {
			reason: "it says nothing of others", upstream: pods(above, 99, 100), downstream: pods(below, 0, 100), witnessed: witnessed(80, time.Second),
			want: want{Orphans: 99, Ours: 100, Mass: true, Witnessed: 80},
		},
		"witnessed-beside-few": {
			reason: "nor does it make others many", upstream: pods(above, 90, 100), downstream: pods(below, 0, 100), witnessed: witnessed(80, time.Second),
			want: want{Orphans: 90, Ours: 100, Witnessed: 80},
		},
		"witnessed-going": {
			reason: "nor few, while they end", upstream: pods(above, 95, 100), downstream: slices.Concat(pods(below, 0, 80, going), pods(below, 80, 100)),
			witnessed: witnessed(80, time.Second), want: want{Orphans: 15, Ours: 100, Mass: true},
		},
		"witnessed-long-ago": {
			reason: "by then it is as good as none", downstream: pods(below, 0, 11), witnessed: witnessed(11, window),
			want: want{Orphans: 11, Ours: 11, Mass: true},
		},
		"witnessed-another": {
			reason: "of pods of the same names, and not of these", downstream: pods(below, 0, 11, func(p *corev1.Pod) { p.Annotations["spillway.io/upstream-uid"] = "before" }),
			witnessed: witnessed(11, time.Second), want: want{Orphans: 11, Ours: 11, Mass: true},
		},
		"pending": {
			reason: "a list that is ahead of the watch has to wait for it", upstream: pods(above, 15, 20), downstream: pods(below, 0, 20),
			there: there(2, 20), witnessed: witnessed(1, time.Second), want: want{Orphans: 2, Ours: 20, Witnessed: 1, Pending: 13},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			verdict := Judge(Known{
				Downstream: tc.downstream, Upstream: tc.upstream, Deleted: tc.deleted, Witnessed: tc.witnessed, There: tc.there, Now: now(),
			}, identity())
			got := want{Orphans: len(verdict.Orphans), Ours: verdict.Ours, Mass: verdict.Mass, Pending: verdict.Pending}
			for _, o := range verdict.Orphans {
				if o.Witnessed {
					got.Witnessed++
				}
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("%s: Judge(): -want +got:\n%s", tc.reason, diff)
			}
			if tc.firstUpstreamName != "" && verdict.Orphans[0].Upstream.String() != tc.firstUpstreamName {
				t.Errorf("%s: the first orphan is %v, want %s", tc.reason, verdict.Orphans[0], tc.firstUpstreamName)
			}
		})
	}
}

func TestGone(t *testing.T) {
	pod := below(0)
	o := orphan(&pod, types.NamespacedName{Namespace: "shop", Name: pod.Name})
	cases := map[string]struct {
		upstream *corev1.Pod
		want     bool
	}{
		"gone":      {nil, true},
		"there":     {new(above(0)), false},
		"successor": {new(above(0, uid("next"))), true},
		"elsewhere": {new(above(0, on("west"))), true},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if got := o.Gone(tc.upstream, "east"); got != tc.want {
				t.Errorf("Gone() = %v, want %v", got, tc.want)
			}
		})
	}
}

func TestAllowance(t *testing.T) {
	for value, want := range map[string]int{"": 0, "20": 20, "007": 7, "0": 0, "-3": 0, "all": 0, "true": 0, "99999999999999999999": 0} {
		node := &corev1.Node{}
		node.Annotations = map[string]string{"spillway.io/delete-orphans": value}
		if got := allowance(node).number; got != want {
			t.Errorf("allowance of %q is %d, want %d", value, got, want)
		}
	}
	want := `[{"op":"test","path":"/metadata/annotations/spillway.io~1delete-orphans","value":"20"},{"op":"remove","path":"/metadata/annotations/spillway.io~1delete-orphans"}]`
	if patch, err := spending(asked{value: "20", number: 20}); err != nil || string(patch) != want {
		t.Errorf("spending 20 is %s (%v), want %s", patch, err, want)
	}
}
