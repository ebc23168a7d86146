package access

import (
	"fmt"
	"strings"
	"text/template"

	"github.com/spillway-io/spillway/charts"
)

// Installed is what of the chart's values its roles depend on.
type Installed struct {
	// FullName is what names begin with.
	FullName string
	// Namespace is the release's.
	Namespace string
	// CertificateMode is self, cert-manager or provided, and CertificateSecret the
	// Secret of mode self.
	CertificateMode, CertificateSecret string
	// KubeletCertificate is csr, files or self-signed.
	KubeletCertificate string
}

// chartRoles returns the manifest of the roles that the chart grants to a component.
// Its templates are rendered with the few functions that they use: Helm's own come
// with the whole of Helm.
func chartRoles(component string, in Installed) (string, error) {
	content, err := charts.Spillway.ReadFile("spillway/templates/" + component + "/rbac.yaml")
	if err != nil {
		return "", fmt.Errorf("cannot read the roles in the chart: %w", err)
	}
	rendered, err := template.New(component).Option("missingkey=error").Funcs(template.FuncMap{
		"include": func(name string, _ any) (string, error) {
			switch name {
			case "spillway.fullname":
				return in.FullName, nil
			case "spillway.certificateSecret":
				return in.CertificateSecret, nil
			case "spillway.labels":
				return "app.kubernetes.io/name: spillway", nil
			default:
				return "", fmt.Errorf("unknown template %q", name)
			}
		},
		"nindent": func(n int, text string) string { return "\n" + strings.Repeat(" ", n) + text },
		"list":    func(all ...any) []any { return all },
	}).Parse(string(content))
	if err != nil {
		return "", fmt.Errorf("cannot read the roles in the chart: %w", err)
	}
	var manifest strings.Builder
	err = rendered.Execute(&manifest, map[string]any{
		"Release": map[string]any{"Namespace": in.Namespace},
		"Values": map[string]any{
			"certificates": map[string]any{"mode": in.CertificateMode},
			"node":         map[string]any{"kubelet": map[string]any{"certificate": in.KubeletCertificate}},
		},
	})
	if err != nil {
		return "", fmt.Errorf("cannot read the roles in the chart: %w", err)
	}
	return manifest.String(), nil
}
