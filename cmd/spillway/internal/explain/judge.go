package explain

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"k8s.io/apimachinery/pkg/util/duration"

	"github.com/spillway-io/spillway/webhook/stash"
)

// Judge says what the facts mean.
func Judge(f Facts) Explanation {
	w := newWorld(f)
	var e Explanation
	switch {
	case f.Pod != nil:
		e = w.pod()
	case f.Asked.Kind == "Pod":
		e = w.absentPod()
	case len(f.Owners) == 0:
		e = Explanation{Summary: fmt.Sprintf("there is no %s %q in namespace %q", f.Asked.Kind, f.Asked.Name, f.Asked.Namespace)}
	default:
		e = w.workload()
	}
	e.Asked, e.Unknown, e.Time = f.Asked, f.Unknown, f.Now
	e.Events = w.events()
	e.Events = e.Events[:min(len(e.Events), maxEvents)]
	slices.SortStableFunc(e.Advice, func(a, b Advice) int { return cmp.Compare(rank(a.Severity), rank(b.Severity)) })
	if e.Advice == nil {
		e.Advice = []Advice{}
	}
	return e
}

func rank(s Severity) int { return slices.Index([]Severity{Error, Warning, Note}, s) }

// pod explains a pod that exists.
func (w world) pod() Explanation {
	e := Explanation{Found: true}
	pod := w.Pod
	optIn, advice := w.optIn(pod, true)
	place, placed := w.placeSection(pod)
	e.OptIn, e.Place = &optIn, place
	e.Advice = slices.Concat(advice, placed)
	if !optIn.Handled {
		e.Summary = fmt.Sprintf("left alone by Spillway (%s); %s", optIn.Reason, where(place, nil))
		return e
	}
	next := w.admitNext()
	e.NextPod = nextOf(next)
	var more []Advice
	e.Spread, more = w.spreadSection(pod, labelled(pod).Labels, next)
	e.Advice = append(e.Advice, more...)
	node, _ := w.virtualNode(pod.Spec.NodeName)
	e.Stash, more = w.stashSection(pod, node)
	e.Advice = append(e.Advice, more...)
	e.Sidecars, more = w.sidecarSection(pod, true, next)
	if !optIn.Touched {
		more = slices.DeleteFunc(more, func(a Advice) bool { return strings.Contains(a.Cause, "is not in the pod") })
	}
	e.Advice = append(e.Advice, more...)
	e.Advice = append(e.Advice, w.nextAdvice(next)...)
	e.Summary = fmt.Sprintf("handled by Spillway; %s", where(place, e.Spread))
	if !optIn.Touched {
		e.Summary = fmt.Sprintf("opted in, but not handled by Spillway; %s", where(place, e.Spread))
	}
	return e
}

// admitNext admits the next pod of the workload; without a workload, the pod again.
func (w world) admitNext() admission {
	if next := w.nextPod(); next != nil {
		return w.admit(next)
	}
	if w.Pod != nil {
		return w.admit(asNew(w.Pod))
	}
	return admission{}
}

func nextOf(a admission) *NextPod {
	if a.outcome.Pod == nil {
		return nil
	}
	n := &NextPod{Warnings: a.outcome.Warnings}
	if a.outcome.Denied != nil {
		n.Denied = a.outcome.Denied.Error()
	}
	return n
}

// nextAdvice is about what is wrong with the workload's template.
func (w world) nextAdvice(a admission) []Advice {
	root, known := w.root()
	if a.outcome.Denied == nil || !known {
		return nil // without a workload there is no other pod than this one
	}
	kind, _ := kindOf(root.GroupVersionKind().GroupKind())
	do := fmt.Sprintf("correct what the message names, in the pod template: kubectl -n %s edit %s %s", w.namespace.Name, kind.cli(), root.GetName())
	return []Advice{{Severity: Error, Cause: "new pods of the workload are denied: " + a.outcome.Denied.Error(), Do: []string{do}}}
}

// where says in half a sentence where the pod is.
func where(p *Place, s *Spread) string {
	var parts []string
	if s != nil && s.Subset != "" {
		parts = append(parts, fmt.Sprintf("subset %s of WorkloadSpread %s", s.Subset, s.Name))
	}
	switch {
	case p.Node == "":
		parts = append(parts, "on no node")
	case p.Virtual && p.DownstreamNode != "":
		parts = append(parts, fmt.Sprintf("on virtual node %s, downstream node %s", p.Node, p.DownstreamNode))
	case p.Virtual:
		parts = append(parts, "on virtual node "+p.Node)
	default:
		parts = append(parts, "on node "+p.Node)
	}
	phase := p.Phase
	if p.Waits != "" {
		phase += " (" + p.Waits + ")"
	}
	return strings.Join(append(parts, phase), "; ")
}

// absentPod is for a pod that does not exist: what is known of it are events.
func (w world) absentPod() Explanation {
	e := Explanation{Summary: fmt.Sprintf("there is no pod %q in namespace %q, and no trace of one", w.Asked.Name, w.Asked.Namespace)}
	events := w.events()
	if len(events) == 0 {
		return e
	}
	e.Found = true
	e.Summary = fmt.Sprintf("the pod does not exist any more; the last that is known of it is %s, %s ago", events[0].Reason, duration.HumanDuration(w.Now.Sub(events[0].Last)))
	cause := fmt.Sprintf("the pod is gone; last it was said: %s", events[0].Message)
	e.Advice = []Advice{{Severity: Note, Cause: cause, Do: []string{"explain its workload, which has created another if it wants one: spillway explain deployment NAME"}}}
	return e
}

// stashOfNext is for pods that are not there: what the next pod brings.
func (w world) stashOfNext(pod *corev1.Pod) *Stash {
	if pod == nil {
		return nil
	}
	found, err := stash.Read(pod)
	if err != nil {
		return &Stash{Origin: "malformed", Error: err.Error()}
	}
	return &Stash{Origin: originOf(found.Origin)}
}
