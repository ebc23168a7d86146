package mutate

import (
	"fmt"
	"maps"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/spillway-io/spillway/api"
	"github.com/spillway-io/spillway/webhook/stash"
)

// Policy is what an installation decides for all its pods.
type Policy struct {
	// RoutingKeys are the node labels whose requirements stay upstream.
	RoutingKeys stash.RoutingKeys
	// OwnNamespace is the namespace Spillway runs in; empty if there is none.
	OwnNamespace string
}

// Namespace is what a decision needs to know about the pod's namespace.
type Namespace struct {
	Name   string
	Labels map[string]string
}

// Input is everything that the admission of one pod depends on.
type Input struct {
	// Pod is the pod as the request has it. It is not modified.
	Pod *corev1.Pod
	// Namespace is the one the pod is created in. The pod's own namespace field
	// may be empty in a request.
	Namespace Namespace
	// Create says that the request creates the pod itself.
	Create bool
}

// Outcome is what Admit decided.
type Outcome struct {
	// Pod is the pod to be admitted. It is Input.Pod itself when the pod was
	// skipped or denied, and shares with it what did not change.
	Pod *corev1.Pod
	// Skipped is why the pod was left as it is; empty when it was handled.
	Skipped Reason
	// Denied is why the pod must not be created; nil when it may.
	Denied error
	// Warnings are shown to the user by kubectl.
	Warnings []string
}

// Admit decides what becomes of a pod. It is idempotent: the Outcome's pod, put
// in again, comes out unchanged.
func Admit(in Input, policy Policy) Outcome {
	skipped, warning := check(in, policy)
	if skipped != "" {
		return skip(in, skipped, warning)
	}
	found, err := stash.Read(in.Pod)
	if err != nil {
		return deny(in, err)
	}

	var (
		pod      = optIn(in.Pod)
		warnings []string
	)
	switch found.Origin {
	case stash.Absent:
		if errs := stash.FieldsOf(&in.Pod.Spec).Validate(field.NewPath("spec")); len(errs) > 0 {
			return skip(in, InvalidScheduling, "Spillway left the pod as it is, because of its scheduling fields: "+errs.ToAggregate().Error())
		}
		pod, err = stash.Save(pod, policy.RoutingKeys)
		if err != nil {
			return deny(in, err)
		}
	case stash.Saved:
		pod, warnings = trimAgain(pod, policy.RoutingKeys)
	case stash.Supplied:
		warnings = unknownFields(found)
	}
	pod = place(pod)

	if err := checkAnnotationSize(pod); err != nil {
		return deny(in, err)
	}
	return Outcome{Pod: pod, Warnings: warnings}
}

// optIn writes a namespace's opt-in on the pod, where selectors and people can
// see it.
func optIn(pod *corev1.Pod) *corev1.Pod {
	if pod.Labels[api.OptInLabel] == api.OptedIn {
		return pod
	}
	labelled := *pod
	labelled.Labels = maps.Clone(pod.Labels)
	if labelled.Labels == nil {
		labelled.Labels = make(map[string]string, 1)
	}
	labelled.Labels[api.OptInLabel] = api.OptedIn
	return &labelled
}

// trimAgain removes the constraints that another webhook added upstream after
// the stash was made. The stash is written once, so they cannot travel; left in
// place they would keep the pod off every virtual node. Nobody may find out by
// chance, hence the warning.
func trimAgain(pod *corev1.Pod, keys stash.RoutingKeys) (trimmed *corev1.Pod, warnings []string) {
	trimmed = stash.Trim(pod, keys)
	if dropped := changedFields(pod.Spec, trimmed.Spec); len(dropped) > 0 {
		warnings = append(warnings, fmt.Sprintf(
			"Spillway removed from the upstream pod what was added to it after the stash was made, which does not reach the downstream pod: %s; "+
				"a webhook that adds constraints must run before Spillway's to have them honoured downstream", strings.Join(dropped, ", ")))
	}
	return trimmed, warnings
}

func unknownFields(s stash.Stash) []string {
	if len(s.Unknown) == 0 {
		return nil
	}
	return []string{fmt.Sprintf("annotation %q: fields without effect: %s", api.StashAnnotation, strings.Join(s.Unknown, ", "))}
}

// checkAnnotationSize finds a pod that its stash would make too large for any
// API server. The stash is never cut short.
func checkAnnotationSize(pod *corev1.Pod) error {
	size := 0
	for key, value := range pod.Annotations {
		size += len(key) + len(value)
	}
	if size > validation.TotalAnnotationSizeLimitB {
		return fmt.Errorf("annotation %q: with the %d bytes of the stash the pod's annotations have %d bytes, more than the limit of %d; make its scheduling fields or its other annotations smaller",
			api.StashAnnotation, len(pod.Annotations[api.StashAnnotation]), size, validation.TotalAnnotationSizeLimitB)
	}
	return nil
}

func skip(in Input, reason Reason, warning string) Outcome {
	out := Outcome{Pod: in.Pod, Skipped: reason}
	if warning != "" {
		out.Warnings = []string{warning}
	}
	return out
}

func deny(in Input, err error) Outcome {
	return Outcome{Pod: in.Pod, Denied: fmt.Errorf("cannot admit the pod: %w", err)}
}
