package sidecarset

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/spillway-io/spillway/api"
	"github.com/spillway-io/spillway/webhook/sidecar"
)

// gather reads what there is to know of a set's pods, all from caches. all are
// those in whose record the set is.
func (p *pass) gather(ctx context.Context, all []*corev1.Pod) (err error) {
	namespaces := map[string]sidecar.Namespace{}
	p.view.Given = make(map[types.UID]sidecar.Given, len(all))
	for _, pod := range p.memory.see(all, p.now) {
		if pod.Labels[api.OptInLabel] != api.OptedIn {
			continue
		}
		namespace, known := namespaces[pod.Namespace]
		if !known {
			if namespace, err = p.namespaceOf(ctx, pod); err != nil {
				return err
			}
			namespaces[pod.Namespace] = namespace
		}
		if p.view.Set.Follows(pod, namespace) {
			p.view.Pods = append(p.view.Pods, pod)
			p.view.Given[pod.UID] = p.memory.givenTo(pod, p.object.Name)
		}
	}
	p.view.Refused = map[types.UID]bool{}
	for uid, until := range p.memory.refused {
		p.view.Refused[uid] = true
		p.lookAt(until)
	}
	for uid := range p.memory.written {
		// What is known of it after our write is no more than we wrote.
		p.view.Refused[uid] = true
	}
	p.view.Nodes, err = p.nodes(ctx)
	return err
}

// podsWithSet are the pods in whose record the set is. They are shared memory.
func (p *pass) podsWithSet(ctx context.Context) ([]*corev1.Pod, error) {
	var list corev1.PodList
	if err := p.client.List(ctx, &list, client.MatchingFields{setIndex: p.object.Name}, client.UnsafeDisableDeepCopy); err != nil {
		return nil, fmt.Errorf("cannot list the pods of the set: %w", err)
	}
	pods := make([]*corev1.Pod, len(list.Items))
	for i := range list.Items {
		pods[i] = &list.Items[i]
	}
	return pods, nil
}

// namespaceOf reads the labels of a pod's namespace, if the set asks for them. Of
// a namespace that is gone there are none.
func (p *pass) namespaceOf(ctx context.Context, pod *corev1.Pod) (sidecar.Namespace, error) {
	result := sidecar.Namespace{Name: pod.Namespace}
	if !p.view.Set.AsksNamespaces() {
		return result, nil
	}
	namespace := &metav1.PartialObjectMetadata{}
	namespace.SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind("Namespace"))
	err := p.cache.Get(ctx, client.ObjectKey{Name: pod.Namespace}, namespace)
	if client.IgnoreNotFound(err) != nil {
		return result, fmt.Errorf("cannot read the namespace %q: %w", pod.Namespace, err)
	}
	if !apierrors.IsNotFound(err) {
		result.Labels = namespace.Labels
	}
	return result, nil
}

// nodes are all nodes, as shared memory: it is cheaper than a copy of a few.
func (p *pass) nodes(ctx context.Context) (map[string]*corev1.Node, error) {
	var list corev1.NodeList
	if err := p.client.List(ctx, &list, client.UnsafeDisableDeepCopy); err != nil {
		return nil, fmt.Errorf("cannot list nodes: %w", err)
	}
	nodes := make(map[string]*corev1.Node, len(list.Items))
	for i := range list.Items {
		nodes[list.Items[i].Name] = &list.Items[i]
	}
	return nodes, nil
}

// typeOf and nameOf are what is known of a set that cannot be read.
func typeOf(object *unstructured.Unstructured) metav1.TypeMeta {
	return metav1.TypeMeta{APIVersion: object.GetAPIVersion(), Kind: object.GetKind()}
}

func nameOf(object *unstructured.Unstructured) metav1.ObjectMeta {
	return metav1.ObjectMeta{Name: object.GetName(), UID: object.GetUID(), Generation: object.GetGeneration()}
}
