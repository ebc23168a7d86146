package explain

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/openkruise/kruise-api/apps/v1alpha1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/duration"
	"k8s.io/component-helpers/scheduling/corev1/nodeaffinity"

	"github.com/spillway-io/spillway/cmd/spillway/internal/lookalike"
	"github.com/spillway-io/spillway/webhook/spread"
)

// spreadSection is about the WorkloadSpread that targets pods of these labels. pod is
// the one that exists; nil if none does.
func (w world) spreadSection(pod *corev1.Pod, labels map[string]string, next admission) (*Spread, []Advice) {
	ws, err := w.spreadOf(labels)
	if ws == nil {
		misses := w.nearMisses(labels)
		if misses == nil {
			return nil, nil
		}
		return &Spread{Subsets: []Subset{}, NearMisses: misses}, []Advice{{
			Severity: Note, Cause: "no WorkloadSpread targets the pod, though one nearly does: " + misses[0],
			Do: []string{"if it is meant to: correct its spec.targetRef or spec.targetFilter"},
		}}
	}
	s := &Spread{Name: ws.Name, Subsets: []Subset{}}
	if err != nil {
		return s, []Advice{{Severity: Error, Cause: fmt.Sprintf("WorkloadSpread %q targets the pod, but is not honoured: %v", ws.Name, err), Do: []string{"correct it: " + w.edit(ws)}}}
	}
	if pod != nil {
		if match, matched := spread.MatchOf(pod); matched && match.Name == ws.Name {
			s.Subset = match.Subset
		}
	}
	s.Told = w.told(ws.Name, s.Subset)
	for _, a := range next.accounts {
		s.Subsets = append(s.Subsets, subsetOf(a))
	}
	d := next.decision
	if d == nil {
		return s, nil
	}
	s.Next = d.Message
	if d.Err != nil {
		s.Next = d.Err.Error()
	}
	if d.Subset != nil {
		s.NextSubset = d.Subset.Name
	}
	return s, slices.Concat(w.spreadAdvice(ws, pod, s, d), doubts(next.ledger.Warnings), w.failure(ws, next))
}

func subsetOf(a spread.Account) Subset {
	s := Subset{Name: a.Subset, Virtual: a.Virtual, Pods: a.Pods, Held: a.Held, Most: a.Most, Cordoned: a.Cordoned}
	_, why, cut := strings.Cut(a.Passed, a.Subset+" ")
	if s.Passed = a.Passed; cut {
		s.Passed = why
	}
	if c := a.Schedulable; c != nil {
		since := c.LastTransitionTime.Time
		s.Schedulable, s.Since, s.Message = string(c.Status), &since, c.Message
	}
	return s
}

// spreadAdvice is about subsets that have no room.
func (w world) spreadAdvice(ws *v1alpha1.WorkloadSpread, pod *corev1.Pod, s *Spread, d *spread.Decision) []Advice {
	at := slices.IndexFunc(s.Subsets, func(subset Subset) bool { return subset.Name == cmp.Or(s.Subset, s.NextSubset) })
	earlier := s.Subsets
	if at >= 0 {
		earlier = s.Subsets[:at]
	}
	var advice []Advice
	for i := range earlier {
		advice = append(advice, w.passedOver(ws, &earlier[i])...)
	}
	switch {
	case d.Err != nil:
		advice = append(advice, Advice{Severity: Error, Cause: fmt.Sprintf("WorkloadSpread %q cannot be honoured: %v", ws.Name, d.Err), Do: []string{"correct it: " + w.edit(ws)}})
	case d.Subset == nil:
		advice = append([]Advice{{
			Severity: Error,
			Cause:    d.Message + "; new pods are admitted without a subset, and keep only their own constraints",
			Do:       []string{"raise maxReplicas of a subset, or leave it away in the last one: " + w.edit(ws)},
		}}, advice...)
	case d.Reason == spread.Cordoned:
		advice = append([]Advice{{Severity: Warning, Cause: "new pods wait: " + d.Message, Do: []string{w.uncordon(ws, d.Subset.Name)}}}, advice...)
	case pod != nil && s.Subset == "" && isOptedIn(pod):
		advice = append(advice, Advice{
			Severity: Warning, Cause: fmt.Sprintf("WorkloadSpread %q targets the pod, but the pod is in none of its subsets: it is older than the WorkloadSpread, or no subset had room for it", ws.Name),
			Do: w.replace(),
		})
	}
	return advice
}

// passedOver is about an earlier subset.
func (w world) passedOver(ws *v1alpha1.WorkloadSpread, s *Subset) []Advice {
	switch {
	case s.Cordoned:
		return []Advice{{
			Severity: Note, Cause: fmt.Sprintf("the virtual nodes of subset %q of WorkloadSpread %q are all cordoned, so pods pass it over", s.Name, ws.Name),
			Do: []string{"if they should take pods: " + w.uncordon(ws, s.Name)},
		}}
	case s.Schedulable == string(corev1.ConditionFalse):
		since := "a while"
		if s.Since != nil {
			since = duration.HumanDuration(w.Now.Sub(*s.Since))
		}
		return []Advice{{
			Severity: Warning,
			Cause:    fmt.Sprintf("subset %q of WorkloadSpread %q has been unschedulable for %s, so pods pass it over: %s", s.Name, ws.Name, since, s.Message),
			Do:       []string{"make room for its pods, or correct what keeps them off its nodes; Spillway tries the subset again by itself"},
		}}
	case s.Most != nil && s.Pods+s.Held >= *s.Most:
		return []Advice{{
			Severity: Note,
			Cause:    fmt.Sprintf("subset %q of WorkloadSpread %q is full (%s), so pods pass it over", s.Name, ws.Name, counted(s)),
			Do:       []string{"if it should take more, raise its maxReplicas: " + w.edit(ws)},
		}}
	default:
		return nil
	}
}

func counted(s *Subset) string {
	text := fmt.Sprintf("%d of %d", s.Pods+s.Held, *s.Most)
	if s.Held > 0 {
		text += fmt.Sprintf(", %d of them held for pods that are being created", s.Held)
	}
	return text
}

// uncordon is about the cordoned virtual nodes of a subset.
func (w world) uncordon(ws *v1alpha1.WorkloadSpread, subset string) string {
	var nodes []string
	for i := range ws.Spec.Subsets {
		term := ws.Spec.Subsets[i].RequiredNodeSelectorTerm
		if ws.Spec.Subsets[i].Name != subset || term == nil {
			continue
		}
		selector, err := nodeaffinity.NewNodeSelector(&corev1.NodeSelector{NodeSelectorTerms: []corev1.NodeSelectorTerm{*term}})
		for j := range w.VirtualNodes {
			if node := &w.VirtualNodes[j]; err == nil && node.Spec.Unschedulable && selector.Match(node) {
				nodes = append(nodes, node.Name)
			}
		}
	}
	return "kubectl uncordon " + strings.Join(nodes, " ")
}

func doubts(warnings []string) []Advice {
	var advice []Advice
	for _, warning := range warnings {
		advice = append(advice, Advice{Severity: Warning, Cause: warning, Do: []string{"say it by the annotation that is named, or correct the term"}})
	}
	return advice
}

// failure is what placing the chosen subset comes to.
func (w world) failure(ws *v1alpha1.WorkloadSpread, next admission) []Advice {
	if next.outcome.SpreadFailed == nil || next.decision.Err != nil {
		return nil
	}
	return []Advice{{
		Severity: Error, Cause: fmt.Sprintf("the chosen subset of WorkloadSpread %q cannot be written into pods, which are admitted without it: %v", ws.Name, next.outcome.SpreadFailed),
		Do: []string{"correct it: " + w.edit(ws)},
	}}
}

func (w world) edit(ws *v1alpha1.WorkloadSpread) string {
	return fmt.Sprintf("kubectl -n %s edit workloadspread %s", ws.Namespace, ws.Name)
}

// replace has the pod made anew.
func (w world) replace() []string {
	if root, known := w.root(); known {
		return []string{w.restart(root)}
	}
	return []string{"delete the pod and create it again"}
}

// early is by how much a pod may be younger than the first event about its choice: the
// webhook answers before the pod is there, and clocks differ.
const early = 10 * time.Second

// told is the latest event about the choice of that subset, empty for none, with its
// age. Such events are about the owner, which pods share: it is told as one about them,
// and left out if it cannot be about this pod, since it speaks of another subset or
// came later.
func (w world) told(ws, subset string) string {
	var last *corev1.Event
	for i := range w.Events {
		e := &w.Events[i]
		isChoice := e.Related != nil && e.Related.Kind == "WorkloadSpread" && e.Related.Name == ws && slices.Contains(choices(), spread.Reason(e.Reason))
		if !isChoice || !w.isAbout(e, upstreamCluster) || w.Pod != nil && !mayTellOf(w.Pod, subset, e) {
			continue
		}
		if last == nil || lastSeen(e).After(lastSeen(last)) {
			last = e
		}
	}
	if last == nil {
		return ""
	}
	return fmt.Sprintf("%s (%s, %s ago, about a pod of %s/%s)", last.Message, last.Reason, duration.HumanDuration(w.Now.Sub(lastSeen(last))), last.InvolvedObject.Kind, last.InvolvedObject.Name)
}

// choices are the reasons of events about the choice of a subset.
func choices() []spread.Reason {
	return []spread.Reason{spread.First, spread.Spilled, spread.Numbered, spread.Probe, spread.Cordoned, spread.NoSubset, spread.Failed}
}

func mayTellOf(pod *corev1.Pod, subset string, e *corev1.Event) bool {
	if firstSeen(e).After(pod.CreationTimestamp.Add(early)) {
		return false
	}
	if reason := spread.Reason(e.Reason); subset == "" || reason == spread.NoSubset || reason == spread.Failed {
		return subset == "" && (reason == spread.NoSubset || reason == spread.Failed)
	}
	return strings.Contains(e.Message, fmt.Sprintf("subset %q", subset))
}

// nearMisses are WorkloadSpreads of which one part fits and another does not.
func (w world) nearMisses(labels map[string]string) []string {
	var misses []string
	for _, ws := range w.candidates {
		target := ws.Spec.TargetReference
		for _, owner := range w.owners {
			kind := spread.TargetKind(ws)
			switch {
			case spread.Targets(ws, owner):
				if selects, err := spread.Selects(ws, labels); err == nil && !selects {
					misses = append(misses, fmt.Sprintf("WorkloadSpread %q targets %s %q, but its spec.targetFilter.selector does not match the pod's labels", ws.Name, owner.Kind, owner.Name))
				}
			case target.Name == owner.Name:
				misses = append(misses, fmt.Sprintf("WorkloadSpread %q targets %s %q, and the pod's is %s %q", ws.Name, kind, target.Name, owner.GroupKind, owner.Name))
			case kind == owner.GroupKind && lookalike.Nearly(target.Name, owner.Name):
				misses = append(misses, fmt.Sprintf("WorkloadSpread %q targets %s %q, which nearly is %q", ws.Name, owner.Kind, target.Name, owner.Name))
			}
		}
	}
	return misses
}
