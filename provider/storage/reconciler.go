package storage

import (
	"context"
	"errors"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/events"
	"k8s.io/component-helpers/storage/volume"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/spillway-io/spillway/provider/pods"
	"github.com/spillway-io/spillway/provider/retry"
	"github.com/spillway-io/spillway/provider/translate"
)

const (
	// FieldOwner is the field manager of everything written here.
	FieldOwner = client.FieldOwner("spillway")
	// maxPlans bounds the plans of one claim. The longest way is confirm, create a
	// volume, create a claim, done. A claim that only confirming finds has no class
	// yet, and waits for its event.
	maxPlans = 5
	// claimRefIndex finds upstream volumes by the claim that they name.
	claimRefIndex = "spec.claimRef"
	// claimsIndex finds upstream pods by the claims that they refer to.
	claimsIndex = "claims"
)

// Reconciler gives claims their volumes, see the package documentation. All
// fields must be set.
type Reconciler struct {
	Rules translate.Rules
	// Upstream and Downstream are the clusters. The upstream cache has all claims,
	// volumes and storage classes, and the pods of the virtual node; the downstream
	// cache has all nodes, and claims of ours.
	Upstream, Downstream pods.Cluster
	Events               events.EventRecorder
	// MakeNamespace has the downstream namespace for an upstream one exist.
	MakeNamespace func(ctx context.Context, upstream string) error

	retries *retry.Limiter[reconcile.Request]
	woken   chan event.TypedGenericEvent[*corev1.Pod]
}

// Reconcile looks at one upstream claim, and has the pods that wait for it look
// again. An error has that tried again later.
func (r *Reconciler) Reconcile(ctx context.Context, request reconcile.Request) (reconcile.Result, error) {
	obstacle, err := r.settle(ctx, request.NamespacedName, false)
	if err := errors.Join(err, r.wake(ctx, request.NamespacedName)); err != nil {
		return reconcile.Result{}, err
	}
	if obstacle == nil {
		return reconcile.Result{}, nil
	}
	return reconcile.Result{RequeueAfter: obstacle.Again}, nil
}

// Prepare implements pods.Preparer for the claims of a pod.
func (r *Reconciler) Prepare(ctx context.Context, upstream *corev1.Pod) ([]pods.Obstacle, error) {
	var obstacles []pods.Obstacle
	for _, claim := range r.claims(upstream) {
		obstacle, err := r.settle(ctx, types.NamespacedName{Namespace: upstream.Namespace, Name: claim}, true)
		if err != nil {
			return nil, fmt.Errorf("claim %q: %w", claim, err)
		}
		if obstacle != nil {
			obstacles = append(obstacles, *obstacle)
		}
	}
	return obstacles, nil
}

// settle plans until a plan needs no further reading or downstream object, and
// applies it. It returns what keeps a pod from having the claim.
func (r *Reconciler) settle(ctx context.Context, key types.NamespacedName, wanted bool) (*pods.Obstacle, error) {
	w, err := r.gather(ctx, key, wanted)
	if err != nil {
		return r.rejected(w, err)
	}
	for range maxPlans {
		action := Plan(w, r.Rules)
		var refused error
		switch {
		case action.Confirm:
			err = r.confirm(ctx, &w)
		case action.CreateVolume != nil:
			refused = r.createDownstream(ctx, key.Namespace, action.CreateVolume)
			w.DownstreamVolume = action.CreateVolume
		case action.CreateClaim != nil:
			refused = r.createDownstream(ctx, key.Namespace, action.CreateClaim)
			w.DownstreamClaim = action.CreateClaim
		default:
			return action.Obstacle, r.apply(ctx, w, action)
		}
		if refused != nil {
			return r.rejected(w, refused)
		}
		if err != nil {
			return nil, err
		}
	}
	return nil, errors.New("the claim keeps changing; trying again later")
}

// gather reads from the caches.
func (r *Reconciler) gather(ctx context.Context, key types.NamespacedName, wanted bool) (World, error) {
	w := World{Key: key, Wanted: wanted}
	var err error
	if w.Claim, err = read(ctx, r.Upstream.Client, key, &corev1.PersistentVolumeClaim{}); err != nil {
		return w, fmt.Errorf("upstream: %w", err)
	}
	var volumes corev1.PersistentVolumeList
	if err := r.Upstream.Client.List(ctx, &volumes, client.MatchingFields{claimRefIndex: key.String()}); err != nil {
		return w, fmt.Errorf("cannot list the upstream volumes: %w", err)
	}
	w.Volumes = volumes.Items
	if w.Claim != nil {
		if class := volume.GetPersistentVolumeClaimClass(w.Claim); class != "" {
			if w.Class, err = read(ctx, r.Upstream.Client, types.NamespacedName{Name: class}, &storagev1.StorageClass{}); err != nil {
				return w, fmt.Errorf("upstream: %w", err)
			}
		}
	}
	if wanted {
		var nodes corev1.NodeList
		if err := r.Downstream.Client.List(ctx, &nodes); err != nil {
			return w, fmt.Errorf("cannot list the downstream nodes: %w", err)
		}
		w.Nodes = nodes.Items
	}
	return w, r.gatherDownstream(ctx, &w, r.Downstream.Client)
}

func (r *Reconciler) gatherDownstream(ctx context.Context, w *World, from client.Reader) error {
	var err error
	if w.DownstreamClaim, err = read(ctx, from, below(w.Key, r.Rules), &corev1.PersistentVolumeClaim{}); err != nil {
		return fmt.Errorf("downstream: %w", err)
	}
	w.DownstreamVolume = nil
	if !w.Wanted || w.Claim == nil {
		return nil
	}
	if bound := w.bound(); bound != nil && !isOurs(bound, r.Rules) {
		key := types.NamespacedName{Name: copyName(bound.Name, r.Rules)}
		// Never from a cache, which would need the permission to list all volumes for
		// one reading when a pod starts.
		if w.DownstreamVolume, err = read(ctx, r.Downstream.Live, key, &corev1.PersistentVolume{}); err != nil {
			return fmt.Errorf("downstream: %w", err)
		}
	}
	return nil
}

// confirm reads from the API servers, of the upstream volumes only the one that the
// claim is bound to.
func (r *Reconciler) confirm(ctx context.Context, w *World) error {
	var err error
	if w.Claim, err = read(ctx, r.Upstream.Live, w.Key, &corev1.PersistentVolumeClaim{}); err != nil {
		return fmt.Errorf("upstream: %w", err)
	}
	w.Live = true
	if w.Claim != nil && w.Claim.Spec.VolumeName != "" && w.bound() == nil {
		volume, err := read(ctx, r.Upstream.Live, types.NamespacedName{Name: w.Claim.Spec.VolumeName}, &corev1.PersistentVolume{})
		if err != nil {
			return fmt.Errorf("upstream: %w", err)
		}
		if volume != nil {
			w.Volumes = []corev1.PersistentVolume{*volume}
		}
	}
	return r.gatherDownstream(ctx, w, r.Downstream.Live)
}

// read returns nil for an object that does not exist. The result may be shared
// memory and must not be modified.
func read[T client.Object](ctx context.Context, from client.Reader, key types.NamespacedName, into T) (T, error) {
	var none T
	err := from.Get(ctx, key, into)
	switch {
	case apierrors.IsNotFound(err):
		return none, nil
	case err != nil:
		return none, fmt.Errorf("cannot read %T %s: %w", into, key, err)
	default:
		return into, nil
	}
}
