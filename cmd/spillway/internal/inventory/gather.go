// Package inventory asks a downstream cluster what it has that pods depend on, and
// reads and writes the file of it. What somebody may not read is named in the
// inventory; it refuses to go on when the cluster does not answer, since an inventory
// of half a cluster would be taken for the whole.
//
// It keeps names, labels, taints and sizes. It never asks for Secrets or ConfigMaps.
package inventory

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes"

	"github.com/spillway-io/spillway/provider/portability"
)

// Options say whom to ask.
type Options struct {
	Downstream kubernetes.Interface
	// Now is the time that the inventory says it is of.
	Now time.Time
}

// page is how many objects are asked for at once.
const page = 500

// Gather asks the cluster for everything. The error says what the cluster did not
// answer; a refusal is none, and in Unread.
func Gather(ctx context.Context, o Options) (portability.Inventory, error) {
	inv := portability.Inventory{
		APIVersion: portability.APIVersion, Kind: portability.Kind,
		TakenAt: metav1.NewTime(o.Now.UTC().Truncate(time.Second)),
	}
	version, err := o.Downstream.Discovery().ServerVersion()
	if err != nil {
		return inv, fmt.Errorf("cannot ask the downstream cluster for its version: %w", err)
	}
	inv.ServerVersion = version.GitVersion
	g := gatherer{inv: &inv}
	g.classes(ctx, o.Downstream)
	g.storage(ctx, o.Downstream)
	g.namespaces(ctx, o.Downstream)
	g.nodes(ctx, o.Downstream)
	return inv, g.err
}

// gatherer remembers the first part that the cluster did not answer.
type gatherer struct {
	inv *portability.Inventory
	err error
}

func (g *gatherer) classes(ctx context.Context, from kubernetes.Interface) {
	for item := range read(ctx, g, portability.PriorityClasses, from.SchedulingV1().PriorityClasses().List) {
		for _, c := range item.Items {
			g.inv.PriorityClasses = append(g.inv.PriorityClasses, c.Name)
		}
	}
	for item := range read(ctx, g, portability.RuntimeClasses, from.NodeV1().RuntimeClasses().List) {
		for _, c := range item.Items {
			g.inv.RuntimeClasses = append(g.inv.RuntimeClasses, c.Name)
		}
	}
	slices.Sort(g.inv.PriorityClasses)
	slices.Sort(g.inv.RuntimeClasses)
}

func (g *gatherer) storage(ctx context.Context, from kubernetes.Interface) {
	for item := range read(ctx, g, portability.StorageClasses, from.StorageV1().StorageClasses().List) {
		for _, c := range item.Items {
			g.inv.StorageClasses = append(g.inv.StorageClasses, portability.StorageClass{
				Name: c.Name, Provisioner: c.Provisioner, Default: c.Annotations["storageclass.kubernetes.io/is-default-class"] == "true",
			})
		}
	}
	for item := range read(ctx, g, portability.CSIDrivers, from.StorageV1().CSIDrivers().List) {
		for _, d := range item.Items {
			g.inv.CSIDrivers = append(g.inv.CSIDrivers, portability.CSIDriver{
				Name: d.Name, Inline: slices.Contains(d.Spec.VolumeLifecycleModes, storagev1.VolumeLifecycleEphemeral),
			})
		}
	}
	slices.SortFunc(g.inv.StorageClasses, func(a, b portability.StorageClass) int { return strings.Compare(a.Name, b.Name) })
	slices.SortFunc(g.inv.CSIDrivers, func(a, b portability.CSIDriver) int { return strings.Compare(a.Name, b.Name) })
}

func (g *gatherer) namespaces(ctx context.Context, from kubernetes.Interface) {
	accounts := make(map[string][]string)
	for item := range read(ctx, g, portability.ServiceAccounts, from.CoreV1().ServiceAccounts(metav1.NamespaceAll).List) {
		for _, a := range item.Items {
			accounts[a.Namespace] = append(accounts[a.Namespace], a.Name)
		}
	}
	for item := range read(ctx, g, portability.Namespaces, from.CoreV1().Namespaces().List) {
		for _, n := range item.Items {
			slices.Sort(accounts[n.Name])
			g.inv.Namespaces = append(g.inv.Namespaces, portability.Namespace{Name: n.Name, PodSecurity: podSecurity(n.Labels), ServiceAccounts: accounts[n.Name]})
		}
	}
	slices.SortFunc(g.inv.Namespaces, func(a, b portability.Namespace) int { return strings.Compare(a.Name, b.Name) })
}

// podSecurity is what refuses pods: what only warns or is recorded is left out.
func podSecurity(labels map[string]string) map[string]string {
	var found map[string]string
	for _, key := range []string{"enforce", "enforce-version"} {
		if value, ok := labels["pod-security.kubernetes.io/"+key]; ok {
			if found == nil {
				found = make(map[string]string, 2)
			}
			found[key] = value
		}
	}
	return found
}

func (g *gatherer) nodes(ctx context.Context, from kubernetes.Interface) {
	for item := range read(ctx, g, portability.Nodes, from.CoreV1().Nodes().List) {
		for i := range item.Items {
			g.inv.Nodes = append(g.inv.Nodes, nodeOf(&item.Items[i]))
		}
	}
	slices.SortFunc(g.inv.Nodes, func(a, b portability.Node) int { return strings.Compare(a.Name, b.Name) })
}

func nodeOf(n *corev1.Node) portability.Node {
	node := portability.Node{Name: n.Name, Labels: n.Labels, Unschedulable: n.Spec.Unschedulable, Allocatable: n.Status.Allocatable}
	for _, taint := range n.Spec.Taints {
		// When it was added is nothing to a scheduler.
		node.Taints = append(node.Taints, corev1.Taint{Key: taint.Key, Value: taint.Value, Effect: taint.Effect})
	}
	slices.SortFunc(node.Taints, func(a, b corev1.Taint) int {
		return cmp.Or(strings.Compare(a.Key, b.Key), strings.Compare(string(a.Effect), string(b.Effect)))
	})
	return node
}

// list is a typed list of objects.
type list interface {
	metav1.ListInterface
	runtime.Object
}

// read yields the pages of a part. What may not be read is noted; a cluster that does
// not know a kind has none of it.
func read[L list](ctx context.Context, g *gatherer, part portability.Resource, ask func(context.Context, metav1.ListOptions) (L, error)) func(yield func(L) bool) {
	return func(yield func(L) bool) {
		options := metav1.ListOptions{Limit: page}
		for g.err == nil {
			answer, err := ask(ctx, options)
			switch {
			case apierrors.IsForbidden(err):
				g.inv.Unread = append(g.inv.Unread, portability.Unread{Resource: part, Reason: err.Error()})
				return
			case apierrors.IsNotFound(err):
				return
			case err != nil:
				g.err = fmt.Errorf("cannot list %s of the downstream cluster: %w", part, err)
				return
			}
			if !yield(answer) || answer.GetContinue() == "" {
				return
			}
			options.Continue = answer.GetContinue()
		}
	}
}
