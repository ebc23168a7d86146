package serving

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"net"
)

// The subject that the signer kubernetes.io/kubelet-serving asks for.
const (
	commonNamePrefix = "system:node:"
	organization     = "system:nodes"
)

// template is what a request is made from. The only name in it is the Node's
// address: the node's own name leads API servers nowhere, and approvers that look
// names up would refuse it.
func template(node, address string) *x509.CertificateRequest {
	return &x509.CertificateRequest{
		Subject:     pkix.Name{CommonName: commonNamePrefix + node, Organization: []string{organization}},
		IPAddresses: []net.IP{net.ParseIP(address)},
	}
}
