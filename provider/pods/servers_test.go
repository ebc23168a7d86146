package pods

import (
	"context"
	"encoding/json"
	"errors"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// deleteAsTheServer refuses a deletion that is meant for another UID, as API
// servers do and the fake does not.
func deleteAsTheServer(ctx context.Context, c client.WithWatch, o client.Object, opts ...client.DeleteOption) error {
	options := client.DeleteOptions{}
	options.ApplyOptions(opts)
	stored := &corev1.Pod{}
	if err := c.Get(ctx, client.ObjectKeyFromObject(o), stored); err != nil {
		return err
	}
	if options.Preconditions == nil || options.Preconditions.UID == nil {
		return errors.New("a deletion without a UID precondition")
	}
	if *options.Preconditions.UID != stored.UID {
		return apierrors.NewConflict(schema.GroupResource{Resource: "pods"}, o.GetName(), errors.New("precondition failed: UID"))
	}
	return c.Delete(ctx, o, opts...)
}

// patchAsTheServer refuses a patch that carries another UID or version, as API
// servers do and the fake does not.
func patchAsTheServer(ctx context.Context, c client.Client, subresource string, o client.Object, p client.Patch, opts ...client.SubResourcePatchOption) error {
	data, err := p.Data(o)
	if err != nil {
		return err
	}
	carried := &corev1.Pod{}
	if err := json.Unmarshal(data, carried); err != nil {
		return err
	}
	stored := &corev1.Pod{}
	if err := c.Get(ctx, client.ObjectKeyFromObject(o), stored); err != nil {
		return err
	}
	if carried.UID != stored.UID || carried.ResourceVersion != "" && carried.ResourceVersion != stored.ResourceVersion {
		return apierrors.NewConflict(schema.GroupResource{Resource: "pods"}, o.GetName(), errors.New("precondition failed"))
	}
	return c.SubResource(subresource).Patch(ctx, o, p, opts...)
}
