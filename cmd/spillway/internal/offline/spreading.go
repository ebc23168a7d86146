package offline

import (
	"fmt"
	"slices"
	"strings"

	"github.com/openkruise/kruise-api/apps/v1alpha1"
	corev1 "k8s.io/api/core/v1"

	"github.com/spillway-io/spillway/api"
	"github.com/spillway-io/spillway/cmd/spillway/internal/manifest"
	"github.com/spillway-io/spillway/webhook/mutate"
	"github.com/spillway-io/spillway/webhook/spread"
)

// spreading is a WorkloadSpread of the world, and what it is counted by.
//
// Nothing is reserved here: there is one webhook, and a pod is in the world
// before the next one is admitted. A pod that did not get into its subset takes
// no slot of it, which is how it ends in a cluster, too.
type spreading struct {
	position manifest.Position
	// object has no reservations in its status.
	object  *v1alpha1.WorkloadSpread
	target  spread.Target
	virtual map[string]bool
	// cordoned are the subsets that are passed over.
	cordoned map[string]bool
	// pods are those of the world that the WorkloadSpread manages.
	pods []*corev1.Pod
	// before is how many active pods of each subset there were at first, of the
	// versions that subjects are of; admitted is how many came into it.
	before, admitted map[string]int
	// without is how many came into no subset.
	without int
}

// choice is what a WorkloadSpread says about a subject.
type choice struct {
	by       *spreading
	decision *spread.Decision
}

// choose asks for the subset of a pod that will be handled, and that will have
// the name. There is no choice for a pod that no WorkloadSpread targets.
func (w World) choose(in mutate.Input, name string, policy mutate.Policy) choice {
	if len(w.spreads) == 0 || !mutate.Handles(in, policy) {
		return choice{}
	}
	s, err := w.spreadOf(in.Pod)
	switch {
	case err != nil:
		return choice{by: s, decision: &spread.Decision{
			Spread: s.object, Reason: spread.Failed, Err: fmt.Errorf("WorkloadSpread %q: %w", s.object.Name, err),
		}}
	case s == nil:
		return choice{}
	}
	ledger := spread.Ledger{Spread: s.object, Target: s.target, Virtual: s.virtual, Cordoned: s.cordoned, Pods: s.pods, Live: true}
	choices := ledger.Choose([]spread.Request{{
		Pod: in.Pod,
		// A webhook takes the UID of the request, which is drawn at random.
		UID:   string(inventUID("AdmissionReview", in.Pod.Namespace, name)),
		Borne: w.workloads.borne(in.Pod),
	}})
	return choice{by: s, decision: &choices.Decisions[0]}
}

// spreadOf returns the WorkloadSpread that targets a pod: that of its nearest
// owner which has one. The error tells of a selector that does not parse.
func (w World) spreadOf(pod *corev1.Pod) (*spreading, error) {
	for _, owner := range w.workloads.above(pod) {
		for _, s := range w.spreads {
			if s.object.Namespace != pod.Namespace || !spread.Targets(s.object, owner) {
				continue
			}
			if selects, err := spread.Selects(s.object, pod.Labels); selects || err != nil {
				return s, err
			}
		}
	}
	return nil, nil
}

// enter makes a pod part of the world: all WorkloadSpreads count it that have
// its workload for their target. Webhooks know of the pods that opted in only.
func (w World) enter(pod *corev1.Pod) {
	if len(w.spreads) == 0 || pod.Labels[api.OptInLabel] != api.OptedIn {
		return
	}
	owners := w.workloads.above(pod)
	for _, s := range w.spreads {
		if s.object.Namespace != pod.Namespace {
			continue
		}
		for _, owner := range owners {
			// A selector that does not parse selects nothing.
			if selects, err := spread.Selects(s.object, pod.Labels); err == nil && selects && spread.Targets(s.object, owner) {
				s.pods = append(s.pods, pod)
				break
			}
		}
	}
}

// holds says that a pod exists already although no node has been found for it: it
// has a UID, and a subset of a WorkloadSpread of the world.
func (w World) holds(pod *corev1.Pod) bool {
	return pod.UID != "" && slices.ContainsFunc(w.spreads, func(s *spreading) bool {
		return s.object.Namespace == pod.Namespace && s.subsetOf(pod) != ""
	})
}

// settle makes an admitted pod part of the world. It returns why the pod is
// anywhere but in the first subset, if a WorkloadSpread says so.
func (w World) settle(c choice, admitted *corev1.Pod) (passedOver string) {
	w.enter(admitted)
	if c.by == nil {
		return ""
	}
	subset := c.by.subsetOf(admitted)
	if subset == "" {
		c.by.without++
		return ""
	}
	c.by.admitted[subset]++
	reason := c.decision.Reason
	if reason == spread.Spilled || reason == spread.Cordoned || reason == spread.Probe && subset != c.by.object.Spec.Subsets[0].Name {
		return c.decision.Message
	}
	return ""
}

// subsetOf returns the subset that a pod is in; empty if it is in none.
func (s *spreading) subsetOf(pod *corev1.Pod) string {
	match, ok := spread.MatchOf(pod)
	if !ok || match.Name != s.object.Name {
		return ""
	}
	for i := range s.object.Spec.Subsets {
		if s.object.Spec.Subsets[i].Name == match.Subset {
			return match.Subset
		}
	}
	return ""
}

// Distributions returns a line for each WorkloadSpread that targeted a subject,
// in the order of the input: how many of the admitted ones are in each subset,
// and of the pods that were there before.
func (w World) Distributions() []string {
	var lines []string
	for _, s := range w.spreads {
		if len(s.admitted) == 0 && s.without == 0 {
			continue
		}
		text := s.list(s.admitted, true)
		if s.without > 0 {
			text += fmt.Sprintf(", without a subset %d", s.without)
		}
		if len(s.before) > 0 {
			text += "; there before: " + s.list(s.before, false)
		}
		lines = append(lines, s.message("distribution", text))
	}
	return lines
}

func (s *spreading) list(counts map[string]int, all bool) string {
	var parts []string
	for i := range s.object.Spec.Subsets {
		name := s.object.Spec.Subsets[i].Name
		if counts[name] == 0 && !all {
			continue
		}
		part := fmt.Sprintf("%s %d", name, counts[name])
		if s.virtual[name] && all {
			part += " (virtual)"
		}
		parts = append(parts, part)
	}
	return strings.Join(parts, ", ")
}

// message returns a line about the WorkloadSpread.
func (s *spreading) message(class, text string) string {
	return Message(s.position, "WorkloadSpread", s.object.Namespace+"/"+s.object.Name, class, text)
}
