package offline

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sync/errgroup"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"
	"sigs.k8s.io/yaml"

	"github.com/spillway-io/spillway/api"
	"github.com/spillway-io/spillway/webhook/sidecar"
)

// atOnce is how many cases have their world made at a time.
const atOnce = 8

// at is where objects of a kind are: the resources of all kinds that are used here
// are called like the kind.
func at(client dynamic.Interface, object *unstructured.Unstructured) dynamic.ResourceInterface {
	gvk := object.GroupVersionKind()
	resource := client.Resource(gvk.GroupVersion().WithResource(pluralOf(gvk)))
	if object.GetNamespace() == "" {
		return resource
	}
	return resource.Namespace(object.GetNamespace())
}

func pluralOf(gvk schema.GroupVersionKind) string {
	plural := strings.ToLower(gvk.Kind)
	if strings.HasSuffix(plural, "s") {
		return plural + "es"
	}
	return plural + "s"
}

func create(ctx context.Context, client dynamic.Interface, object *unstructured.Unstructured) (*unstructured.Unstructured, error) {
	return at(client, object).Create(ctx, object, metav1.CreateOptions{})
}

func made(apiVersion, kind, namespace, name string) *unstructured.Unstructured {
	object := &unstructured.Unstructured{Object: map[string]any{"apiVersion": apiVersion, "kind": kind}}
	object.SetNamespace(namespace)
	object.SetName(name)
	return object
}

// common makes what pods of several cases name.
func (s *stage) common(ctx context.Context) error {
	for _, client := range []dynamic.Interface{s.inLive, s.inPlain} {
		own := &golden{namespace: spillwayNamespace}
		home := &golden{namespace: metav1.NamespaceDefault}
		if err := errors.Join(own.home(ctx, client), home.home(ctx, client)); err != nil {
			return err
		}
		for name, value := range map[string]int64{"normal": 0, "low": -10} {
			class := made("scheduling.k8s.io/v1", "PriorityClass", "", name)
			class.Object["value"] = value
			if _, err := create(ctx, client, class); err != nil {
				return err
			}
		}
	}
	return s.allowAnnotations(ctx)
}

// allowAnnotations lets SidecarSets write all annotations. The command knows of no
// such list, and says so.
func (s *stage) allowAnnotations(ctx context.Context) error {
	list := made("v1", "ConfigMap", spillwayNamespace, sidecar.WhitelistConfigMap)
	list.Object["data"] = map[string]any{sidecar.WhitelistKey: `{"rules": [{"allowedAnnotationKeyExprs": [".*"]}]}`}
	_, err := create(ctx, s.inLive, list)
	return err
}

// prepare brings everything of the cases that is in namespaces into the clusters,
// but for the pods. What the live cluster refuses of WorkloadSpreads is remembered
// in the case.
func (s *stage) prepare(ctx context.Context, cases []*golden) error {
	var all errgroup.Group
	all.SetLimit(atOnce)
	for _, g := range cases {
		all.Go(func() error {
			for _, client := range []dynamic.Interface{s.inLive, s.inPlain} {
				if err := g.home(ctx, client); err != nil {
					return fmt.Errorf("case %s: %w", g.name, err)
				}
			}
			if g.spread == nil {
				return nil
			}
			return g.target(ctx, s.inLive)
		})
	}
	return all.Wait()
}

// home makes the namespace and the ServiceAccount of its pods, as nobody else does.
func (g *golden) home(ctx context.Context, client dynamic.Interface) error {
	namespace := made("v1", "Namespace", "", g.namespace)
	namespace.SetLabels(g.labels)
	namespace.SetAnnotations(g.annotations)
	for _, object := range []*unstructured.Unstructured{namespace, made("v1", "ServiceAccount", g.namespace, "default")} {
		if _, err := create(ctx, client, object); err != nil && !apierrors.IsAlreadyExists(err) {
			return err
		}
	}
	return nil
}

// target makes what the WorkloadSpread targets, and then that.
func (g *golden) target(ctx context.Context, client dynamic.Interface) error {
	deployment, replicaSet := g.workloads()
	var err error
	if g.deployment, err = create(ctx, client, deployment); err != nil {
		return err
	}
	own(replicaSet, g.deployment)
	if g.replicaSet, err = create(ctx, client, replicaSet); err != nil {
		return err
	}
	own(g.pod, g.replicaSet)
	if _, err = create(ctx, client, g.spread); apierrors.IsForbidden(err) || apierrors.IsInvalid(err) {
		g.refused = append(g.refused, "workloadspread "+g.namespace+"/"+g.spread.GetName())
		return nil
	}
	return err
}

func own(object, owner *unstructured.Unstructured) {
	object.SetOwnerReferences([]metav1.OwnerReference{*metav1.NewControllerRef(owner, owner.GroupVersionKind())})
}

// put makes the nodes of a group of cases, and the others go.
func (s *stage) put(ctx context.Context, nodes string) error {
	resource := at(s.inLive, made("v1", "Node", "", "any"))
	old, err := resource.List(ctx, metav1.ListOptions{})
	if err != nil {
		return err
	}
	for i := range old.Items {
		if err := resource.Delete(ctx, old.Items[i].GetName(), metav1.DeleteOptions{}); err != nil {
			return err
		}
	}
	var metadata []map[string]any
	if err := yaml.Unmarshal([]byte(nodes), &metadata); err != nil {
		return fmt.Errorf("nodes.yaml: %w", err)
	}
	for _, m := range metadata {
		node := &unstructured.Unstructured{Object: map[string]any{"apiVersion": "v1", "kind": "Node", "metadata": m}}
		if _, err := create(ctx, s.inLive, node); err != nil {
			return err
		}
	}
	return nil
}

// addSidecars makes the SidecarSets of a case and their revisions, and waits until their
// controller has said of each which revision it is.
func (s *stage) addSidecars(ctx context.Context, g *golden) error {
	for _, revision := range g.revision {
		if _, err := create(ctx, s.inLive, revision); err != nil {
			return err
		}
	}
	for i, set := range g.sidecars {
		_, err := create(ctx, s.inLive, set)
		if apierrors.IsForbidden(err) || apierrors.IsInvalid(err) {
			g.refused = append(g.refused, "sidecarset "+set.GetName())
			continue
		}
		if err != nil {
			return err
		}
		if g.sidecars[i], err = s.withRevision(ctx, set); err != nil {
			return err
		}
	}
	return nil
}

// clear removes the SidecarSets and revisions of a case.
func (s *stage) clear(ctx context.Context, g *golden) error {
	for _, object := range slices.Concat(g.sidecars, g.revision) {
		err := at(s.inLive, object).Delete(ctx, object.GetName(), metav1.DeleteOptions{})
		if err != nil && !apierrors.IsNotFound(err) {
			return err
		}
	}
	return nil
}

// maxEarlier is more than the subsets before that of any case take.
const maxEarlier = 10

// fill creates pods until one is in the subset that the case is about.
func (s *stage) fill(ctx context.Context, g *golden) error {
	if g.spread == nil || g.subset == "" || len(g.refused) > 0 {
		return nil
	}
	subsets, _, err := unstructured.NestedSlice(g.spread.Object, "spec", "subsets")
	if err != nil || objectOf(subsets[0])["name"] == g.subset {
		return err
	}
	for i := range maxEarlier {
		pod := g.pod.DeepCopy()
		pod.SetGenerateName("")
		pod.SetName(fmt.Sprintf("earlier-%d", i))
		stored, err := create(ctx, s.inLive, pod)
		if err != nil {
			return err
		}
		g.earlier = append(g.earlier, stored)
		if subsetOf(stored) == g.subset {
			return nil
		}
	}
	return fmt.Errorf("none of %d pods is in subset %q", maxEarlier, g.subset)
}

// subsetOf is the subset that a pod is in, by its annotation.
func subsetOf(pod *unstructured.Unstructured) string {
	subset, _ := decoded(pod.GetAnnotations()[api.MatchedWorkloadSpreadAnnotation])["subset"].(string)
	return subset
}

// input is the case in files for the command: the pod, and all else.
func (g *golden) input(t *testing.T, nodes []unstructured.Unstructured) (pod, world string) {
	t.Helper()
	namespace := made("v1", "Namespace", "", g.namespace)
	namespace.SetLabels(g.labels)
	namespace.SetAnnotations(g.annotations)
	objects := []*unstructured.Unstructured{namespace}
	if g.spread != nil {
		objects = append(objects, g.deployment, g.replicaSet, g.spread)
	}
	for i := range nodes {
		objects = append(objects, &nodes[i])
	}
	return text(t, g.pod), text(t, slices.Concat(objects, g.earlier, g.sidecars, g.revision)...)
}

func text(t *testing.T, objects ...*unstructured.Unstructured) string {
	t.Helper()
	var documents []string
	for _, object := range objects {
		document, err := yaml.Marshal(object.Object)
		if err != nil {
			t.Fatal(err)
		}
		documents = append(documents, string(document))
	}
	return strings.Join(documents, "---\n")
}

// byNodes groups cases that know of the same nodes.
func byNodes(cases []*golden) (nodes []string, groups map[string][]*golden) {
	groups = make(map[string][]*golden)
	for _, g := range cases {
		groups[g.nodes] = append(groups[g.nodes], g)
	}
	return slices.Sorted(maps.Keys(groups)), groups
}
