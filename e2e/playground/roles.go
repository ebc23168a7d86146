package playground

import (
	"fmt"
	"slices"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/spillway-io/spillway/charts"
	"github.com/spillway-io/spillway/e2e/manifest"
)

// Roles are what Spillway's processes may do in a playground's clusters: namespaces,
// roles and bindings, as they are applied. They are those of the chart, bound to
// groups: roles/webhook.yaml and roles/node-upstream.yaml are copies of what it
// renders, which a test in e2e/chart compares, so that no other program needs Helm.
func Roles() ([]*unstructured.Unstructured, error) {
	above, err := manifest.Decode(webhookRoles + "---\n" + nodeUpstreamRoles)
	if err != nil {
		return nil, err
	}
	below, err := nodeDownstreamRoles()
	return append(above, below...), err
}

// nodeDownstreamRoles are what whoever has a downstream cluster is told to apply
// there, bound to the group of virtual nodes.
func nodeDownstreamRoles() ([]*unstructured.Unstructured, error) {
	text, err := charts.Spillway.ReadFile("spillway/files/downstream-rbac.yaml")
	if err != nil {
		return nil, fmt.Errorf("cannot read the chart's roles for downstream clusters: %w", err)
	}
	objects, err := manifest.Decode(string(text))
	if err != nil {
		return nil, err
	}
	for _, object := range objects {
		switch object.GetKind() {
		case "ClusterRoleBinding", "RoleBinding":
			object.Object["subjects"] = []any{map[string]any{"apiGroup": "rbac.authorization.k8s.io", "kind": "Group", "name": downstreamGroup}}
		}
	}
	return objects, nil
}

// RegisterRoles are what a webhook may do besides that registers itself, to whom
// RoleHolder gives a name of its own.
func RegisterRoles() ([]*unstructured.Unstructured, error) { return manifest.Decode(registerRoles) }

// RoleHolder says as whom roles know one of Spillway's processes, by its user and its
// groups; nothing if it is somebody else. What a chart has installed counts as the
// process that the playground starts itself.
func RoleHolder(user string, groups []string) string {
	for _, group := range []string{registrarGroup, webhookGroup, nodeGroup, downstreamGroup} {
		if slices.Contains(groups, group) {
			return group
		}
	}
	switch user {
	case installed + "-webhook":
		return webhookGroup
	case installed + "-node":
		return nodeGroup
	case installed:
		return downstreamGroup
	default:
		return ""
	}
}

// installed is what the users of a release named spillway begin with, and whom the
// roles for downstream clusters name that the chart prints.
const installed = "system:serviceaccount:" + spillwayNamespace + ":spillway"
