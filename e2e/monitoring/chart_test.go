package monitoring

import (
	"encoding/json"
	"strings"
	"testing"

	monitoringv1 "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"

	"github.com/spillway-io/spillway/e2e/chart"
)

// rendered are the monitoring objects of a release, by kind, read as strictly as the
// operator's API does.
func rendered(t *testing.T, values map[string]any) map[string]runtime.Object {
	t.Helper()
	objects, err := chart.Render(values, "overflow", "somewhere")
	if err != nil {
		t.Fatal(err)
	}
	scheme := runtime.NewScheme()
	if err := monitoringv1.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	if err := corev1.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	decoder := serializer.NewCodecFactory(scheme, serializer.EnableStrict).UniversalDeserializer()
	byKind := map[string]runtime.Object{}
	for _, object := range objects {
		if !concernsMonitoring(object) {
			continue
		}
		content, err := json.Marshal(object)
		if err != nil {
			t.Fatal(err)
		}
		typed, _, err := decoder.Decode(content, nil, nil)
		if err != nil {
			t.Errorf("%s %s: %v", object.GetKind(), object.GetName(), err)
		}
		if object.GetNamespace() != "somewhere" {
			t.Errorf("%s %s is in namespace %q", object.GetKind(), object.GetName(), object.GetNamespace())
		}
		byKind[object.GetKind()] = typed
	}
	return byKind
}

func concernsMonitoring(object *unstructured.Unstructured) bool {
	return strings.HasPrefix(object.GetAPIVersion(), "monitoring.coreos.com/") || strings.HasSuffix(object.GetName(), "-dashboard")
}

func all() map[string]any {
	return map[string]any{
		"virtualNodes": []any{map[string]any{"name": "east", "kubeconfigSecret": map[string]any{"name": "east"}}},
		"monitoring": map[string]any{
			"scrape":    map[string]any{"enabled": true, "interval": "7s", "labels": map[string]any{"release": "prometheus"}},
			"rules":     map[string]any{"enabled": true, "labels": map[string]any{"release": "prometheus"}, "runbooks": "https://wiki.example.com/spillway"},
			"dashboard": map[string]any{"enabled": true},
		},
	}
}

// TestOff: nothing of it is there unless it is asked for, as a cluster without
// Prometheus' operator would refuse it.
func TestOff(t *testing.T) {
	if there := rendered(t, nil); len(there) != 0 {
		t.Errorf("unasked there is %v", there)
	}
}

// TestScraped: what is scraped has the names and labels that alerts know, and the
// ports that the pods have.
func TestScraped(t *testing.T) {
	objects := rendered(t, all())
	service, ok := objects["ServiceMonitor"].(*monitoringv1.ServiceMonitor)
	if !ok || len(service.Spec.Endpoints) != 1 {
		t.Fatalf("there is no ServiceMonitor of one endpoint: %v", service)
	}
	pods, ok := objects["PodMonitor"].(*monitoringv1.PodMonitor)
	if !ok || len(pods.Spec.PodMetricsEndpoints) != 1 {
		t.Fatalf("there is no PodMonitor of one endpoint: %v", pods)
	}
	webhook, node := service.Spec.Endpoints[0], pods.Spec.PodMetricsEndpoints[0]
	if webhook.Interval != "7s" || node.Interval != "7s" || service.Labels["release"] != "prometheus" || pods.Labels["release"] != "prometheus" {
		t.Errorf("values have no effect: every %s and %s, labels %v and %v", webhook.Interval, node.Interval, service.Labels, pods.Labels)
	}
	if got := replaced(webhook.RelabelConfigs)["job"]; got != "overflow-spillway-webhook" {
		t.Errorf("the webhooks' job is %q", got)
	}
	if got := replaced(node.RelabelConfigs)["job"]; got != "overflow-spillway-node" {
		t.Errorf("the virtual nodes' job is %q", got)
	}
	if got := replaced(node.RelabelConfigs)["virtual_node"]; got != "__meta_kubernetes_pod_label_spillway_io_virtual_node" {
		t.Errorf("the virtual node's name is that of %q", got)
	}
	if webhook.Port != "metrics" || node.Port == nil || *node.Port != "metrics" {
		t.Errorf("the ports are %q and %v", webhook.Port, node.Port)
	}
}

// replaced are the labels that are set, by a text or from a label.
func replaced(configs []monitoringv1.RelabelConfig) map[string]string {
	set := map[string]string{}
	for _, config := range configs {
		if config.Replacement != nil {
			set[config.TargetLabel] = *config.Replacement
		}
		for _, source := range config.SourceLabels {
			set[config.TargetLabel] = string(source)
		}
	}
	return set
}

// TestReleasesOwn: a release's alerts are about itself, and are otherwise those of the
// file.
func TestReleasesOwn(t *testing.T) {
	object, ok := rendered(t, all())["PrometheusRule"].(*monitoringv1.PrometheusRule)
	if !ok {
		t.Fatal("there is no PrometheusRule")
	}
	if object.Labels["release"] != "prometheus" {
		t.Errorf("its labels are %v", object.Labels)
	}
	var got int
	for _, group := range object.Spec.Groups {
		for _, rule := range group.Rules {
			got++
			expression := rule.Expr.String()
			if _, err := Names(expression); err != nil {
				t.Error(err)
			}
			if strings.Count(expression, `namespace="somewhere", job`) != strings.Count(expression, "job=") || strings.Count(expression, "{") != strings.Count(expression, "job=") {
				t.Errorf("%s is about others too: %s", rule.Alert, expression)
			}
			if strings.Contains(expression, `"spillway-`) || strings.Contains(expression, "|spillway-") {
				t.Errorf("%s is about another release: %s", rule.Alert, expression)
			}
			if want := "https://wiki.example.com/spillway#" + strings.ToLower(rule.Alert); rule.Annotations["runbook_url"] != want {
				t.Errorf("the runbook of %s is at %q, want %q", rule.Alert, rule.Annotations["runbook_url"], want)
			}
			if rule.For != nil && *rule.For == "" {
				t.Errorf("%s waits for no time at all", rule.Alert)
			}
		}
	}
	if want := len(rules(t)); got != want {
		t.Errorf("it has %d alerts, the file %d", got, want)
	}
}

// TestDashboardIsInstalled: Grafana's sidecar finds it, whole.
func TestDashboardIsInstalled(t *testing.T) {
	object, ok := rendered(t, all())["ConfigMap"].(*corev1.ConfigMap)
	if !ok || object.Labels["grafana_dashboard"] != "1" {
		t.Fatalf("there is no ConfigMap with the label that Grafana's sidecar looks for: %v", object)
	}
	installed, err := ReadDashboard([]byte(object.Data["spillway.json"]))
	if err != nil || len(installed.Panels) != len(dashboard(t).Panels) {
		t.Errorf("the installed one has %d panels (%v)", len(installed.Panels), err)
	}
}
