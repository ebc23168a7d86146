package pods

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/spillway-io/spillway/api"
	"github.com/spillway-io/spillway/provider/translate"
	"github.com/spillway-io/spillway/webhook/stash"
)

// create translates the pod, unless it can or may not run here, and has what it
// refers to prepared before. The upstream cache may be behind our own writes: a
// pod that has run, and whose downstream pod was deleted since, can still look as
// if it had never been started.
func (w World) create(node Node) Action {
	if reason, message := refuse(w.Upstream); reason != "" {
		return w.wait(RowRefused, reason, message)
	}
	pod, notes, err := translate.Pod(w.Upstream, node.Rules, w.Facts)
	_, denied := errors.AsType[*translate.AccessError](err)
	switch {
	case errors.Is(err, stash.ErrNotRouted):
		return w.fail(RowUnroutable, ReasonNodeAffinity, err.Error())
	case denied:
		return w.wait(RowRefused, ReasonAccess, err.Error())
	case err != nil:
		return w.wait(RowRefused, ReasonStash, err.Error())
	case !w.UpstreamLive:
		return Action{Row: RowCreate, Confirm: Upstream}
	case !w.Prepared:
		return Action{Row: RowCreate, Prepare: true}
	case len(w.Obstacles) > 0:
		return w.block()
	}
	notes = slices.DeleteFunc(notes, func(n translate.Note) bool {
		return slices.ContainsFunc(w.Notes, func(known translate.Note) bool { return known.Reason == n.Reason })
	})
	return Action{Row: RowCreate, Create: pod, Notes: slices.Concat(notes, w.Notes)}
}

// block has the pod wait for what stands in the way, of which it tells all: who
// removes one obstacle should not have to come back for the next.
func (w World) block() Action {
	var messages []string
	var again time.Duration
	for _, o := range w.Obstacles {
		messages = append(messages, o.Message)
		if o.Again > 0 && (again == 0 || o.Again < again) {
			again = o.Again
		}
	}
	action := w.wait(RowBlocked, w.Obstacles[0].Reason, strings.Join(messages, "; "))
	action.Again = again
	return action
}

// Released is the action for a pod that is not created yet, though nothing of
// what it waited for stands in the way any more: its status must not go on
// saying so.
func (w World) Released() Action {
	action := w.wait(RowCreate, "", "")
	action.Warning = nil
	return action
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
	action := w.wait(RowConflict, ReasonConflict, node.DescribeForeign("pod", w.Downstream, "Delete it or rename this pod"))
	action.Again = conflictRetry
	return action
}

// Rejected is the action after the downstream API server refused for good to
// create the pod.
func (w World) Rejected(refusal error) Action {
	return w.fail(RowCreate, ReasonRejected, refusal.Error())
}
