package nodes

import (
	"bytes"
	"crypto/x509"
	"fmt"
	"net/http"
	"time"

	"github.com/spillway-io/spillway/cmd/spillway/internal/doctor/finding"
)

// Answer is how a kubelet API answers a stranger.
type Answer struct {
	// Node is the virtual node, and Address what its Node says.
	Node, Address string
	// Host is the part of the address that the certificate is to be for.
	Host string
	// Status is the code of the answer.
	Status int
	// Certificate is the one that is served.
	Certificate *x509.Certificate
	Now         time.Time
}

// JudgeAnswer says whether strangers are turned away, and whether API servers can
// trust the certificate, as far as that can be told without their settings.
func JudgeAnswer(a Answer) []finding.Finding {
	object := fmt.Sprintf("kubelet API of virtual node %s at %s", a.Node, a.Address)
	var found []finding.Finding
	switch {
	case a.Status == http.StatusUnauthorized:
	case a.Status == http.StatusForbidden:
		found = append(found, finding.Finding{
			Severity: finding.Warning, Object: object, Cause: "stranger-known",
			Text: "takes somebody without credentials for a user, though one without rights (403, and not 401): that is no virtual node of this version",
			Fix:  "see what listens there, and what stands between: kubectl get node " + a.Node + " -o wide",
		})
	default:
		found = append(found, finding.Finding{
			Severity: finding.Error, Object: object, Cause: "stranger-let-in",
			Text: fmt.Sprintf("answers somebody without credentials with %d, and not with 401: who reaches that port may read logs and run commands in pods", a.Status),
			Fix:  "close the port to all but API servers now, and see what listens there: it is no virtual node of this version, or something before it vouches for everybody",
		})
	}
	return append(found, judgeCertificate(a, object)...)
}

func judgeCertificate(a Answer, object string) []finding.Finding {
	f := finding.Finding{Severity: finding.Warning, Object: object}
	c := a.Certificate
	switch {
	case c == nil:
		return nil
	case a.Now.After(c.NotAfter):
		f.Cause, f.Text = "expired", "its certificate expired at "+c.NotAfter.Format(time.RFC3339)+": API servers that verify kubelets have no logs and no exec"
		f.Fix = "find out why it is not renewed: with --kubelet-certificate=csr, kubectl get csr shows whether somebody has to approve one"
	case c.VerifyHostname(a.Host) != nil:
		f.Cause, f.Text = "wrong-host", "its certificate is for other names than "+a.Host+": API servers that verify kubelets have no logs and no exec"
		f.Fix = "have one made for that address, or give spillway node the --internal-ip that it is for"
	case bytes.Equal(c.RawIssuer, c.RawSubject):
		f.Severity, f.Cause = finding.Note, "self-signed"
		f.Text = "its certificate is signed by nobody: API servers that verify kubelets (--kubelet-certificate-authority) have no logs and no exec"
		f.Fix = "nothing, if kubectl logs works; else node.kubelet.certificate: csr in the chart"
	default:
		return nil
	}
	return []finding.Finding{f}
}
