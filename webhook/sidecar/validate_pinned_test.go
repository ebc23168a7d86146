package sidecar_test

import (
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/spillway-io/spillway/webhook/sidecar"
)

func TestValidatePinned(t *testing.T) {
	const at = "spec.injectionStrategy.revision."
	revision := func(name, set, version string) *appsv1.ControllerRevision {
		return &appsv1.ControllerRevision{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{"kruise.io/sidecarset-name": set, "apps.kruise.io/sidecarset-custom-version": version}}}
	}
	revisions := []*appsv1.ControllerRevision{revision("logs-1", "logs", "v1"), revision("other-1", "other", "v2")}
	pinned := func(fields string) string { return one("injectionStrategy: {revision: {" + fields + "}}") }
	cases := map[string]judged{
		"nothing":       {"the newest is injected", one(""), nil},
		"name":          {"it is there", pinned("revisionName: logs-1"), nil},
		"version":       {"it is there", pinned("customVersion: v1"), nil},
		"name-wins":     {"the version does not count", pinned("revisionName: logs-1, customVersion: v3"), nil},
		"no-name":       {"there is none", pinned("revisionName: logs-2"), refusedFor(notFound, at+"revisionName")},
		"no-version":    {"there is none", pinned("customVersion: v3"), refusedFor(notFound, at+"customVersion")},
		"other":         {"it is another set's", pinned("revisionName: other-1"), refusedFor(notFound, at+"revisionName")},
		"other-version": {"it is another set's", pinned("customVersion: v2"), refusedFor(notFound, at+"customVersion")},
		"empty":         {"refused by the set's own rules, once", pinned("revisionName: ''"), nil},
		"neither":       {"refused by the set's own rules, once", pinned("policy: Always"), nil},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			compareErrors(t, tc.reason, sidecar.ValidatePinned(parse(t, tc.set), revisions), tc.want)
		})
	}
}
