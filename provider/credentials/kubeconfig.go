package credentials

import (
	"bytes"
	"context"
	"fmt"
	"time"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	logf "sigs.k8s.io/controller-runtime/pkg/log"
)

const (
	// interval is how often the file is read, without a reason.
	interval = 10 * time.Second
	// pause is the least time between two readings, however many requests fail.
	pause = time.Second
)

// Kubeconfig is the configuration of one cluster's clients. Run keeps it current.
type Kubeconfig struct {
	cluster, path string
	tune          func(*rest.Config)
	identify      func(context.Context, *rest.Config) (string, error)
	metrics       *Metrics
	// config is what clients are made from.
	config *rest.Config

	// The following are Run's.

	// transport is nil when there is no file.
	transport *transport
	// content is what the current generation was made from.
	content []byte
	// id is the UID of the cluster; empty until it is known.
	id string
	// refused is why the file's content is not in use; empty when it is.
	refused string
}

// Open reads the kubeconfig at path; an empty path means the cluster that this
// process runs in, whose credentials client-go keeps current. cluster names it in
// logs and metrics, and tune sets what no kubeconfig has.
func Open(cluster, path string, tune func(*rest.Config), metrics *Metrics) (*Kubeconfig, error) {
	k := &Kubeconfig{cluster: cluster, path: path, identify: readID, metrics: metrics}
	k.tune = func(config *rest.Config) {
		tune(config)
		config.Wrap(metrics.counting(cluster))
	}
	if path == "" {
		config, err := clientcmd.BuildConfigFromFlags("", "")
		if err != nil {
			return nil, fmt.Errorf("cannot load the cluster configuration: %w", err)
		}
		k.tune(config)
		k.config = config
		return k, nil
	}
	content, err := read(path)
	if err != nil {
		return nil, fmt.Errorf("cannot load the cluster configuration: %w", err)
	}
	first, err := k.generation(content)
	if err != nil {
		return nil, fmt.Errorf("cannot load the cluster configuration: %w", err)
	}
	k.content = content
	k.transport = newTransport(first)
	k.config = &rest.Config{
		Host: first.base.String(), Transport: k.transport,
		UserAgent: first.config.UserAgent, QPS: first.config.QPS, Burst: first.config.Burst, Timeout: first.config.Timeout,
	}
	metrics.refused.WithLabelValues(cluster).Set(0)
	metrics.changes.WithLabelValues(cluster)
	return k, nil
}

// Config is what to make clients from. They stay good when the file changes. Its
// TLS and credential fields are empty, since its Transport has all that; who
// opens connections by other means asks Now. DisableCompression has no effect.
func (k *Kubeconfig) Config() *rest.Config { return rest.CopyConfig(k.config) }

// Run takes changes of the file over until ctx ends.
func (k *Kubeconfig) Run(ctx context.Context) {
	if k.transport == nil {
		return
	}
	ctx = logf.IntoContext(ctx, logf.FromContext(ctx).WithName("credentials").WithValues("cluster", k.cluster, "file", k.path))
	regularly := time.NewTicker(interval)
	defer regularly.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-regularly.C:
		case <-k.transport.doubts:
		}
		k.look(ctx)
		paused := time.NewTimer(pause)
		select {
		case <-ctx.Done():
			paused.Stop()
			return
		case <-paused.C:
		}
	}
}

// look takes over what the file has, if it has something new that can be used.
func (k *Kubeconfig) look(ctx context.Context) {
	content, err := read(k.path)
	if err == nil && bytes.Equal(content, k.content) {
		k.accept()
		k.learnID(ctx)
		return
	}
	var next *generation
	if err == nil {
		next, err = k.generation(content)
	}
	if err == nil && hasCredentials(k.transport.now().config) && !hasCredentials(next.config) {
		// So reads a file that is cut off where they would begin.
		err = fmt.Errorf("the kubeconfig %s has no credentials any more", k.path)
	}
	if err == nil && next.base.String() != k.transport.now().base.String() {
		err = k.sameCluster(ctx, next)
	}
	if err != nil {
		k.refuse(ctx, err)
		return
	}
	k.content = content
	k.transport.take(next)
	k.accept()
	k.metrics.changes.WithLabelValues(k.cluster).Inc()
	logf.FromContext(ctx).Info("The kubeconfig changed and is used from now on", "server", next.base.String())
}

func (k *Kubeconfig) generation(content []byte) (*generation, error) {
	config, err := parse(k.path, content)
	if err != nil {
		return nil, err
	}
	k.tune(config)
	return newGeneration(config)
}

func (k *Kubeconfig) accept() {
	k.refused = ""
	k.metrics.refused.WithLabelValues(k.cluster).Set(0)
}

// refuse says why, once.
func (k *Kubeconfig) refuse(ctx context.Context, cause error) {
	if k.refused != cause.Error() {
		logf.FromContext(ctx).Error(cause, "The kubeconfig changed and cannot be used; what it said before goes on being used")
	}
	k.refused = cause.Error()
	k.metrics.refused.WithLabelValues(k.cluster).Set(1)
}
