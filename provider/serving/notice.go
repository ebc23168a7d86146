package serving

import (
	"fmt"
	"time"
)

// notice is what to tell operators about a request that nobody has approved.
// signedUntil is when the last certificate that was signed ends; the zero time:
// there is none.
func notice(request string, signedUntil, now time.Time) string {
	first := fmt.Sprintf("CertificateSigningRequest %s waits for approval: kubectl certificate approve %s. ", request, request)
	switch {
	case signedUntil.IsZero():
		return first + "Until then the kubelet API shows a certificate that nobody has signed, and API servers with --kubelet-certificate-authority refuse it, so that logs, exec and port-forward fail"
	case signedUntil.Before(now):
		return first + "The last certificate of the kubelet API ended at " + signedUntil.UTC().Format(time.RFC3339) + ", and API servers with --kubelet-certificate-authority refuse it, so that logs, exec and port-forward fail"
	default:
		return first + "The present certificate of the kubelet API ends at " + signedUntil.UTC().Format(time.RFC3339)
	}
}
