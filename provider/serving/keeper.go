package serving

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	certificatesv1 "k8s.io/api/certificates/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	certificatesclient "k8s.io/client-go/kubernetes/typed/certificates/v1"
	"k8s.io/client-go/util/certificate"
	logf "sigs.k8s.io/controller-runtime/pkg/log"
)

// approvalPatience is how long a request may wait before that is told: where
// requests are approved by a program, there is nothing to tell.
const approvalPatience = 10 * time.Second

// Options say whose certificate it is. All fields without a default must be set.
type Options struct {
	// Upstream is the cluster that signs.
	Upstream kubernetes.Interface
	// Node is the virtual node, and Address its IP address, which the certificate is
	// for.
	Node, Address string
	// Directory keeps the certificate and its key over restarts of the process; empty
	// is memory only, and then every restart makes a new request.
	Directory string
	// Unsigned is shown until the first certificate is signed.
	Unsigned *tls.Certificate
	// Tell has operators told that a request waits; it must not block for long.
	Tell func(ctx context.Context, notice string)
	// Metrics is where the metrics are registered.
	Metrics prometheus.Registerer
}

// Keeper has a certificate that the cluster has signed, and has it replaced before
// it ends.
type Keeper struct {
	options  Options
	store    *store
	failures prometheus.Counter
	// waits is 1 while a request has no certificate yet; for the metric.
	waits atomic.Int64
	// news has what was last learned.
	news chan news
}

// news are a request that was made, or the certificate that was signed for it.
type news struct {
	request string
	signed  *tls.Certificate
}

// New returns a keeper that does nothing yet but show what it has.
func New(options Options) (*Keeper, error) {
	k := &Keeper{
		options: options,
		failures: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "spillway_kubelet_certificate_failures_total",
			Help: "Requests for a certificate of the kubelet API that failed: refused, denied, or not signed within 15 minutes.",
		}),
		news: make(chan news, 1),
	}
	var err error
	if k.store, err = newStore(options.Directory, k.learnSigned); err != nil {
		return nil, err
	}
	return k, errors.Join(
		options.Metrics.Register(k.failures),
		options.Metrics.Register(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "spillway_kubelet_certificate_request_waits",
			Help: "1 while a CertificateSigningRequest for the kubelet API waits to be approved and signed; else 0.",
		}, func() float64 { return float64(k.waits.Load()) })),
		options.Metrics.Register(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "spillway_kubelet_certificate_not_after_seconds",
			Help: "When the certificate of the kubelet API that the cluster has signed ends, in seconds since 1970; 0 while there is none.",
		}, k.notAfterSeconds)),
	)
}

// Get returns the certificate to show: the last that was signed, be it ended, or
// the unsigned one.
func (k *Keeper) Get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	if newest := k.store.get(); newest != nil {
		return newest, nil
	}
	return k.options.Unsigned, nil
}

// Run keeps the certificate until ctx ends. client-go's goroutines end with ctx too,
// but nobody can wait for them.
func (k *Keeper) Run(ctx context.Context) error {
	manager, err := certificate.NewManager(&certificate.Config{
		ClientsetFn:             func(*tls.Certificate) (kubernetes.Interface, error) { return watched{k.options.Upstream, k}, nil },
		Template:                template(k.options.Node, k.options.Address),
		SignerName:              certificatesv1.KubeletServingSignerName,
		GetUsages:               certificate.DefaultKubeletServingGetUsages,
		CertificateStore:        k.store,
		CertificateRenewFailure: k.failures,
		Name:                    "kubelet-certificate",
		Ctx:                     &ctx,
	})
	if err != nil {
		return fmt.Errorf("cannot request certificates: %w", err)
	}
	manager.Start()
	k.follow(ctx, approvalPatience)
	return nil
}

// follow tells of requests that wait for longer than patience, until ctx ends.
func (k *Keeper) follow(ctx context.Context, patience time.Duration) {
	log := logf.FromContext(ctx)
	request := ""
	for {
		var overdue <-chan time.Time
		if request != "" {
			overdue = time.After(patience)
		}
		select {
		case <-ctx.Done():
			return
		case last := <-k.news:
			if request = last.request; request != "" {
				log.Info("Requested a certificate for the kubelet API", "certificateSigningRequest", request)
				continue
			}
			log.Info("The cluster has signed the certificate of the kubelet API", "notAfter", last.signed.Leaf.NotAfter)
		case <-overdue:
			text := notice(request, k.notAfter(), time.Now())
			log.Info("The kubelet API waits for its certificate", "certificateSigningRequest", request, "notice", text)
			k.options.Tell(ctx, text)
			request = "" // Told once; the next request tells again.
		}
	}
}

func (k *Keeper) notAfter() time.Time {
	if newest := k.store.get(); newest != nil && newest.Leaf != nil {
		return newest.Leaf.NotAfter
	}
	return time.Time{}
}

func (k *Keeper) notAfterSeconds() float64 {
	if end := k.notAfter(); !end.IsZero() {
		return float64(end.Unix())
	}
	return 0
}

func (k *Keeper) learnSigned(cert *tls.Certificate) {
	k.waits.Store(0)
	k.learn(news{signed: cert})
}

func (k *Keeper) learnRequested(request string) {
	k.waits.Store(1)
	k.learn(news{request: request})
}

// learn has the newest news take the place of those that nobody has read yet. Only
// the manager calls it, one call at a time.
func (k *Keeper) learn(newest news) {
	select {
	case <-k.news:
	default:
	}
	k.news <- newest
}

// watched is the upstream cluster, of which the keeper learns what is requested.
type watched struct {
	kubernetes.Interface
	keeper *Keeper
}

func (w watched) CertificatesV1() certificatesclient.CertificatesV1Interface {
	return watchedAPI{w.Interface.CertificatesV1(), w.keeper}
}

type watchedAPI struct {
	certificatesclient.CertificatesV1Interface
	keeper *Keeper
}

func (w watchedAPI) CertificateSigningRequests() certificatesclient.CertificateSigningRequestInterface {
	return watchedRequests{w.CertificatesV1Interface.CertificateSigningRequests(), w.keeper}
}

type watchedRequests struct {
	certificatesclient.CertificateSigningRequestInterface
	keeper *Keeper
}

// Create names the request after its virtual node, for whoever has to approve it.
func (w watchedRequests) Create(ctx context.Context, request *certificatesv1.CertificateSigningRequest, options metav1.CreateOptions) (*certificatesv1.CertificateSigningRequest, error) {
	request.GenerateName = "spillway-" + w.keeper.options.Node + "-"
	created, err := w.CertificateSigningRequestInterface.Create(ctx, request, options)
	if err == nil {
		w.keeper.learnRequested(created.Name)
	}
	return created, err
}
