package node

import (
	"context"
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	logf "sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
)

// guard puts back what keeps the virtual node safe when somebody takes it away:
// the Node object, without which its pods are collected as garbage, and the
// taint. virtual-kubelet writes the taint once, and misses a deletion for up to
// a minute.
type guard struct {
	name     string
	upstream client.Client
	keeper   *keeper
}

// SetUp has the manager run the guard, as leader. The upstream cache must hold
// no Node but the virtual one.
func (r *Runner) SetUp(mgr manager.Manager) error {
	if err := mgr.Add(r); err != nil {
		return fmt.Errorf("cannot schedule the node controller: %w", err)
	}
	err := builder.ControllerManagedBy(mgr).Named("node").For(&corev1.Node{}).
		Complete(&guard{name: r.spec.Name, upstream: mgr.GetClient(), keeper: r.keeper})
	if err != nil {
		return fmt.Errorf("cannot set up the guard of the node: %w", err)
	}
	return nil
}

// Reconcile compares the Node with what it must have.
func (g *guard) Reconcile(ctx context.Context, request reconcile.Request) (reconcile.Result, error) {
	if request.Name != g.name {
		return reconcile.Result{}, nil
	}
	var node corev1.Node
	err := g.upstream.Get(ctx, request.NamespacedName, &node)
	if apierrors.IsNotFound(err) {
		g.keeper.Nudge()
		return reconcile.Result{}, nil
	}
	if err != nil {
		return reconcile.Result{}, fmt.Errorf("cannot read the node: %w", err)
	}
	if slices.ContainsFunc(node.Spec.Taints, isTaint) {
		return reconcile.Result{}, nil
	}
	tainted := node.DeepCopy()
	tainted.Spec.Taints = withTaint(tainted.Spec.Taints)
	patch := client.MergeFromWithOptions(&node, client.MergeFromWithOptimisticLock{})
	err = g.upstream.Patch(ctx, tainted, patch)
	if apierrors.IsConflict(err) {
		return reconcile.Result{}, nil // The version that we do not know yet is looked at when it arrives.
	}
	if client.IgnoreNotFound(err) != nil {
		return reconcile.Result{}, fmt.Errorf("cannot taint the node: %w", err)
	}
	logf.FromContext(ctx).Info("The node had lost its taint; put it back")
	return reconcile.Result{}, nil
}

func isTaint(t corev1.Taint) bool {
	want := Taint()
	return t.Key == want.Key && t.Value == want.Value && t.Effect == want.Effect
}

// withTaint adds the taint, in place of one of the same key and effect, which
// the API allows only once.
func withTaint(taints []corev1.Taint) []corev1.Taint {
	want := Taint()
	others := slices.DeleteFunc(taints, func(t corev1.Taint) bool { return t.Key == want.Key && t.Effect == want.Effect })
	return append(others, want)
}
