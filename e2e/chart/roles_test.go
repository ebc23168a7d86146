package chart

import (
	"cmp"
	"slices"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/spillway-io/spillway/e2e/access"
	"github.com/spillway-io/spillway/e2e/playground"
)

// TestPlaygroundHasTheRolesOfTheChart: stories run Spillway's processes with no other
// rights than an installation gives them. The variant is the one that grants most.
func TestPlaygroundHasTheRolesOfTheChart(t *testing.T) {
	given, err := playground.Roles()
	if err != nil {
		t.Fatal(err)
	}
	// Downstream roles are the chart's own file there.
	above := slices.DeleteFunc(rightsOf(t, given), func(g access.Grant) bool { return g.Holder == playground.RoleHolder(downstreamUser, nil) })
	all := variants(t)
	if diff := gocmp.Diff(above, rightsIn(t, all["csr"])); diff != "" {
		t.Errorf("the playground's roles are not the chart's; change both:\n-playground +chart\n%s", diff)
	}
	for name, values := range all {
		delete(values, "fullnameOverride")
		for _, grant := range rightsIn(t, values) {
			if !slices.Contains(above, grant) {
				t.Errorf("%s: no story has this, since the playground does not: %+v", name, grant)
			}
		}
	}
}

// downstreamUser is the one in the chart's downstream-rbac.yaml.
const downstreamUser = "system:serviceaccount:" + namespace + ":" + release

func rightsIn(t *testing.T, values map[string]any) []access.Grant {
	t.Helper()
	objects, err := Render(values, release, namespace)
	if err != nil {
		t.Fatal(err)
	}
	return rightsOf(t, objects)
}

// rightsOf are those of Spillway's processes, without the names of roles, and sorted:
// how rules are divided up makes no difference.
func rightsOf(t *testing.T, objects []*unstructured.Unstructured) (all []access.Grant) {
	t.Helper()
	expanded, err := access.Expand(objects)
	if err != nil {
		t.Fatal(err)
	}
	for _, g := range expanded {
		g.Role, g.Holder = "", cmp.Or(playground.RoleHolder(g.Holder, nil), playground.RoleHolder("", []string{g.Holder}))
		if g.Holder != "" {
			all = append(all, g)
		}
	}
	slices.SortFunc(all, access.Compare)
	return slices.Compact(all)
}
