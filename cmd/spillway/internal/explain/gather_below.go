package explain

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/client-go/kubernetes"

	"github.com/spillway-io/spillway/api"
	"github.com/spillway-io/spillway/cmd/spillway/internal/downstream"
)

// belowPatience is how long the downstream cluster is waited for: one that cannot be
// reached is often why somebody asks.
const belowPatience = 3 * time.Second

// below looks into the downstream cluster of the pod's virtual node.
func (g *gatherer) below(ctx context.Context, pod *corev1.Pod) {
	ctx, cancel := context.WithTimeout(ctx, belowPatience)
	defer cancel()
	finder := downstream.Finder{Upstream: g.core, Kubeconfigs: g.opts.Kubeconfigs, Open: g.opts.Open}
	config, source, err := finder.Config(ctx, pod.Spec.NodeName)
	what := fmt.Sprintf("the downstream cluster of virtual node %s", pod.Spec.NodeName)
	if !g.known(what, err) {
		return
	}
	client, config, err := clientFor(config)
	if !g.known(what, err) {
		return
	}
	core, err := kubernetes.NewForConfigAndClient(protobuf(config), client)
	if !g.known(what, err) {
		return
	}
	found, err := downstreamPod(ctx, core, pod)
	if !g.known("the pod in "+what, err) {
		return
	}
	below := &Below{Source: source, Pod: found}
	g.facts.Below = below
	namespace := pod.Namespace
	if found != nil {
		namespace = found.Namespace
	}
	var all sync.WaitGroup
	all.Go(func() {
		classes, err := core.StorageV1().StorageClasses().List(ctx, metav1.ListOptions{})
		if !g.known("StorageClasses in "+what, err) {
			return
		}
		below.StorageClasses = []string{}
		for i := range classes.Items {
			below.StorageClasses = append(below.StorageClasses, classes.Items[i].Name)
		}
	})
	var events [2][]corev1.Event
	all.Go(func() { events[0] = g.events(ctx, core, namespace, pod.Name) })
	all.Go(func() {
		for _, name := range claimsOf(pod) {
			claim, err := core.CoreV1().PersistentVolumeClaims(namespace).Get(ctx, name, metav1.GetOptions{})
			if apierrors.IsNotFound(err) || !g.known("claim "+name+" in "+what, err) {
				continue
			}
			below.Claims = append(below.Claims, *claim)
			events[1] = append(events[1], g.events(ctx, core, namespace, name)...)
		}
	})
	all.Wait()
	below.Events = slices.Concat(events[0], events[1])
}

// downstreamPod finds the pod that stands for an upstream pod, nil if there is none.
// It is in the namespace of the same name, unless the virtual node maps namespaces.
func downstreamPod(ctx context.Context, core kubernetes.Interface, upstream *corev1.Pod) (*corev1.Pod, error) {
	pod, err := core.CoreV1().Pods(upstream.Namespace).Get(ctx, upstream.Name, metav1.GetOptions{})
	if err == nil && standsFor(pod, upstream) {
		return pod, nil
	}
	if err != nil && !apierrors.IsNotFound(err) && !apierrors.IsForbidden(err) {
		return nil, err
	}
	all, err := core.CoreV1().Pods(metav1.NamespaceAll).List(ctx, metav1.ListOptions{
		LabelSelector:   api.VirtualNodeLabel + "=" + upstream.Spec.NodeName,
		FieldSelector:   fields.OneTermEqualSelector("metadata.name", upstream.Name).String(),
		ResourceVersion: "0",
	})
	if err != nil {
		return nil, err
	}
	for i := range all.Items {
		if standsFor(&all.Items[i], upstream) {
			return &all.Items[i], nil
		}
	}
	return nil, nil
}

// standsFor goes by the upstream pod's UID, of which there is one in the world.
func standsFor(pod, upstream *corev1.Pod) bool {
	return pod.Annotations[api.UpstreamUIDAnnotation] == string(upstream.UID)
}
