package workloadspread

import (
	"context"
	"encoding/json"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// maxPrices bounds how many pods get a new deletion cost in one pass.
const maxPrices = 50

// price writes the deletion costs that changed.
func (p *pass) price(ctx context.Context) error {
	began := p.clock.Now()
	costs := p.view.Costs()
	p.worked(began)
	if len(costs) > maxPrices {
		costs = costs[:maxPrices]
		p.lookAt(p.view.Now.Add(writePause))
	}
	for _, cost := range costs {
		if err := p.patchMetadata(ctx, cost.Pod, nil, map[string]*string{corev1.PodDeletionCost: &cost.Value}); err != nil {
			return fmt.Errorf("cannot set the deletion cost of pod %s: %w", cost.Pod.Name, err)
		}
	}
	return nil
}

// patchMetadata sets labels and annotations of a pod, or removes those that are
// nil, if it is still the same pod; a pod that is gone needs none.
func (p *pass) patchMetadata(ctx context.Context, pod *corev1.Pod, labels, annotations map[string]*string) error {
	type metadata struct {
		UID         types.UID          `json:"uid"`
		Labels      map[string]*string `json:"labels,omitempty"`
		Annotations map[string]*string `json:"annotations,omitempty"`
	}
	patch, err := json.Marshal(map[string]metadata{"metadata": {UID: pod.UID, Labels: labels, Annotations: annotations}})
	if err != nil {
		return fmt.Errorf("cannot encode the patch: %w", err)
	}
	object := &metav1.PartialObjectMetadata{ObjectMeta: metav1.ObjectMeta{Namespace: pod.Namespace, Name: pod.Name}}
	object.SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind("Pod"))
	err = p.client.Patch(ctx, object, client.RawPatch(types.MergePatchType, patch))
	if apierrors.IsNotFound(err) || apierrors.IsConflict(err) {
		return nil
	}
	return err
}
