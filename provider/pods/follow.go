package pods

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/spillway-io/spillway/provider/translate"
)

// forbiddenRetry is how long a change that the downstream API server forbids waits
// for other rights, a larger quota or another policy, unless the pod has news.
const forbiddenRetry = time.Minute

// follow passes a change on, patch by patch: that a cluster refuses one, say to
// resize pods, is no reason to keep back the others. It returns what is left of
// the action, and what is to be tried again.
func (r *Reconciler) follow(ctx context.Context, key types.NamespacedName, w World, action Action) (Action, error) {
	patches, err := action.Change.Patches()
	if err != nil {
		return action, err
	}
	var refused, failed []error
	moved := false
	for _, patch := range patches {
		generation, err := r.patchDownstream(ctx, key, patch)
		switch {
		case err == nil:
			moved = moved || generation != w.Downstream.Generation
		case isGone(err):
			return action, nil
		case isFinal(err):
			refused = append(refused, err)
		default:
			failed = append(failed, err)
		}
	}
	if len(refused) > 0 && len(failed) == 0 && !moved {
		if slices.ContainsFunc(refused, apierrors.IsForbidden) {
			r.forbid(key, w.Upstream, errors.Join(refused...))
			action.Again = forbiddenRetry
			return action, nil
		}
		return r.giveUp(ctx, key, w, errors.Join(refused...))
	}
	// What was refused is tried again when the downstream pod has news.
	return action, errors.Join(failed...)
}

// forbidden is what was said about a pod: that its spec of a generation is forbidden.
type forbidden struct {
	uid        types.UID
	generation int64
}

// forbid says of each generation of a pod once that downstream must not have it.
// Nothing is given up for it, so that the generation stays unobserved.
func (r *Reconciler) forbid(key types.NamespacedName, upstream *corev1.Pod, refusal error) {
	news := forbidden{upstream.UID, upstream.Generation}
	if before, known := r.forbidden.Swap(key, news); known && before == news {
		return
	}
	r.warn(upstream, Warning{Reason: ReasonNotFollowed, Note: refusal.Error()})
}

// giveUp is for a change that was refused. Whether that was told before is read
// from the API server, since the upstream cache may not show it yet.
func (r *Reconciler) giveUp(ctx context.Context, key types.NamespacedName, w World, refusal error) (Action, error) {
	live, err := read(ctx, r.Upstream.Live, key)
	if err != nil || live == nil || live.UID != w.Upstream.UID {
		return Action{Row: RowMirror}, err
	}
	w.Upstream = live
	return w.Unfollowed(r.Node, refusal), nil
}

// patchDownstream returns the generation that the downstream pod has then.
func (r *Reconciler) patchDownstream(ctx context.Context, key types.NamespacedName, patch translate.Patch) (generation int64, err error) {
	pod := named(r.Node.Below(key))
	body := client.RawPatch(types.StrategicMergePatchType, patch.Body)
	if patch.Subresource == "" {
		err = r.Downstream.Client.Patch(ctx, pod, body, FieldOwner)
	} else {
		err = r.Downstream.Client.SubResource(patch.Subresource).Patch(ctx, pod, body, FieldOwner)
	}
	switch {
	case err == nil:
		return pod.Generation, nil
	case patch.Subresource == "":
		return 0, fmt.Errorf("cannot change the downstream pod: %w", err)
	default:
		return 0, fmt.Errorf("cannot change the downstream pod's %s: %w", patch.Subresource, err)
	}
}

// isGone says that the pod is not there, in contrast to one of its subresources,
// which an API server may not have: of those it knows nothing but the path.
func isGone(err error) bool {
	return apierrors.IsNotFound(err) && !apierrors.HasStatusCause(err, metav1.CauseTypeUnexpectedServerResponse)
}

// isFinal says that asking the same again soon would be answered the same: the
// change is invalid, not known, or not allowed, be it by a policy or a quota. The
// latter change, see forbid.
func isFinal(err error) bool {
	status, answered := errors.AsType[*apierrors.StatusError](err)
	if !answered {
		return false
	}
	switch status.ErrStatus.Code {
	case http.StatusBadRequest, http.StatusForbidden, http.StatusNotFound, http.StatusMethodNotAllowed,
		http.StatusUnsupportedMediaType, http.StatusUnprocessableEntity:
		return true
	default:
		return false
	}
}
