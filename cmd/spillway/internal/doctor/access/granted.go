package access

import (
	"embed"
	"fmt"
	"path"
	"strings"
)

// granted holds the chart's roles for both components, rendered with names that stand
// for the installation's. They are rendered by TestGranted, and not here: a program
// that executes a text/template keeps every exported method of every type it knows,
// since a template may name it, and is larger by two fifths. See docs/decisions/0042.
//
//go:embed granted
var granted embed.FS

// What stands in the files of granted for what an installation has there.
const (
	standsForFullName          = "$(fullname)"
	standsForNamespace         = "$(namespace)"
	standsForCertificateSecret = "$(certificateSecret)"
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
func chartRoles(component string, in Installed) (string, error) {
	content, err := granted.ReadFile(path.Join("granted", grantedFile(component, in)))
	if err != nil {
		return "", fmt.Errorf("cannot read the roles of the chart: %w", err)
	}
	return strings.NewReplacer(
		standsForFullName, in.FullName,
		standsForNamespace, in.Namespace,
		standsForCertificateSecret, in.CertificateSecret,
	).Replace(string(content)), nil
}

// grantedFile names the file of a component's roles: they are more where Spillway makes
// its own certificate, and where the upstream cluster signs the kubelet API's.
func grantedFile(component string, in Installed) string {
	switch {
	case component == "webhook" && in.CertificateMode == "self":
		return "webhook-self.yaml"
	case component == "node" && in.KubeletCertificate == "csr":
		return "node-csr.yaml"
	default:
		return component + ".yaml"
	}
}
