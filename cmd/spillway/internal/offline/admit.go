package offline

import (
	"fmt"
	"maps"
	"strings"

	"gomodules.xyz/jsonpatch/v2"
	corev1 "k8s.io/api/core/v1"

	"github.com/spillway-io/spillway/cmd/spillway/internal/manifest"
	"github.com/spillway-io/spillway/webhook"
	"github.com/spillway-io/spillway/webhook/mutate"
	"github.com/spillway-io/spillway/webhook/spread"
)

// Result is what became of a subject.
type Result struct {
	Position  manifest.Position
	Namespace string
	Name      string
	// Before and After are the pod as the webhook got it and as it was admitted,
	// both under its name. A pod that was denied has no After.
	Before, After map[string]any
	// Patch is what the webhook answers, in a fixed order.
	Patch []jsonpatch.Operation
	// Virtual says that the pod goes to a virtual node.
	Virtual bool
	// claims are those of Subject.
	claims []corev1.PersistentVolumeClaim
	// outcome and decision are what was decided about the pod, for people to read.
	outcome  mutate.Outcome
	decision *spread.Decision
	// Skipped, Denied and Warnings are those of mutate.Outcome.
	Skipped  mutate.Reason
	Denied   error
	Warnings []string
	// Spilled is why the subset of the pod is not the first one of its
	// WorkloadSpread; empty if it is, if its number says so, or if there is none.
	Spilled string
}

// Admit decides what becomes of a subject in the world, which takes note of it.
// The error tells of a defect in Spillway, not in the subject.
func (w World) Admit(subject Subject, policy mutate.Policy) (Result, error) {
	name := w.nameOf(subject.Pod)
	in := mutate.Input{
		Pod:       subject.Pod,
		Namespace: w.namespace(subject.Pod.Namespace),
		Create:    true,
		Sidecars:  w.sidecars,
		Key:       name,
		Now:       injectionTime(),
	}
	chosen := w.choose(in, name, policy)
	in.Spread = chosen.decision
	outcome := mutate.Admit(in, policy)
	result := Result{
		Position:  subject.Position,
		Namespace: subject.Pod.Namespace,
		Name:      name,
		Before:    named(subject.content, name),
		Skipped:   outcome.Skipped,
		Denied:    outcome.Denied,
		Warnings:  outcome.Warnings,
		Virtual:   outcome.Denied == nil && outcome.Skipped == "" && outcome.SpreadFailed == nil && (in.Spread == nil || in.Spread.Virtual),
		claims:    subject.claims,
		outcome:   outcome,
		decision:  in.Spread,
	}
	if outcome.Denied == nil {
		raw, err := encode(subject.content)
		if err != nil {
			return Result{}, fmt.Errorf("%s: %w", subject.Position, err)
		}
		operations, err := webhook.Patch(raw, subject.Pod, outcome.Pod)
		if err != nil {
			return Result{}, fmt.Errorf("%s: %w", subject.Position, err)
		}
		result.Patch = operations
		admitted, err := apply(result.Patch, subject.content)
		if err != nil {
			return Result{}, fmt.Errorf("%s: %w", subject.Position, err)
		}
		result.After = named(admitted, name)
	}
	if outcome.Denied == nil && outcome.Skipped == "" {
		pod := *outcome.Pod
		pod.Name = name
		result.Spilled = w.settle(chosen, &pod)
	}
	return result, nil
}

// Messages returns a line for everything that is to be said about the subject.
func (r Result) Messages() []string {
	var lines []string
	say := func(class, text string) {
		lines = append(lines, Message(r.Position, "Pod", r.Namespace+"/"+r.Name, class, text))
	}
	for _, warning := range r.Warnings {
		say("warning", warning)
	}
	if r.Spilled != "" {
		say("spilled", r.Spilled)
	}
	if r.Skipped != "" {
		say("skipped", string(r.Skipped))
	}
	if r.Denied != nil {
		say("denied", r.Denied.Error())
	}
	return lines
}

// Message returns a line about an object: "FILE: document N: KIND NAME: CLASS: TEXT".
func Message(position manifest.Position, kind, name, class, text string) string {
	return fmt.Sprintf("%s: %s %s: %s: %s", position, strings.ToLower(kind), name, class, text)
}

// named returns a pod under the name that the API server gives it once it is
// admitted.
func named(content map[string]any, name string) map[string]any {
	metadata := maps.Clone(objectAt(content, "metadata"))
	metadata["name"] = name
	pod := maps.Clone(content)
	pod["metadata"] = metadata
	return pod
}
