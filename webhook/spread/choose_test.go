package spread_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/spillway-io/spillway/webhook/spread"
)

// TestChoose: which subset each pod of a batch gets.
func TestChoose(t *testing.T) {
	cases := map[string]struct {
		reason string
		ledger spread.Ledger
		ask    []spread.Request
		want   string
	}{
		"first-then-rest": {"the first subset is filled before the next", ledgerOf("a=2 b"), asks(4), "a a b b"},
		"live-pods-count": {"running pods take slots", ledgerOf("a=2 b", has(1, "a")), asks(2), "a b"},
		"terminating":     {"a pod that is being deleted takes none", ledgerOf("a=2 b", has(2, "a", terminating)), asks(3), "a a b"},
		"finished":        {"nor does one that has finished", ledgerOf("a=2 b", has(2, "a", finished)), asks(3), "a a b"},
		"other-version":   {"the old revision's pods are counted apart (F17)", ledgerOf("a=2 b", has(2, "a", ofVersion("v0"))), asks(3), "a a b"},
		"versions-ignored": {
			"but for kinds without versions", ledgerOf("a=2 b", targeting("apps.kruise.io/v1alpha1", "CloneSet"), has(2, "a", ofVersion("v0"))), asks(1), "b",
		},
		"percent":            {"20, 30 and 50 % of 10", ledgerOf("a=20% b=30% c=50%"), asks(10), "a a b b b c c c c c"},
		"percent-ceil":       {"34/33/33 % of 10 round up, and the earlier win", ledgerOf("a=34% b=33% c=33%"), asks(10), "a a a a b b b b c c"},
		"percent-no-base":    {"without knowing of what, no subset (W7)", ledgerOf("a=50% b", baseUnknown), asks(1), "-"},
		"zero":               {"a subset of none", ledgerOf("a=0 b"), asks(1), "b"},
		"full":               {"no subset has room: never a denial", ledgerOf("a=1 b=1"), asks(3), "a b -"},
		"reservation-counts": {"a slot is held for a pod nobody has seen", ledgerOf("a=2 b", live, holds("a", 5, "x")), asks(2), "a b"},
		"union-by-uid":       {"a pod and its reservation take one slot", ledgerOf("a=2 b", has(1, "a"), holds("a", 5, "uid-of-a-0")), asks(2), "a b"},
		"union-by-name":      {"also of a pod that had its name", ledgerOf("a=2 b", has(1, "a", unstamped), holds("a", 5, "a-0")), asks(2), "a b"},
		"reserved-deleted":   {"a pod that is seen to go holds nothing", ledgerOf("a=1 b", has(1, "a", terminating), holds("a", 5, "uid-of-a-0")), asks(1), "a"},
		"reserved-gone":      {"nor does one that was seen and is gone", ledgerOf("a=1 b", holds("a", 5, "x"), gone("x")), asks(1), "a"},
		"retention":          {"a reservation holds for 30 s", ledgerOf("a=1 b", live, holds("a", 29, "x")), asks(1), "b"},
		"expired":            {"and no longer", ledgerOf("a=1 b", holds("a", 30, "x")), asks(1), "a"},
		"gone-name":          {"a name is used again, for another pod", ledgerOf("a=1 b", holds("a", 0, "x"), goneBefore("x", 5)), asks(1), "b"},
		"removed-subset":     {"reservations of a subset that was removed hold nothing", ledgerOf("a=1 b", holds("z", 5, "x")), asks(1), "a"},
		"wiped-status":       {"counts are rebuilt from pods (W4)", ledgerOf("a=2 b", has(2, "a")), asks(1), "b"},
		"other-spread":       {"pods matched to another WorkloadSpread are not ours", ledgerOf("a=1 b", has(1, "a", ofSpread("other"))), asks(1), "a"},

		"closed":          {"what cannot schedule pods is passed over", ledgerOf("a=5 b", is("a", corev1.ConditionFalse)), asks(2), "b b"},
		"closed-last":     {"but not the last: there is nowhere to go", ledgerOf("a=1 b", is("b", corev1.ConditionFalse)), asks(2), "a b"},
		"closed-fixed":    {"conditions left over from an Adaptive strategy say nothing", ledgerOf("a=1 b", is("a", corev1.ConditionFalse), fixed), asks(1), "a"},
		"probe-one":       {"one pod tries again (F24)", ledgerOf("a b", is("a", corev1.ConditionUnknown)), asks(3), "a b b"},
		"probe-under-way": {"not while another does", ledgerOf("a b", is("a", corev1.ConditionUnknown), has(1, "a", unscheduled)), asks(1), "b"},
		"probe-undecided": {"nor before the controller has seen what became of it", ledgerOf("a b", is("a", corev1.ConditionUnknown), has(1, "a", young)), asks(1), "b"},
		"probe-residents": {"pods that were there before try nothing", ledgerOf("a b", is("a", corev1.ConditionUnknown), has(3, "a", old)), asks(1), "a"},
		"probe-reserved":  {"nor while one is about to", ledgerOf("a b", is("a", corev1.ConditionUnknown), holds("a", 5, "x")), asks(1), "b"},
		"probe-full":      {"a full subset is not tried", ledgerOf("a=1 b", is("a", corev1.ConditionUnknown), has(1, "a")), asks(1), "b"},

		"again-uid":       {"called again, it keeps its slot (W6)", ledgerOf("a=1 b", holds("a", 1, "mine")), []spread.Request{claiming(`{"name":"ws","subset":"a","uid":"mine"}`)}, "a"},
		"again-case":      {"readers do not mind the case", ledgerOf("a=1 b", holds("a", 1, "mine")), []spread.Request{claiming(`{"Name":"ws","Subset":"a","UID":"mine"}`)}, "a"},
		"again-name":      {"a creation is tried again under its name", ledgerOf("a=1 b", holds("a", 1, "web-x")), []spread.Request{named("web-x")}, "a"},
		"again-unlimited": {"a subset without cap is kept although another has room now", ledgerOf("a=2 b"), []spread.Request{claiming(`{"name":"ws","subset":"b"}`)}, "b"},
		"unknown-uid":     {"another replica may have reserved it a moment ago", ledgerOf("a=1 b"), []spread.Request{claiming(`{"name":"ws","subset":"a","uid":"theirs"}`)}, "?"},
		"unknown-live":    {"if not, it was copied", ledgerOf("a=1 b", live, has(1, "a")), []spread.Request{claiming(`{"name":"ws","subset":"a","uid":"copied"}`)}, "b"},
		"removed-claim":   {"a subset that is gone is chosen anew", ledgerOf("a=1 b", live), []spread.Request{claiming(`{"name":"ws","subset":"z"}`)}, "a"},
		"borne":           {"an annotation from the template says nothing", ledgerOf("a=1 b"), []spread.Request{borne(`{"name":"ws","subset":"b"}`)}, "a"},

		"stale":          {"more pods than wanted: the cache is behind", ledgerOf("a=2 b", has(2, "a"), wants(2)), asks(1), "?"},
		"under-way":      {"what was decided a moment ago is on its way", ledgerOf("a=2 b", wants(4), decidedLately(2)), asks(2), "a a"},
		"too-many-on-it": {"but not if there would be too many", ledgerOf("a=2 b", wants(4), decidedLately(3)), asks(2), "?"},
		"seen-meanwhile": {"those that are seen by now do not count twice", ledgerOf("a=2 b", wants(5), decidedLately(3), has(3, "b", young)), asks(2), "a a"},
		"doubtful":       {"before a pod spills for a pod that should be there by now, look", ledgerOf("a=1 b", holds("a", 1, "x")), asks(1), "?"},
		"not-doubtful":   {"one may well be on its way", ledgerOf("a=1 b", holds("a", 0, "x")), asks(1), "b"},
		"rejected":       {"creates that were refused give their slots back (W3)", ledgerOf("a=2 b", live, wants(3), holds("a", 5, "x", "y")), asks(3), "a a b"},
		"rejected-some":  {"no more of them than cannot be", ledgerOf("a=2 b", live, wants(3), holds("a", 5, "x", "y")), asks(2), "a b"},
		"rejected-which": {"one of them, and nobody knows which", ledgerOf("a=1 b=1 c", live, wants(2), holds("a", 9, "old"), holds("b", 1, "new")), asks(1), "c"},
		"rejected-older": {"no create takes as long as the older one would", ledgerOf("a=1 b=1 c", live, wants(2), holds("a", 20, "old"), holds("b", 1, "new")), asks(1), "a"},
		"in-flight":      {"what may be under way keeps its slot", ledgerOf("a=2 b", live, wants(10), holds("a", 5, "x", "y")), asks(1), "b"},
		"surge":          {"a controller whose wish is unknown proves nothing", ledgerOf("a=2 b", live, holds("a", 5, "x", "y"), has(20, "b")), asks(1), "b"},
		"dry-run":        {"what will not exist takes no slot", ledgerOf("a=1 b"), []spread.Request{dryRun(), dryRun(), asks(1)[0]}, "a a a"},
		"frozen":         {"without a record, only subsets that need none", ledgerOf("a=2 b", frozen, wants(0)), asks(2), "b b"},
		"frozen-nowhere": {"or none at all", ledgerOf("a=2", frozen), asks(1), "-"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			before := tc.ledger.Spread.DeepCopy()
			if got := summary(tc.ledger.Choose(tc.ask)); got != tc.want {
				t.Errorf("%s: got %s, want %s", tc.reason, got, tc.want)
			}
			if diff := cmp.Diff(before, tc.ledger.Spread); diff != "" {
				t.Errorf("the WorkloadSpread was modified: %s", diff)
			}
		})
	}
}

// TestChooseRecords: what is to be written, and that it is nothing wherever
// nothing depends on it.
func TestChooseRecords(t *testing.T) {
	t.Run("slots", func(t *testing.T) {
		choices := ledgerOf("a=2 b", holds("a", 40, "expired"), gone("z")).Choose(asks(3))
		if diff := cmp.Diff(map[string]bool{"new-0": true, "new-1": true}, heldInA(choices.Status)); diff != "" {
			t.Errorf("-want +got: %s", diff)
		}
		if got := choices.Decisions[0].UID; got != "new-0" {
			t.Errorf("the decision names reservation %q", got)
		}
		if got := choices.Decisions[2].UID; got != "" {
			t.Errorf("a pod without a slot names reservation %q", got)
		}
		if status := choices.Status.VersionedSubsetStatuses["v1"]; status[0].MissingReplicas != 0 || status[1].MissingReplicas != -1 {
			t.Errorf("missing %d and %d, want 0 and -1", status[0].MissingReplicas, status[1].MissingReplicas)
		}
	})
	t.Run("seen-reservations-stay", func(t *testing.T) {
		choices := ledgerOf("a=3 b", has(1, "a"), holds("a", 5, "uid-of-a-0")).Choose(asks(1))
		if diff := cmp.Diff(map[string]bool{"uid-of-a-0": true, "new-0": true}, heldInA(choices.Status)); diff != "" {
			t.Errorf("other replicas may not have seen the pod yet; -want +got: %s", diff)
		}
	})
	t.Run("dropped", func(t *testing.T) {
		choices := ledgerOf("a=2 b", live, wants(2), holds("a", 5, "x", "y")).Choose(asks(2))
		if diff := cmp.Diff(map[string]bool{"new-0": true, "new-1": true}, heldInA(choices.Status)); diff != "" {
			t.Errorf("-want +got: %s", diff)
		}
	})
	t.Run("renewed", func(t *testing.T) {
		choices := ledgerOf("a=2 b", holds("a", 9, "web-x")).Choose([]spread.Request{named("web-x")})
		if choices.Status == nil || choices.Status.VersionedSubsetStatuses["v1"][0].CreatingPods["web-x"] != metav1.NewTime(noon()) {
			t.Errorf("a reservation that is used once more must be told from the one before: %v", choices.Status)
		}
	})
	t.Run("named", func(t *testing.T) {
		choices := ledgerOf("a=2 b").Choose([]spread.Request{named("web-x")})
		if !heldInA(choices.Status)["web-x"] || choices.Decisions[0].UID != "" {
			t.Errorf("a pod with a name is filed under it, not under %q", choices.Decisions[0].UID)
		}
	})
	for name, choices := range map[string]spread.Choices{
		"unlimited":    ledgerOf("a b").Choose(asks(3)),
		"full":         ledgerOf("a=1 b", has(1, "a")).Choose(asks(3)),
		"dry-run":      ledgerOf("a=1 b").Choose([]spread.Request{dryRun()}),
		"called-again": ledgerOf("a=1 b", holds("a", 1, "mine")).Choose([]spread.Request{claiming(`{"name":"ws","subset":"a","uid":"mine"}`)}),
		"ordinal":      ledgerOf("a=2 b", targeting("apps/v1", "StatefulSet")).Choose([]spread.Request{named("web-0"), named("web-1"), named("web-2")}),
	} {
		if choices.Status != nil {
			t.Errorf("%s: a status is to be written: %v", name, choices.Status)
		}
	}
}

// TestChooseSaysWhy: the words that events and warnings are made of.
func TestChooseSaysWhy(t *testing.T) {
	cases := map[string]struct {
		ledger spread.Ledger
		reason spread.Reason
		words  []string
	}{
		"first":     {ledgerOf("a=2 b"), spread.First, []string{`subset "a" of WorkloadSpread "ws"`}},
		"full":      {ledgerOf("a=1 b", has(1, "a")), spread.Spilled, []string{`subset "b"`, "a is full (1 of 1)"}},
		"closed":    {ledgerOf("a=1 b", is("a", corev1.ConditionFalse)), spread.Spilled, []string{"a is unschedulable (0/3 nodes are available)"}},
		"probe":     {ledgerOf("a b", is("a", corev1.ConditionUnknown)), spread.Probe, []string{`subset "a"`}},
		"no-subset": {ledgerOf("a=0"), spread.NoSubset, []string{`"ws"`, "a is full (0 of 0)"}},
		"failed":    {ledgerOf("a=1 b=50%", has(1, "a"), baseUnknown), spread.Failed, []string{"spec.subsets[1].maxReplicas", "replicas"}},
		"frozen":    {ledgerOf("a=1 b", frozen), spread.Spilled, []string{"cannot be recorded"}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			d := tc.ledger.Choose(asks(1)).Decisions[0]
			text := d.Message
			if d.Err != nil {
				text = d.Err.Error()
			}
			if d.Reason != tc.reason {
				t.Errorf("reason %s, want %s", d.Reason, tc.reason)
			}
			for _, words := range tc.words {
				if !strings.Contains(text, words) {
					t.Errorf("%q does not say %q", text, words)
				}
			}
		})
	}
}

// TestImmediate: what is decided without counting is what counting decides.
func TestImmediate(t *testing.T) {
	cases := map[string]struct {
		ledger spread.Ledger
		ask    spread.Request
		want   string
	}{
		"unlimited-first":      {ledgerOf("a b=2"), asks(1)[0], "a"},
		"closed-then-free":     {ledgerOf("a=2 b", is("a", corev1.ConditionFalse)), asks(1)[0], "b"},
		"ordinal":              {ledgerOf("a=2 b", targeting("apps/v1", "StatefulSet")), named("web-2"), "b"},
		"called-again":         {ledgerOf("a b"), claiming(`{"name":"ws","subset":"b"}`), "b"},
		"ordinal-called-again": {ledgerOf("a=2 b", targeting("apps/v1", "StatefulSet")), marked(named("web-1"), `{"name":"ws","subset":"a"}`), "a"},
		"capped":               {ledgerOf("a=2 b"), asks(1)[0], "must count"},
		"probe":                {ledgerOf("a b", is("a", corev1.ConditionUnknown)), asks(1)[0], "must count"},
		"claims-a-slot":        {ledgerOf("a=2 b"), claiming(`{"name":"ws","subset":"a","uid":"x"}`), "must count"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			d, ok := tc.ledger.Immediate(tc.ask)
			got := "must count"
			if ok {
				got = summary(spread.Choices{Decisions: []spread.Decision{d}})
				if counted := summary(tc.ledger.Choose([]spread.Request{tc.ask})); counted != got {
					t.Errorf("counting says %s", counted)
				}
			}
			if got != tc.want {
				t.Errorf("got %s, want %s", got, tc.want)
			}
		})
	}
}
