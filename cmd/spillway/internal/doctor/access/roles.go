package access

import (
	"fmt"
	"regexp"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/spillway-io/spillway/charts"
)

// The names in the chart's file, which stand for the ones that are asked for.
const (
	rolesFile = "spillway/files/downstream-rbac.yaml"
	// DefaultNamespace and DefaultServiceAccount are who the file grants the rights to.
	DefaultNamespace      = "spillway-system"
	DefaultServiceAccount = "spillway"
)

// DownstreamRoles returns the YAML, with its comments, of what a virtual node needs
// in its downstream cluster, granted to a ServiceAccount that comes with it. The
// namespace is that of the ServiceAccount and of the node's claim (--claim-namespace).
func DownstreamRoles(namespace, serviceAccount string) (string, error) {
	if problems := validation.IsDNS1123Label(namespace); len(problems) > 0 {
		return "", fmt.Errorf("--namespace %q: %s", namespace, strings.Join(problems, "; "))
	}
	if problems := validation.IsDNS1123Subdomain(serviceAccount); len(problems) > 0 {
		return "", fmt.Errorf("--service-account %q: %s", serviceAccount, strings.Join(problems, "; "))
	}
	content, err := charts.Spillway.ReadFile(rolesFile)
	if err != nil {
		return "", fmt.Errorf("cannot read the roles in the chart: %w", err)
	}
	// The ServiceAccount's name is all of its line, other names have more in them. Both
	// in one pass: one may be chosen to be the other's default.
	names := regexp.MustCompile(`(?m)` + DefaultNamespace + `|^\s*name: ` + DefaultServiceAccount + `$`)
	return names.ReplaceAllStringFunc(string(content), func(found string) string {
		if found == DefaultNamespace {
			return namespace
		}
		return strings.TrimSuffix(found, DefaultServiceAccount) + serviceAccount
	}), nil
}
