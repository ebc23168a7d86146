package provider

import (
	"context"

	corev1 "k8s.io/api/core/v1"
	typedcorev1 "k8s.io/client-go/kubernetes/typed/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// deleting is a client that deletes pods without a look at the answer. That is a whole
// pod, out of which controller-runtime's makes JSON and maps, for nobody: a tenth of
// what the virtual node computes while a burst ends.
type deleting struct {
	client.Client
	pods typedcorev1.PodsGetter
}

func (d deleting) Delete(ctx context.Context, object client.Object, opts ...client.DeleteOption) error {
	if _, isPod := object.(*corev1.Pod); !isPod {
		return d.Client.Delete(ctx, object, opts...)
	}
	options := (&client.DeleteOptions{}).ApplyOptions(opts)
	return d.pods.Pods(object.GetNamespace()).Delete(ctx, object.GetName(), *options.AsDeleteOptions())
}
