package pods

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/events"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"
	logf "sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
)

// maxPlans bounds the plans of one reconciliation. The longest way is confirm,
// prepare, namespace missing, prepare, create, exists, adopt; whoever needs more is
// competing with somebody and had better pause.
const maxPlans = 8

// cacheLag is by how much a cache may be behind its API server.
const cacheLag = 5 * time.Second

// Cluster is one side's API.
type Cluster struct {
	// Client reads from the cache and writes to the API server. What it reads is
	// shared memory and must not be modified.
	Client client.Client
	// Live reads from the API server.
	Live client.Reader
	// Behind is called when Live has a pod that the cache should have had for a while.
	// It must not wait for anything. Nil is nobody.
	Behind func()
}

// Reconciler makes the pods of one namespace and name equal, see the package
// documentation. All fields must be set but the Tracer and those that say so.
type Reconciler struct {
	Node                 Node
	Upstream, Downstream Cluster
	// Preparers are asked about each new pod, in this order; there may be none.
	Preparers []Preparer
	// TooLarge says of a downstream pod without a node that no downstream node is
	// large enough for it, and why, in words that follow "The pod". It is asked
	// often and must not wait for anything. Nil is never.
	TooLarge func(*corev1.Pod) (message string, tooLarge bool)
	// Orphan is called when there is an orphan, which is not deleted here. It must not
	// wait for anything. Nil is nobody.
	Orphan  func()
	Events  events.EventRecorder
	Metrics *Metrics
	Clock   clock.PassiveClock
	Tracer  Tracer

	// forbidden is what was told of each pod with a change that is not allowed
	// downstream, by key.
	forbidden sync.Map
	testimony testimony
}

// Reconcile plans until a plan needs no further reading, and applies it. An
// error has the reconciliation tried again later.
func (r *Reconciler) Reconcile(ctx context.Context, request reconcile.Request) (reconcile.Result, error) {
	key := request.NamespacedName
	w, err := r.gather(ctx, key)
	if err != nil {
		return reconcile.Result{}, err
	}
	for range maxPlans {
		action := Plan(w, r.Node)
		switch {
		case action.Confirm == Upstream:
			err = r.confirmUpstream(ctx, key, &w)
		case action.Confirm == Downstream:
			err = r.confirmDownstream(ctx, key, &w)
		case action.Prepare:
			err = r.prepare(ctx, &w)
		case action.Create != nil:
			var over bool
			if over, err = r.create(ctx, key, &w, action); over {
				return reconcile.Result{}, err
			}
		default:
			return r.apply(ctx, key, w, action)
		}
		if err != nil {
			return reconcile.Result{}, err
		}
	}
	return reconcile.Result{}, errors.New("the pods keep changing; trying again later")
}

func (r *Reconciler) gather(ctx context.Context, key types.NamespacedName) (World, error) {
	upstream, err := read(ctx, r.Upstream.Client, key)
	if err != nil {
		return World{}, fmt.Errorf("upstream: %w", err)
	}
	downstream, err := read(ctx, r.Downstream.Client, r.Node.Below(key))
	if err != nil {
		return World{}, fmt.Errorf("downstream: %w", err)
	}
	if upstream == nil {
		r.forbidden.Delete(key)
	}
	w := World{Upstream: upstream, Downstream: downstream, Now: metav1.NewTime(r.Clock.Now())}
	w.Ended, w.Leaving = r.testimony.about(key, upstream, w.Now.Time)
	if r.TooLarge != nil && downstream != nil && r.Node.Owns(downstream) && downstream.Spec.NodeName == "" && downstream.DeletionTimestamp == nil {
		if message, tooLarge := r.TooLarge(downstream); tooLarge {
			w.TooLarge = message
		}
	}
	return w, nil
}

// confirmUpstream reads the upstream pod from its API server.
func (r *Reconciler) confirmUpstream(ctx context.Context, key types.NamespacedName, w *World) (err error) {
	cached := w.Upstream
	w.Upstream, err = read(ctx, r.Upstream.Live, key)
	w.UpstreamLive = true
	if cached == nil && w.Upstream != nil && w.Downstream != nil && r.Node.StandsFor(w.Downstream, w.Upstream) {
		r.Upstream.behind(w.Downstream, w.Now)
	}
	return err
}

// confirmDownstream reads the downstream pod from its API server.
func (r *Reconciler) confirmDownstream(ctx context.Context, key types.NamespacedName, w *World) (err error) {
	cached := w.Downstream
	w.Downstream, err = read(ctx, r.Downstream.Live, r.Node.Below(key))
	w.DownstreamLive = true
	if cached == nil && w.Downstream != nil {
		r.Downstream.behind(w.Downstream, w.Now)
	}
	return err
}

// behind tells that the cache lacks a pod that is as old as that downstream pod, unless
// that is so young that watches may be late.
func (c Cluster) behind(downstream *corev1.Pod, now metav1.Time) {
	if c.Behind != nil && now.Sub(downstream.CreationTimestamp.Time) > cacheLag {
		c.Behind()
	}
}

// read returns nil for a pod that does not exist.
func read(ctx context.Context, from client.Reader, key types.NamespacedName) (*corev1.Pod, error) {
	pod := &corev1.Pod{}
	err := from.Get(ctx, key, pod)
	if apierrors.IsNotFound(err) {
		return nil, nil //nolint:nilnil // Absence is an answer here, and nil is how World says it.
	}
	if err != nil {
		return nil, fmt.Errorf("cannot read the pod: %w", err)
	}
	return pod, nil
}

// create creates the downstream pod. It returns true when this reconciliation is
// over, and false when w has changed, or the way is free, and is to be planned
// again.
func (r *Reconciler) create(ctx context.Context, key types.NamespacedName, w *World, action Action) (over bool, err error) {
	r.testimony.creates(key)
	creating, created := r.Tracer.create(ctx, w.Upstream)
	refused := r.Downstream.Client.Create(creating, action.Create)
	created(refused)
	if refused == nil {
		r.Metrics.created.Inc()
		logf.FromContext(ctx).V(1).Info("Created the downstream pod", "uid", action.Create.UID)
		for _, note := range action.Notes {
			r.tell(w.Upstream, note)
		}
		return true, nil
	}
	switch judge(refused) {
	case exists:
		err = r.confirmDownstream(ctx, key, w)
		return err != nil, err
	case homeless:
		err = r.settle(ctx, w.Upstream)
		return err != nil, err
	case permanent:
		_, err = r.apply(ctx, key, *w, w.Rejected(refused))
		return true, err
	case answered:
		r.complain(w.Upstream, refused)
		_, err = r.apply(ctx, key, *w, w.Released())
	case transient:
	}
	return true, errors.Join(fmt.Errorf("cannot create the downstream pod: %w", refused), err)
}
