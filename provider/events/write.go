package events

import (
	"context"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	logf "sigs.k8s.io/controller-runtime/pkg/log"
)

// writeTimeout bounds the requests for one event.
const writeTimeout = 10 * time.Second

// show writes the event upstream as far as rates allow. It returns false when it
// is to be tried again.
func (r *Runner) show(ctx context.Context, event news, mirrored *corev1.Event) (over bool) {
	first := r.inbox.queue.NumRequeues(event.UID) == 0
	if first && !r.budget.spend(event.InvolvedObject.UID) {
		r.Metrics.leftOut.WithLabelValues(leftOutRate).Inc()
		return true
	}
	if err := r.overall.Wait(ctx); err != nil {
		return true // ctx has ended.
	}
	err := r.upsert(ctx, mirrored, event.listed)
	if err == nil {
		return true
	}
	if passes(err) && r.inbox.retry(event.UID, maxTries) {
		return false
	}
	r.Metrics.leftOut.WithLabelValues(leftOutRefused).Inc()
	logf.FromContext(ctx).V(1).Info("Left out an event", "namespace", mirrored.Namespace, "name", mirrored.Name, "cause", err.Error())
	return true
}

// upsert creates the event, or patches the one that is there: whichever is
// likely first. A request is spent on looking only for those that were listed,
// which most likely are there as they should be: a process that starts again
// writes nothing then.
func (r *Runner) upsert(ctx context.Context, event *corev1.Event, listed bool) error {
	ctx, cancel := context.WithTimeout(ctx, writeTimeout)
	defer cancel()
	if listed {
		there, err := r.Upstream.CoreV1().Events(event.Namespace).Get(ctx, event.Name, metav1.GetOptions{})
		switch {
		case err == nil && told(event, there):
			return nil
		case err == nil:
			return r.patch(ctx, event)
		case apierrors.IsNotFound(err):
			return r.create(ctx, event)
		case !apierrors.IsForbidden(err):
			return fmt.Errorf("cannot read the upstream event: %w", err)
		}
		// Without the right to look there is writing.
	}
	if repeated(event) {
		if err := r.patch(ctx, event); !apierrors.IsNotFound(err) {
			return err
		}
		// Left out before, or faded meanwhile.
		return r.create(ctx, event)
	}
	err := r.create(ctx, event)
	if apierrors.IsAlreadyExists(err) {
		// The process has started again, or the answer to an earlier try was lost.
		return r.patch(ctx, event)
	}
	return err
}

func (r *Runner) create(ctx context.Context, event *corev1.Event) error {
	if _, err := r.Upstream.CoreV1().Events(event.Namespace).Create(ctx, event, metav1.CreateOptions{}); err != nil {
		return fmt.Errorf("cannot create the upstream event: %w", err)
	}
	r.Metrics.written.WithLabelValues(verbCreate).Inc()
	return nil
}

func (r *Runner) patch(ctx context.Context, event *corev1.Event) error {
	patch, err := again(event)
	if err != nil {
		return err
	}
	if _, err := r.Upstream.CoreV1().Events(event.Namespace).Patch(ctx, event.Name, types.MergePatchType, patch, metav1.PatchOptions{}); err != nil {
		return fmt.Errorf("cannot patch the upstream event: %w", err)
	}
	r.Metrics.written.WithLabelValues(verbPatch).Inc()
	return nil
}

// passes says whether an error may be gone at the next try. The API server's
// judgement of this event, or of this namespace, stays.
func passes(err error) bool {
	switch apierrors.ReasonForError(err) {
	case metav1.StatusReasonInvalid, metav1.StatusReasonBadRequest, metav1.StatusReasonForbidden,
		metav1.StatusReasonNotFound, metav1.StatusReasonRequestEntityTooLarge:
		return false
	default:
		return true
	}
}
