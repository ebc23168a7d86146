package playground

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"

	"github.com/spillway-io/spillway/e2e/binaries"
	"github.com/spillway-io/spillway/e2e/manifest"
)

// InstallCRDs applies CustomResourceDefinitions, YAML with several documents,
// and waits until objects of their kinds can be created.
func (c *Cluster) InstallCRDs(ctx context.Context, text string) error {
	definitions, err := manifest.Decode(text)
	if err != nil {
		return err
	}
	if err := c.Apply(ctx, text); err != nil {
		return err
	}
	client, err := dynamic.NewForConfig(c.AdminConfig())
	if err != nil {
		return fmt.Errorf("cannot make a client: %w", err)
	}
	resource := client.Resource(schema.GroupVersionResource{Group: "apiextensions.k8s.io", Version: "v1", Resource: "customresourcedefinitions"})
	for _, definition := range definitions {
		err := Eventually(ctx, definition.GetName()+" is established", func(ctx context.Context) error {
			current, err := resource.Get(ctx, definition.GetName(), metav1.GetOptions{})
			if err != nil {
				return err
			}
			if err := established(current); err != nil {
				return err
			}
			return c.discovered(current)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// discovered says whether clients that ask what there is find it, which comes a moment
// after it is established.
func (c *Cluster) discovered(definition *unstructured.Unstructured) error {
	group, _, err := unstructured.NestedString(definition.Object, "spec", "group")
	if err != nil {
		return err
	}
	kind, _, err := unstructured.NestedString(definition.Object, "spec", "names", "kind")
	if err != nil {
		return err
	}
	_, lists, err := c.Client().Discovery().ServerGroupsAndResources()
	if err != nil {
		return err
	}
	for _, list := range lists {
		if strings.HasPrefix(list.GroupVersion, group+"/") && slices.ContainsFunc(list.APIResources, func(r metav1.APIResource) bool { return r.Kind == kind }) {
			return nil
		}
	}
	return fmt.Errorf("no %s is served yet", kind)
}

func established(definition *unstructured.Unstructured) error {
	conditions, _, err := unstructured.NestedSlice(definition.Object, "status", "conditions")
	if err != nil {
		return err
	}
	for _, condition := range conditions {
		if fields, ok := condition.(map[string]any); ok && fields["type"] == "Established" && fields["status"] == "True" {
			return nil
		}
	}
	return errors.New("not yet")
}

// shippedCRDs are the CRDs that Spillway's chart ships, as one manifest.
func shippedCRDs() (string, error) {
	root, err := binaries.Root()
	if err != nil {
		return "", err
	}
	files, err := filepath.Glob(filepath.Join(root, "charts", "spillway", "files", "crds", "*.yaml"))
	if err != nil {
		return "", err
	}
	if len(files) == 0 {
		return "", fmt.Errorf("no CRDs in %s/charts/spillway/files/crds", root)
	}
	var manifest strings.Builder
	for _, file := range files {
		content, err := os.ReadFile(file)
		if err != nil {
			return "", fmt.Errorf("cannot read a CRD: %w", err)
		}
		manifest.WriteString("---\n")
		manifest.Write(content)
	}
	return manifest.String(), nil
}
