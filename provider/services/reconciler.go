package services

import (
	"context"
	"errors"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/events"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/spillway-io/spillway/api"
	"github.com/spillway-io/spillway/provider/pods"
	"github.com/spillway-io/spillway/provider/retry"
	"github.com/spillway-io/spillway/provider/translate"
)

// maxPlans bounds the plans of one reconciliation. The longest way is create,
// namespace missing, create, keep, confirm, keep; whoever needs more had better pause.
const maxPlans = 6

// Reconciler reflects Services, see the package documentation. All exported
// fields must be set; SetUp does the rest.
type Reconciler struct {
	Identity translate.Identity
	// Upstream and Downstream are the two clusters. Downstream, the cache has
	// Services and EndpointSlices of ours only, see Ours; upstream, Pods of the
	// virtual node only.
	Upstream, Downstream pods.Cluster
	Events               events.EventRecorder
	// MakeNamespace has the downstream namespace for an upstream one exist.
	MakeNamespace func(ctx context.Context, upstream string) error
	// ByDefault is what Chosen does with namespaces that say nothing.
	ByDefault bool

	// watched has the Services of the upstream cluster watched, once.
	watched func() error
	retries *retry.Limiter[reconcile.Request]
}

// Ours selects the downstream Services and EndpointSlices that the downstream
// cache has to hold.
func Ours(id translate.Identity) labels.Selector {
	return labels.SelectorFromSet(labels.Set{api.UpstreamLabel: id.UpstreamID, api.VirtualNodeLabel: id.Node.Name})
}

// Reconcile looks at one upstream Service, or, when the request has no name, at
// all of a namespace. An error has it tried again later.
func (r *Reconciler) Reconcile(ctx context.Context, request reconcile.Request) (reconcile.Result, error) {
	if request.Name != "" {
		return r.reflect(ctx, request.NamespacedName)
	}
	names, err := r.namesIn(ctx, request.Namespace)
	if err != nil {
		return reconcile.Result{}, err
	}
	var together reconcile.Result
	var errs []error
	for name := range names {
		result, err := r.reflect(ctx, types.NamespacedName{Namespace: request.Namespace, Name: name})
		errs = append(errs, err)
		if again := result.RequeueAfter; again > 0 && (together.RequeueAfter == 0 || again < together.RequeueAfter) {
			together.RequeueAfter = again
		}
	}
	return together, errors.Join(errs...)
}

// reflect plans until a plan needs no further reading, and applies it.
func (r *Reconciler) reflect(ctx context.Context, key types.NamespacedName) (reconcile.Result, error) {
	w, err := r.gather(ctx, key)
	if err != nil {
		return reconcile.Result{}, err
	}
	for range maxPlans {
		action := Plan(w, r.Identity)
		switch {
		case action.Confirm:
			err = r.confirm(ctx, key, &w)
		case action.Create != nil:
			var over bool
			if over, err = r.create(ctx, &w, action.Create); over && err == nil {
				return reconcile.Result{RequeueAfter: foreignRetry}, nil
			}
		default:
			return r.apply(ctx, &w, action)
		}
		if err != nil {
			return reconcile.Result{}, err
		}
	}
	return reconcile.Result{}, errors.New("the Services keep changing; trying again later")
}

// gather reads the caches. Upstream Services are looked at only in namespaces
// that are chosen, and first watched when there is one.
func (r *Reconciler) gather(ctx context.Context, key types.NamespacedName) (World, error) {
	var w World
	var err error
	if w.Choice, err = r.choose(ctx, r.Upstream.Client, key.Namespace); err != nil {
		return w, err
	}
	if w.Choice != Never {
		if err := r.watched(); err != nil {
			return w, err
		}
		if w.Service, err = readService(ctx, r.Upstream.Client, key); err != nil {
			return w, fmt.Errorf("upstream: %w", err)
		}
		if w.Slices, err = readSlices(ctx, r.Upstream.Client, key); err != nil {
			return w, fmt.Errorf("upstream: %w", err)
		}
		if w.Pods, err = r.hasPods(ctx, key.Namespace); err != nil {
			return w, err
		}
	}
	below := types.NamespacedName{Namespace: r.Identity.Namespaces.Downstream(key.Namespace), Name: key.Name}
	if w.Below, err = readService(ctx, r.Downstream.Client, below); err != nil {
		return w, fmt.Errorf("downstream: %w", err)
	}
	if w.OurSlices, err = readSlices(ctx, r.Downstream.Client, below); err != nil {
		return w, fmt.Errorf("downstream: %w", err)
	}
	return w, nil
}

// namesIn returns the Services of an upstream namespace that there are or of
// which we have copies.
func (r *Reconciler) namesIn(ctx context.Context, namespace string) (map[string]struct{}, error) {
	names := make(map[string]struct{})
	choice, err := r.choose(ctx, r.Upstream.Client, namespace)
	if err != nil {
		return nil, err
	}
	if choice != Never {
		if err := r.watched(); err != nil {
			return nil, err
		}
		var list corev1.ServiceList
		if err := r.Upstream.Client.List(ctx, &list, client.InNamespace(namespace)); err != nil {
			return nil, fmt.Errorf("cannot list the upstream Services: %w", err)
		}
		for i := range list.Items {
			names[list.Items[i].Name] = struct{}{}
		}
	}
	below := client.InNamespace(r.Identity.Namespaces.Downstream(namespace))
	var copies corev1.ServiceList
	if err := r.Downstream.Client.List(ctx, &copies, below); err != nil {
		return nil, fmt.Errorf("cannot list our downstream Services: %w", err)
	}
	for i := range copies.Items {
		names[copies.Items[i].Name] = struct{}{}
	}
	var sliceCopies discoveryv1.EndpointSliceList
	if err := r.Downstream.Client.List(ctx, &sliceCopies, below); err != nil {
		return nil, fmt.Errorf("cannot list our downstream EndpointSlices: %w", err)
	}
	for i := range sliceCopies.Items {
		if name := sliceCopies.Items[i].Labels[discoveryv1.LabelServiceName]; name != "" {
			names[name] = struct{}{}
		}
	}
	return names, nil
}

// choose reads the metadata of an upstream namespace. The choice for one that is
// gone is Never.
func (r *Reconciler) choose(ctx context.Context, from client.Reader, name string) (Choice, error) {
	namespace := namespaceMetadata()
	err := from.Get(ctx, client.ObjectKey{Name: name}, namespace)
	if apierrors.IsNotFound(err) {
		return Never, nil
	}
	if err != nil {
		return Never, fmt.Errorf("cannot read the upstream namespace: %w", err)
	}
	return Choose(namespace, r.ByDefault), nil
}

func namespaceMetadata() *metav1.PartialObjectMetadata {
	metadata := &metav1.PartialObjectMetadata{}
	metadata.SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind("Namespace"))
	return metadata
}

// hasPods says whether the virtual node has a pod in an upstream namespace.
func (r *Reconciler) hasPods(ctx context.Context, namespace string) (bool, error) {
	var pods corev1.PodList
	if err := r.Upstream.Client.List(ctx, &pods, client.InNamespace(namespace), client.Limit(1)); err != nil {
		return false, fmt.Errorf("cannot list the upstream pods: %w", err)
	}
	return len(pods.Items) > 0, nil
}

// readService returns nil for a Service that does not exist.
func readService(ctx context.Context, from client.Reader, key types.NamespacedName) (*corev1.Service, error) {
	service := &corev1.Service{}
	err := from.Get(ctx, key, service)
	if apierrors.IsNotFound(err) {
		return nil, nil //nolint:nilnil // Absence is an answer here, and nil is how World says it.
	}
	if err != nil {
		return nil, fmt.Errorf("cannot read the Service: %w", err)
	}
	return service, nil
}

// readSlices returns the slices of a Service by name.
func readSlices(ctx context.Context, from client.Reader, service types.NamespacedName) (map[string]*discoveryv1.EndpointSlice, error) {
	var list discoveryv1.EndpointSliceList
	err := from.List(ctx, &list, client.InNamespace(service.Namespace), client.MatchingLabels{discoveryv1.LabelServiceName: service.Name})
	if err != nil {
		return nil, fmt.Errorf("cannot list the EndpointSlices: %w", err)
	}
	slices := make(map[string]*discoveryv1.EndpointSlice, len(list.Items))
	for i := range list.Items {
		slices[list.Items[i].Name] = &list.Items[i]
	}
	return slices, nil
}
