package explain

import (
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"

	"github.com/spillway-io/spillway/api"
	"github.com/spillway-io/spillway/provider/pods"
	"github.com/spillway-io/spillway/provider/references"
	"github.com/spillway-io/spillway/provider/storage"
)

// waits is why a pod does not run, as its status says, in a word and a sentence.
func waits(pod *corev1.Pod) (reason, message string) {
	if pod.Status.Phase == corev1.PodRunning || pod.Status.Phase == corev1.PodSucceeded {
		return notRunning(pod)
	}
	if pod.Status.Reason != "" {
		return pod.Status.Reason, pod.Status.Message
	}
	for _, t := range []corev1.PodConditionType{corev1.PodScheduled, api.DownstreamScheduledCondition} {
		if c := conditionOf(pod, t); c != nil && c.Status == corev1.ConditionFalse {
			return c.Reason, c.Message
		}
	}
	return notRunning(pod)
}

// notRunning is the first container that waits for something that does not pass by
// itself.
func notRunning(pod *corev1.Pod) (reason, message string) {
	for _, s := range slices.Concat(pod.Status.InitContainerStatuses, pod.Status.ContainerStatuses) {
		waiting := s.State.Waiting
		if waiting != nil && waiting.Reason != "ContainerCreating" && waiting.Reason != "PodInitializing" && waiting.Reason != "" {
			return waiting.Reason, fmt.Sprintf("container %q: %s", s.Name, waiting.Message)
		}
	}
	return "", ""
}

// waitingAdvice is about a pod on a virtual node whose downstream pod is not there,
// or finds no node.
func (w world) waitingAdvice(pod *corev1.Pod) []Advice {
	if c := conditionOf(pod, api.DownstreamScheduledCondition); c != nil && c.Status == corev1.ConditionFalse {
		do := "make room in the downstream cluster, or correct what the pod asks of its nodes: spillway explain shows what it gets there, under Stash"
		if c.Reason == api.LargerThanAnyNodeReason {
			do = "ask for less in the pod's template, or add a larger node downstream"
		}
		return []Advice{{Severity: Warning, Cause: fmt.Sprintf("no downstream node takes the pod (%s): %s", c.Reason, c.Message), Do: []string{do}}}
	}
	if pod.Status.Reason != "" {
		severity := Warning
		if pod.Status.Phase == corev1.PodFailed {
			severity = Error
		}
		return []Advice{{Severity: severity, Cause: fmt.Sprintf("%s: %s", pod.Status.Reason, pod.Status.Message), Do: []string{remedy(pod.Status.Reason)}}}
	}
	if pod.Status.Phase != corev1.PodPending || w.Below != nil && w.Below.Pod != nil {
		return nil
	}
	for _, e := range w.events() {
		if e.Warning && (e.Reason == pods.ReasonCreateFailed || e.Reason == pods.ReasonConflict) {
			return []Advice{{Severity: Warning, Cause: fmt.Sprintf("%s: %s", e.Reason, e.Message), Do: []string{remedy(e.Reason)}}}
		}
	}
	return nil
}

// remedy is what helps against a reason in the status of a pod, or in an event.
func remedy(reason string) string {
	switch reason {
	case pods.ReasonLost:
		return "find out who deleted the downstream pod; its workload replaces the pod, and a bare pod has to be created again"
	case pods.ReasonRejected, storage.ReasonUnsuitable:
		return "correct what the message names, in the manifest that it comes from, and create the object again"
	case pods.ReasonConflict:
		return "rename the object, or delete the downstream one that has its name, if nobody needs it"
	case pods.ReasonNodeAffinity:
		return "correct the pod's requirements on virtual nodes, or do not bind it past the scheduler"
	case pods.ReasonStash:
		return "correct or remove the annotation " + api.StashAnnotation + " where the pod comes from"
	case pods.ReasonDaemonSet, pods.ReasonMirror:
		return "keep such pods off virtual nodes, by their node affinity"
	case pods.ReasonAccess:
		return "allow the mode in the virtual node's --pod-api-access, or change the annotation " + api.APIAccessAnnotation
	case pods.ReasonCreateFailed, references.ReasonRefused:
		return "change what refuses it downstream: a quota, a policy, or the rights of the virtual node (spillway doctor checks those)"
	case references.ReasonMandatoryConfigMap, references.ReasonMandatorySecret:
		return "create what is missing, in the pod's namespace upstream; the pod goes on by itself"
	case references.ReasonReserved:
		return "rename what the message names: Spillway keeps such names for tokens"
	case references.ReasonUnreadable, references.ReasonToken:
		return "give the virtual node the right upstream that the message names; spillway doctor checks all of them"
	case storage.ReasonClaimNotFound, storage.ReasonNotBound:
		return "create the claim, or have it bound, upstream; the pod goes on by itself"
	case storage.ReasonImmediate:
		return "recreate the StorageClass with volumeBindingMode: WaitForFirstConsumer"
	case storage.ReasonElsewhere, storage.ReasonUnsupported, storage.ReasonUnplaced:
		return "use a volume that the downstream cluster has: a StorageClass of the provisioner " + api.Provisioner
	case storage.ReasonPredecessor, storage.ReasonReleased, storage.ReasonLost:
		return "decide what becomes of the data, as the message says"
	default:
		return "read the events below, of both clusters"
	}
}

// containerAdvice is about containers that do not come up, wherever they run.
func containerAdvice(pod *corev1.Pod) []Advice {
	reason, message := notRunning(pod)
	if reason == "" {
		return nil
	}
	return []Advice{{Severity: Warning, Cause: join(reason, message), Do: []string{fmt.Sprintf("kubectl -n %s logs %s --all-containers --prefix --tail=20", pod.Namespace, pod.Name)}}}
}
