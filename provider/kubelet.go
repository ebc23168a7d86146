package provider

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/go-logr/logr"
	"k8s.io/client-go/rest"
	logf "sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/spillway-io/spillway/provider/auth"
	"github.com/spillway-io/spillway/provider/stats"
	"github.com/spillway-io/spillway/provider/stream"
)

const (
	// headerTimeout is how long a client may take to say what it wants, and
	// idleConnection how long it may say nothing between two requests.
	headerTimeout  = 30 * time.Second
	idleConnection = 90 * time.Second
	// stopTimeout is how long requests that end by themselves may take when the
	// process stops; streams end at once.
	stopTimeout = 5 * time.Second
)

// kubelet serves the kubelet API of the virtual node.
type kubelet struct {
	address string
	// config is how to reach the downstream cluster.
	config      *rest.Config
	pods        stream.Pods
	figures     stats.Sources
	guard       *auth.Guard
	certificate certificate
}

// addKubelet has every replica serve the kubelet API. API servers find it by the
// Node's only address, behind which may be any of them.
func (v *virtualNode) addKubelet() error {
	if v.spec.KubeletPort == 0 {
		return nil
	}
	guard, err := auth.New(v.upstream, v.opts.Name, v.opts.ClientCAFile)
	if err != nil {
		return fmt.Errorf("cannot serve the kubelet API: %w", err)
	}
	k := &kubelet{
		address: v.opts.KubeletAddress,
		config:  v.below.GetConfig(),
		pods: stream.Pods{
			Upstream: v.up.GetClient(), Downstream: v.below.GetAPIReader(), DownstreamCache: v.below.GetClient(),
			Identity: v.rules.Identity,
		},
		figures: stats.Sources{Upstream: v.up.GetClient(), Downstream: v.below.GetClient(), Identity: v.rules.Identity},
		guard:   guard,
	}
	if k.certificate, err = v.newCertificate(); err != nil {
		return fmt.Errorf("cannot serve the kubelet API: %w", err)
	}
	if err := v.up.Add(onEveryReplica(k.run)); err != nil {
		return fmt.Errorf("cannot schedule the kubelet API: %w", err)
	}
	return nil
}

// run serves until ctx ends, and then until nobody is being served.
func (k *kubelet) run(ctx context.Context) error {
	log := logf.FromContext(ctx).WithName("kubelet")
	streams, err := stream.NewHandler(ctx, k.pods, k.config)
	if err != nil {
		return err
	}
	figures, err := stats.NewHandler(ctx, k.figures, k.config)
	if err != nil {
		return err
	}
	server := &http.Server{
		Handler:           k.guard.Require(routes(streams, figures)),
		TLSConfig:         tlsConfig(k.certificate.get),
		ReadHeaderTimeout: headerTimeout,
		IdleTimeout:       idleConnection,
		BaseContext:       func(net.Listener) context.Context { return logf.IntoContext(context.WithoutCancel(ctx), log) },
		ErrorLog:          slog.NewLogLogger(logr.ToSlogHandler(log), slog.LevelDebug),
	}
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", k.address)
	if err != nil {
		return fmt.Errorf("cannot serve the kubelet API: %w", err)
	}
	log.Info("Serving the kubelet API", "address", listener.Addr().String())

	ctx, stop := context.WithCancel(ctx)
	var parts sync.WaitGroup
	defer parts.Wait()
	defer stop()
	parts.Go(func() { k.guard.Run(ctx) })
	if k.certificate.watch != nil {
		parts.Go(func() {
			if err := k.certificate.watch(ctx); err != nil {
				log.Error(err, "The certificate of the kubelet API is not watched any more")
			}
		})
	}
	stopped := make(chan error, 1)
	parts.Go(func() {
		<-ctx.Done()
		stopped <- shutDown(context.WithoutCancel(ctx), server)
	})
	if err := server.ServeTLS(listener, "", ""); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("cannot serve the kubelet API: %w", err)
	}
	err = <-stopped
	streams.Wait()
	return err
}

// routes tells the figures from what is about one pod, or the list of pods.
func routes(streams, figures http.Handler) http.Handler {
	all := http.NewServeMux()
	all.Handle("/", streams)
	for _, path := range []string{stats.SummaryPath, stats.ResourcePath, stats.CadvisorPath} {
		all.Handle(path, figures)
	}
	return all
}

// tlsConfig asks for a client certificate and does not require it: others bring
// tokens. The guard verifies it.
func tlsConfig(get func(*tls.ClientHelloInfo) (*tls.Certificate, error)) *tls.Config {
	return &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: get, ClientAuth: tls.RequestClientCert}
}

// shutDown lets requests under way end, and cuts off those that do not.
func shutDown(ctx context.Context, server *http.Server) error {
	ctx, cancel := context.WithTimeout(ctx, stopTimeout)
	defer cancel()
	if err := server.Shutdown(ctx); err != nil {
		return errors.Join(fmt.Errorf("requests to the kubelet API did not end in time: %w", err), server.Close())
	}
	return nil
}
