package leftovers

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/metadata"

	"github.com/spillway-io/spillway/api"
	"github.com/spillway-io/spillway/cmd/spillway/internal/doctor/finding"
	"github.com/spillway-io/spillway/cmd/spillway/internal/doctor/site"
	"github.com/spillway-io/spillway/provider/references"
	"github.com/spillway-io/spillway/provider/translate"
)

// page is how many objects are read at a time.
const page = 500

// Check lists what each virtual node has downstream, and what it has upstream.
func Check(ctx context.Context, s *site.Site) finding.Outcome {
	var o finding.Outcome
	o.Hidden("which virtual nodes there are", s.NodesErr, "list nodes")
	if s.Upstream.IDErr != nil {
		o.Hidden("what is left over downstream", s.Upstream.IDErr, "get namespace kube-system")
		return o
	}
	clusters := map[string]bool{}
	for i := range s.Nodes {
		n := &s.Nodes[i]
		if n.Unreached(&o, "what is left over in the downstream cluster of virtual node "+n.Name) {
			continue
		}
		look(ctx, s, n, &o)
		// Without all names, any node could be one that is no more.
		if id := n.Downstream.ID; s.NodesErr == nil && (id == "" || !clusters[id]) {
			clusters[id] = true
			bereft(ctx, s, n, &o)
		}
	}
	if len(s.Nodes) == 0 && s.NodesErr == nil {
		o.Nothing("what is left over downstream", "there is no virtual node to ask about", "")
	}
	return o
}

// look reads downstream first: what comes to be in between is upstream by then.
func look(ctx context.Context, s *site.Site, n *site.VirtualNode, o *finding.Outcome) {
	w := World{Node: n.Name, Rules: n.Rules(s.Upstream.ID), Delete: n.Options.DeleteOrphans, Collect: n.Options.CollectGarbage, Now: s.Now()}
	ours := fmt.Sprintf("%s=%s,%s=%s", api.UpstreamLabel, s.Upstream.ID, api.VirtualNodeLabel, n.Name)
	what := "what is left over downstream of virtual node " + n.Name
	var err error
	if w.Pods, err = podsOf(ctx, n.Downstream.Client, metav1.ListOptions{LabelSelector: ours}); err != nil {
		o.Hidden(what, err, "list pods downstream")
		return
	}
	if w.UpstreamPods, err = podsOf(ctx, s.Upstream.Client, metav1.ListOptions{FieldSelector: fields.OneTermEqualSelector("spec.nodeName", n.Name).String()}); err != nil {
		o.Hidden(what, err, "list pods in all namespaces")
		return
	}
	judged := JudgePods(w)
	o.Add(judged...)
	unused := copies(ctx, n, ours, &w, o)
	o.Add(unused...)
	left := claims(ctx, s, n, ours, &w, o)
	o.Add(left...)
	if len(judged)+len(unused)+len(left) == 0 {
		o.Fact("virtual node %s has downstream, for something upstream: %s, %d copies, %s", n.Name, finding.Number(len(w.Pods), "pod"), len(w.Copies), finding.Number(len(w.Claims), "claim"))
	}
}

func podsOf(ctx context.Context, client kubernetes.Interface, options metav1.ListOptions) ([]corev1.Pod, error) {
	options.Limit = page
	var all []corev1.Pod
	for {
		list, err := client.CoreV1().Pods(metav1.NamespaceAll).List(ctx, options)
		if err != nil {
			return nil, err
		}
		all = append(all, list.Items...)
		if options.Continue = list.Continue; options.Continue == "" {
			return all, nil
		}
	}
}

// copies reads the metadata of copies: nobody needs to see Secrets for this.
func copies(ctx context.Context, n *site.VirtualNode, ours string, w *World, o *finding.Outcome) []finding.Finding {
	client, err := metadata.NewForConfig(n.Downstream.Config)
	if err != nil {
		o.Hidden("copies of virtual node "+n.Name, err, "")
		return nil
	}
	for resource, kind := range map[string]translate.Kind{"configmaps": translate.ConfigMap, "secrets": translate.Secret} {
		list, err := client.Resource(corev1.SchemeGroupVersion.WithResource(resource)).List(ctx, metav1.ListOptions{LabelSelector: ours})
		if err != nil {
			o.Hidden("copies of "+resource+" downstream of virtual node "+n.Name, err, "list "+resource+" downstream")
			return nil
		}
		for i := range list.Items {
			item := &list.Items[i]
			if w.Rules.Owns(item) {
				w.Copies = append(w.Copies, Copy{
					Copy:    references.Copy{Key: references.Key{Kind: kind, Namespace: item.Namespace, Name: item.Name}, UID: item.UID},
					Created: item.CreationTimestamp.Time,
				})
			}
		}
	}
	return JudgeCopies(*w)
}

func claims(ctx context.Context, s *site.Site, n *site.VirtualNode, ours string, w *World, o *finding.Outcome) []finding.Finding {
	what := "volumes left over downstream of virtual node " + n.Name
	below, err := n.Downstream.Client.CoreV1().PersistentVolumeClaims(metav1.NamespaceAll).List(ctx, metav1.ListOptions{LabelSelector: ours})
	if err != nil {
		o.Hidden(what, err, "list persistentvolumeclaims downstream")
		return nil
	}
	if w.Claims = below.Items; len(w.Claims) == 0 {
		return nil
	}
	above, err := s.Upstream.Client.CoreV1().PersistentVolumeClaims(metav1.NamespaceAll).List(ctx, metav1.ListOptions{})
	if err != nil {
		o.Hidden(what, err, "list persistentvolumeclaims in all namespaces")
		return nil
	}
	volumes, err := s.Upstream.Client.CoreV1().PersistentVolumes().List(ctx, metav1.ListOptions{})
	if err != nil {
		o.Hidden(what, err, "list persistentvolumes")
		return nil
	}
	w.UpstreamClaims, w.UpstreamVolumes = above.Items, volumes.Items
	return JudgeClaims(*w)
}

// bereft looks for pods of virtual nodes that are no more.
func bereft(ctx context.Context, s *site.Site, n *site.VirtualNode, o *finding.Outcome) {
	client, err := metadata.NewForConfig(n.Downstream.Config)
	if err == nil {
		var list *metav1.PartialObjectMetadataList
		list, err = client.Resource(corev1.SchemeGroupVersion.WithResource("pods")).List(ctx, metav1.ListOptions{LabelSelector: api.UpstreamLabel + "=" + s.Upstream.ID})
		if err == nil {
			o.Add(JudgeBereft(list.Items, s.Names, s.Upstream.ID, n.Downstream.Source, s.Now())...)
		}
	}
	if err != nil && !apierrors.IsNotFound(err) {
		o.Hidden("pods of virtual nodes that are no more, in the downstream cluster of "+n.Name, err, "list pods downstream")
	}
}
