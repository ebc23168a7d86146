package certificates

import "github.com/spillway-io/spillway/certs"

// The three values of certificates.mode each have somebody who makes certificates;
// the report cannot know which one it is.
const (
	renews = "find out why it is not renewed: in mode self the log of the webhook's leader says it, " +
		"in mode cert-manager `kubectl describe certificate`; in mode provided put a new one into the Secret"
	trusts = "have the caBundle follow the CA: in mode self the leader writes it (--ca-bundle-into, and the right to patch this configuration), " +
		"in mode cert-manager its cainjector by the annotation cert-manager.io/inject-ca-from; in mode provided it is yours to write"
	repairs = "put a certificate and its own key into the Secret; in mode self delete the Secret's data, in mode cert-manager delete the Secret, and both are made anew"
)

// remedy is what to do about a cause.
func remedy(cause certs.Cause, entry Entry) string {
	switch cause {
	case certs.Expired, certs.ExpiresSoon:
		return renews
	case certs.NotYetValid:
		return "compare the clocks of the machines; if they agree, " + renews
	case certs.EmptyBundle, certs.GarbageBundle, certs.ForeignCA:
		return trusts
	case certs.WrongHost:
		return "have a certificate made for " + entry.Target.Host + ": --cert-dns-names in mode self, dnsNames of the Certificate in mode cert-manager, your own in mode provided"
	case certs.NoCertificate, certs.Garbage, certs.KeyMismatch, certs.Unfit:
		return repairs
	case NoWebhook:
		return "install the chart, or name the configurations with --configuration"
	case NoService:
		return "compare the configuration's clientConfig.service with the Services of that namespace; `helm upgrade` puts back what the chart made"
	case NoReplica:
		return "look at the pods behind the Service: kubectl get pods -n " + entry.Target.Namespace + " -l app.kubernetes.io/name=spillway, and the log of one that is not ready"
	case NotReached:
		return "the certificate was not judged: run this where the address answers, or give --address or --secret"
	case NotAllowed:
		return "the certificate was not judged: ask for the right, or give --address"
	default:
		return "unknown to this version"
	}
}
