package offline

import (
	"context"
	"errors"
	"fmt"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/spillway-io/spillway/api"
	"github.com/spillway-io/spillway/e2e/playground"
)

// A webhook decides by caches, each of which learns of the objects of a kind in
// their order. So when it knows of an object that was made last, the marker, it
// knows of all that were made, changed or deleted before it.

// known waits until the webhook knows the namespaced objects and the nodes that there are. It
// leaves a node behind, which has the label marker.
func (s *stage) known(ctx context.Context, name string) error {
	g := &golden{name: "marker", namespace: "marker-" + name}
	g.pod = made("v1", "Pod", g.namespace, "marker")
	g.pod.SetLabels(map[string]string{"app": "web", api.OptInLabel: api.OptedIn})
	g.pod.Object["spec"] = map[string]any{
		"containers": []any{map[string]any{"name": "app", "image": "web:1"}}, "nodeSelector": map[string]any{"kept": "here"},
	}
	g.spread = made("apps.kruise.io/v1alpha1", "WorkloadSpread", g.namespace, "marker")
	term := map[string]any{"key": "marker", "operator": "In", "values": []any{name}}
	g.spread.Object["spec"] = map[string]any{
		"targetRef": map[string]any{"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"},
		"subsets": []any{map[string]any{
			"name": "here", "requiredNodeSelectorTerm": map[string]any{"matchExpressions": []any{term}},
		}},
	}
	if err := g.home(ctx, s.inLive); err != nil {
		return err
	}
	if err := g.target(ctx, s.inLive); err != nil {
		return err
	}
	node := made("v1", "Node", "", "marker-"+name)
	node.SetLabels(map[string]string{"marker": name})
	if _, err := create(ctx, s.inLive, node); err != nil {
		return err
	}
	return playground.Eventually(ctx, "the webhook knows the nodes and WorkloadSpreads", func(ctx context.Context) error {
		admitted, err := at(s.inLive, g.pod).Create(ctx, g.pod, metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}})
		if err != nil {
			return err
		}
		annotations := admitted.GetAnnotations()
		if annotations[api.MatchedWorkloadSpreadAnnotation] == "" || annotations[api.StashAnnotation] != "" {
			return errors.New("it does not place the pod by the marker's subset and node")
		}
		return nil
	})
}

// knownSidecars waits until the webhook knows the SidecarSets and revisions that
// there are. The marker is a set that pins a revision, and goes again.
func (s *stage) knownSidecars(ctx context.Context, name string) error {
	revision := made("apps/v1", "ControllerRevision", spillwayNamespace, "zz-marker-"+name)
	revision.SetLabels(map[string]string{api.SidecarSetNameLabel: "zz-marker"})
	revision.Object["revision"] = int64(1)
	revision.Object["data"] = map[string]any{"spec": map[string]any{"containers": []any{map[string]any{"name": "marker", "image": "marker:1"}}}}
	set := made("apps.kruise.io/v1alpha1", "SidecarSet", "", "zz-marker")
	set.Object["spec"] = map[string]any{
		"selector":          map[string]any{"matchLabels": map[string]any{"marker": name}},
		"containers":        []any{map[string]any{"name": "of-no-revision", "image": "marker:1"}},
		"injectionStrategy": map[string]any{"revision": map[string]any{"revisionName": revision.GetName()}},
	}
	for _, object := range []*unstructured.Unstructured{revision, set} {
		if _, err := create(ctx, s.inLive, object); err != nil {
			return fmt.Errorf("cannot make the marker: %w", err)
		}
	}
	pod := made("v1", "Pod", metav1.NamespaceDefault, "marker")
	pod.SetLabels(map[string]string{"marker": name, api.OptInLabel: api.OptedIn})
	pod.Object["spec"] = map[string]any{"containers": []any{map[string]any{"name": "app", "image": "web:1"}}}
	err := playground.Eventually(ctx, "the webhook knows the SidecarSets", func(ctx context.Context) error {
		admitted, err := at(s.inLive, pod).Create(ctx, pod, metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}})
		if err != nil {
			return err
		}
		if !strings.Contains(admitted.GetAnnotations()[api.SidecarSetHashAnnotation], `"controllerRevision":"`+revision.GetName()+`"`) {
			return errors.New("it does not inject the marker")
		}
		return nil
	})
	for _, object := range []*unstructured.Unstructured{revision, set} {
		err = errors.Join(err, at(s.inLive, object).Delete(ctx, object.GetName(), metav1.DeleteOptions{}))
	}
	return err
}

// withRevision waits until the controller has said which revision a set is.
func (s *stage) withRevision(ctx context.Context, set *unstructured.Unstructured) (current *unstructured.Unstructured, err error) {
	err = playground.Eventually(ctx, "SidecarSet "+set.GetName()+" has a revision", func(ctx context.Context) error {
		if current, err = at(s.inLive, set).Get(ctx, set.GetName(), metav1.GetOptions{}); err != nil {
			return err
		}
		if latest, _, _ := unstructured.NestedString(current.Object, "status", "latestRevision"); latest == "" {
			return errors.New("its status names none")
		}
		return nil
	})
	return current, err
}
