package playground

import (
	"context"
	_ "embed"
	"encoding/base64"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
)

//go:embed metricsserver.yaml
var metricsServerObjects string

// metricsServerUser is whom roles/metrics-server.yaml names.
const metricsServerUser = "playground:metrics-server"

// MetricsServer is a running metrics-server, the API metrics.k8s.io of a cluster.
type MetricsServer struct {
	*Process

	cluster *Cluster
}

// StartMetricsServer starts metrics-server for a cluster that was started with
// Aggregation, and waits until the cluster's API server has its API. It asks the kubelets of all nodes every 10 s,
// as often as it can, at the ports in their status, and trusts the cluster's CA
// only. address must be one of this machine's that is not the loopback's: API
// servers pass nothing on to that.
func StartMetricsServer(ctx context.Context, c *Cluster, address string) (*MetricsServer, error) {
	m := &MetricsServer{cluster: c}
	dir := filepath.Join(c.dir, "metrics-server")
	args, err := m.prepare(ctx, address, dir)
	if err != nil {
		return nil, fmt.Errorf("cannot prepare metrics-server: %w", err)
	}
	if m.Process, err = StartProcess("metrics-server", dir, c.binaries.MetricsServer, args...); err != nil {
		return nil, err
	}
	return m, stopUnless(ctx, m.Process, m.WaitReady(ctx))
}

// prepare registers metrics-server with the API server and returns its arguments.
func (m *MetricsServer) prepare(ctx context.Context, address, dir string) ([]string, error) {
	port, err := m.cluster.reserved.Take()
	if err != nil {
		return nil, err
	}
	serving, err := m.cluster.ca.issueServer("metrics-server", "metrics-server.kube-system.svc")
	if err != nil {
		return nil, err
	}
	if err := serving.write(dir, "serving"); err != nil {
		return nil, err
	}
	if err := m.cluster.Apply(ctx, metricsServerRoles); err != nil {
		return nil, err
	}
	objects := strings.NewReplacer(
		"{{.Port}}", strconv.Itoa(port), "{{.Address}}", address, "{{.CA}}", base64.StdEncoding.EncodeToString(m.cluster.CA()),
	).Replace(metricsServerObjects)
	if err := m.cluster.Apply(ctx, objects); err != nil {
		return nil, err
	}
	kubeconfig, err := m.cluster.Kubeconfig(metricsServerUser)
	return []string{
		"--kubeconfig=" + kubeconfig,
		"--authentication-kubeconfig=" + kubeconfig,
		"--authorization-kubeconfig=" + kubeconfig,
		"--bind-address=" + address,
		"--secure-port=" + strconv.Itoa(port),
		"--tls-cert-file=" + filepath.Join(dir, "serving.crt"),
		"--tls-private-key-file=" + filepath.Join(dir, "serving.key"),
		"--metric-resolution=10s",
		"--kubelet-request-timeout=9s",
		"--kubelet-use-node-status-port",
		"--kubelet-preferred-address-types=InternalIP",
		"--kubelet-certificate-authority=" + m.cluster.pki("ca.crt"),
	}, err
}

// WaitReady waits until the API server has the API. Figures come later, when each
// kubelet was asked twice.
func (m *MetricsServer) WaitReady(ctx context.Context) error {
	return eventuallyAlive(ctx, m.Process, "the API server has metrics.k8s.io", func(ctx context.Context) error {
		return m.cluster.client.Discovery().RESTClient().Get().AbsPath("/apis/metrics.k8s.io/v1beta1/nodes").Do(ctx).Error()
	})
}
