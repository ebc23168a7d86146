package playground

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/restmapper"

	"github.com/spillway-io/spillway/e2e/manifest"
)

// fieldManager owns what Apply sets.
const fieldManager = "playground"

// Apply creates or changes every object of a YAML or JSON text with several
// documents, by server-side apply as the administrator. Objects without a
// namespace go to "default". It stops at the first object that is refused.
func (c *Cluster) Apply(ctx context.Context, text string) error {
	objects, err := manifest.Decode(text)
	if err != nil {
		return err
	}
	return c.applyAll(ctx, objects)
}

func (c *Cluster) applyAll(ctx context.Context, objects []*unstructured.Unstructured) error {
	config := c.AdminConfig()
	client, err := dynamic.NewForConfig(config)
	if err != nil {
		return fmt.Errorf("cannot make a client: %w", err)
	}
	found, err := discovery.NewDiscoveryClientForConfig(config)
	if err != nil {
		return fmt.Errorf("cannot make a client: %w", err)
	}
	groups, err := restmapper.GetAPIGroupResources(found)
	if err != nil {
		return fmt.Errorf("cannot ask cluster %s for its kinds: %w", c.name, err)
	}
	mapper := restmapper.NewDiscoveryRESTMapper(groups)
	for _, object := range objects {
		if err := apply(ctx, client, mapper, object); err != nil {
			return fmt.Errorf("cannot apply %s %q to cluster %s: %w", object.GetKind(), object.GetName(), c.name, err)
		}
	}
	return nil
}

func apply(ctx context.Context, client dynamic.Interface, mapper meta.RESTMapper, object *unstructured.Unstructured) error {
	gvk := object.GroupVersionKind()
	mapping, err := mapper.RESTMapping(gvk.GroupKind(), gvk.Version)
	if err != nil {
		return err
	}
	resource := client.Resource(mapping.Resource)
	options := metav1.ApplyOptions{FieldManager: fieldManager, Force: true}
	if mapping.Scope.Name() == meta.RESTScopeNameRoot {
		_, err = resource.Apply(ctx, object.GetName(), object, options)
		return err
	}
	namespace := object.GetNamespace()
	if namespace == "" {
		namespace = corev1.NamespaceDefault
	}
	_, err = resource.Namespace(namespace).Apply(ctx, object.GetName(), object, options)
	return err
}

// CreateNamespace creates a namespace with labels and waits until pods can be
// created in it, that is until its service account exists.
func (c *Cluster) CreateNamespace(ctx context.Context, name string, labels map[string]string) error {
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: labels}}
	if _, err := c.client.CoreV1().Namespaces().Create(ctx, namespace, metav1.CreateOptions{}); err != nil {
		return fmt.Errorf("cannot create namespace %s: %w", name, err)
	}
	return Eventually(ctx, "namespace "+name+" has its service account", func(ctx context.Context) error {
		_, err := c.client.CoreV1().ServiceAccounts(name).Get(ctx, "default", metav1.GetOptions{})
		return err
	})
}

// Kubectl runs kubectl as the administrator, with stdin as its input, and
// returns what it printed. Its error carries what it said on stderr; warnings
// of the API server are on stderr too.
func (c *Cluster) Kubectl(ctx context.Context, stdin string, args ...string) (stdout, stderr string, err error) {
	cmd := exec.CommandContext(ctx, c.binaries.Kubectl, append([]string{"--kubeconfig=" + c.AdminKubeconfig()}, args...)...)
	cmd.Env = append(os.Environ(),
		"HOME="+c.dir, // whose preferences must not matter here
		"KUBECACHEDIR="+filepath.Join(c.dir, "kubectl-cache"),
		"GOGC=off") // it ends before it has used much
	cmd.Stdin = strings.NewReader(stdin)
	var out, errOut bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errOut
	if err := cmd.Run(); err != nil {
		return out.String(), errOut.String(), fmt.Errorf("kubectl %s: %w: %s", strings.Join(args, " "), err, errOut.String())
	}
	return out.String(), errOut.String(), nil
}
