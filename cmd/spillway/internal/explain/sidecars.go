package explain

import (
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"k8s.io/apimachinery/pkg/util/duration"

	"github.com/spillway-io/spillway/webhook/sidecar"
)

// sidecarSection says of every SidecarSet what it is to the pod. next is what
// admission makes of the next pod, which tells why a set does not fit.
func (w world) sidecarSection(pod *corev1.Pod, exists bool, next admission) ([]Sidecar, []Advice) {
	var (
		all    []Sidecar
		advice []Advice
	)
	namespace := sidecar.Namespace{Name: w.namespace.Name, Labels: w.namespace.Labels, Err: w.namespace.Err}
	record, err := sidecar.ReadRecord(pod)
	if err != nil {
		advice = append(advice, Advice{Severity: Warning, Cause: fmt.Sprintf("the record of the pod's sidecars cannot be read: %v", err), Do: w.replace()})
	}
	subject := pod
	if next.outcome.Pod != nil && !exists {
		subject = next.outcome.Pod
	}
	for _, set := range w.sets {
		s := Sidecar{Name: set.Name()}
		entry, recorded := record.Hashes[set.Name()]
		failed := failureOf(next.outcome.SidecarsFailed, set.Name())
		switch why := set.WhyNot(subject, namespace); {
		case exists && recorded:
			s.State, s.Why = w.standing(set, pod, entry)
		case why != "":
			s.State, s.Why = NotSelected, why
		case set.Object.Spec.InjectionStrategy.Paused:
			s.State, s.Why = Paused, "it selects the pod, but spec.injectionStrategy.paused is true"
		case failed != nil:
			s.State, s.Why = Failed, fmt.Sprintf("it selects the pod, but does not fit into it: %v", failed)
		case exists:
			s.State, s.Why = Missing, "it selects the pod, which was created before it, or before its selector or labels were as they are"
		case slices.Contains(next.outcome.Injected, set), slices.Contains(next.outcome.Injected, set.Pinned):
			s.State, s.Why = Injected, "new pods get it"
		default:
			s.State, s.Why = NotSelected, "new pods do not get it, since they are not handled"
		}
		all = append(all, s)
		advice = append(advice, w.sidecarAdvice(set, s)...)
	}
	return all, append(advice, gone(w.sets, record)...)
}

// standing is how a pod that has the set stands to what the set is now.
func (w world) standing(set *sidecar.Set, pod *corev1.Pod, entry sidecar.Entry) (SidecarState, string) {
	view := sidecar.View{Set: set, Nodes: map[string]*corev1.Node{}}
	if node, virtual := w.virtualNode(pod.Spec.NodeName); virtual {
		view.Nodes[node.Name] = node
	}
	standing := view.StandingOf(pod)
	version := "hash " + short(entry.Hash)
	if entry.ControllerRevision != "" {
		version = "revision " + entry.ControllerRevision
	}
	since := ""
	if !entry.UpdateTimestamp.IsZero() {
		since = fmt.Sprintf(", since %s ago", duration.HumanDuration(w.Now.Sub(entry.UpdateTimestamp.Time)))
	}
	text := fmt.Sprintf("containers %s at %s%s", strings.Join(entry.SidecarList, ", "), version, since)
	switch {
	case standing.Updated:
		return Injected, text + ", which is what the set is now"
	case set.Pinned != nil && entry.Hash == set.Pinned.Hash:
		return Injected, text + ", which the set pins"
	case standing.Obstacle != "":
		return Outdated, text + "; the set has changed since in a way that needs a new pod (" + standing.Obstacle + ")"
	case set.Object.Spec.UpdateStrategy.Paused:
		return Outdated, text + "; the set has changed since, and its updates are paused (spec.updateStrategy.paused)"
	default:
		return Outdated, text + "; the set has changed since, and the rollout will come to this pod"
	}
}

func (w world) sidecarAdvice(set *sidecar.Set, s Sidecar) []Advice {
	edit := "kubectl edit sidecarset " + s.Name
	switch {
	case s.State == Paused:
		return []Advice{{
			Severity: Warning, Cause: fmt.Sprintf("SidecarSet %q selects the pod, but its injection is paused (spec.injectionStrategy.paused), so new pods do not get its sidecars", s.Name),
			Do: slices.Concat([]string{fmt.Sprintf(`kubectl patch sidecarset %s --type=merge -p '{"spec":{"injectionStrategy":{"paused":false}}}'`, s.Name)}, prefixed("then: ", w.replace())),
		}}
	case s.State == Failed:
		return []Advice{{
			Severity: Error, Cause: fmt.Sprintf("SidecarSet %q is left out: %s", s.Name, s.Why),
			Do: []string{"rename what clashes, or correct what is named, in the set or in the pod's template: " + edit},
		}}
	case s.State == Missing && s.Why != "":
		return []Advice{{Severity: Warning, Cause: fmt.Sprintf("SidecarSet %q is not in the pod: %s", s.Name, s.Why), Do: w.replace()}}
	case s.State == Outdated && strings.Contains(s.Why, "needs a new pod"):
		return []Advice{{Severity: Warning, Cause: fmt.Sprintf("the pod has an old version of SidecarSet %q, and cannot follow in place", s.Name), Do: w.replace()}}
	case s.State == Outdated && set.Object.Spec.UpdateStrategy.Paused:
		return []Advice{{
			Severity: Note, Cause: fmt.Sprintf("the pod has an old version of SidecarSet %q, whose updates are paused", s.Name),
			Do: []string{fmt.Sprintf(`kubectl patch sidecarset %s --type=merge -p '{"spec":{"updateStrategy":{"paused":false}}}'`, s.Name)},
		}}
	default:
		return nil
	}
}

func failureOf(failures []sidecar.Failure, set string) error {
	for _, f := range failures {
		if f.Set == set {
			return f.Err
		}
	}
	return nil
}

// gone are sets that are in the pod and do not exist any more.
func gone(sets []*sidecar.Set, record sidecar.Record) []Advice {
	var advice []Advice
	for _, name := range record.Sets {
		if !slices.ContainsFunc(sets, func(s *sidecar.Set) bool { return s.Name() == name }) {
			advice = append(advice, Advice{Severity: Note, Cause: fmt.Sprintf("the sidecars of SidecarSet %q are in the pod, but the set does not exist any more, or may not be read", name)})
		}
	}
	return advice
}

func short(hash string) string { return hash[:min(len(hash), 10)] }
