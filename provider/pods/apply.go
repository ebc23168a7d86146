package pods

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	logf "sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/spillway-io/spillway/provider/translate"
)

// FieldOwner is the field manager of everything written to pods.
const FieldOwner = client.FieldOwner("spillway")

// apply does what the action says about the pods that w shows, downstream first:
// an upstream pod never runs ahead of what was done. A pod that vanished meanwhile
// needs nothing any more.
func (r *Reconciler) apply(ctx context.Context, key types.NamespacedName, w World, action Action) (reconcile.Result, error) {
	if action.Row != RowMirror && action.Row != RowNothing {
		logf.FromContext(ctx).V(1).Info("Acting", "row", action.Row)
	}
	var unfinished error
	if action.Change != nil {
		action, unfinished = r.follow(ctx, key, w, action)
	}
	if action.Delete != nil {
		if err := r.deleteDownstream(ctx, key, w.Upstream, action); err != nil {
			return reconcile.Result{}, err
		}
	}
	if action.Status != nil {
		if err := r.patchStatus(ctx, key, w.Upstream, action); err != nil {
			return reconcile.Result{}, err
		}
		r.Tracer.report(ctx, w, action.Status)
	}
	if action.DeleteUpstream != nil {
		if err := r.deleteUpstream(ctx, key, *action.DeleteUpstream); err != nil {
			return reconcile.Result{}, err
		}
	}
	if action.Warning != nil { // of what was done, or it would be sent with every try
		r.warn(w.Upstream, *action.Warning)
	}
	if action.Orphan && r.Orphan != nil {
		r.Orphan()
	}
	return reconcile.Result{RequeueAfter: action.Again}, unfinished
}

func (r *Reconciler) deleteDownstream(ctx context.Context, key types.NamespacedName, upstream *corev1.Pod, action Action) error {
	terminating := action.Row == RowTerminating
	if terminating {
		r.testimony.deletes(key, upstream.UID, action.Delete.UID)
	}
	err := r.Downstream.Client.Delete(ctx, named(r.Node.Below(key)), action.Delete.options()...)
	if client.IgnoreNotFound(err) != nil {
		return fmt.Errorf("cannot delete the downstream pod: %w", err)
	}
	if terminating && err == nil {
		r.testimony.deleted(key)
	}
	r.Metrics.deleted.Inc()
	return nil
}

func (r *Reconciler) patchStatus(ctx context.Context, key types.NamespacedName, upstream *corev1.Pod, action Action) error {
	patch, err := statusPatch(upstream, action.Status, action.DownstreamNode, action.Ends)
	if err != nil {
		return err
	}
	err = r.Upstream.Client.Status().Patch(ctx, named(key), client.RawPatch(types.StrategicMergePatchType, patch), FieldOwner)
	if client.IgnoreNotFound(err) != nil {
		return fmt.Errorf("cannot write the upstream pod's status: %w", err)
	}
	if err == nil {
		r.Metrics.observe(upstream, action.Status, r.Clock.Now())
	}
	return nil
}

func (r *Reconciler) deleteUpstream(ctx context.Context, key types.NamespacedName, d Deletion) error {
	err := r.Upstream.Client.Delete(ctx, named(key), d.options()...)
	if client.IgnoreNotFound(err) != nil {
		return fmt.Errorf("cannot delete the upstream pod: %w", err)
	}
	if err == nil && d.GraceSeconds != nil && *d.GraceSeconds == 0 {
		r.testimony.released(key, d.UID, r.Clock.Now())
	}
	return nil
}

func (d Deletion) options() []client.DeleteOption {
	options := []client.DeleteOption{client.Preconditions{UID: &d.UID}}
	if d.GraceSeconds != nil {
		options = append(options, client.GracePeriodSeconds(*d.GraceSeconds))
	}
	return options
}

// warn sends an event about an upstream pod that is not run, or not as it should
// be.
func (r *Reconciler) warn(upstream *corev1.Pod, w Warning) {
	r.Metrics.refused.WithLabelValues(w.Reason).Inc()
	r.send(upstream, w.Reason, w.Note)
}

// complain tells why an upstream pod is not run for now, if an API server gave a
// reason.
func (r *Reconciler) complain(upstream *corev1.Pod, err error) {
	if verdict := judge(err); verdict == answered || verdict == permanent {
		r.warn(upstream, Warning{Reason: ReasonCreateFailed, Note: err.Error()})
	}
}

// tell sends an event about an upstream pod that runs, without something that its
// author wrote.
func (r *Reconciler) tell(upstream *corev1.Pod, note translate.Note) {
	r.send(upstream, note.Reason, note.Message)
}

// send sends an event about an upstream pod. The reference carries no resource
// version, so that repeated events become one series.
func (r *Reconciler) send(upstream *corev1.Pod, reason, note string) {
	reference := &corev1.ObjectReference{APIVersion: "v1", Kind: "Pod", Namespace: upstream.Namespace, Name: upstream.Name, UID: upstream.UID}
	r.Events.Eventf(reference, nil, corev1.EventTypeWarning, reason, "RunDownstream", "%s", translate.EventText(note))
}

func named(key types.NamespacedName) *corev1.Pod {
	return &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: key.Namespace, Name: key.Name}}
}
