package services

import (
	"context"
	"testing"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/spillway-io/spillway/provider/pods"
)

// TestCacheBehindIsNoError: a patch of what has just been written is refused while
// the cache does not show that yet. It is made again a moment later, and nobody has
// to read about it in a log.
func TestCacheBehindIsNoError(t *testing.T) {
	conflict := apierrors.NewConflict(schema.GroupResource{Resource: "endpointslices"}, "web", nil)
	below := fake.NewClientBuilder().WithScheme(scheme.Scheme).WithInterceptorFuncs(interceptor.Funcs{
		Patch: func(context.Context, client.WithWatch, client.Object, client.Patch, ...client.PatchOption) error {
			return conflict
		},
	}).Build()
	slice, service := &discoveryv1.EndpointSlice{ObjectMeta: marks("slice")}, &corev1.Service{ObjectMeta: marks("service")}
	r := &Reconciler{Downstream: pods.Cluster{Client: below, Live: below}}
	cases := map[string]Action{
		"slice":   {Row: RowKeep, Slices: []Change[*discoveryv1.EndpointSlice]{{From: slice, To: slice}}},
		"service": {Row: RowKeep, Service: &Change[*corev1.Service]{From: service, To: service}},
	}
	for name, action := range cases {
		t.Run(name, func(t *testing.T) {
			result, err := r.apply(t.Context(), &World{Service: service}, action)
			if err != nil || result.RequeueAfter != cacheLag {
				t.Errorf("it is tried again after %s (%v), want %s", result.RequeueAfter, err, cacheLag)
			}
		})
	}
}
