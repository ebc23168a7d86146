package provider

import (
	"fmt"
	"net/http"
	"time"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	schedulingv1 "k8s.io/api/scheduling/v1"
	storagev1 "k8s.io/api/storage/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	toolscache "k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/cluster"
	"sigs.k8s.io/controller-runtime/pkg/manager"

	"github.com/spillway-io/spillway/provider/claim"
	"github.com/spillway-io/spillway/provider/relist"
	"github.com/spillway-io/spillway/provider/services"
	"github.com/spillway-io/spillway/provider/sharing"
	"github.com/spillway-io/spillway/provider/translate"
)

// resync has every cached pod looked at again, which costs no request unless
// something is amiss.
const resync = 10 * time.Minute

// newScheme knows the built-in types.
func newScheme() (*runtime.Scheme, error) {
	scheme := runtime.NewScheme()
	if err := clientgoscheme.AddToScheme(scheme); err != nil {
		return nil, fmt.Errorf("cannot set up the types: %w", err)
	}
	return scheme, nil
}

// newMapper knows the types in use without asking an API server, so that a
// cluster that is down when the process starts is waited for like any other.
func newMapper(*rest.Config, *http.Client) (meta.RESTMapper, error) {
	mapper := meta.NewDefaultRESTMapper(nil)
	for _, kinds := range []struct {
		version    schema.GroupVersion
		namespaced []string
		cluster    []string
	}{
		{
			corev1.SchemeGroupVersion,
			[]string{"Pod", "ConfigMap", "Secret", "ServiceAccount", "PersistentVolumeClaim", "Service", "Event"},
			[]string{"Namespace", "Node", "PersistentVolume"},
		},
		{discoveryv1.SchemeGroupVersion, []string{"EndpointSlice"}, nil},
		{schedulingv1.SchemeGroupVersion, nil, []string{"PriorityClass"}},
		{storagev1.SchemeGroupVersion, nil, []string{"StorageClass"}},
	} {
		for _, kind := range kinds.namespaced {
			mapper.Add(kinds.version.WithKind(kind), meta.RESTScopeNamespace)
		}
		for _, kind := range kinds.cluster {
			mapper.Add(kinds.version.WithKind(kind), meta.RESTScopeRoot)
		}
	}
	return mapper, nil
}

// upstreamCache holds the virtual node and its pods. Who waits to become the leader
// outlives an outage of the upstream API server, and must not be behind after it.
func upstreamCache(name string, patient *http.Client, informers *relist.Informers, shared *sharing.Pods) cache.Options {
	return cache.Options{
		HTTPClient:                   patient,
		NewInformer:                  informers.New,
		SyncPeriod:                   new(resync),
		DefaultTransform:             cache.TransformStripManagedFields(),
		DefaultUnsafeDisableDeepCopy: new(true),
		ReaderFailOnMissingInformer:  true,
		ByObject: map[client.Object]cache.ByObject{
			&corev1.Pod{}:  {Field: fields.OneTermEqualSelector("spec.nodeName", name), Transform: leanPod(shared)},
			&corev1.Node{}: {Field: fields.OneTermEqualSelector("metadata.name", name)},
		},
	}
}

// inProtobuf is how to reach a cluster by typed clients, without JSON, which costs both
// sides several times as much. Those of controller-runtime do so by themselves.
func inProtobuf(config *rest.Config) *rest.Config {
	config = rest.CopyConfig(config)
	config.ContentType = runtime.ContentTypeProtobuf
	config.AcceptContentTypes = runtime.ContentTypeProtobuf + "," + runtime.ContentTypeJSON
	return config
}

// newDownstream opens the downstream cluster, which every replica of the process
// keeps in its cache, and writes to only through the gate. The cache holds our own
// pods whole and of all others, and of nodes, what the capacity depends on. The
// manager does not wait for it: the Node has to say that the cluster is down, not
// to vanish.
func newDownstream(config *rest.Config, mgr manager.Manager, id translate.Identity, gate *claim.Gate, informers *relist.Informers, shared *sharing.Pods) (cluster.Cluster, error) {
	patient, err := patientClient(config, mgr.GetLogger().WithName("downstream-cache"))
	if err != nil {
		return nil, err
	}
	writing, err := rest.HTTPClientFor(guarded(config, gate))
	if err != nil {
		return nil, fmt.Errorf("cannot set up the client of the downstream cluster: %w", err)
	}
	downstream, err := cluster.New(config, func(o *cluster.Options) {
		o.Scheme = mgr.GetScheme()
		o.HTTPClient = writing
		o.MapperProvider = newMapper
		o.Cache = cache.Options{
			HTTPClient:                   patient,
			NewInformer:                  informers.New,
			SyncPeriod:                   new(resync),
			DefaultUnsafeDisableDeepCopy: new(true),
			ReaderFailOnMissingInformer:  true,
			ByObject: map[client.Object]cache.ByObject{
				&corev1.Pod{}:                {Transform: slimPod(id, shared)},
				&corev1.Node{}:               {Transform: slimNode},
				&corev1.Service{}:            {Label: services.Ours(id)},
				&discoveryv1.EndpointSlice{}: {Label: services.Ours(id)},
				// The claims of others are read only when one is in the way.
				&corev1.PersistentVolumeClaim{}: {Label: services.Ours(id)},
				// Only the metadata of these is asked for.
				&corev1.ConfigMap{}: {Label: services.Ours(id), Transform: cache.TransformStripManagedFields()},
				&corev1.Secret{}:    {Label: services.Ours(id), Transform: cache.TransformStripManagedFields()},
			},
		}
	})
	if err != nil {
		return nil, fmt.Errorf("cannot open the downstream cluster: %w", err)
	}
	if err := mgr.Add(onEveryReplica(downstream.Start)); err != nil {
		return nil, fmt.Errorf("cannot schedule the downstream cluster: %w", err)
	}
	return downstream, nil
}

// leanPod has upstream pods as they are, without what nobody reads, in less memory.
func leanPod(shared *sharing.Pods) toolscache.TransformFunc {
	return func(object any) (any, error) {
		if pod, isPod := object.(*corev1.Pod); isPod {
			pod.ManagedFields = nil
			shared.Share(pod)
		}
		return object, nil
	}
}

// slimPod reduces the pods of others, which may be many times ours.
func slimPod(id translate.Identity, shared *sharing.Pods) toolscache.TransformFunc {
	return func(object any) (any, error) {
		pod, isPod := object.(*corev1.Pod)
		if !isPod {
			// The last known state of an object whose deletion was missed.
			return object, nil
		}
		if id.Owns(pod) {
			pod.ManagedFields = nil
		} else {
			pod = slimmed(pod)
		}
		shared.Share(pod)
		return pod, nil
	}
}

// slimNode drops what is large and not used.
func slimNode(object any) (any, error) {
	if node, isNode := object.(*corev1.Node); isNode {
		node.ManagedFields = nil
		node.Annotations = nil
		node.Status.Images = nil
		node.Status.VolumesInUse = nil
		node.Status.VolumesAttached = nil
	}
	return object, nil
}
