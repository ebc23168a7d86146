package pods

import (
	"errors"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/spillway-io/spillway/api"
	"github.com/spillway-io/spillway/provider/translate"
	"github.com/spillway-io/spillway/webhook/stash"
)

// create translates the pod, unless it can or may not run here. The upstream
// cache may be behind our own writes: a pod that has run, and whose downstream
// pod was deleted since, can still look as if it had never been started.
func (w World) create(node Node) Action {
	if reason, message := refuse(w.Upstream); reason != "" {
		return w.wait(RowRefused, reason, message)
	}
	pod, err := translate.Pod(w.Upstream, node.Identity)
	switch {
	case errors.Is(err, stash.ErrNotRouted):
		return w.fail(RowUnroutable, ReasonNodeAffinity, err.Error())
	case err != nil:
		return w.wait(RowRefused, ReasonStash, err.Error())
	case !w.UpstreamLive:
		return Action{Row: RowCreate, Confirm: Upstream}
	}
	return Action{Row: RowCreate, Create: pod}
}

// refuse names pods that belong to one machine: they reach a virtual node only
// because they tolerate everything.
func refuse(upstream *corev1.Pod) (reason, message string) {
	if owner := metav1.GetControllerOf(upstream); owner != nil && owner.Kind == "DaemonSet" {
		return ReasonDaemonSet, fmt.Sprintf("Pods of a DaemonSet do not run on a virtual node; keep DaemonSet %q off nodes with the label %s=%s",
			owner.Name, api.NodeTypeLabel, api.NodeTypeVirtual)
	}
	if _, static := upstream.Annotations[corev1.MirrorPodAnnotationKey]; static {
		return ReasonMirror, "Static pods do not run on a virtual node"
	}
	return "", ""
}

// conflict leaves a foreign downstream pod alone and says what stands in the way.
func (w World) conflict(node Node) Action {
	action := w.wait(RowConflict, ReasonConflict, describeForeign(w.Downstream, node))
	action.Again = conflictRetry
	return action
}

func describeForeign(downstream *corev1.Pod, node Node) string {
	name := downstream.Namespace + "/" + downstream.Name
	cluster, virtualNode := downstream.Labels[api.UpstreamLabel], downstream.Labels[api.VirtualNodeLabel]
	switch {
	case cluster == "" && virtualNode == "":
		return fmt.Sprintf("Downstream pod %q already exists and was not created by Spillway; it is left alone. Delete it or rename this pod", name)
	case cluster == node.UpstreamID && virtualNode != node.Identity.Node.Name:
		return fmt.Sprintf("Downstream pod %q already exists and belongs to virtual node %q; it is left alone", name, virtualNode)
	default:
		return fmt.Sprintf("Downstream pod %q already exists and belongs to upstream cluster %q, virtual node %q; it is left alone", name, cluster, virtualNode)
	}
}

// Rejected is the action after the downstream API server refused for good to
// create the pod.
func (w World) Rejected(refusal error) Action {
	return w.fail(RowCreate, ReasonRejected, refusal.Error())
}
