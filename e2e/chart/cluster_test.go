package chart

import (
	"context"
	"errors"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/restmapper"

	"github.com/spillway-io/spillway/e2e/binaries"
	"github.com/spillway-io/spillway/e2e/playground"
)

// patience is for the whole test; on a quiet machine it takes 20 s.
const patience = 5 * time.Minute

// cluster is an API server, with nothing that acts on what it stores.
type cluster struct {
	*testing.T
	*playground.Cluster
	ctx     context.Context
	dynamic dynamic.Interface
}

// TestCluster: what a real API server thinks of the chart.
func TestCluster(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	c := start(ctx, t)
	for _, phase := range []struct {
		name string
		run  func(*cluster)
	}{
		{"every object is valid, and every pod restricted", (*cluster).validates},
		{"a release's life with server-side apply, as Helm 4", func(c *cluster) { c.lives(true) }},
		{"a release's life with a three-way merge, as Helm 3", func(c *cluster) { c.lives(false) }},
		{"CRDs of others are left alone", (*cluster).leavesCRDs},
		{"the CA of a provided certificate", (*cluster).findsCA},
	} {
		t.Run(phase.name, func(t *testing.T) {
			c := *c
			c.T = t
			phase.run(&c)
		})
	}
}

func start(ctx context.Context, t *testing.T) *cluster {
	t.Helper()
	paths, err := binaries.Components(ctx, binaries.Options{Out: os.Stderr})
	if err != nil {
		t.Fatal(err)
	}
	started, err := playground.Start(ctx, playground.Options{
		Name: "chart", Dir: t.TempDir(), Binaries: paths,
		Without: []playground.Component{playground.ControllerManager, playground.Scheduler, playground.Kwok},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		stopping, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
		defer cancel()
		if err := started.Stop(stopping); err != nil {
			t.Error(err)
		}
	})
	c := &cluster{T: t, Cluster: started, ctx: ctx}
	c.dynamic, err = dynamic.NewForConfig(started.AdminConfig())
	c.must("make a client", err)
	c.must("make the namespace", started.Apply(ctx, `
apiVersion: v1
kind: Namespace
metadata:
  name: `+namespace+`
  labels: {pod-security.kubernetes.io/enforce: restricted}`))
	return c
}

func (c *cluster) must(what string, err error) {
	c.Helper()
	if err != nil {
		c.Fatalf("cannot %s: %v", what, err)
	}
}

// validates has the API server judge every object of every variant, and the pods of
// its Deployments and Jobs, which it would refuse too late otherwise.
func (c *cluster) validates() {
	c.must("install cert-manager's CRDs", c.InstallCRDs(c.ctx, certManagerCRDs(c.ctx, c.T)))
	mapper := c.mapper()
	for name, values := range variants(c.T) {
		objects := rendered(c.T, values)
		accounts := slices.DeleteFunc(slices.Clone(objects), func(object *unstructured.Unstructured) bool { return object.GetKind() != "ServiceAccount" })
		for _, account := range accounts { // pods are refused without
			c.must("create "+title(account), c.apply(mapper, account))
		}
		for _, object := range append(objects, pods(c.T, objects)...) {
			if err := c.apply(mapper, object, metav1.DryRunAll); err != nil {
				c.Errorf("%s: %s: %v", name, title(object), err)
			}
		}
		for _, account := range accounts {
			c.must("delete "+title(account), c.Client().CoreV1().ServiceAccounts(namespace).Delete(c.ctx, account.GetName(), metav1.DeleteOptions{}))
		}
	}
}

// pods are those that Deployments and Jobs would make.
func pods(t *testing.T, objects []*unstructured.Unstructured) []*unstructured.Unstructured {
	t.Helper()
	var all []*unstructured.Unstructured
	for _, object := range objects {
		template, found, err := unstructured.NestedMap(object.Object, "spec", "template")
		if err != nil {
			t.Fatal(err)
		}
		if !found {
			continue
		}
		pod := &unstructured.Unstructured{Object: template}
		pod.SetAPIVersion("v1")
		pod.SetKind("Pod")
		pod.SetName(object.GetName())
		pod.SetNamespace(object.GetNamespace())
		all = append(all, pod)
	}
	if len(all) == 0 {
		t.Fatal("no pods at all")
	}
	return all
}

func (c *cluster) mapper() meta.RESTMapper {
	c.Helper()
	groups, err := restmapper.GetAPIGroupResources(c.Client().Discovery())
	c.must("ask for the kinds", err)
	return restmapper.NewDiscoveryRESTMapper(groups)
}

// apply refuses fields that there are not.
func (c *cluster) apply(mapper meta.RESTMapper, object *unstructured.Unstructured, dryRun ...string) error {
	gvk := object.GroupVersionKind()
	mapping, err := mapper.RESTMapping(gvk.GroupKind(), gvk.Version)
	if err != nil {
		return err
	}
	resource := dynamic.ResourceInterface(c.dynamic.Resource(mapping.Resource))
	if mapping.Scope.Name() == meta.RESTScopeNameNamespace {
		if object.GetNamespace() == "" {
			return errors.New("no namespace")
		}
		resource = c.dynamic.Resource(mapping.Resource).Namespace(object.GetNamespace())
	}
	_, err = resource.Patch(c.ctx, object.GetName(), types.ApplyPatchType, marshal(c.T, object.Object), metav1.PatchOptions{
		FieldManager: "test", Force: new(true), FieldValidation: metav1.FieldValidationStrict, DryRun: dryRun,
	})
	return err
}

// certManagerCRDs are those of the version whose types we build with.
func certManagerCRDs(ctx context.Context, t *testing.T) string {
	t.Helper()
	dir, err := exec.CommandContext(ctx, "go", "list", "-m", "-f", "{{.Dir}}", "github.com/cert-manager/cert-manager").Output()
	if err != nil {
		t.Fatalf("cannot find cert-manager's files: %v", err)
	}
	var manifest strings.Builder
	for _, name := range []string{"issuers", "certificates"} {
		content, err := os.ReadFile(filepath.Join(strings.TrimSpace(string(dir)), "deploy", "crds", "cert-manager.io_"+name+".yaml"))
		if err != nil {
			t.Fatal(err)
		}
		manifest.WriteString("---\n" + string(content))
	}
	return manifest.String()
}

// leavesCRDs: whoever installed the CRDs looks after them.
func (c *cluster) leavesCRDs() {
	cases := map[string]struct {
		reason string
		marks  map[string]string
		want   int
	}{
		"ours":              {"an upgrade upgrades them", map[string]string{"meta.helm.sh/release-name": release, "meta.helm.sh/release-namespace": namespace}, 2},
		"another-release":   {"such as OpenKruise's chart", map[string]string{"meta.helm.sh/release-name": "kruise", "meta.helm.sh/release-namespace": namespace}, 0},
		"another-namespace": {"a release of our name elsewhere", map[string]string{"meta.helm.sh/release-name": release, "meta.helm.sh/release-namespace": "default"}, 0},
		"nobody's":          {"installed without helm", nil, 0},
	}
	for _, name := range slices.Sorted(maps.Keys(cases)) {
		tc := cases[name]
		c.markCRDs(tc.marks)
		rendered, err := RenderFor(c.AdminConfig(), nil, release, namespace)
		c.must("render", err)
		if got := len(customResourceDefinitions(rendered.Objects)); got != tc.want {
			c.Errorf("%s: %s: %d CRDs, want %d", name, tc.reason, got, tc.want)
		}
	}
}

func customResourceDefinitions(objects []*unstructured.Unstructured) []*unstructured.Unstructured {
	return slices.DeleteFunc(slices.Clone(objects), func(object *unstructured.Unstructured) bool {
		return object.GetKind() != "CustomResourceDefinition"
	})
}

// markCRDs has the CRDs of the chart exist with just these annotations.
func (c *cluster) markCRDs(marks map[string]string) {
	c.Helper()
	mapper := c.mapper()
	for _, definition := range customResourceDefinitions(rendered(c.T, nil)) {
		definition.SetAnnotations(marks)
		c.must("write "+title(definition), c.apply(mapper, definition))
	}
}

// findsCA: without a value API servers trust what the Secret says.
func (c *cluster) findsCA() {
	secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: "own"}, Data: map[string][]byte{"ca.crt": []byte("the CA")}}
	_, err := c.Client().CoreV1().Secrets(namespace).Create(c.ctx, secret, metav1.CreateOptions{})
	c.must("create the Secret", err)
	values := map[string]any{"certificates": map[string]any{"mode": "provided", "secretName": "own"}}
	found, err := RenderFor(c.AdminConfig(), values, release, namespace)
	c.must("render", err)
	for place, ca := range caBundles(c.T, found.Objects) {
		if ca != "the CA" {
			c.Errorf("%s trusts %q", place, ca)
		}
	}
}
