package spread_test

import (
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/openkruise/kruise-api/apps/v1alpha1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/spillway-io/spillway/webhook/spread"
)

// TestSettledReservationsAreGivenUp: what is written with each batch of a burst does not
// grow with the pods of the last half minute, and says up to where it went.
func TestSettledReservationsAreGivenUp(t *testing.T) {
	gaveUp := func(settled ...string) ledgerOption {
		return func(l *spread.Ledger) {
			l.Turnout = turnoutOf(*l, 0)
			l.Pods = nil
			for _, key := range settled {
				l.Turnout.Settled[key] = true
			}
			l.Turnout.SettledUpTo = 70
		}
	}
	cases := map[string]struct {
		reason string
		ledger spread.Ledger
		held   string
		upTo   string
	}{
		"settled": {
			"one pod has been seen for a while, the other has not",
			ledgerOf("a=9 b", is("a", corev1.ConditionTrue), has(2, "a"), holds("a", 9, "uid-of-a-0", "uid-of-a-1", "unseen"), gaveUp("uid-of-a-0")),
			"new-0 uid-of-a-1 unseen", "70",
		},
		"nothing to give up": {
			"so that nothing is to be noted",
			ledgerOf("a=9 b", is("a", corev1.ConditionTrue), has(1, "a"), holds("a", 9, "uid-of-a-0"), gaveUp()),
			"new-0 uid-of-a-0", "",
		},
		"no place for the note": {
			"the controller has not written a status yet",
			ledgerOf("a=9 b", has(1, "a"), holds("a", 9, "uid-of-a-0"), gaveUp("uid-of-a-0")),
			"new-0 uid-of-a-0", "",
		},
		"noted before": {
			"another replica was ahead",
			ledgerOf("a=9 b", is("a", corev1.ConditionTrue), has(1, "a"), holds("a", 9, "uid-of-a-0"), gaveUp("uid-of-a-0"), upTo("a", "71"), seen(71)),
			"new-0", "71",
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			before := tc.ledger.Spread.DeepCopy()
			choices := tc.ledger.Choose(asks(1))
			if choices.Status == nil {
				t.Fatalf("%s: nothing is to be written", tc.reason)
			}
			held := strings.Join(slices.Sorted(maps.Keys(heldInA(choices.Status))), " ")
			if got := noted(choices.Status); held != tc.held || got != tc.upTo {
				t.Errorf("%s: held %q up to %q, want %q up to %q", tc.reason, held, got, tc.held, tc.upTo)
			}
			if diff := cmp.Diff(before, tc.ledger.Spread); diff != "" {
				t.Errorf("the WorkloadSpread was modified: %s", diff)
			}
		})
	}
}

// TestWhoHasNotSeenThePods: a replica whose cache lacks pods of which another has given
// up the reservations would give their slots away once more.
func TestWhoHasNotSeenThePods(t *testing.T) {
	cases := map[string]struct {
		ledger spread.Ledger
		want   string
	}{
		"behind":                        {ledgerOf("a=1 b", is("a", corev1.ConditionTrue), upTo("a", "70"), seen(69)), "?"},
		"of another":                    {ledgerOf("a=1 b", is("b", corev1.ConditionTrue), upTo("b", "70"), seen(69)), "?"},
		"up to date":                    {ledgerOf("a=1 b", is("a", corev1.ConditionTrue), upTo("a", "70"), seen(70)), "a"},
		"live":                          {ledgerOf("a=1 b", is("a", corev1.ConditionTrue), upTo("a", "70"), seen(69), live), "a"},
		"unreadable":                    {ledgerOf("a=1 b", is("a", corev1.ConditionTrue), upTo("a", "70"), seen(69), unread), "b"},
		"unreadable, and has seen them": {ledgerOf("a=1 b", is("a", corev1.ConditionTrue), upTo("a", "70"), seen(70), unread, wants(0)), "a"},
		"frozen":                        {ledgerOf("a=1 b", is("a", corev1.ConditionTrue), upTo("a", "70"), seen(69), frozen), "b"},
		"nonsense":                      {ledgerOf("a=1 b", is("a", corev1.ConditionTrue), upTo("a", "seventy")), "a"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if got := summary(tc.ledger.Choose(asks(1))); got != tc.want {
				t.Errorf("got %s, want %s", got, tc.want)
			}
		})
	}
}

// TestSettled: a pod has settled when it was first seen so long ago, whatever happened to
// it since, and another pod of its name has not.
func TestSettled(t *testing.T) {
	pod := func(uid, version string) *corev1.Pod {
		pod := podV1("web-0")
		pod.UID, pod.ResourceVersion = types.UID(uid), version
		return marked(spread.Request{Pod: pod}, `{"name":"ws","subset":"a"}`).Pod
	}
	cases := map[string]struct {
		pods []*corev1.Pod
		want bool
	}{
		"seen":         {[]*corev1.Pod{pod("u", "7")}, true},
		"changed":      {[]*corev1.Pod{pod("u", "7"), pod("u", "9")}, true},
		"seen lately":  {[]*corev1.Pod{pod("u", "8")}, false},
		"another pod":  {[]*corev1.Pod{pod("u", "7"), pod("v", "9")}, false},
		"not a number": {[]*corev1.Pod{pod("u", "x")}, false},
	}
	l := ledgerOf("a=1 b", holds("a", 1, "web-0"))
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			var roll spread.Roll
			for _, pod := range tc.pods {
				roll.Put(pod)
			}
			if got := spread.TurnoutOf(l.Spread, l.Now, 7, &roll); got.Settled["web-0"] != tc.want || got.Unseen["web-0"] {
				t.Errorf("got %+v, want settled: %t", got, tc.want)
			}
		})
	}
}

// TestReportKeepsWhatWasSeen: the controller writes conditions, and this one is not its.
func TestReportKeepsWhatWasSeen(t *testing.T) {
	l := ledgerOf("a=9 b", is("a", corev1.ConditionTrue), upTo("a", "70"))
	report := spread.View{Spread: l.Spread, Now: l.Now.Add(time.Hour)}.Report()
	if got := noted(&report.Status); got != "70" {
		t.Errorf("seen up to %q, want 70", got)
	}
}

// upTo gives a subset that has a status its condition PodsSeen.
func upTo(subset, revision string) ledgerOption {
	return func(l *spread.Ledger) {
		for i := range l.Spread.Status.SubsetStatuses {
			if s := &l.Spread.Status.SubsetStatuses[i]; s.Name == subset {
				s.Conditions = append(s.Conditions, v1alpha1.WorkloadSpreadSubsetCondition{
					Type: spread.PodsSeen, Status: corev1.ConditionTrue, Reason: spread.ReasonResourceVersion, Message: revision, LastTransitionTime: at(-9),
				})
			}
		}
	}
}

func unread(l *spread.Ledger) { l.Unread = true }

func seen(upTo uint64) ledgerOption { return func(l *spread.Ledger) { l.SeenUpTo = upTo } }

// noted is up to where the reservations of a were given up.
func noted(status *v1alpha1.WorkloadSpreadStatus) string {
	for _, s := range status.SubsetStatuses {
		for _, c := range s.Conditions {
			if s.Name == "a" && c.Type == spread.PodsSeen && !c.LastTransitionTime.IsZero() {
				return c.Message
			}
		}
	}
	return ""
}
