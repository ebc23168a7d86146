package explain

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/openkruise/kruise-api/apps/v1alpha1"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes"

	"github.com/spillway-io/spillway/api"
	"github.com/spillway-io/spillway/webhook/spread"
)

const (
	virtualNodes = api.NodeTypeLabel + "=" + api.NodeTypeVirtual
	optedIn      = api.OptInLabel + "=" + api.OptedIn
	// maxOwners bounds how many owners of owners are looked at: references can be a
	// circle.
	maxOwners = 5
)

// policies reads WorkloadSpreads and SidecarSets. A cluster that has not the kind has
// none.
func (g *gatherer) policies(ctx context.Context) {
	var all sync.WaitGroup
	all.Go(func() {
		list, err := g.objects.Resource(v1alpha1.GroupVersion.WithResource("workloadspreads")).Namespace(g.opts.Namespace).List(ctx, metav1.ListOptions{ResourceVersion: "0"})
		if apierrors.IsNotFound(err) || !g.known("WorkloadSpreads", err) {
			return
		}
		for i := range list.Items {
			var ws v1alpha1.WorkloadSpread
			if err := runtime.DefaultUnstructuredConverter.FromUnstructured(list.Items[i].Object, &ws); g.known("WorkloadSpread "+list.Items[i].GetName(), err) {
				g.facts.Spreads = append(g.facts.Spreads, ws)
			}
		}
	})
	all.Go(func() {
		list, err := g.objects.Resource(v1alpha1.GroupVersion.WithResource("sidecarsets")).List(ctx, metav1.ListOptions{ResourceVersion: "0"})
		if apierrors.IsNotFound(err) || !g.known("SidecarSets", err) {
			return
		}
		g.facts.SidecarSets = list.Items
		g.revisions(ctx)
	})
	all.Wait()
}

// revisions reads those of SidecarSets, if a set asks for one.
func (g *gatherer) revisions(ctx context.Context) {
	if !slices.ContainsFunc(g.facts.SidecarSets, func(set unstructured.Unstructured) bool {
		_, pins, _ := unstructured.NestedMap(set.Object, "spec", "injectionStrategy", "revision")
		return pins
	}) {
		return
	}
	list, err := g.core.AppsV1().ControllerRevisions(g.opts.OwnNamespace).List(ctx, metav1.ListOptions{LabelSelector: api.SidecarSetNameLabel, ResourceVersion: "0"})
	if g.known("ControllerRevisions of SidecarSets", err) {
		g.facts.Revisions = list.Items
	}
}

// more reads what the object itself points to.
func (g *gatherer) more(ctx, eventsCtx context.Context) {
	var all sync.WaitGroup
	// Owners are added to while the others run.
	asked := slices.Clone(g.facts.Owners)
	all.Go(func() { g.owners(ctx, eventsCtx) })
	if len(g.facts.Spreads) > 0 || len(asked) > 0 {
		selector := selectorOf(asked)
		all.Go(func() {
			list, err := g.core.AppsV1().ReplicaSets(g.opts.Namespace).List(ctx, metav1.ListOptions{ResourceVersion: "0"})
			if g.known("ReplicaSets", err) {
				g.facts.ReplicaSets = list.Items
				g.tellOfLatest(eventsCtx, asked)
			}
		})
		all.Go(func() {
			list, err := g.core.CoreV1().Pods(g.opts.Namespace).List(ctx, metav1.ListOptions{LabelSelector: selector, ResourceVersion: "0"})
			if g.known("pods", err) {
				g.facts.Pods = list.Items
			}
		})
	}
	if pod := g.facts.Pod; pod != nil {
		all.Go(func() { g.claims(ctx, pod) })
		if slices.ContainsFunc(g.facts.VirtualNodes, func(n corev1.Node) bool { return n.Name == pod.Spec.NodeName }) {
			all.Go(func() { g.below(ctx, pod) })
		}
	}
	all.Wait()
}

// tellOfLatest adds what was said of the ReplicaSet that a Deployment's new pods come
// from: nobody says it of the Deployment.
func (g *gatherer) tellOfLatest(eventsCtx context.Context, asked []unstructured.Unstructured) {
	if g.opts.Kind.Kind != "Deployment" || len(asked) == 0 {
		return
	}
	if set := latest(&asked[0], g.facts.ReplicaSets); set != nil {
		g.tell(eventsCtx, set.Name)
	}
}

// selectorOf is of the pods that matter: those of the workload that was asked for, and
// else, also where a workload has no selector, all that WorkloadSpreads count.
func selectorOf(asked []unstructured.Unstructured) string {
	if len(asked) == 0 {
		return optedIn
	}
	value, found, err := unstructured.NestedMap(asked[0].Object, "spec", "selector")
	selector := &metav1.LabelSelector{}
	if err != nil || !found || runtime.DefaultUnstructuredConverter.FromUnstructured(value, selector) != nil {
		return optedIn
	}
	return metav1.FormatLabelSelector(selector)
}

// owners reads the workloads above the pod, or above the workload, and their events.
func (g *gatherer) owners(ctx, eventsCtx context.Context) {
	var object metav1.Object = g.facts.Pod
	if g.facts.Pod == nil {
		if len(g.facts.Owners) == 0 {
			return
		}
		object = &g.facts.Owners[0]
	}
	for range maxOwners {
		owner, controlled := spread.ControllerOf(object)
		kind, known := kindOf(owner.GroupKind)
		if !controlled || !known {
			return
		}
		g.tell(eventsCtx, owner.Name)
		above, err := g.objects.Resource(kind.resource()).Namespace(g.opts.Namespace).Get(ctx, owner.Name, metav1.GetOptions{})
		if apierrors.IsNotFound(err) || !g.known(owner.Kind+" "+owner.Name, err) {
			return
		}
		g.facts.Owners = append(g.facts.Owners, *above)
		object = above
	}
}

// tell adds the events about an upstream object, some time before telling is over.
func (g *gatherer) tell(ctx context.Context, name string) {
	g.telling.Go(func() {
		told := g.events(ctx, g.core, g.opts.Namespace, name)
		g.mu.Lock()
		defer g.mu.Unlock()
		g.facts.Events = append(g.facts.Events, told...)
	})
}

// events reads those about the objects of one name.
func (g *gatherer) events(ctx context.Context, from kubernetes.Interface, namespace, name string) []corev1.Event {
	selector := fields.OneTermEqualSelector("involvedObject.name", name).String()
	list, err := from.CoreV1().Events(namespace).List(ctx, metav1.ListOptions{FieldSelector: selector, ResourceVersion: "0"})
	if err != nil && errors.Is(context.Cause(ctx), errTooManyEvents) {
		err = errTooManyEvents
	}
	if !g.known("events about "+name, err) {
		return nil
	}
	return list.Items
}

// claims reads those of the pod, generic ephemeral ones included.
func (g *gatherer) claims(ctx context.Context, pod *corev1.Pod) {
	for _, name := range claimsOf(pod) {
		claim, err := g.core.CoreV1().PersistentVolumeClaims(pod.Namespace).Get(ctx, name, metav1.GetOptions{})
		if !apierrors.IsNotFound(err) && g.known("claim "+name, err) {
			g.facts.Claims = append(g.facts.Claims, *claim)
		}
	}
}

func claimsOf(pod *corev1.Pod) []string {
	var names []string
	for i := range pod.Spec.Volumes {
		switch v := &pod.Spec.Volumes[i]; {
		case v.PersistentVolumeClaim != nil:
			names = append(names, v.PersistentVolumeClaim.ClaimName)
		case v.Ephemeral != nil:
			names = append(names, fmt.Sprintf("%s-%s", pod.Name, v.Name))
		}
	}
	return names
}

// latest is the ReplicaSet that a Deployment's new pods come from.
func latest(deployment *unstructured.Unstructured, sets []appsv1.ReplicaSet) *appsv1.ReplicaSet {
	const revision = "deployment.kubernetes.io/revision"
	for i := range sets {
		owner, controlled := spread.ControllerOf(&sets[i])
		if controlled && owner.UID == deployment.GetUID() && sets[i].Annotations[revision] == deployment.GetAnnotations()[revision] {
			return &sets[i]
		}
	}
	return nil
}

func join(texts ...string) string {
	return strings.Join(slices.DeleteFunc(texts, func(s string) bool { return s == "" }), "; ")
}
