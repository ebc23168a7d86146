package webhook

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sync/atomic"
	"time"

	"github.com/openkruise/kruise-api/apps/v1alpha1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/discovery"
	logf "sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/manager"
)

// servedInterval is how soon we notice that a cluster has got a kind.
const servedInterval = 2 * time.Second

// whenServed starts what has to do with a kind of policy object once the cluster
// has it: watching it before would never end. Until then there is no object of
// it. It is a Runnable of controller-runtime's manager.
type whenServed struct {
	// resource is the kind's name in URLs.
	resource string
	served   servedFunc
	// begin fills caches and starts controllers, and returns. It may say earlier that
	// the kind is settled.
	begin func(ctx context.Context) error

	// settled says that admissions are answered rightly: the kind is not there, or
	// what is known of its objects is complete.
	settled atomic.Bool
}

// servedFunc says whether the cluster has a resource of Kruise's group.
type servedFunc func(ctx context.Context, resource string) (bool, error)

// NeedLeaderElection says that every replica admits pods.
func (*whenServed) NeedLeaderElection() bool { return false }

// Start waits for the kind and starts what it needs.
func (w *whenServed) Start(ctx context.Context) error {
	log := logf.FromContext(ctx).WithValues("resource", w.resource)
	for {
		served, err := w.served(ctx, w.resource)
		switch {
		case err != nil:
			log.Error(err, "Cannot tell yet whether the cluster has the kind")
		case served:
			log.Info("The cluster has the kind")
			if err := w.begin(ctx); err != nil {
				return err
			}
			w.settled.Store(true)
			return nil
		default:
			w.settled.Store(true)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(servedInterval):
		}
	}
}

// check is the readiness check.
func (w *whenServed) check(*http.Request) error {
	if !w.settled.Load() {
		return errors.New("what is known of " + w.resource + " is not complete yet")
	}
	return nil
}

// servesKruise asks the API server whether it has a resource.
func servesKruise(mgr manager.Manager, opts Options) (servedFunc, error) {
	client, err := discovery.NewDiscoveryClientForConfigAndClient(opts.Upstream, mgr.GetHTTPClient())
	if err != nil {
		return nil, fmt.Errorf("cannot set up discovery: %w", err)
	}
	return func(_ context.Context, resource string) (bool, error) {
		list, err := client.ServerResourcesForGroupVersion(v1alpha1.GroupVersion.String())
		if apierrors.IsNotFound(err) {
			return false, nil
		}
		if err != nil {
			return false, fmt.Errorf("cannot ask for the resources of %s: %w", v1alpha1.GroupVersion, err)
		}
		return slices.ContainsFunc(list.APIResources, func(r metav1.APIResource) bool { return r.Name == resource }), nil
	}, nil
}
