package provider

import (
	"context"
	"crypto/tls"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/certwatcher"
	"sigs.k8s.io/controller-runtime/pkg/client"
	logf "sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/spillway-io/spillway/provider/serving"
	"github.com/spillway-io/spillway/provider/translate"
)

// CertificateMode says where the certificate of the kubelet API comes from.
type CertificateMode string

// The modes.
const (
	// CertificateFiles reads TLSCertFile and TLSKeyFile, again when they change.
	CertificateFiles CertificateMode = "files"
	// CertificateCSR has the upstream cluster sign one, see package serving.
	CertificateCSR CertificateMode = "csr"
	// CertificateSelfSigned makes one at start, which nobody has signed.
	CertificateSelfSigned CertificateMode = "self-signed"
)

// reasonCertificateWaits is the reason of the Node's event while nobody approves a request.
const reasonCertificateWaits = "KubeletCertificateWaits"

// certificate is what the server shows, and what keeps it current.
type certificate struct {
	get func(*tls.ClientHelloInfo) (*tls.Certificate, error)
	// watch runs until its context ends; nil when there is nothing to watch.
	watch func(context.Context) error
}

// certificateMode is the mode, or what it is by default: files if there are any.
func (o Options) certificateMode() CertificateMode {
	switch {
	case o.KubeletCertificate != "":
		return o.KubeletCertificate
	case o.TLSCertFile != "":
		return CertificateFiles
	default:
		return CertificateSelfSigned
	}
}

// validateCertificate refuses files without the mode that reads them, and the other
// way round.
func validateCertificate(o Options, check func(ok bool, format string, args ...any)) {
	check((o.TLSCertFile == "") == (o.TLSKeyFile == ""), "--tls-cert-file, --tls-private-key-file: one is of no use without the other")
	mode := o.certificateMode()
	switch mode {
	case CertificateFiles:
		check(o.TLSCertFile != "", "--kubelet-certificate %s: needs --tls-cert-file and --tls-private-key-file", mode)
	case CertificateCSR, CertificateSelfSigned:
		check(o.TLSCertFile == "", "--kubelet-certificate %s: --tls-cert-file is of no use", mode)
	default:
		check(false, "--kubelet-certificate %q: files, csr or self-signed", mode)
	}
	check(o.KubeletCertificateDir == "" || mode == CertificateCSR, "--kubelet-certificate-dir: of no use without --kubelet-certificate csr")
}

func (v *virtualNode) newCertificate() (certificate, error) {
	if v.opts.certificateMode() == CertificateFiles {
		files, err := certwatcher.New(v.opts.TLSCertFile, v.opts.TLSKeyFile)
		if err != nil {
			return certificate{}, fmt.Errorf("cannot read the certificate: %w", err)
		}
		return certificate{get: files.GetCertificate, watch: files.Start}, nil
	}
	made, err := selfSigned(v.opts.Name, v.opts.InternalIP, time.Now())
	if err != nil {
		return certificate{}, err
	}
	if v.opts.certificateMode() == CertificateCSR {
		return v.requestedCertificate(made)
	}
	v.up.GetLogger().Info("The kubelet API has a certificate that was made at start and that nobody has signed; "+
		"give --tls-cert-file or --kubelet-certificate=csr for one that API servers can verify", "address", v.opts.InternalIP)
	return certificate{get: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return made, nil }}, nil
}

// requestedCertificate is one that the upstream cluster signs; unsigned is shown
// until then.
func (v *virtualNode) requestedCertificate(unsigned *tls.Certificate) (certificate, error) {
	keeper, err := serving.New(serving.Options{
		Upstream: v.upstream, Node: v.opts.Name, Address: v.opts.InternalIP,
		Directory: v.opts.KubeletCertificateDir, Unsigned: unsigned,
		Tell: v.warnOfCertificate, Metrics: v.opts.Metrics,
	})
	if err != nil {
		return certificate{}, fmt.Errorf("cannot have the cluster sign a certificate: %w", err)
	}
	return certificate{get: keeper.Get, watch: keeper.Run}, nil
}

// warnOfCertificate has an event of the Node say that nobody approves a request.
func (v *virtualNode) warnOfCertificate(ctx context.Context, notice string) {
	reference := &corev1.ObjectReference{APIVersion: "v1", Kind: "Node", Name: v.opts.Name}
	node := &corev1.Node{}
	if err := v.up.GetClient().Get(ctx, client.ObjectKey{Name: v.opts.Name}, node); err != nil {
		logf.FromContext(ctx).V(1).Info("The event has no UID of the node", "cause", err.Error())
	}
	reference.UID = node.UID
	v.up.GetEventRecorder(recorder).Eventf(reference, nil, corev1.EventTypeWarning, reasonCertificateWaits, "RequestCertificate", "%s", translate.EventText(notice))
}
