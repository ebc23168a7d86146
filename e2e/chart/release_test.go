package chart

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"strconv"
	"testing"

	"helm.sh/helm/v4/pkg/action"
	"helm.sh/helm/v4/pkg/chart/common"
	"helm.sh/helm/v4/pkg/kube"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/cli-runtime/pkg/genericclioptions"
)

const (
	column    = "name: Strategy"
	oldColumn = "name: Strategies"
)

// lives installs an older chart, has what the webhook writes at run time written,
// upgrades to the chart as it is, and removes it.
func (c *cluster) lives(serverSide bool) {
	config := c.helm()
	c.installs(config, serverSide)
	c.writesAsWebhook()
	c.must("create a policy", c.Apply(c.ctx, `{apiVersion: apps.kruise.io/v1alpha1, kind: WorkloadSpread, metadata: {name: users, namespace: default},
		spec: {targetRef: {apiVersion: apps/v1, kind: Deployment, name: none}, subsets: [{name: all}]}}`))
	c.upgrades(config, serverSide)
	c.removes(config)
}

func (c *cluster) helm() *action.Configuration {
	c.Helper()
	flags := genericclioptions.NewConfigFlags(false)
	flags.KubeConfig, flags.Namespace = new(c.AdminKubeconfig()), new(namespace)
	config := action.NewConfiguration()
	c.must("set up helm", config.Init(flags, namespace, "secret"))
	return config
}

func (c *cluster) installs(config *action.Configuration, serverSide bool) {
	older, err := Load()
	c.must("load the chart", err)
	older.Files = replaced(older.Files)
	install := action.NewInstall(config)
	install.ReleaseName, install.Namespace, install.ServerSideApply, install.WaitStrategy = release, namespace, serverSide, kube.HookOnlyStrategy
	_, err = install.RunWithContext(c.ctx, older, nil)
	c.must("install", err)
	if columns := c.columns(); !bytes.Contains(columns, []byte("Strategies")) {
		c.Errorf("the CRD is not installed, or not followed: %s", columns)
	}
}

// replaced is a chart's files with another CRD.
func replaced(files []*common.File) []*common.File {
	var all []*common.File
	for _, file := range files {
		all = append(all, &common.File{Name: file.Name, Data: bytes.ReplaceAll(file.Data, []byte(column), []byte(oldColumn))})
	}
	return all
}

// columns are what kubectl get shows of WorkloadSpreads.
func (c *cluster) columns() []byte {
	c.Helper()
	definition, err := c.dynamic.Resource(schema.GroupVersionResource{Group: "apiextensions.k8s.io", Version: "v1", Resource: "customresourcedefinitions"}).
		Get(c.ctx, "workloadspreads.apps.kruise.io", metav1.GetOptions{})
	c.must("get the CRD", err)
	versions, _, err := unstructured.NestedSlice(definition.Object, "spec", "versions")
	c.must("read the CRD", err)
	return marshal(c.T, versions[0].(map[string]any)["additionalPrinterColumns"])
}

// writesAsWebhook fills in the certificate, and its CA where API servers look.
func (c *cluster) writesAsWebhook() {
	_, err := c.Client().CoreV1().Secrets(namespace).Patch(c.ctx, "spillway-webhook-certs", types.MergePatchType,
		[]byte(`{"data":{"tls.crt":"`+encode("certificate")+`"}}`), metav1.PatchOptions{FieldManager: "spillway-webhook"})
	c.must("write the certificate", err)
	for _, object := range c.configurations() {
		var operations []map[string]any
		webhooks, _, _ := unstructured.NestedSlice(object.Object, "webhooks")
		for i := range webhooks {
			operations = append(operations, map[string]any{"op": "add", "path": "/webhooks/" + strconv.Itoa(i) + "/clientConfig/caBundle", "value": encode("the CA")})
		}
		_, err := c.dynamic.Resource(resource(object)).Patch(c.ctx, object.GetName(), types.JSONPatchType, marshal(c.T, operations), metav1.PatchOptions{FieldManager: "spillway-webhook"})
		c.must("write the CA into "+title(object), err)
	}
}

func (c *cluster) upgrades(config *action.Configuration, serverSide bool) {
	current, err := Load()
	c.must("load the chart", err)
	upgrade := action.NewUpgrade(config)
	upgrade.Namespace, upgrade.ServerSideApply, upgrade.WaitStrategy = namespace, strconv.FormatBool(serverSide), kube.HookOnlyStrategy
	_, err = upgrade.RunWithContext(c.ctx, release, current, map[string]any{"webhook": map[string]any{"failurePolicy": "Ignore"}})
	c.must("upgrade", err)

	secret, err := c.Client().CoreV1().Secrets(namespace).Get(c.ctx, "spillway-webhook-certs", metav1.GetOptions{})
	c.must("get the certificate", err)
	if got := string(secret.Data["tls.crt"]); got != "certificate" {
		c.Errorf("the upgrade left %q of the certificate", got)
	}
	configurations := c.configurations()
	for place, ca := range caBundles(c.T, configurations) {
		if ca != "the CA" {
			c.Errorf("the upgrade left %q of the CA in %s", ca, place)
		}
	}
	if stored := marshal(c.T, configurations); bytes.Contains(stored, []byte(`"failurePolicy":"Fail"`)) {
		c.Errorf("the upgrade did not change the failure policy: %s", stored)
	}
	if columns := c.columns(); bytes.Contains(columns, []byte("Strategies")) {
		c.Errorf("the upgrade left the CRD as it was: %s", columns)
	}
}

// removes: nothing of the release is left but the CRDs, and what users made of them.
func (c *cluster) removes(config *action.Configuration) {
	uninstall := action.NewUninstall(config)
	uninstall.WaitStrategy, uninstall.DisableHooks = kube.HookOnlyStrategy, true // nobody would run the hook's pod
	_, err := uninstall.Run(release)
	c.must("uninstall", err)
	spreads := schema.GroupVersionResource{Group: "apps.kruise.io", Version: "v1alpha1", Resource: "workloadspreads"}
	if _, err := c.dynamic.Resource(spreads).Namespace(corev1.NamespaceDefault).Get(c.ctx, "users", metav1.GetOptions{}); err != nil {
		c.Errorf("the user's policy is gone: %v", err)
	}
	for _, object := range rendered(c.T, nil) {
		if object.GetKind() == "CustomResourceDefinition" {
			continue
		}
		client := c.dynamic.Resource(resource(object))
		get := client.Get
		if object.GetNamespace() != "" {
			get = client.Namespace(object.GetNamespace()).Get
		}
		left, err := get(c.ctx, object.GetName(), metav1.GetOptions{})
		if err == nil && left.GetDeletionTimestamp() == nil || err != nil && !apierrors.IsNotFound(err) {
			c.Errorf("%s is left: %v", title(object), err)
		}
	}
}

// configurations are the release's webhook configurations as they are stored.
func (c *cluster) configurations() []*unstructured.Unstructured {
	c.Helper()
	var stored []*unstructured.Unstructured
	for _, object := range rendered(c.T, nil) {
		if object.GroupVersionKind().Group != "admissionregistration.k8s.io" {
			continue
		}
		current, err := c.dynamic.Resource(resource(object)).Get(c.ctx, object.GetName(), metav1.GetOptions{})
		c.must("get "+title(object), err)
		stored = append(stored, current)
	}
	return stored
}

// resource is that of an object of the chart.
func resource(object *unstructured.Unstructured) schema.GroupVersionResource {
	guess, _ := meta.UnsafeGuessKindToResource(object.GroupVersionKind())
	return guess
}

func encode(text string) string { return base64.StdEncoding.EncodeToString([]byte(text)) }

// caBundles are the CAs that webhook configurations name, by entry.
func caBundles(t *testing.T, objects []*unstructured.Unstructured) map[string]string {
	t.Helper()
	found := map[string]string{}
	for _, object := range objects {
		if object.GroupVersionKind().Group != "admissionregistration.k8s.io" {
			continue
		}
		var configuration struct {
			Webhooks []struct {
				Name         string
				ClientConfig struct{ CABundle []byte }
			}
		}
		if err := json.Unmarshal(marshal(t, object.Object), &configuration); err != nil {
			t.Fatal(err)
		}
		for _, entry := range configuration.Webhooks {
			found[object.GetKind()+" "+entry.Name] = string(entry.ClientConfig.CABundle)
		}
	}
	if len(found) == 0 {
		t.Fatal("no webhooks at all")
	}
	return found
}
