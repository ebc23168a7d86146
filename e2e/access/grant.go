package access

import (
	"fmt"
	"slices"
	"strings"

	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
)

// Grant is one verb on one resource, or on one path, that a rule allows.
type Grant struct {
	// Role is the name of the role, with its namespace if it has one.
	Role string
	// Holder is whom it is bound to.
	Holder string
	Verb   string
	// Group and Resource may be "*", and Resource "*/subresource".
	Group, Resource string
	// Namespace is empty for all, and Name for any.
	Namespace, Name string
	// URL is a path, which may end with "*"; then Group and Resource are empty.
	URL string
}

// Expand takes apart what ClusterRoles and Roles allow to those whom bindings name.
// A role without a binding, and a binding without its role, are errors.
func Expand(objects []*unstructured.Unstructured) ([]Grant, error) {
	roles, bindings, err := read(objects)
	if err != nil {
		return nil, err
	}
	bound := map[string]bool{}
	var grants []Grant
	for _, binding := range bindings {
		role := key(binding.RoleRef.Kind, binding.Namespace, binding.RoleRef.Name)
		rules, ok := roles[role]
		if !ok {
			return nil, fmt.Errorf("binding %s names %s, which is not there", binding.Name, role)
		}
		bound[role] = true
		for _, subject := range binding.Subjects {
			for _, rule := range rules {
				grants = append(grants, expand(role, holder(subject), binding.Namespace, rule)...)
			}
		}
	}
	for role := range roles {
		if !bound[role] {
			return nil, fmt.Errorf("nobody is bound to %s", role)
		}
	}
	slices.SortFunc(grants, Compare)
	return slices.Compact(grants), nil
}

// read finds the rules of roles, and bindings; all else is none of its business.
// Roles and ClusterRoles are alike here, and so are their bindings.
func read(objects []*unstructured.Unstructured) (roles map[string][]rbacv1.PolicyRule, bindings []rbacv1.RoleBinding, err error) {
	roles = map[string][]rbacv1.PolicyRule{}
	for _, object := range objects {
		var role rbacv1.Role
		var binding rbacv1.RoleBinding
		kind := object.GetKind()
		switch kind {
		case "ClusterRole", "Role":
			err = runtime.DefaultUnstructuredConverter.FromUnstructuredWithValidation(object.Object, &role, true)
			roles[key(kind, role.Namespace, role.Name)] = role.Rules
		case "ClusterRoleBinding", "RoleBinding":
			err = runtime.DefaultUnstructuredConverter.FromUnstructuredWithValidation(object.Object, &binding, true)
			bindings = append(bindings, binding)
		}
		if err != nil {
			return nil, nil, fmt.Errorf("cannot read %s %s: %w", kind, object.GetName(), err)
		}
	}
	return roles, bindings, nil
}

// key names a role as its binding does.
func key(kind, namespace, name string) string {
	if kind == "ClusterRole" {
		return name
	}
	return namespace + "/" + name
}

func holder(s rbacv1.Subject) string {
	if s.Kind == rbacv1.ServiceAccountKind {
		return "system:serviceaccount:" + s.Namespace + ":" + s.Name
	}
	return s.Name
}

func expand(role, holder, namespace string, rule rbacv1.PolicyRule) (grants []Grant) {
	names := rule.ResourceNames
	if len(names) == 0 {
		names = []string{""}
	}
	for _, verb := range rule.Verbs {
		for _, url := range rule.NonResourceURLs {
			grants = append(grants, Grant{Role: role, Holder: holder, Verb: verb, URL: url})
		}
		for _, group := range rule.APIGroups {
			for _, resource := range rule.Resources {
				for _, name := range names {
					grants = append(grants, Grant{Role: role, Holder: holder, Verb: verb, Group: group, Resource: resource, Namespace: namespace, Name: name})
				}
			}
		}
	}
	return grants
}

// Covers says whether the grant allows the use, by the rules of RBAC.
func (g Grant) Covers(u Use) bool {
	if g.Holder != u.Holder || !either(g.Verb, u.Verb) {
		return false
	}
	if u.URL != "" || g.URL != "" {
		return g.coversURL(u.URL)
	}
	return either(g.Group, u.Group) && g.coversResource(u.Resource) &&
		(g.Namespace == "" || g.Namespace == u.Namespace) &&
		(g.Name == "" || g.Name == u.Name)
}

// either says whether a grant's word stands for a use's.
func either(granted, used string) bool { return granted == rbacv1.VerbAll || granted == used }

func (g Grant) coversURL(url string) bool {
	if prefix, ok := strings.CutSuffix(g.URL, "*"); ok {
		return url != "" && strings.HasPrefix(url, prefix)
	}
	return url != "" && g.URL == url
}

func (g Grant) coversResource(resource string) bool {
	_, subresource, _ := strings.Cut(resource, "/")
	return either(g.Resource, resource) || subresource != "" && g.Resource == "*/"+subresource
}

// Compare orders grants: by holder, role, what they are about, and verb.
func Compare(a, b Grant) int {
	key := func(g Grant) string {
		return strings.Join([]string{g.Holder, g.Role, g.Group, g.Resource, g.URL, g.Namespace, g.Name, g.Verb}, "\x00")
	}
	return strings.Compare(key(a), key(b))
}
