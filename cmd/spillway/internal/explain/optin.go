package explain

import (
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/spillway-io/spillway/api"
	"github.com/spillway-io/spillway/cmd/spillway/internal/lookalike"
	"github.com/spillway-io/spillway/webhook/mutate"
)

// optIn says whether a pod like this is handled. pod is as it is, or as it would be
// created; exists says which.
func (w world) optIn(pod *corev1.Pod, exists bool) (OptIn, []Advice) {
	in := mutate.Input{Pod: asNew(pod), Namespace: w.namespace, Create: true}
	reason, _ := mutate.Verdict(in, w.policy)
	o := OptIn{Handled: reason == "", Reason: string(reason), Why: w.why(reason, pod), Touched: exists && isTouched(pod)}
	switch {
	case reason == mutate.NotOptedIn && w.Namespace == nil:
		if meant := w.meant(pod); meant != nil {
			return o, []Advice{*meant}
		}
		o.Reason = namespaceUnknown
		o.Why = fmt.Sprintf("the pod has not the label %s=%s, and whether namespace %q has it is not known", api.OptInLabel, api.OptedIn, w.namespace.Name)
		return o, []Advice{{Severity: Note, Cause: o.Why, Do: []string{"look as somebody who may: kubectl get namespace " + w.namespace.Name + " --show-labels"}}}
	case o.Handled && exists && !o.Touched:
		return o, w.untouched(pod)
	case o.Handled:
		return o, nil
	default:
		return o, w.notHandled(reason, pod)
	}
}

// namespaceUnknown stands for a mutate.Reason where the labels of the namespace decide,
// and may not be read.
const namespaceUnknown = "namespace-unknown"

// isTouched says whether Spillway has been at the pod: whatever it does with a pod
// leaves one of these.
func isTouched(pod *corev1.Pod) bool {
	for _, annotation := range []string{api.StashMarkerAnnotation, api.MatchedWorkloadSpreadAnnotation, api.SidecarSetListAnnotation} {
		if _, has := pod.Annotations[annotation]; has {
			return true
		}
	}
	return slices.ContainsFunc(pod.Spec.Tolerations, func(t corev1.Toleration) bool { return t.Key == api.ProviderTaintKey })
}

func (w world) why(reason mutate.Reason, pod *corev1.Pod) string {
	switch reason {
	case "":
		if isOptedIn(pod) {
			return fmt.Sprintf("the pod has the label %s=%s", api.OptInLabel, api.OptedIn)
		}
		return fmt.Sprintf("namespace %q has the label %s=%s", w.namespace.Name, api.OptInLabel, api.OptedIn)
	case mutate.OptedOut:
		return fmt.Sprintf("the pod has the label %s=%q; only %q opts in", api.OptInLabel, pod.Labels[api.OptInLabel], api.OptedIn)
	case mutate.NotOptedIn:
		return fmt.Sprintf("neither the pod nor namespace %q has the label %s=%s", w.namespace.Name, api.OptInLabel, api.OptedIn)
	case mutate.SystemNamespace, mutate.OwnNamespace:
		return fmt.Sprintf("pods in namespace %q are never handled", w.namespace.Name)
	case mutate.DaemonSet:
		return "pods of a DaemonSet belong to one node each and are never handled"
	case mutate.MirrorPod:
		return "static pods belong to the machine that has their file and are never handled"
	case mutate.FromUpstream:
		return "another Spillway created the pod here: this is its downstream cluster"
	default:
		return "the pod is left as it is: " + string(reason)
	}
}

// notHandled says what was probably meant, and else that nobody asked.
func (w world) notHandled(reason mutate.Reason, pod *corev1.Pod) []Advice {
	if reason != mutate.OptedOut && reason != mutate.NotOptedIn {
		return []Advice{{Severity: Note, Cause: w.why(reason, pod)}}
	}
	if meant := w.meant(pod); meant != nil {
		return []Advice{*meant}
	}
	if reason == mutate.OptedOut {
		return []Advice{{
			Severity: Note, Cause: fmt.Sprintf("the pod opted out of Spillway by its label %s=%q", api.OptInLabel, pod.Labels[api.OptInLabel]),
			Do: append([]string{"nothing, if that is meant; else:"}, w.relabel(pod, "")...),
		}}
	}
	return []Advice{{
		Severity: Warning, Cause: w.why(reason, pod) + ", so Spillway leaves the pod alone",
		Do: slices.Concat(
			[]string{"for all new pods of the namespace: " + w.labelNamespace() + w.restartToo()},
			prefixed("for this workload only: ", w.relabel(pod, "")),
		),
	}}
}

// meant looks where people write the label by mistake, nearest first.
func (w world) meant(pod *corev1.Pod) *Advice {
	if found := lookalike.Of(pod.Labels); len(found) > 0 {
		s := found[0]
		cause := fmt.Sprintf("the pod has the label %s=%q, which is not %s=%q: it looks like a typo, and does not opt in", s.Key, s.Value, api.OptInLabel, api.OptedIn)
		drop := s.Key
		if s.RightKey {
			cause = fmt.Sprintf("the pod has the label %s=%q: the value looks like a typo, and opts the pod out; only %q opts in", s.Key, s.Value, api.OptedIn)
			drop = ""
		}
		return &Advice{Severity: Error, Cause: cause, Do: w.relabel(pod, drop)}
	}
	if found := slices.Concat(lookalike.Exact(pod.Annotations), lookalike.Of(pod.Annotations)); len(found) > 0 {
		s := found[0]
		return &Advice{Severity: Error, Cause: fmt.Sprintf("the pod has the annotation %s=%q: it must be a label, and annotations do not opt in", s.Key, s.Value), Do: w.relabel(pod, "")}
	}
	for i := range w.Owners {
		owner := &w.Owners[i]
		if found := misplaced(owner.GetLabels(), owner.GetAnnotations()); len(found) > 0 {
			return &Advice{
				Severity: Error,
				Cause: fmt.Sprintf("%s=%q stands in the metadata of %s %q, not among the labels of its pod template, so its pods do not have it",
					found[0].Key, found[0].Value, owner.GetKind(), owner.GetName()),
				Do: w.relabel(pod, ""),
			}
		}
	}
	if found := slices.Concat(lookalike.Of(w.namespace.Labels), misplaced(w.namespace.Annotations)); len(found) > 0 {
		return &Advice{
			Severity: Error,
			Cause: fmt.Sprintf("namespace %q has %s=%q, which is not the label %s=%q: it looks like a typo, and does not opt its pods in",
				w.namespace.Name, found[0].Key, found[0].Value, api.OptInLabel, api.OptedIn),
			Do: []string{w.labelNamespace() + w.restartToo()},
		}
	}
	return nil
}

// misplaced finds what opts in, or looks like it, where it has no effect.
func misplaced(places ...map[string]string) []lookalike.Label {
	var found []lookalike.Label
	for _, in := range places {
		found = slices.Concat(found, lookalike.Exact(in), lookalike.Of(in))
	}
	return found
}

// untouched is for a pod that would be handled if it were created now.
func (w world) untouched(pod *corev1.Pod) []Advice {
	// Whoever handles a pod leaves the label on it, also where its namespace opted in.
	if ws, err := w.spreadOf(pod.Labels); ws != nil && err == nil && isOptedIn(pod) && w.told(ws.Name, "") != "" {
		return nil // It was seen, and got no subset: that is said there.
	}
	cause := "the pod is opted in, but carries no mark of Spillway: it was created before the label was there, or while the webhook did not answer"
	if root, known := w.root(); known {
		return []Advice{{Severity: Error, Cause: cause, Do: []string{w.restart(root), "if new pods carry no mark either: spillway doctor"}}}
	}
	return []Advice{{Severity: Error, Cause: cause, Do: []string{"delete the pod and create it again; if the new one carries no mark either: spillway doctor"}}}
}

func prefixed(prefix string, texts []string) []string {
	if len(texts) == 0 {
		return nil
	}
	return append([]string{prefix + texts[0]}, texts[1:]...)
}

func (w world) labelNamespace() string {
	return strings.Join([]string{"kubectl label namespace", w.namespace.Name, api.OptInLabel + "=" + api.OptedIn, "--overwrite"}, " ")
}
