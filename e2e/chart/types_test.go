package chart

import (
	"encoding/json"
	"testing"

	certmanagerv1 "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	"github.com/google/go-cmp/cmp"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"

	"github.com/spillway-io/spillway/webhook"
)

// TestTypes: every object has the fields that its Go type has, and no others.
func TestTypes(t *testing.T) {
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{clientgoscheme.AddToScheme, apiextensionsv1.AddToScheme, certmanagerv1.AddToScheme} {
		if err := add(scheme); err != nil {
			t.Fatal(err)
		}
	}
	decoder := serializer.NewCodecFactory(scheme, serializer.EnableStrict).UniversalDeserializer()
	for name, values := range variants(t) {
		t.Run(name, func(t *testing.T) {
			for _, object := range rendered(t, values) {
				if _, _, err := decoder.Decode(marshal(t, object.Object), nil, nil); err != nil {
					t.Errorf("%s: %v", title(object), err)
				}
			}
		})
	}
}

// TestWebhookConfigurations: API servers are told what `spillway webhook --register`
// would tell them.
func TestWebhookConfigurations(t *testing.T) {
	cases := map[string]struct {
		name, caBundle string
		policy         admissionregistrationv1.FailurePolicyType
	}{
		"self":         {"spillway", "", admissionregistrationv1.Fail},
		"cert-manager": {"spillway", "", admissionregistrationv1.Fail},
		"provided": {
			"overflow", "-----BEGIN CERTIFICATE-----\nnot one, but nobody looks into it here\n-----END CERTIFICATE-----\n",
			admissionregistrationv1.Ignore,
		},
	}
	for variant, tc := range cases {
		t.Run(variant, func(t *testing.T) {
			service := func(suffix string) webhook.Endpoint {
				return webhook.Endpoint{Service: webhook.ServiceReference{Namespace: namespace, Name: tc.name + "-webhook" + suffix, Port: 443}}
			}
			registration := webhook.Registration{
				Name:          tc.name,
				Pods:          []webhook.Endpoint{service("-first"), service("-second")},
				Policies:      service(""),
				CABundle:      []byte(tc.caBundle),
				FailurePolicy: tc.policy,
			}
			want := map[string]any{}
			for _, configuration := range webhook.Configurations(registration, namespace) {
				add(t, want, marshal(t, configuration))
			}
			got := map[string]any{}
			for _, object := range rendered(t, variants(t)[variant]) {
				if object.GroupVersionKind().Group == admissionregistrationv1.GroupName {
					add(t, got, marshal(t, object.Object))
				}
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("-webhook.Configurations +chart\n%s", diff)
			}
		})
	}
}

// add puts a webhook configuration, without what only the chart has, to the others.
func add(t *testing.T, to map[string]any, content []byte) {
	t.Helper()
	var mutating admissionregistrationv1.MutatingWebhookConfiguration
	var validating admissionregistrationv1.ValidatingWebhookConfiguration
	if err := json.Unmarshal(content, &mutating); err != nil {
		t.Fatal(err)
	}
	if mutating.Kind == "MutatingWebhookConfiguration" {
		mutating.ObjectMeta = metav1.ObjectMeta{Name: mutating.Name}
		to["mutating "+mutating.Name] = mutating
		return
	}
	if err := json.Unmarshal(content, &validating); err != nil {
		t.Fatal(err)
	}
	validating.ObjectMeta = metav1.ObjectMeta{Name: validating.Name}
	to["validating "+validating.Name] = validating
}

func rendered(t *testing.T, values map[string]any) []*unstructured.Unstructured {
	t.Helper()
	objects, err := Render(values, release, namespace)
	if err != nil {
		t.Fatal(err)
	}
	return objects
}

func marshal(t *testing.T, value any) []byte {
	t.Helper()
	content, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return content
}
