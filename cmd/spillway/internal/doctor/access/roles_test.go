package access

import (
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/yaml"
)

// TestDownstreamRoles: the ServiceAccount exists under the name that is asked for,
// has all the roles, and nothing is left of the default names.
func TestDownstreamRoles(t *testing.T) {
	for name, tc := range map[string]struct{ namespace, account string }{
		"default": {DefaultNamespace, DefaultServiceAccount},
		"other":   {"east", "runner"},
		"swapped": {DefaultServiceAccount, DefaultNamespace},
	} {
		t.Run(name, func(t *testing.T) {
			text, err := DownstreamRoles(tc.namespace, tc.account)
			if err != nil {
				t.Fatal(err)
			}
			want := []any{map[string]any{"kind": "ServiceAccount", "name": tc.account, "namespace": tc.namespace}}
			kinds := map[string]int{}
			for _, object := range decode(t, text) {
				kinds[object.GetKind()]++
				if namespace := object.GetNamespace(); namespace != "" && namespace != tc.namespace {
					t.Errorf("%s %s is in namespace %s", object.GetKind(), object.GetName(), namespace)
				}
				subjects, bound, err := unstructured.NestedSlice(object.Object, "subjects")
				if err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(want, subjects); bound && diff != "" {
					t.Errorf("subjects of %s: -want +got:\n%s", object.GetName(), diff)
				}
				if object.GetKind() == "ServiceAccount" && object.GetName() != tc.account || object.GetKind() == "Namespace" && object.GetName() != tc.namespace {
					t.Errorf("%s is called %s", object.GetKind(), object.GetName())
				}
			}
			if kinds["ServiceAccount"] != 1 || kinds["Namespace"] != 1 || kinds["ClusterRole"] == 0 ||
				kinds["ClusterRoleBinding"] != kinds["ClusterRole"] || kinds["RoleBinding"] != kinds["Role"] {
				t.Errorf("it has %v", kinds)
			}
		})
	}
	for _, name := range []string{"", "East", "a/b"} {
		if _, err := DownstreamRoles(name, "spillway"); err == nil || !strings.Contains(err.Error(), "--namespace") {
			t.Errorf("namespace %q: %v", name, err)
		}
	}
}

func decode(t *testing.T, text string) []*unstructured.Unstructured {
	t.Helper()
	var objects []*unstructured.Unstructured
	for decoder := yaml.NewYAMLOrJSONDecoder(strings.NewReader(text), 4096); ; {
		object := &unstructured.Unstructured{}
		err := decoder.Decode(&object.Object)
		if errors.Is(err, io.EOF) {
			return objects
		}
		if err != nil {
			t.Fatal(err)
		}
		objects = append(objects, object)
	}
}
