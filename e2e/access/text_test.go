package access

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// TestText: the table says what there is to do.
func TestText(t *testing.T) {
	grants, err := Expand(objectsIn(t, filepath.Join("testdata", "roles.yaml")))
	if err != nil {
		t.Fatal(err)
	}
	e := Evidence{Grants: grants, Uses: NewUses(whose), Programs: map[string]bool{"stories": true}}
	if err := e.Uses.Read("stories", strings.NewReader(`{"verb":"delete","objectRef":{"resource":"pods"},`+listed+`"forbid"}}`)); err != nil {
		t.Fatal(err)
	}
	text := Judge(e, nil).Text(e)
	e.Partial = true
	partial := Judge(e, nil).Text(e)
	for text, wants := range map[string][]string{
		text:    {"Roles: 8 grants, and 1 requests", "GRANTED BUT NEVER USED", "leases.coordination.k8s.io", "in home/leader", "USED BUT NOT GRANTED", "0 allowed, 1 refused"},
		partial: {"ONLY SOME STORIES RAN", "USED BUT NOT GRANTED"},
	} {
		for _, want := range wants {
			if !strings.Contains(text, want) {
				t.Errorf("%q is missing in:\n%s", want, text)
			}
		}
	}
}

// TestExpandRefuses what would make a judgement say less than it seems to.
func TestExpandRefuses(t *testing.T) {
	objects := objectsIn(t, filepath.Join("testdata", "roles.yaml"))
	for name, c := range map[string]struct{ without, want string }{
		"unbound":  {"ClusterRoleBinding", "nobody is bound to reader"},
		"dangling": {"ClusterRole", "binding reader names reader, which is not there"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Expand(slices.DeleteFunc(slices.Clone(objects), func(o *unstructured.Unstructured) bool { return o.GetKind() == c.without }))
			if err == nil || err.Error() != c.want {
				t.Errorf("the error is %v, want %s", err, c.want)
			}
		})
	}
}
