package access

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	authorizationv1 "k8s.io/api/authorization/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/util/yaml"
)

// Right is one that a role grants.
type Right struct {
	// Role is the name of the role that has it.
	Role string
	// Namespace is where; empty is everywhere.
	Namespace string
	Group     string
	Resource  string
	// Name is of the only object that is meant; empty is all.
	Name string
	Verb string
	// Path is a non-resource URL; then there is only a Verb beside it.
	Path string
}

// resource returns the resource with its group, as kubectl auth can-i has it.
func (r Right) resource() string {
	resource, sub, _ := strings.Cut(r.Resource, "/")
	text := resource
	if r.Group != "" {
		text += "." + r.Group
	}
	if sub != "" {
		text += "/" + sub
	}
	if r.Name != "" {
		text += " " + r.Name
	}
	return text
}

// object is what the right is about, for people.
func (r Right) object() string {
	if r.Path != "" {
		return r.Path
	}
	if r.Namespace != "" {
		return r.resource() + " in namespace " + r.Namespace
	}
	return r.resource()
}

// attributes are the question to an authorizer.
func (r Right) attributes() (*authorizationv1.ResourceAttributes, *authorizationv1.NonResourceAttributes) {
	if r.Path != "" {
		return nil, &authorizationv1.NonResourceAttributes{Path: r.Path, Verb: r.Verb}
	}
	resource, sub, _ := strings.Cut(r.Resource, "/")
	return &authorizationv1.ResourceAttributes{
		Namespace: r.Namespace, Verb: r.Verb, Group: r.Group, Resource: resource, Subresource: sub, Name: r.Name,
	}, nil
}

// rightsIn returns what the roles in a manifest grant.
func rightsIn(manifest string) ([]Right, error) {
	var rights []Right
	for decoder := yaml.NewYAMLOrJSONDecoder(strings.NewReader(manifest), 4096); ; {
		var role rbacv1.ClusterRole
		err := decoder.Decode(&role)
		if errors.Is(err, io.EOF) {
			return rights, nil
		}
		if err != nil {
			return nil, fmt.Errorf("cannot read the roles in the chart: %w", err)
		}
		if role.Kind == "ClusterRole" || role.Kind == "Role" {
			for i := range role.Rules {
				rights = append(rights, rightsOf(role.Name, role.Namespace, &role.Rules[i])...)
			}
		}
	}
}

func rightsOf(role, namespace string, rule *rbacv1.PolicyRule) []Right {
	var rights []Right
	names := rule.ResourceNames
	if len(names) == 0 {
		names = []string{""}
	}
	for _, verb := range rule.Verbs {
		for _, path := range rule.NonResourceURLs {
			rights = append(rights, Right{Role: role, Verb: verb, Path: path})
		}
		for _, group := range rule.APIGroups {
			for _, resource := range rule.Resources {
				for _, name := range names {
					rights = append(rights, Right{Role: role, Namespace: namespace, Group: group, Resource: resource, Name: name, Verb: verb})
				}
			}
		}
	}
	return rights
}

// tell lists rights for people, the verbs of one resource together.
func tell(rights []Right) string {
	var objects []string
	verbs := map[string][]string{}
	for _, r := range rights {
		object := r.object()
		if verbs[object] == nil {
			objects = append(objects, object)
		}
		if !slices.Contains(verbs[object], r.Verb) {
			verbs[object] = append(verbs[object], r.Verb)
		}
	}
	slices.SortStableFunc(objects, func(a, b string) int { return cmp.Compare(len(verbs[b]), len(verbs[a])) })
	var parts []string
	for _, object := range objects {
		parts = append(parts, strings.Join(verbs[object], ", ")+" "+object)
	}
	return strings.Join(parts, "; ")
}
