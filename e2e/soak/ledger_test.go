package soak

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/spillway-io/spillway/api"
)

func beginning() time.Time { return time.Unix(0, 0) }

// above and below are pods as they are seen in either cluster, the latter of the former
// with the UID a.
func above(uid, node string, phase corev1.PodPhase, leaving bool) *corev1.Pod {
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: uid, UID: types.UID(uid)},
		Spec:       corev1.PodSpec{NodeName: node}, Status: corev1.PodStatus{Phase: phase},
	}
	if leaving {
		pod.DeletionTimestamp = &metav1.Time{Time: beginning()}
	}
	return pod
}

func below(uid string, phase corev1.PodPhase, leaving bool) *corev1.Pod {
	pod := above(uid, "metal", phase, leaving)
	pod.Annotations = map[string]string{api.UpstreamUIDAnnotation: "a"}
	return pod
}

func inOwn(pod *corev1.Pod) *corev1.Pod {
	pod.Annotations = map[string]string{api.MatchedWorkloadSpreadAnnotation: `{"name":"web","subset":"own"}`}
	return pod
}

func restarted(pod *corev1.Pod) *corev1.Pod {
	pod.Status.ContainerStatuses = []corev1.ContainerStatus{{Name: "app", RestartCount: 1}}
	return pod
}

// begins and ends are what is seen of a pod that is as it should be.
func begins(l *Ledger) {
	l.Above(above("a", "", corev1.PodPending, false), false)
	l.Above(above("a", "east", corev1.PodPending, false), false)
	l.Below(below("b", corev1.PodPending, false), false, beginning())
	l.Below(below("b", corev1.PodRunning, false), false, beginning())
	l.Above(above("a", "east", corev1.PodRunning, false), false)
}

func ends(l *Ledger) {
	l.Above(above("a", "east", corev1.PodRunning, true), false)
	l.Below(below("b", corev1.PodRunning, true), false, beginning())
	l.Below(below("b", corev1.PodRunning, true), true, beginning())
	l.Above(above("a", "east", corev1.PodRunning, true), true)
}

func TestLedger(t *testing.T) {
	minute := beginning().Add(time.Minute)
	cases := map[string]struct {
		reason  string
		happens func(*Ledger)
		want    Totals
		alive   int
		says    string
	}{
		"whole-life": {
			"a pod ran once and ended in both clusters",
			func(l *Ledger) { begins(l); ends(l); l.Look(minute) },
			Totals{Created: 1, Virtual: 1, Ran: 1, Ended: 1, Downstream: 1},
			0, "",
		},
		"own": {
			"a pod on an own machine has none downstream",
			func(l *Ledger) {
				l.Above(above("a", "own-1", corev1.PodRunning, false), false)
				l.Above(above("a", "own-1", corev1.PodRunning, true), true)
			},
			Totals{Created: 1, Ran: 1, Ended: 1},
			0, "",
		},
		"early": {
			"a pod that was deleted at once may be heard of downstream at last",
			func(l *Ledger) {
				l.Above(above("a", "east", corev1.PodPending, true), true)
				l.Below(below("b", corev1.PodPending, false), false, beginning())
			},
			Totals{Created: 1, Virtual: 1, Ended: 1, Early: 1},
			0, "",
		},
		"twice": {
			"a second downstream pod",
			func(l *Ledger) {
				begins(l)
				l.Below(below("c", corev1.PodPending, false), false, beginning())
			},
			Totals{Created: 1, Virtual: 1, Ran: 1, Downstream: 2, Violations: 1},
			1, "second downstream pod",
		},
		"again-afterwards": {
			"a downstream pod for one that ended",
			func(l *Ledger) {
				begins(l)
				ends(l)
				l.Below(below("c", corev1.PodPending, false), false, beginning())
			},
			Totals{Created: 1, Virtual: 1, Ran: 1, Ended: 1, Downstream: 1, Violations: 1},
			0, "after its upstream pod",
		},
		"started-again": {
			"the app was started again",
			func(l *Ledger) {
				begins(l)
				l.Below(restarted(below("b", corev1.PodRunning, false)), false, beginning())
			},
			Totals{Created: 1, Virtual: 1, Ran: 1, Downstream: 1, Violations: 1},
			1, "started again",
		},
		"left-over": {
			"a downstream pod that stays is not an end",
			func(l *Ledger) {
				begins(l)
				l.Above(above("a", "east", corev1.PodRunning, true), true)
			},
			Totals{Created: 1, Virtual: 1, Ran: 1, Downstream: 1},
			1, "",
		},
		"never-downstream": {
			"it says that it runs, and is nowhere",
			func(l *Ledger) {
				l.Above(above("a", "east", corev1.PodRunning, false), false)
				l.Above(above("a", "east", corev1.PodRunning, true), true)
			},
			Totals{Created: 1, Virtual: 1, Ran: 1},
			1, "",
		},
		"not-running-downstream": {
			"it says that it runs, and does not",
			func(l *Ledger) {
				l.Above(above("a", "east", corev1.PodRunning, false), false)
				l.Below(below("b", corev1.PodPending, false), false, beginning())
				l.Above(above("a", "east", corev1.PodRunning, true), true)
				l.Below(below("b", corev1.PodPending, true), true, beginning())
			},
			Totals{Created: 1, Virtual: 1, Ran: 1, Ended: 1, Downstream: 1, Violations: 1},
			0, "not downstream",
		},
		"killed-downstream": {
			"nobody asked the upstream pod to go",
			func(l *Ledger) {
				begins(l)
				l.Below(below("b", corev1.PodRunning, true), false, beginning())
				l.Look(minute)
			},
			Totals{Created: 1, Virtual: 1, Ran: 1, Downstream: 1, Violations: 1},
			1, "nobody had asked",
		},
		"watch-behind": {
			"that it was asked is heard of a moment later",
			func(l *Ledger) {
				begins(l)
				l.Below(below("b", corev1.PodRunning, true), false, beginning())
				l.Look(beginning().Add(time.Second))
				ends(l)
				l.Look(minute)
			},
			Totals{Created: 1, Virtual: 1, Ran: 1, Ended: 1, Downstream: 1},
			0, "",
		},
		"failed": {
			"a pod that failed",
			func(l *Ledger) { l.Above(above("a", "east", corev1.PodFailed, false), false) },
			Totals{Created: 1, Virtual: 1, Violations: 1},
			1, "failed",
		},
		"over-cap": {
			"a third pod where two may be",
			func(l *Ledger) {
				for _, uid := range []string{"a", "b", "b", "c"} {
					l.Above(inOwn(above(uid, "own-1", corev1.PodPending, false)), false)
				}
			},
			Totals{Created: 3, Violations: 1},
			3, "may have 2",
		},
		"slot-freed": {
			"a pod that was asked to go holds none",
			func(l *Ledger) {
				for _, uid := range []string{"a", "b"} {
					l.Above(inOwn(above(uid, "own-1", corev1.PodPending, false)), false)
				}
				l.Above(inOwn(above("a", "own-1", corev1.PodPending, true)), false)
				l.Above(inOwn(above("c", "own-1", corev1.PodPending, false)), false)
			},
			Totals{Created: 3},
			3, "",
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			l := NewLedger(Scope{Node: "east", App: "app", Caps: map[string]int{"own": 2}})
			tc.happens(l)
			if diff := cmp.Diff(tc.want, l.Totals()); diff != "" {
				t.Errorf("%s: totals -want +got:\n%s\n%v", tc.reason, diff, l.Violations())
			}
			if alive, _ := l.Alive("shop"); alive != tc.alive {
				t.Errorf("%s: %d pods have not ended, want %d", tc.reason, alive, tc.alive)
			}
			if said := strings.Join(l.Violations(), "\n"); !strings.Contains(said, tc.says) {
				t.Errorf("%s: violations %q, want %q in them", tc.reason, said, tc.says)
			}
		})
	}
}

// TestLedgerMost: it is the most of any namespace, also of one that is forgotten.
func TestLedgerMost(t *testing.T) {
	l := NewLedger(Scope{Node: "east"})
	for _, uid := range []string{"a", "b"} {
		l.Above(inOwn(above(uid, "own-1", corev1.PodPending, false)), false)
	}
	l.Forget("shop")
	l.Above(inOwn(above("c", "own-1", corev1.PodPending, false)), false)
	if got := l.Most("own"); got != 2 {
		t.Errorf("Most() = %d, want 2", got)
	}
}

// TestUnderWay: a pod comes until it runs, and goes until it has ended in both clusters.
func TestUnderWay(t *testing.T) {
	l := NewLedger(Scope{Node: "east", App: "app"})
	var got []int
	for _, sees := range []func(){
		func() {},
		func() { l.Above(above("a", "east", corev1.PodPending, false), false) },
		func() { l.Below(below("b", corev1.PodRunning, false), false, beginning()) },
		func() { l.Above(above("a", "east", corev1.PodRunning, false), false) },
		func() { l.Above(above("a", "east", corev1.PodRunning, true), false) },
		func() { l.Above(above("a", "east", corev1.PodRunning, true), true) },
		func() { l.Below(below("b", corev1.PodRunning, true), true, beginning()) },
	} {
		sees()
		got = append(got, l.UnderWay())
	}
	if diff := cmp.Diff([]int{0, 1, 1, 0, 1, 1, 0}, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}
