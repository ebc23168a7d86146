package playground

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// pollEvery is how often conditions are looked at.
const pollEvery = 50 * time.Millisecond

// maxAnswer is how much of a health endpoint's answer is read, in bytes.
const maxAnswer = 64 << 10

// Eventually calls check until it returns nil. When ctx ends first, the error
// says what was waited for and what check last said, unless that was only that
// ctx ended.
func Eventually(ctx context.Context, what string, check func(context.Context) error) error {
	ticker := time.NewTicker(pollEvery)
	defer ticker.Stop()
	var last error
	for {
		err := check(ctx)
		if err == nil {
			return nil
		}
		if last == nil || ctx.Err() == nil {
			last = err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("gave up waiting until %s: %w; last: %w", what, context.Cause(ctx), last)
		case <-ticker.C:
		}
	}
}

// eventuallyAlive is Eventually for a process that must stay alive meanwhile.
func eventuallyAlive(ctx context.Context, p *Process, what string, check func(context.Context) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	exited := p.Exited()
	go func() {
		select {
		case <-exited:
			cancel(p.Err())
		case <-ctx.Done():
		}
	}()
	return Eventually(ctx, what, check)
}

// WaitReady waits until the whole cluster works: for its servers, for what the
// controller manager makes in a new cluster, and for the nodes of the options.
// It is for use after a component was started again.
func (c *Cluster) WaitReady(ctx context.Context) error {
	for _, wait := range []func(context.Context) error{
		c.waitEtcd, c.waitAPIServer, c.waitControllerManager, c.waitScheduler, c.waitNodes,
	} {
		if err := wait(ctx); err != nil {
			return err
		}
	}
	return nil
}

func (c *Cluster) waitEtcd(ctx context.Context) error {
	return eventuallyAlive(ctx, c.Etcd, "etcd is ready", func(ctx context.Context) error {
		_, err := get(ctx, http.DefaultClient, "http://"+loopback(c.ports.etcdClient)+"/readyz")
		return err
	})
}

func (c *Cluster) waitAPIServer(ctx context.Context) error {
	return eventuallyAlive(ctx, c.APIServer, "the API server is ready", func(ctx context.Context) error {
		return c.client.Discovery().RESTClient().Get().AbsPath("/readyz").Do(ctx).Error()
	})
}

// waitControllerManager waits until the controllers run: the server answers
// before that, but names them only then. Without the default service account
// no pod can be created, so that is waited for too.
func (c *Cluster) waitControllerManager(ctx context.Context) error {
	if c.ControllerManager == nil {
		return nil
	}
	return eventuallyAlive(ctx, c.ControllerManager, "the controller manager works", func(ctx context.Context) error {
		health, err := c.getServing(ctx, c.ports.controllerManager, "/healthz?verbose")
		if err != nil {
			return err
		}
		if !strings.Contains(health, "[+]serviceaccount-controller ok") {
			return errors.New("its controllers do not run yet")
		}
		_, err = c.client.CoreV1().ServiceAccounts(corev1.NamespaceDefault).Get(ctx, "default", metav1.GetOptions{})
		return err
	})
}

func (c *Cluster) waitScheduler(ctx context.Context) error {
	if c.Scheduler == nil {
		return nil
	}
	return eventuallyAlive(ctx, c.Scheduler, "the scheduler is ready", func(ctx context.Context) error {
		_, err := c.getServing(ctx, c.ports.scheduler, "/readyz")
		return err
	})
}

// waitNodes waits until pods can be scheduled to every node of the options and
// the current kwok has taken them over.
func (c *Cluster) waitNodes(ctx context.Context) error {
	if c.Kwok == nil || c.ControllerManager == nil {
		return nil // nobody makes nodes ready, or nobody lifts their taints
	}
	return eventuallyAlive(ctx, c.Kwok, "the nodes are ready", func(ctx context.Context) error {
		for _, node := range c.nodes {
			if err := c.nodeReady(ctx, node.Name); err != nil {
				return fmt.Errorf("node %s: %w", node.Name, err)
			}
		}
		return nil
	})
}

func (c *Cluster) nodeReady(ctx context.Context, name string) error {
	node, err := c.client.CoreV1().Nodes().Get(ctx, name, metav1.GetOptions{})
	if err != nil {
		return err
	}
	if err := schedulable(node); err != nil || node.Annotations[fakeNodeAnnotation] != fakeNodeValue {
		return err
	}
	lease, err := c.client.CoordinationV1().Leases(corev1.NamespaceNodeLease).Get(ctx, name, metav1.GetOptions{})
	if err != nil {
		return err
	}
	if lease.Spec.RenewTime == nil || lease.Spec.RenewTime.Time.Before(c.Kwok.Started()) {
		return errors.New("kwok has not renewed its lease since it was started")
	}
	return nil
}

// schedulable says why pods cannot go to a node, apart from taints that its
// maker gave it.
func schedulable(node *corev1.Node) error {
	for _, taint := range node.Spec.Taints {
		if strings.HasPrefix(taint.Key, "node.kubernetes.io/") {
			return fmt.Errorf("it has the taint %s", taint.Key)
		}
	}
	for _, condition := range node.Status.Conditions {
		if condition.Type == corev1.NodeReady && condition.Status == corev1.ConditionTrue {
			return nil
		}
	}
	return errors.New("it is not Ready")
}

// getServing asks a controller of this cluster, which serves with a certificate
// of this cluster, how it is.
func (c *Cluster) getServing(ctx context.Context, port int, path string) (string, error) {
	trusted := x509.NewCertPool()
	trusted.AddCert(c.ca.cert)
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: trusted, MinVersion: tls.VersionTLS12}}
	defer transport.CloseIdleConnections()
	return get(ctx, &http.Client{Transport: transport}, "https://"+loopback(port)+path)
}

// get returns what url answers with status 200; other answers are errors.
func get(ctx context.Context, client *http.Client, url string) (_ string, err error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return "", err
	}
	response, err := client.Do(request)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, response.Body.Close()) }()
	body, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	if err != nil {
		return "", err
	}
	if response.StatusCode != http.StatusOK {
		return "", fmt.Errorf("%s answers %s: %s", url, response.Status, strings.TrimSpace(string(body)))
	}
	return string(body), nil
}
