package drain

import (
	"context"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// wanted is how many pods the controller of a pod wants now; nil if that is not to be
// known, and 0 if the controller is gone.
func (w *watcher) wanted(ctx context.Context, pod *corev1.Pod) *int {
	owner := controllerOf(pod)
	if owner == nil {
		return nil
	}
	controller := newObject(owner)
	err := w.live.Get(ctx, client.ObjectKey{Namespace: pod.Namespace, Name: owner.Name}, controller)
	if apierrors.IsNotFound(err) || err == nil && controller.GetUID() != owner.UID {
		return new(0)
	}
	if err != nil {
		return nil
	}
	return replicasOf(controller)
}

func controllerOf(pod *corev1.Pod) *metav1.OwnerReference { return metav1.GetControllerOfNoCopy(pod) }

// newObject is to be read into what an owner reference names.
func newObject(owner *metav1.OwnerReference) *unstructured.Unstructured {
	object := &unstructured.Unstructured{}
	object.SetAPIVersion(owner.APIVersion)
	object.SetKind(owner.Kind)
	return object
}

func replicasOf(controller *unstructured.Unstructured) *int {
	n, found, err := unstructured.NestedInt64(controller.Object, "spec", "replicas")
	if !found || err != nil {
		return nil
	}
	return new(int(n))
}
