package webhook

import (
	"context"
	"fmt"

	"github.com/openkruise/kruise-api/apps/v1alpha1"
	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// policyReader reads what a policy object is judged by. Such requests are rare
// and an answer decides over every pod to come, so it asks the API server, not
// caches, which hold no templates anyway.
type policyReader struct {
	live client.Reader
}

func (r policyReader) WorkloadSpreads(ctx context.Context, namespace string) ([]v1alpha1.WorkloadSpread, error) {
	list := &v1alpha1.WorkloadSpreadList{}
	if err := r.live.List(ctx, list, client.InNamespace(namespace)); err != nil {
		return nil, fmt.Errorf("cannot list the WorkloadSpreads of namespace %q: %w", namespace, err)
	}
	return list.Items, nil
}

// PodTemplate knows workloads of Kubernetes and of Kruise, in which templates
// are where everybody knows.
func (r policyReader) PodTemplate(ctx context.Context, namespace string, ref v1alpha1.TargetReference) (*corev1.PodTemplateSpec, []string, error) {
	kind := schema.FromAPIVersionAndKind(ref.APIVersion, ref.Kind)
	switch kind.Group {
	case appsv1.GroupName, batchv1.GroupName, v1alpha1.GroupVersion.Group:
	default:
		return nil, nil, nil
	}
	if ref.Kind == "" || ref.Name == "" {
		return nil, nil, nil // refused by validation; there is nothing to read
	}
	workload := &unstructured.Unstructured{}
	workload.SetGroupVersionKind(kind)
	err := r.live.Get(ctx, client.ObjectKey{Namespace: namespace, Name: ref.Name}, workload)
	if apierrors.IsNotFound(err) || meta.IsNoMatchError(err) {
		return nil, nil, nil
	}
	if err != nil {
		return nil, nil, fmt.Errorf("cannot get %s %q in namespace %q: %w", ref.Kind, ref.Name, namespace, err)
	}
	return podTemplate(workload)
}

// podTemplate returns nil for a workload that has its template elsewhere.
func podTemplate(workload *unstructured.Unstructured) (*corev1.PodTemplateSpec, []string, error) {
	content, found, err := unstructured.NestedMap(workload.Object, "spec", "template")
	if err != nil {
		return nil, nil, fmt.Errorf("cannot read spec.template of %s %q: %w", workload.GetKind(), workload.GetName(), err)
	}
	if !found {
		return nil, nil, nil
	}
	template := &corev1.PodTemplateSpec{}
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(content, template); err != nil {
		return nil, nil, fmt.Errorf("cannot read spec.template of %s %q: %w", workload.GetKind(), workload.GetName(), err)
	}
	claims, _, err := unstructured.NestedSlice(workload.Object, "spec", "volumeClaimTemplates")
	if err != nil {
		return nil, nil, fmt.Errorf("cannot read spec.volumeClaimTemplates of %s %q: %w", workload.GetKind(), workload.GetName(), err)
	}
	var names []string
	for _, claim := range claims {
		if content, isObject := claim.(map[string]any); isObject {
			names = append(names, (&unstructured.Unstructured{Object: content}).GetName())
		}
	}
	return template, names, nil
}
