package webhook_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/component-helpers/scheduling/corev1/nodeaffinity"

	"github.com/spillway-io/spillway/api"
	"github.com/spillway-io/spillway/webhook"
	"github.com/spillway-io/spillway/webhook/mutate"
	"github.com/spillway-io/spillway/webhook/spread"
	"github.com/spillway-io/spillway/webhook/stash"
)

// lawSpread is one of the laws for pods that a WorkloadSpread targets, for every
// other pod another one: all of them for all pods would take too long.
func lawSpread(d dice, pod *corev1.Pod) error {
	if d.oneIn(2) {
		return nil
	}
	return pick(d, lawSpreadTwice, lawSpreadOthersInBetween, lawSpreadConstraints, lawSpreadRecover, lawSpreadPatchOnRaw, lawSpreadOrder, lawSpreadFallsBack)(d, pod)
}

// admitTo admits a pod into the subset that was chosen. The error tells of any
// other outcome.
func admitTo(chosen *spread.Decision, pod *corev1.Pod) (*corev1.Pod, error) {
	out := mutate.Admit(mutate.Input{Pod: pod, Namespace: mutate.Namespace{Name: "default"}, Create: true, Spread: chosen}, policy())
	if out.Skipped != "" || out.Denied != nil || out.SpreadFailed != nil {
		return nil, fmt.Errorf("skipped %q, denied %w, failed %w; subset: %s", out.Skipped, out.Denied, out.SpreadFailed, toJSON(chosen.Subset))
	}
	return out.Pod, nil
}

// lawSpreadTwice is L1 and L2.
func lawSpreadTwice(d dice, pod *corev1.Pod) error {
	chosen := d.decision(d.patch)
	before, spreadBefore := toJSON(pod), toJSON(chosen.Spread)
	once, err := admitTo(chosen, pod)
	if err != nil {
		return err
	}
	if after := toJSON(pod); after != before {
		return fmt.Errorf("Admit changed its input: %s", cmp.Diff(before, after))
	}
	if after := toJSON(chosen.Spread); after != spreadBefore {
		return fmt.Errorf("Admit changed the WorkloadSpread: %s", cmp.Diff(spreadBefore, after))
	}
	return unchanged(chosen, once)
}

// unchanged admits an admitted pod again, by way of JSON.
func unchanged(chosen *spread.Decision, once *corev1.Pod) error {
	once = fromJSON(toJSON(once))
	twice, err := admitTo(chosen, once)
	if err != nil {
		return err
	}
	if operations, err := webhook.Patch(nil, once, twice); err != nil || len(operations) > 0 {
		return fmt.Errorf("the second patch is not empty: %s (%w); virtual %t, subset: %s", toJSON(operations), err, chosen.Virtual, toJSON(chosen.Subset))
	}
	return nil
}

// lawSpreadOthersInBetween is L2 where others constrain the pod between two
// admissions. What is stashed stays as it was, with a warning that names what
// they added and nothing else; what is not keeps the additions.
func lawSpreadOthersInBetween(d dice, pod *corev1.Pod) error {
	chosen := d.decision(d.mildPatch)
	once, err := admitTo(chosen, pod)
	if err != nil {
		return err
	}
	between := fromJSON(toJSON(once))
	if between.Spec.NodeSelector == nil {
		between.Spec.NodeSelector = map[string]string{}
	}
	between.Spec.NodeSelector["added"] = "later"
	out := mutate.Admit(mutate.Input{Pod: between, Namespace: mutate.Namespace{Name: "default"}, Create: true, Spread: chosen}, policy())
	named := slices.ContainsFunc(out.Warnings, func(w string) bool { return strings.Contains(w, ": spec.nodeSelector; ") })
	switch {
	case out.Denied != nil || out.Skipped != "" || out.SpreadFailed != nil:
		return fmt.Errorf("skipped %q, denied %w, failed %w", out.Skipped, out.Denied, out.SpreadFailed)
	case chosen.Virtual && !sameScheduling(once, out.Pod):
		return fmt.Errorf("upstream constraints differ: %s; subset: %s", cmp.Diff(toJSON(once.Spec), toJSON(out.Pod.Spec)), toJSON(chosen.Subset))
	case named != chosen.Virtual:
		return fmt.Errorf("virtual %t, warnings %q", chosen.Virtual, out.Warnings)
	case !chosen.Virtual && out.Pod.Spec.NodeSelector["added"] != "later":
		return errors.New("the addition is gone")
	}
	return unchanged(chosen, out.Pod)
}

// lawSpreadConstraints is L3 for what a subset adds: a pod runs where its author
// said and the subset's term says, and in a virtual subset the term speaks about
// the virtual node. Kubernetes' own matcher is the judge.
func lawSpreadConstraints(d dice, pod *corev1.Pod) error {
	chosen := d.decision(d.mildPatch)
	admitted, err := admitTo(chosen, pod)
	if err != nil {
		return err
	}
	for range 2 {
		virtual, below := node(d), d.downstreamNode()
		both := below.DeepCopy()
		maps.Copy(both.Labels, virtual.Labels)
		want, err := selects(pod.Spec, both)
		if err != nil {
			return err
		}
		if chosen.Virtual {
			upstream := &corev1.Node{}
			upstream.Name, upstream.Labels = virtual.Name, virtual.Labels
			got, err := selectsInSteps(admitted, virtual, below)
			if want = want && termMatches(chosen, upstream); err != nil || got != want {
				return fmt.Errorf("virtual node %v, node below %s %v: selected %t, want %t (%w); subset: %s", virtual.Labels, below.Name, below.Labels, got, want, err, toJSON(chosen.Subset))
			}
			continue
		}
		got, err := selects(admitted.Spec, both)
		if want = want && termMatches(chosen, both); err != nil || got != want {
			return fmt.Errorf("node %s %v: selected %t, want %t (%w); subset: %s", both.Name, both.Labels, got, want, err, toJSON(chosen.Subset))
		}
	}
	return nil
}

func termMatches(chosen *spread.Decision, on *corev1.Node) bool {
	term := chosen.Subset.RequiredNodeSelectorTerm
	if term == nil || len(term.MatchExpressions)+len(term.MatchFields) == 0 {
		return true
	}
	selector, err := nodeaffinity.NewNodeSelector(&corev1.NodeSelector{NodeSelectorTerms: []corev1.NodeSelectorTerm{*term}})
	return err == nil && selector.Match(on)
}

// lawSpreadRecover is L3 for what a subset's patch takes away: downstream gets
// the author's originals, or the stash that the patch supplies; on the cluster's
// own nodes, and as a copy there, the pod keeps what it has.
func lawSpreadRecover(d dice, pod *corev1.Pod) error {
	chosen := d.decision(d.patch)
	admitted, err := admitTo(chosen, pod)
	if err != nil {
		return err
	}
	if !chosen.Virtual || spread.SuppliesStash(chosen.Subset) {
		if _, marked := admitted.Annotations[api.StashMarkerAnnotation]; marked {
			return fmt.Errorf("stashed without need; virtual %t, subset: %s", chosen.Virtual, toJSON(chosen.Subset))
		}
		return nil
	}
	original := stash.FieldsOf(&pod.Spec)
	if recovered, err := stash.Recover(fromJSON(toJSON(admitted)), node(d)); !errors.Is(err, stash.ErrNotRouted) {
		if routed(original) {
			err = errors.Join(err, sameButRouting(original, recovered))
		} else if toJSON(original) != toJSON(recovered) {
			err = errors.Join(err, fmt.Errorf("-original +recovered: %s", cmp.Diff(toJSON(original), toJSON(recovered))))
		}
		if err != nil {
			return err
		}
	}
	none := &spread.Decision{Spread: chosen.Spread, Reason: spread.NoSubset}
	restored, err := admitTo(none, admitted)
	if err != nil {
		return err
	}
	if got := stash.FieldsOf(&restored.Spec); toJSON(got) != toJSON(original) {
		return fmt.Errorf("-original +restored: %s", cmp.Diff(toJSON(original), toJSON(got)))
	}
	return nil
}

// lawSpreadPatchOnRaw is L4.
func lawSpreadPatchOnRaw(d dice, pod *corev1.Pod) error {
	patched, err := patchedRaw(pod, func(pod *corev1.Pod) (*corev1.Pod, error) { return admitTo(d.decision(d.patch), pod) })
	if err != nil {
		return err
	}
	return appKeepsUnknown(patched)
}

// appKeepsUnknown: the container's unknown field is on it, and on no other.
func appKeepsUnknown(patched []byte) error {
	var kept struct {
		Spec struct{ Containers []map[string]any }
	}
	if err := json.Unmarshal(patched, &kept); err != nil {
		return err
	}
	for _, container := range kept.Spec.Containers {
		if (container["name"] == "app") != (container["futureField"] != nil) {
			return fmt.Errorf("the container's unknown field is not on it: %s", patched)
		}
	}
	return nil
}

// lawSpreadOrder is L6.
func lawSpreadOrder(d dice, pod *corev1.Pod) error {
	chosen := d.decision(d.patch)
	first, err := admitTo(chosen, pod)
	if err != nil {
		return err
	}
	if again, err := admitTo(chosen, pod.DeepCopy()); err != nil || toJSON(first) != toJSON(again) {
		return fmt.Errorf("two admissions of one pod differ: %s (%w)", cmp.Diff(toJSON(first), toJSON(again)), err)
	}
	shuffled := pod.DeepCopy()
	d.shuffle(shuffled)
	if term := chosen.Subset.RequiredNodeSelectorTerm; term != nil {
		d.Shuffle(len(term.MatchExpressions), func(i, j int) {
			term.MatchExpressions[i], term.MatchExpressions[j] = term.MatchExpressions[j], term.MatchExpressions[i]
		})
	}
	second, err := admitTo(chosen, shuffled)
	if err != nil {
		return err
	}
	for range 2 {
		on := d.downstreamNode()
		maps.Copy(on.Labels, d.virtualNode())
		want, err := selects(first.Spec, on)
		if err != nil {
			return err
		}
		if got, err := selects(second.Spec, on); err != nil || got != want {
			return fmt.Errorf("shuffled to %s: selected %t, want %t (%w)", toJSON(shuffled.Spec.Affinity), got, want, err)
		}
	}
	return nil
}

// lawSpreadFallsBack: any bytes for a patch admit the pod, into the subset or
// with everything its author wrote.
func lawSpreadFallsBack(d dice, pod *corev1.Pod) error {
	chosen := d.decision(d.patch)
	raw := []byte(toJSON(d.patch()))
	for range 1 + d.IntN(3) {
		switch at := d.IntN(len(raw)); d.IntN(3) {
		case 0:
			raw[at] = pick[byte](d, '{', '}', '[', ']', '"', ':', ',', '0', '$', 'n')
		case 1:
			raw = slices.Delete(raw, at, min(at+1+d.IntN(8), len(raw)-1))
		default:
			raw = []byte(strings.Replace(string(raw), pick(d, "replace", "delete", `"app"`, `"1"`, "null", "[{"), pick(d, "merge", "{}", "[{}]", "1", "null", `["x"`), 1))
		}
	}
	if !json.Valid(raw) && d.oneIn(2) {
		raw = []byte(pick(d, "[]", "1", `""`, "null", "{", `{"$patch":"delete"}`, `{"spec":null}`, `{"metadata":null}`, `{"spec":{"$patch":"replace"}}`, `{"metadata":{"$retainKeys":["labels"]}}`))
	}
	chosen.Subset.Patch.Raw = raw
	admit := func(pod *corev1.Pod) mutate.Outcome {
		return mutate.Admit(mutate.Input{Pod: pod, Namespace: mutate.Namespace{Name: "default"}, Create: true, Spread: chosen}, policy())
	}
	out := admit(pod)
	again := admit(out.Pod)
	switch {
	case out.Denied != nil || out.Skipped != "":
		return fmt.Errorf("patch %s: skipped %q, denied %w", raw, out.Skipped, out.Denied)
	case toJSON(again.Pod) != toJSON(out.Pod) || again.Denied != nil:
		return fmt.Errorf("patch %s, failed %w: again, denied %w: %s", raw, out.SpreadFailed, again.Denied, cmp.Diff(toJSON(out.Pod), toJSON(again.Pod)))
	case out.Pod.Name != pod.Name || out.Pod.Namespace != pod.Namespace || out.Pod.Spec.NodeName != pod.Spec.NodeName || out.Pod.Labels[api.OptInLabel] != api.OptedIn:
		return fmt.Errorf("patch %s: the pod is another one: %s", raw, toJSON(out.Pod))
	case out.SpreadFailed != nil && toJSON(out.Pod) != toJSON(pod):
		return fmt.Errorf("patch %s failed, but: %s", raw, cmp.Diff(toJSON(pod), toJSON(out.Pod)))
	}
	return nil
}
