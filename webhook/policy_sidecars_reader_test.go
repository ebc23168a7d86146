package webhook

import (
	"context"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/openkruise/kruise-api/apps/v1alpha1"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/spillway-io/spillway/webhook/sidecar"
)

// stored returns a reader of a cluster with these objects, all of whose answers
// are err if there is one.
func stored(t *testing.T, err error, objects ...client.Object) client.Reader {
	t.Helper()
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{clientgoscheme.AddToScheme, v1alpha1.AddToScheme} {
		if err := add(scheme); err != nil {
			t.Fatal(err)
		}
	}
	builder := fake.NewClientBuilder().WithScheme(scheme).WithObjects(objects...)
	if err != nil {
		builder.WithInterceptorFuncs(interceptor.Funcs{
			Get: func(context.Context, client.WithWatch, client.ObjectKey, client.Object, ...client.GetOption) error {
				return err
			},
			List: func(context.Context, client.WithWatch, client.ObjectList, ...client.ListOption) error { return err },
		})
	}
	return builder.Build()
}

// TestSidecarReaderWhitelist: what administrators allow in two places.
func TestSidecarReaderWhitelist(t *testing.T) {
	config := func(namespace, name, key string) client.Object {
		data := map[string]string{}
		if key != "" {
			data[sidecar.WhitelistKey] = `{"rules":[{"allowedAnnotationKeyExprs":["` + key + `"]}]}`
		}
		return &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}, Data: data}
	}
	cases := map[string]struct {
		reason       string
		ownNamespace string
		objects      []client.Object
		refused      []string
		warnings     []string
	}{
		"none":      {"nobody has said anything", "own", nil, []string{"a", "b"}, nil},
		"empty":     {"about something else", "own", []client.Object{config("own", "spillway-configuration", "")}, []string{"a", "b"}, nil},
		"ours":      {"ours", "own", []client.Object{config("own", "spillway-configuration", "a")}, []string{"b"}, nil},
		"kruise":    {"Kruise's", "own", []client.Object{config("kruise-system", "kruise-configuration", "b")}, []string{"a"}, nil},
		"both":      {"what either allows", "own", []client.Object{config("own", "spillway-configuration", "a"), config("kruise-system", "kruise-configuration", "b")}, nil, nil},
		"elsewhere": {"any namespace may have one", "own", []client.Object{config("other", "spillway-configuration", "a"), config("own", "kruise-configuration", "b")}, []string{"a", "b"}, nil},
		"no-own":    {"outside of a cluster", "", []client.Object{config("kruise-system", "kruise-configuration", "b")}, []string{"a"}, nil},
		"unparseable": {"the other one still counts", "own", []client.Object{config("own", "spillway-configuration", "("), config("kruise-system", "kruise-configuration", "b")}, []string{"a"}, []string{
			"ConfigMap own/spillway-configuration, key SidecarSet_PatchPodMetadata_WhiteList, allows no annotation: cannot read rules[0].allowedAnnotationKeyExprs[0] of the whitelist: error parsing regexp: missing closing ): `(`",
		}},
	}
	set := &v1alpha1.SidecarSet{}
	set.Spec.PatchPodMetadata = []v1alpha1.SidecarSetPatchPodMetadata{{Annotations: map[string]string{"a": ""}}, {Annotations: map[string]string{"b": ""}}}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			whitelist, warnings, err := sidecarReader{live: stored(t, nil, tc.objects...), ownNamespace: tc.ownNamespace}.Whitelist(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			var refused []string
			for _, err := range whitelist.Validate(set) {
				refused = append(refused, err.Field[len(err.Field)-2:len(err.Field)-1])
			}
			if diff := cmp.Diff(tc.refused, refused); diff != "" {
				t.Errorf("%s: refused -want +got:\n%s", tc.reason, diff)
			}
			if diff := cmp.Diff(tc.warnings, warnings); diff != "" {
				t.Errorf("%s: warnings -want +got:\n%s", tc.reason, diff)
			}
		})
	}
}

func TestSidecarReaderRevisions(t *testing.T) {
	revision := func(namespace, name, set string) client.Object {
		return &appsv1.ControllerRevision{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name, Labels: map[string]string{"kruise.io/sidecarset-name": set}}}
	}
	live := stored(t, nil, revision("own", "logs-1", "logs"), revision("own", "metrics-1", "metrics"), revision("other", "logs-2", "logs"))
	for ownNamespace, want := range map[string][]string{"own": {"logs-1"}, "": nil} {
		revisions, err := sidecarReader{live: live, ownNamespace: ownNamespace}.Revisions(t.Context(), "logs")
		var got []string
		for _, r := range revisions {
			got = append(got, r.Name)
		}
		if diff := cmp.Diff(want, got); err != nil || diff != "" {
			t.Errorf("own namespace %q: %v, -want +got:\n%s", ownNamespace, err, diff)
		}
	}
}

// TestSidecarReaderErrors: a cluster that does not answer is not one with nothing
// in it.
func TestSidecarReaderErrors(t *testing.T) {
	errBoom := errors.New("boom")
	reader := sidecarReader{live: stored(t, errBoom), ownNamespace: "own"}
	_, sets := reader.SidecarSets(t.Context())
	_, _, whitelist := reader.Whitelist(t.Context())
	_, revisions := reader.Revisions(t.Context(), "logs")
	_, served := servedByOther(t.Context(), reader.live)
	for what, err := range map[string]error{"sets": sets, "whitelist": whitelist, "revisions": revisions, "webhooks": served} {
		if !errors.Is(err, errBoom) {
			t.Errorf("%s: got %v, want %v", what, err, errBoom)
		}
	}
}

func TestServedByOther(t *testing.T) {
	rules := []admissionregistrationv1.RuleWithOperations{{Rule: admissionregistrationv1.Rule{APIGroups: []string{"apps.kruise.io"}, Resources: []string{"sidecarsets"}}}}
	mutating := &admissionregistrationv1.MutatingWebhookConfiguration{ObjectMeta: metav1.ObjectMeta{Name: "a"}, Webhooks: []admissionregistrationv1.MutatingWebhook{{Name: "msidecarset.kb.io", Rules: rules}}}
	ours := &admissionregistrationv1.ValidatingWebhookConfiguration{ObjectMeta: metav1.ObjectMeta{Name: "b"}, Webhooks: []admissionregistrationv1.ValidatingWebhook{{Name: "validate-sidecarsets.spillway.io", Rules: rules}}}
	for want, objects := range map[string][]client.Object{"": {ours}, "msidecarset.kb.io": {ours, mutating}} {
		if got, err := servedByOther(t.Context(), stored(t, nil, objects...)); err != nil || got != want {
			t.Errorf("got %q, %v; want %q", got, err, want)
		}
	}
}
