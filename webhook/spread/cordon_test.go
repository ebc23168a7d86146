package spread_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/openkruise/kruise-api/apps/v1alpha1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/spillway-io/spillway/webhook/spread"
)

func TestCordonedSubsets(t *testing.T) {
	node := func(name, zone string, cordoned bool, kind ...string) *corev1.Node {
		n := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{"zone": zone}}, Spec: corev1.NodeSpec{Unschedulable: cordoned}}
		for _, k := range kind {
			n.Labels["type"] = k
		}
		return n
	}
	nodes := []*corev1.Node{
		node("own-1", "a", true),
		node("east", "e", true, "virtual-kubelet"),
		node("west-1", "w", true, "virtual-kubelet"), node("west-2", "w", false, "virtual-kubelet"),
		node("mixed-1", "m", true), node("mixed-2", "m", true, "virtual-kubelet"),
	}
	in := func(zone string) string {
		return fmt.Sprintf("{requiredNodeSelectorTerm: {matchExpressions: [{key: zone, operator: In, values: [%s]}]}}", zone)
	}
	cases := map[string]struct {
		reason, subset string
		listed         bool
		want           bool
	}{
		"all":        {reason: "no node of it takes pods", subset: in("e"), want: true},
		"some":       {reason: "another node takes them", subset: in("w")},
		"own":        {reason: "own machines may be added by an autoscaler", subset: in("a")},
		"none":       {reason: "the node is to come", subset: in("x")},
		"mixed":      {reason: "not virtual", subset: in("m")},
		"listed":     {reason: "virtual by annotation, and no node takes pods", subset: in("m"), listed: true, want: true},
		"no-term":    {reason: "its pods go anywhere", subset: `{patch: {metadata: {annotations: {clusterSelector: "{}"}}}}`},
		"unreadable": {reason: "nobody knows", subset: "{requiredNodeSelectorTerm: {matchExpressions: [{key: zone, operator: in, values: [e]}]}}", listed: true},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			subset := fromYAML[v1alpha1.WorkloadSpreadSubset](t, tc.subset)
			subset.Name = "s"
			ws := &v1alpha1.WorkloadSpread{}
			ws.Spec.Subsets = []v1alpha1.WorkloadSpreadSubset{{Name: "first"}, *subset}
			if tc.listed {
				ws.Annotations = map[string]string{"spillway.io/virtual-subsets": "s"}
			}
			virtual, _ := spread.VirtualSubsets(ws, nodes)
			got := spread.CordonedSubsets(ws, virtual, nodes)
			if got["s"] != tc.want || got["first"] {
				t.Errorf("%s: got %v", tc.reason, got)
			}
		})
	}
}

// cordons are the subsets whose nodes are cordoned.
func cordons(subsets ...string) ledgerOption {
	return func(l *spread.Ledger) {
		l.Cordoned = map[string]bool{}
		for _, s := range subsets {
			l.Cordoned[s] = true
		}
	}
}

func TestChooseCordoned(t *testing.T) {
	kept := []spread.Request{claiming(`{"name":"ws","subset":"b"}`)}
	cases := map[string]struct {
		reason string
		ledger spread.Ledger
		ask    []spread.Request
		want   string
	}{
		"passed-over":  {"pods go on to the next", ledgerOf("a=1 b c", cordons("b")), asks(3), "a c c"},
		"first":        {"also from the first", ledgerOf("a b", cordons("a")), asks(2), "b b"},
		"earlier":      {"an earlier one with room stays first", ledgerOf("a=2 b", cordons("b")), asks(2), "a a"},
		"waits":        {"where there is no room, pods wait", ledgerOf("a=1 b", cordons("b")), asks(3), "a b b"},
		"waits-first":  {"in the first that has room", ledgerOf("a=1 b=1 c", cordons("b", "c")), asks(3), "a b c"},
		"all":          {"all of them are cordoned", ledgerOf("a b", cordons("a", "b")), asks(2), "a a"},
		"full":         {"no more than its cap wait", ledgerOf("a=1 b=1", cordons("b")), asks(3), "a b -"},
		"kept":         {"admission is called again", ledgerOf("a=1 b", cordons("b")), kept, "b"},
		"closed-last":  {"the last that is not cordoned is open: better wait for a node than for an operator", ledgerOf("a b", is("a", corev1.ConditionFalse), cordons("b")), asks(2), "a a"},
		"closed-full":  {"but has no more slots than it has", ledgerOf("a=1 b", is("a", corev1.ConditionFalse), cordons("b")), asks(2), "a b"},
		"closed-other": {"closed and cordoned are both passed over", ledgerOf("a b c", is("a", corev1.ConditionFalse), cordons("b")), asks(1), "c"},
		"ordinal":      {"a number says it all", ledgerOf("a=2 b=2 c", targeting("apps/v1", "StatefulSet"), cordons("b")), []spread.Request{named("web-1"), named("web-3")}, "a b"},
		"frozen":       {"nothing can be recorded", ledgerOf("a=1 b", frozen, cordons("b")), asks(1), "b"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if got := summary(tc.ledger.Choose(tc.ask)); got != tc.want {
				t.Errorf("%s: got %s, want %s", tc.reason, got, tc.want)
			}
			if len(tc.ask) != 1 {
				return
			}
			if d, ok := tc.ledger.Immediate(tc.ask[0]); ok && d.Subset.Name != tc.want {
				t.Errorf("without counting it is %s", d.Subset.Name)
			}
		})
	}
}

// TestChooseCordonedSaysSo: a pod that waits has a warning and a reason of its own;
// one that passes over says why.
func TestChooseCordonedSaysSo(t *testing.T) {
	choices := ledgerOf("a=1 b c", cordons("b", "c")).Choose(asks(2))
	if d := choices.Decisions[0]; d.Reason != spread.First || d.Warnings != nil {
		t.Errorf("the first pod: %s, %q", d.Reason, d.Warnings)
	}
	d := choices.Decisions[1]
	const why = "a is full (1 of 1), b is cordoned, c is cordoned"
	want := `WorkloadSpread "default/ws": the pod waits until a node of subset "b" is uncordoned, because no other subset has room: ` + why
	if diff := cmp.Diff([]string{want}, d.Warnings); diff != "" || d.Reason != spread.Cordoned || !strings.Contains(d.Message, why) {
		t.Errorf("%s, %s; warnings -want +got:\n%s", d.Reason, d.Message, diff)
	}
	d = ledgerOf("a=0 b c", cordons("b")).Choose(asks(1)).Decisions[0]
	if d.Reason != spread.Spilled || d.Warnings != nil || !strings.HasSuffix(d.Message, ": a is full (0 of 0), b is cordoned") {
		t.Errorf("%s, %s, %q", d.Reason, d.Message, d.Warnings)
	}
}

// TestCordonLaws, over random subsets, pods and cordons: without the cordoned subsets
// in the list, whoever gets one gets the same; whoever would get none waits in a
// cordoned one if that has room, so that cordons deny nobody a subset; caps hold; and
// a cordon of nothing, or of numbered pods' subsets, changes nothing.
func TestCordonLaws(t *testing.T) {
	for seed := range uint64(2000) {
		r := rand.New(rand.NewPCG(seed, 1))
		subsets, cordoned := thrown(r)
		options := []ledgerOption{live, cordons(cordoned...)}
		for s := range strings.FieldsSeq(subsets) {
			name, _, _ := strings.Cut(s, "=")
			options = append(options, has(r.IntN(3), name))
			if r.IntN(4) == 0 {
				options = append(options, is(name, pickStatus(r)))
			}
		}
		numbered := r.IntN(5) == 0
		if numbered {
			options = append(options, targeting("apps/v1", "StatefulSet"))
		}
		ledger, ask := ledgerOf(subsets, options...), asks(1+r.IntN(6))
		got := ledger.Choose(ask)
		free := ledger
		free.Cordoned = nil
		if err := lawCordons(ledger, got, free.Choose(ask), without(ledger).Choose(ask), numbered || len(cordoned) == 0); err != nil {
			t.Fatalf("seed %d: %q, cordoned %q: %v", seed, subsets, cordoned, err)
		}
	}
}

func lawCordons(l spread.Ledger, got, uncordoned, shorter spread.Choices, unchanged bool) error {
	if unchanged {
		if a, b := summary(got), summary(uncordoned); a != b {
			return fmt.Errorf("got %s, want %s as without cordons", a, b)
		}
		return nil
	}
	placed := map[string]int{}
	for i, d := range got.Decisions {
		other := shorter.Decisions[i]
		switch {
		case d.Subset == nil && uncordoned.Decisions[i].Subset != nil:
			return fmt.Errorf("pod %d has no subset, and had one without cordons", i)
		case other.Subset != nil && (d.Subset == nil || d.Subset.Name != other.Subset.Name):
			return fmt.Errorf("pod %d is not in %s, where it is without the cordoned subsets", i, other.Subset.Name)
		case d.Subset != nil && l.Cordoned[d.Subset.Name] != (d.Reason == spread.Cordoned):
			return fmt.Errorf("pod %d is in %s because of %s", i, d.Subset.Name, d.Reason)
		case d.Subset != nil && got.Pending[i]:
			placed[d.Subset.Name]++
		}
	}
	for i := range l.Spread.Spec.Subsets {
		s := &l.Spread.Spec.Subsets[i]
		if most, limited, _ := spread.Cap(s, l.Target.Replicas); limited && placed[s.Name] > most {
			return fmt.Errorf("%d pods in %s", placed[s.Name], s.Name)
		}
	}
	return nil
}

// without leaves the cordoned subsets out of the list.
func without(l spread.Ledger) spread.Ledger {
	l.Spread = l.Spread.DeepCopy()
	l.Spread.Spec.Subsets = slices.DeleteFunc(l.Spread.Spec.Subsets, func(s v1alpha1.WorkloadSpreadSubset) bool { return l.Cordoned[s.Name] })
	l.Cordoned = nil
	return l
}

// thrown are up to five subsets, and those of them that are cordoned.
func thrown(r *rand.Rand) (subsets string, cordoned []string) {
	for _, name := range []string{"a", "b", "c", "d", "e"}[:1+r.IntN(5)] {
		subsets += " " + name
		if r.IntN(3) > 0 {
			subsets += fmt.Sprintf("=%d", r.IntN(4))
		}
		if r.IntN(3) == 0 {
			cordoned = append(cordoned, name)
		}
	}
	return subsets, cordoned
}

func pickStatus(r *rand.Rand) corev1.ConditionStatus {
	return []corev1.ConditionStatus{corev1.ConditionTrue, corev1.ConditionFalse, corev1.ConditionUnknown}[r.IntN(3)]
}

// TestCordonedIsNoRoom: the controller sends no pod to a cordoned subset.
func TestCordonedIsNoRoom(t *testing.T) {
	cordonB := func(v *spread.View) { v.Cordoned = map[string]bool{"b": true} }
	room := slices.Sorted(maps.Keys(viewOf("2", pods(podOf("p1", "a")), cordonB).Room(nil)))
	if diff := cmp.Diff([]string{"a"}, room); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	stuck := []viewOption{adaptive(30), schedulable("a", isFalse, -60), pods(podOf("p1", "a", unschedulable(-60)))}
	if moves, _ := viewOf("", stuck...).Moves(); len(moves) != 1 {
		t.Errorf("%d pods move from a closed subset, want one", len(moves))
	}
	if moves, _ := viewOf("", append(stuck, cordonB)...).Moves(); len(moves) != 0 {
		t.Errorf("%d pods move although the only other subset is cordoned", len(moves))
	}
}
