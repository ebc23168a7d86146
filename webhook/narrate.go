package webhook

import (
	"context"
	"fmt"
	"strings"

	"github.com/openkruise/kruise-api/apps/v1alpha1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/events"

	"github.com/spillway-io/spillway/webhook/eventnote"
	"github.com/spillway-io/spillway/webhook/sidecar"
	"github.com/spillway-io/spillway/webhook/spread"
)

// Spreads chooses the subset of a pod; the decision is nil if no WorkloadSpread
// targets it.
type Spreads interface {
	Decide(ctx context.Context, namespace string, pod *corev1.Pod, uid types.UID, dryRun bool) *spread.Decision
}

// reasonSidecarFailed is the reason of the event about a pod that was admitted without
// a SidecarSet that is about it.
const reasonSidecarFailed = "SidecarFailed"

// narrator tells the owner of a pod, and of its WorkloadSpread, which subset the
// pod got and why. Events that repeat are counted by their recorder, so that a
// burst is a handful of writes.
type narrator struct {
	events events.EventRecorder
}

func (n narrator) tell(namespace string, pod *corev1.Pod, d *spread.Decision) {
	if n.events == nil || d == nil || d.Reason == spread.Kept {
		return
	}
	kind, message, action := corev1.EventTypeNormal, d.Message, "AdmitWithoutSubset"
	if d.Subset != nil {
		action = "PlaceIn-" + d.Subset.Name
	} else {
		kind = corev1.EventTypeWarning
	}
	if d.Err != nil {
		message = "The pod is admitted without the WorkloadSpread: " + d.Err.Error()
	}
	message = shortened(message)
	// A decision is about a pod with an owner: nothing else is targeted.
	owner := ownerReference(namespace, pod)
	if d.Spread == nil {
		n.events.Eventf(owner, nil, kind, string(d.Reason), action, "%s", message)
		return
	}
	ws := spreadReference(d.Spread)
	n.events.Eventf(owner, ws, kind, string(d.Reason), action, "%s", message)
	n.events.Eventf(ws, owner, kind, string(d.Reason), action, "%s", message)
}

// tellOfSidecar tells the owner of a pod, and the SidecarSet, that the pod was
// admitted without it.
func (n narrator) tellOfSidecar(namespace string, pod *corev1.Pod, failure sidecar.Failure) {
	if n.events == nil {
		return
	}
	const action = "AdmitWithoutSidecars"
	set := &corev1.ObjectReference{APIVersion: v1alpha1.GroupVersion.String(), Kind: "SidecarSet", Name: failure.Set, UID: failure.UID}
	message := fmt.Sprintf("A pod in namespace %q is admitted without SidecarSet %q: %v", namespace, failure.Set, failure.Err)
	message = shortened(message)
	if metav1.GetControllerOfNoCopy(pod) == nil {
		n.events.Eventf(set, nil, corev1.EventTypeWarning, reasonSidecarFailed, action, "%s", message)
		return
	}
	owner := ownerReference(namespace, pod)
	n.events.Eventf(owner, set, corev1.EventTypeWarning, reasonSidecarFailed, action, "%s", message)
	n.events.Eventf(set, owner, corev1.EventTypeWarning, reasonSidecarFailed, action, "%s", message)
}

// shortened cuts a text to what an event can hold, between characters.
func shortened(text string) string {
	return strings.ToValidUTF8(text[:min(len(text), eventnote.Max)], "")
}

// spreadReference has no resource version: that changes with each slot that is taken, and
// recorders count an event as one that repeats only if its references are the same.
func spreadReference(ws *v1alpha1.WorkloadSpread) *corev1.ObjectReference {
	return &corev1.ObjectReference{APIVersion: v1alpha1.GroupVersion.String(), Kind: "WorkloadSpread", Namespace: ws.Namespace, Name: ws.Name, UID: ws.UID}
}

func ownerReference(namespace string, pod *corev1.Pod) *corev1.ObjectReference {
	owner := metav1.GetControllerOfNoCopy(pod)
	if owner == nil {
		owner = &metav1.OwnerReference{}
	}
	return &corev1.ObjectReference{APIVersion: owner.APIVersion, Kind: owner.Kind, Namespace: namespace, Name: owner.Name, UID: owner.UID}
}
