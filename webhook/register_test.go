package webhook

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
)

// TestConfigurationAsksForEachPodAtMostOnce: which entries API servers ask for a
// pod, for every combination of labels that matters.
func TestConfigurationAsksForEachPodAtMostOnce(t *testing.T) {
	cases := map[string]struct {
		namespace, pod labels.Set
		want           string
	}{
		"pod-opted-in":               {labels.Set{"kubernetes.io/metadata.name": "team"}, labels.Set{"virtual-pod": "true"}, "labelled-pods.spillway.io"},
		"pod-typo":                   {labels.Set{"kubernetes.io/metadata.name": "team"}, labels.Set{"virtual-pod": "True"}, "labelled-pods.spillway.io"},
		"pod-opted-out":              {labels.Set{"kubernetes.io/metadata.name": "team"}, labels.Set{"virtual-pod": "false"}, ""},
		"pod-without-labels":         {labels.Set{"kubernetes.io/metadata.name": "team"}, nil, ""},
		"namespace-opted-in":         {labels.Set{"kubernetes.io/metadata.name": "team", "virtual-pod": "true"}, nil, "labelled-namespaces.spillway.io"},
		"both-opted-in":              {labels.Set{"kubernetes.io/metadata.name": "team", "virtual-pod": "true"}, labels.Set{"virtual-pod": "true"}, "labelled-pods.spillway.io"},
		"opted-out-of-the-namespace": {labels.Set{"kubernetes.io/metadata.name": "team", "virtual-pod": "true"}, labels.Set{"virtual-pod": "false"}, ""},
		"kube-system":                {labels.Set{"kubernetes.io/metadata.name": "kube-system", "virtual-pod": "true"}, labels.Set{"virtual-pod": "true"}, ""},
		"own-namespace":              {labels.Set{"kubernetes.io/metadata.name": "spillway-system"}, labels.Set{"virtual-pod": "true"}, ""},
		"own-namespace-labelled":     {labels.Set{"kubernetes.io/metadata.name": "spillway-system", "virtual-pod": "true"}, nil, ""},
	}
	config := registered(t, Registration{Name: "spillway", Pods: []Endpoint{{URL: "https://127.0.0.1:9443"}}, CABundle: []byte("ca"), FailurePolicy: admissionregistrationv1.Fail})
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			asked := ""
			for _, entry := range config.Webhooks {
				if selects(t, entry.NamespaceSelector, tc.namespace) && selects(t, entry.ObjectSelector, tc.pod) {
					asked += entry.Name
				}
			}
			if asked != tc.want {
				t.Errorf("asked %q, want %q", asked, tc.want)
			}
		})
	}
}

// TestConfigurationPromises: what API servers are told about the webhook.
func TestConfigurationPromises(t *testing.T) {
	byURL := registered(t, Registration{Name: "spillway", Pods: []Endpoint{{URL: "https://127.0.0.1:9443/"}}, CABundle: []byte("ca"), FailurePolicy: admissionregistrationv1.Ignore})
	byService := registered(t, Registration{Name: "spillway", Pods: []Endpoint{{Service: ServiceReference{Namespace: "spillway-system", Name: "webhook", Port: 443}}}, CABundle: []byte("ca"), FailurePolicy: admissionregistrationv1.Fail})
	if len(byURL.Webhooks) != 2 || len(byService.Webhooks) != 2 {
		t.Fatalf("%d and %d entries, want 2", len(byURL.Webhooks), len(byService.Webhooks))
	}
	for i := range byURL.Webhooks {
		entry := byURL.Webhooks[i]
		if *entry.ClientConfig.URL != "https://127.0.0.1:9443/mutate-pods" || *entry.FailurePolicy != admissionregistrationv1.Ignore {
			t.Errorf("URL %s, failure policy %s", *entry.ClientConfig.URL, *entry.FailurePolicy)
		}
		if *entry.ReinvocationPolicy != admissionregistrationv1.IfNeededReinvocationPolicy || *entry.SideEffects != admissionregistrationv1.SideEffectClassNoneOnDryRun || *entry.TimeoutSeconds != 10 {
			t.Errorf("reinvocation %s, side effects %s, timeout %d s", *entry.ReinvocationPolicy, *entry.SideEffects, *entry.TimeoutSeconds)
		}
		if rule := entry.Rules[0]; len(entry.Rules) != 1 || len(rule.Operations) != 1 || rule.Operations[0] != admissionregistrationv1.Create || rule.Resources[0] != "pods" {
			t.Errorf("rules %+v, want the creation of pods only", entry.Rules)
		}
		service := byService.Webhooks[i].ClientConfig.Service
		if service == nil || service.Name != "webhook" || *service.Path != "/mutate-pods" || *service.Port != 443 {
			t.Errorf("service %+v", service)
		}
	}
}

// TestConfigurationAsksInOrder: which endpoint is asked on which path, and what
// becomes of a pod when it does not answer.
func TestConfigurationAsksInOrder(t *testing.T) {
	config := registered(t, Registration{
		Name: "spillway", Pods: []Endpoint{{URL: "https://127.0.0.1:1"}, {URL: "https://127.0.0.1:2"}},
		CABundle: []byte("ca"), FailurePolicy: admissionregistrationv1.Fail,
	})
	type asked struct {
		Name, URL, Conditions string
		FailurePolicy         admissionregistrationv1.FailurePolicyType
	}
	var got []asked
	for _, entry := range config.Webhooks {
		a := asked{Name: entry.Name, URL: *entry.ClientConfig.URL, FailurePolicy: *entry.FailurePolicy}
		for _, condition := range entry.MatchConditions {
			a.Conditions += condition.Expression
		}
		got = append(got, a)
	}
	want := []asked{
		{"labelled-pods.spillway.io", "https://127.0.0.1:1/mutate-pods/first", "", admissionregistrationv1.Ignore},
		{"labelled-namespaces.spillway.io", "https://127.0.0.1:1/mutate-pods/first", "", admissionregistrationv1.Ignore},
		{"labelled-pods-2.spillway.io", "https://127.0.0.1:2/mutate-pods", "!has(object.metadata.uid)", admissionregistrationv1.Fail},
		{"labelled-namespaces-2.spillway.io", "https://127.0.0.1:2/mutate-pods", "!has(object.metadata.uid)", admissionregistrationv1.Fail},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// registered is the configuration as the API type.
func registered(t *testing.T, r Registration) admissionregistrationv1.MutatingWebhookConfiguration {
	t.Helper()
	text, err := json.Marshal(configuration(r, "spillway-system"))
	if err != nil {
		t.Fatal(err)
	}
	var config admissionregistrationv1.MutatingWebhookConfiguration
	if err := json.Unmarshal(text, &config); err != nil {
		t.Fatal(err)
	}
	return config
}

func selects(t *testing.T, selector *metav1.LabelSelector, set labels.Set) bool {
	t.Helper()
	parsed, err := metav1.LabelSelectorAsSelector(selector)
	if err != nil {
		t.Fatal(err)
	}
	return parsed.Matches(set)
}
