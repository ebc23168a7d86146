package mutate

import (
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/spillway-io/spillway/api"
)

// Reason names why a pod was left as it is. It is a metric label and is printed
// by the offline commands.
type Reason string

// The reasons, in the order in which they are looked for.
const (
	// NotAPod: the request is about another kind of object.
	NotAPod Reason = "not-a-pod"
	// NotCreated: the request updates or deletes a pod, or speaks to one of its
	// subresources. Decisions are made once, at creation.
	NotCreated Reason = "not-created"
	// Finished: the pod is created with a final status, as restore tools do.
	Finished Reason = "finished"
	// SystemNamespace: kube-system, kube-public, kube-node-lease.
	SystemNamespace Reason = "system-namespace"
	// OwnNamespace: the namespace that Spillway itself runs in.
	OwnNamespace Reason = "own-namespace"
	// MirrorPod: a static pod of a kubelet; it is bound to its machine.
	MirrorPod Reason = "mirror-pod"
	// DaemonSet: the pod belongs to one node by definition.
	DaemonSet Reason = "daemonset"
	// FromUpstream: another Spillway created the pod here; this is its
	// downstream cluster.
	FromUpstream Reason = "from-upstream"
	// OptedOut: the pod's own label has a value other than "true".
	OptedOut Reason = "opted-out"
	// NotOptedIn: neither the pod nor its namespace carries the label.
	NotOptedIn Reason = "not-opted-in"
	// InvalidScheduling: an API server would refuse the pod's scheduling fields.
	// They stay where they are, so that it does, in its own words.
	InvalidScheduling Reason = "invalid-scheduling"
)

// Handles says whether Admit will handle the pod. It saves the shell from
// gathering what Admit will not look at.
func Handles(in Input, policy Policy) bool {
	reason, _ := Verdict(in, policy)
	return reason == ""
}

// Verdict says whether the pod is to be handled: the reason is empty if it is. A
// warning tells the user what was probably meant otherwise. InvalidScheduling is
// found later, by Admit alone.
//
// Once the exceptions are out of the way, the labels decide:
//
//	pod label  namespace label  handled
//	"true"     any              yes
//	other      any              no, OptedOut; with a warning unless "false"
//	none       "true"           yes
//	none       other or none    no, NotOptedIn
func Verdict(in Input, policy Policy) (reason Reason, warning string) {
	if reason := exception(in, policy); reason != "" {
		return reason, ""
	}
	label, labelled := in.Pod.Labels[api.OptInLabel]
	switch {
	case labelled && label == api.OptedIn:
		return "", ""
	case labelled && label == api.OptedOut:
		return OptedOut, ""
	case labelled:
		return OptedOut, fmt.Sprintf("label %s=%q opts the pod out of Spillway; to opt in, the value must be %q, to opt out without this warning %q",
			api.OptInLabel, label, api.OptedIn, api.OptedOut)
	case in.Namespace.Labels[api.OptInLabel] == api.OptedIn:
		return "", ""
	default:
		return NotOptedIn, ""
	}
}

// exception finds the pods that are never handled, whatever their labels say.
func exception(in Input, policy Policy) Reason {
	pod := in.Pod
	_, mirror := pod.Annotations[corev1.MirrorPodAnnotationKey]
	_, fromUpstream := pod.Labels[api.UpstreamLabel]
	switch {
	case !in.Create:
		return NotCreated
	case pod.Status.Phase == corev1.PodSucceeded || pod.Status.Phase == corev1.PodFailed:
		return Finished
	case slices.Contains(SystemNamespaces(), in.Namespace.Name):
		return SystemNamespace
	case policy.OwnNamespace != "" && in.Namespace.Name == policy.OwnNamespace:
		return OwnNamespace
	case mirror:
		return MirrorPod
	case ownedByDaemonSet(pod):
		return DaemonSet
	case fromUpstream:
		return FromUpstream
	default:
		return ""
	}
}

// SystemNamespaces are those whose pods are never handled.
func SystemNamespaces() []string {
	return []string{metav1.NamespaceSystem, metav1.NamespacePublic, corev1.NamespaceNodeLease}
}

// ownedByDaemonSet goes by the kind alone, so that other projects' DaemonSets
// (apps.kruise.io for one) count too.
func ownedByDaemonSet(pod *corev1.Pod) bool {
	owner := metav1.GetControllerOfNoCopy(pod)
	return owner != nil && owner.Kind == "DaemonSet"
}
