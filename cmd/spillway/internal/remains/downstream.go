package remains

import (
	"context"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/metadata"
	"k8s.io/client-go/rest"

	"github.com/spillway-io/spillway/api"
)

// ownedKinds are the kinds of what Spillway creates downstream, in the order in which
// it is best removed.
func ownedKinds() []ownedKind {
	core := corev1.SchemeGroupVersion
	return []ownedKind{
		{core.WithResource("pods"), false},
		{core.WithResource("services"), false},
		{discoveryv1.SchemeGroupVersion.WithResource("endpointslices"), false},
		{core.WithResource("configmaps"), false},
		{core.WithResource("secrets"), false},
		{schema.GroupVersionResource{Group: "coordination.k8s.io", Version: "v1", Resource: "leases"}, false},
		{core.WithResource("persistentvolumeclaims"), true},
		{core.WithResource("persistentvolumes"), true},
		{core.WithResource("namespaces"), true},
	}
}

type ownedKind struct {
	resource schema.GroupVersionResource
	// kept says that it holds what may be wanted: data, or others' objects.
	kept bool
}

func ownedResources() []string {
	var all []string
	for _, kind := range ownedKinds() {
		all = append(all, kind.resource.Resource)
	}
	return all
}

// ownedSelector selects what belongs to an upstream cluster or, without an id, to any.
func ownedSelector(upstreamID string) string {
	if upstreamID == "" {
		return api.UpstreamLabel
	}
	return api.UpstreamLabel + "=" + upstreamID
}

// gatherDownstream counts what is owned in one downstream cluster.
func gatherDownstream(ctx context.Context, kubeconfig string, open func(string) (*rest.Config, error), selector string) Downstream {
	d := Downstream{Kubeconfig: kubeconfig}
	config, err := open(kubeconfig)
	if err != nil {
		d.Unknown = append(d.Unknown, Unknown{"everything", plain(err)})
		return d
	}
	objects, err := metadata.NewForConfig(config)
	if err != nil {
		d.Unknown = append(d.Unknown, Unknown{"everything", plain(err)})
		return d
	}
	for _, kind := range ownedKinds() {
		count := 0
		err := eachObject(ctx, objects, kind.resource, metav1.NamespaceAll, selector, func(*metav1.PartialObjectMetadata) { count++ })
		if err != nil {
			d.Unknown = append(d.Unknown, Unknown{kind.resource.Resource, plain(err)})
		}
		if count > 0 {
			d.Kinds = append(d.Kinds, Kind{Resource: kind.resource.Resource, Count: count, Kept: kind.kept})
		}
	}
	return d
}
