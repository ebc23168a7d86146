package explain

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/openkruise/kruise-api/apps/v1alpha1"
	corev1 "k8s.io/api/core/v1"

	"k8s.io/apimachinery/pkg/util/duration"

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
	s := &Spread{Name: ws.Name, Told: w.told(ws.Name), Subsets: []Subset{}}
	if err != nil {
		return s, []Advice{{Severity: Error, Cause: fmt.Sprintf("WorkloadSpread %q targets the pod, but is not honoured: %v", ws.Name, err), Do: []string{"correct it: " + w.edit(ws)}}}
	}
	if pod != nil {
		if match, matched := spread.MatchOf(pod); matched && match.Name == ws.Name {
			s.Subset = match.Subset
		}
	}
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
	return s, slices.Concat(w.spreadAdvice(ws, pod, s, d), doubts(d), w.failure(ws, next))
}

func subsetOf(a spread.Account) Subset {
	s := Subset{Name: a.Subset, Virtual: a.Virtual, Pods: a.Pods, Held: a.Held, Most: a.Most}
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

func doubts(d *spread.Decision) []Advice {
	var advice []Advice
	for _, warning := range d.Warnings {
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

// told is the latest event about the choice of a subset, with its age.
func (w world) told(ws string) string {
	var last *Event
	for _, e := range w.events() {
		isChoice := strings.HasPrefix(e.Reason, "Subset") || e.Reason == string(spread.NoSubset) || e.Reason == string(spread.Failed)
		if isChoice && strings.Contains(e.Message, ws) && (last == nil || e.Last.After(last.Last)) {
			last = &e
		}
	}
	if last == nil {
		return ""
	}
	return fmt.Sprintf("%s (%s, %s ago, about %s)", last.Message, last.Reason, duration.HumanDuration(w.Now.Sub(last.Last)), last.About)
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
