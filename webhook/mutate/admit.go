package mutate

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/spillway-io/spillway/api"
	"github.com/spillway-io/spillway/webhook/sidecar"
	"github.com/spillway-io/spillway/webhook/spread"
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
	// Annotations are those that count: api.OnNodeLossAnnotation.
	Annotations map[string]string
	// Err is why labels and annotations are not known; nil if they are, or if nobody
	// asks.
	Err error
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
	// Spread is what was decided by the WorkloadSpread that targets the pod; nil
	// if there is none.
	Spread *spread.Decision
	// Sidecars are all SidecarSets, sorted by name.
	Sidecars []*sidecar.Set
	// Key is another one for each pod; see sidecar.Subject. The name of a pod that
	// has one wins.
	Key string
	// Now is the time of the admission.
	Now time.Time
	// TraceParent is the value of api.TraceParentAnnotation, for a pod that has none;
	// empty if the admission is not traced.
	TraceParent string
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
	// SpreadFailed is why the WorkloadSpread that targets the pod was not
	// honoured: Decision.Err, or what went wrong when its subset was placed. The
	// pod was handled without it. Having no subset with room is no failure.
	SpreadFailed error
	// Injected are the SidecarSets in the pod.
	Injected []*sidecar.Set
	// SidecarsFailed are the SidecarSets that are about the pod and that it was
	// admitted without.
	SidecarsFailed []sidecar.Failure
}

// Admit decides what becomes of a pod. It is idempotent: the Outcome's pod, put
// in again, comes out unchanged.
func Admit(in Input, policy Policy) Outcome {
	skipped, warning := Verdict(in, policy)
	if skipped != "" {
		return skip(in, skipped, warning)
	}
	found, err := stash.Read(in.Pod)
	if err != nil {
		return deny(in, err)
	}
	to := destinationOf(in.Spread)

	if found.Origin == stash.Absent && to.stashes {
		if errs := stash.FieldsOf(&in.Pod.Spec).Validate(field.NewPath("spec")); len(errs) > 0 {
			return skip(in, InvalidScheduling, "Spillway left the pod as it is, because of its scheduling fields: "+errs.ToAggregate().Error())
		}
	}
	saved, err := save(traced(optIn(in.Pod), in.TraceParent), found, to, policy.RoutingKeys)
	if err != nil {
		return deny(in, err)
	}
	placed, warnings, err := place(saved, found, to)
	if err != nil {
		return withoutSpread(in, policy, err)
	}

	if err := checkAnnotationSize(placed); err != nil {
		if to.subset != nil {
			return withoutSpread(in, policy, err)
		}
		return deny(in, err)
	}
	staying, unclear := stayOnNodeLoss(placed, in.Namespace, to)
	injected := inject(staying, in)
	return Outcome{
		Pod:            injected.Pod,
		Warnings:       slices.Concat(to.warnings, lostWarning(in.Pod, placed, found, to), warnings, unclear, injected.Warnings),
		SpreadFailed:   to.failed,
		Injected:       injected.Injected,
		SidecarsFailed: injected.Failures,
	}
}

// withoutSpread admits the pod as if no subset had room for it: whatever is
// wrong with a WorkloadSpread is not the pod's fault.
func withoutSpread(in Input, policy Policy, err error) Outcome {
	in.Spread = &spread.Decision{Spread: in.Spread.Spread, Reason: spread.Failed, Err: err}
	return Admit(in, policy)
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

// traced writes on the pod which trace it is part of. It is written once: admission
// that is called again is part of the same.
func traced(pod *corev1.Pod, parent string) *corev1.Pod {
	if _, known := pod.Annotations[api.TraceParentAnnotation]; known || parent == "" {
		return pod
	}
	marked := *pod
	marked.Annotations = maps.Clone(pod.Annotations)
	if marked.Annotations == nil {
		marked.Annotations = make(map[string]string, 1)
	}
	marked.Annotations[api.TraceParentAnnotation] = parent
	return &marked
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
	if size := annotationSize(pod); size > validation.TotalAnnotationSizeLimitB {
		return fmt.Errorf("annotation %q: with the %d bytes of the stash the pod's annotations have %d bytes, more than the limit of %d; make its scheduling fields or its other annotations smaller",
			api.StashAnnotation, len(pod.Annotations[api.StashAnnotation]), size, validation.TotalAnnotationSizeLimitB)
	}
	return nil
}

func annotationSize(pod *corev1.Pod) int {
	size := 0
	for key, value := range pod.Annotations {
		size += len(key) + len(value)
	}
	return size
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
