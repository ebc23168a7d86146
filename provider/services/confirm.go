package services

import (
	"context"
	"fmt"
	"maps"

	discoveryv1 "k8s.io/api/discovery/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
)

// confirm reads from the upstream API server what a deletion depends on: the
// namespace, the Service, and, one by one, the slices that we have and the cache
// has not.
func (r *Reconciler) confirm(ctx context.Context, key types.NamespacedName, w *World) error {
	w.Confirmed, w.Service = true, nil
	var err error
	if w.Choice, err = r.choose(ctx, r.Upstream.Live, key.Namespace); err != nil || w.Choice == Never {
		return err
	}
	if w.Service, err = readService(ctx, r.Upstream.Live, key); err != nil {
		return fmt.Errorf("upstream: %w", err)
	}
	known := w.Slices
	w.Slices = make(map[string]*discoveryv1.EndpointSlice, len(known))
	maps.Copy(w.Slices, known)
	for name := range w.OurSlices {
		if known[name] != nil {
			continue
		}
		slice, err := r.liveSlice(ctx, key, name)
		if err != nil {
			return err
		}
		if slice != nil {
			w.Slices[name] = slice
		}
	}
	return nil
}

// liveSlice returns nil when the Service has no slice of that name.
func (r *Reconciler) liveSlice(ctx context.Context, service types.NamespacedName, name string) (*discoveryv1.EndpointSlice, error) {
	slice := &discoveryv1.EndpointSlice{}
	err := r.Upstream.Live.Get(ctx, types.NamespacedName{Namespace: service.Namespace, Name: name}, slice)
	if err != nil && !apierrors.IsNotFound(err) {
		return nil, fmt.Errorf("upstream: cannot read the EndpointSlice: %w", err)
	}
	if err != nil || slice.Labels[discoveryv1.LabelServiceName] != service.Name {
		return nil, nil //nolint:nilerr,nilnil // Absence is an answer here, and nil is how World says it.
	}
	return slice, nil
}
