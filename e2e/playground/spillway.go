package playground

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"path/filepath"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/spillway-io/spillway/api"
)

// spillwayNamespace is where spillway keeps what is its own.
const spillwayNamespace = "spillway-system"

// Endpoints are where a spillway process answers, the same over restarts; its
// ports are its own until the upstream cluster is stopped.
type Endpoints struct {
	// Health and Metrics are base URLs; add /readyz, /healthz, /metrics.
	Health, Metrics string

	health, metrics string
}

func (e *Endpoints) take(ports *Ports) error {
	var err error
	if e.health, err = ports.TakeAddress(); err != nil {
		return err
	}
	if e.metrics, err = ports.TakeAddress(); err != nil {
		return err
	}
	e.Health, e.Metrics = "http://"+e.health, "http://"+e.metrics
	return nil
}

// WebhookOptions describe a webhook process. Binary and Upstream must be set.
type WebhookOptions struct {
	// Binary is the path of spillway.
	Binary string
	// Upstream is the cluster whose pods it admits.
	Upstream *Cluster
	// Name tells several of them apart; the default is "webhook". Its files are
	// in a folder of that name below the cluster's.
	Name string
	// FailurePolicy is "Fail" or "Ignore"; the default is "Fail".
	FailurePolicy string
	// Balancer, if set, is the address under which it registers, together with
	// other replicas that have the same one.
	Balancer *Balancer
	// Asked, if set, are the addresses that it registers, in the order in which API
	// servers ask them until one answers; the default is its own. Balancer is one of them.
	Asked []*Balancer
	// CertArgs say where its certificate comes from, and the CA to register; the
	// default is --cert-dir and --ca-file, with what the playground makes.
	CertArgs []string
	// ExtraArgs are added to its arguments.
	ExtraArgs []string
}

// Webhook is a running `spillway webhook`.
type Webhook struct {
	*Process
	Endpoints
	// URL is where API servers reach it, with a certificate that the file CA
	// vouches for.
	URL, CA string

	upstream *Cluster
}

// StartWebhook installs the CRDs of Spillway's chart, starts `spillway webhook` as
// a user who may do what roles/webhook.yaml says, lets it register itself, and
// waits until the API server asks it, or any replica behind the same balancer.
func StartWebhook(ctx context.Context, o WebhookOptions) (*Webhook, error) {
	if o.Name == "" {
		o.Name = "webhook"
	}
	if o.FailurePolicy == "" {
		o.FailurePolicy = "Fail"
	}
	w := &Webhook{upstream: o.Upstream}
	args, dir, err := w.prepare(ctx, o)
	if err != nil {
		return nil, fmt.Errorf("cannot prepare the webhook: %w", err)
	}
	if w.Process, err = StartProcess(o.Name, dir, o.Binary, append(args, o.ExtraArgs...)...); err != nil {
		return nil, err
	}
	return w, stopUnless(ctx, w.Process, w.WaitReady(ctx))
}

func (w *Webhook) prepare(ctx context.Context, o WebhookOptions) (args []string, dir string, err error) {
	dir = filepath.Join(o.Upstream.dir, o.Name)
	port, err := o.Upstream.reserved.Take()
	if err != nil {
		return nil, "", err
	}
	if err := w.take(&o.Upstream.reserved); err != nil {
		return nil, "", err
	}
	crds, err := shippedCRDs()
	if err != nil {
		return nil, "", err
	}
	if err := o.Upstream.InstallCRDs(ctx, crds); err != nil {
		return nil, "", err
	}
	if err := o.Upstream.Apply(ctx, webhookRoles+"---\n"+registerRoles); err != nil {
		return nil, "", err
	}
	kubeconfig, err := o.Upstream.Kubeconfig("spillway-"+o.Name, webhookGroup, registrarGroup)
	if err != nil {
		return nil, "", err
	}
	certs, err := w.reach(o.Balancer, dir, port)
	urls := []string{w.URL}
	if len(o.Asked) > 0 {
		urls = nil
		for _, balancer := range o.Asked {
			urls = append(urls, balancer.URL)
		}
	}
	if len(o.CertArgs) == 0 {
		o.CertArgs = []string{"--cert-dir=" + certs, "--ca-file=" + w.CA}
	}
	return append([]string{
		"webhook",
		"--kubeconfig=" + kubeconfig,
		"--namespace=" + spillwayNamespace,
		"--bind-address=127.0.0.1",
		"--port=" + strconv.Itoa(port),
		"--health-address=" + w.health,
		"--metrics-address=" + w.metrics,
		"--register",
		"--register-url=" + strings.Join(urls, ","),
		"--failure-policy=" + o.FailurePolicy,
		"--drain-delay=0s",
	}, o.CertArgs...), dir, err
}

// reach decides where API servers reach the webhook that listens on port, and
// makes the certificate for that unless the balancer has one for all replicas.
func (w *Webhook) reach(balancer *Balancer, dir string, port int) (certs string, err error) {
	if balancer != nil {
		balancer.add(loopback(port))
		w.URL, w.CA = balancer.URL, balancer.CA
		return balancer.certs, nil
	}
	certs = filepath.Join(dir, "certs")
	w.URL, w.CA = "https://"+loopback(port), filepath.Join(certs, "ca.crt")
	return certs, ServingCert(certs, "127.0.0.1")
}

// WaitReady waits until the webhook is ready and the API server, which learns
// of its registration a little later, has a pod admitted by it.
func (w *Webhook) WaitReady(ctx context.Context) error {
	return eventuallyAlive(ctx, w.Process, w.Name()+" admits pods", func(ctx context.Context) error {
		if _, err := get(ctx, http.DefaultClient, w.Health+"/readyz"); err != nil {
			return err
		}
		pod := &corev1.Pod{
			ObjectMeta: metav1.ObjectMeta{GenerateName: "ready-", Labels: map[string]string{api.OptInLabel: api.OptedIn}},
			Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "none", Image: "none"}}},
		}
		admitted, err := w.upstream.client.CoreV1().Pods(corev1.NamespaceDefault).
			Create(ctx, pod, metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}})
		if err != nil {
			return err
		}
		for _, toleration := range admitted.Spec.Tolerations {
			if toleration.Key == api.ProviderTaintKey {
				return nil
			}
		}
		return errors.New("the API server does not ask it yet")
	})
}

// WaitPolicies waits until the API server has WorkloadSpreads defaulted by the
// webhook, which its elected replica registers for.
func (w *Webhook) WaitPolicies(ctx context.Context) error {
	const spread = `{apiVersion: apps.kruise.io/v1alpha1, kind: WorkloadSpread, metadata: {name: ready},
		spec: {targetRef: {apiVersion: apps/v1, kind: Deployment, name: none}, subsets: [{name: all}]}}`
	return eventuallyAlive(ctx, w.Process, w.Name()+" defaults WorkloadSpreads", func(ctx context.Context) error {
		strategy, _, err := w.upstream.Kubectl(ctx, spread, "create", "--dry-run=server", "-o", "jsonpath={.spec.scheduleStrategy.type}", "-n", corev1.NamespaceDefault, "-f", "-")
		if err == nil && strategy == "" {
			err = errors.New("the API server does not ask it yet")
		}
		return err
	})
}

// stopUnless ends p if err says that starting it was in vain.
func stopUnless(ctx context.Context, p *Process, err error) error {
	if err == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), politely)
	defer cancel()
	return errors.Join(err, p.Stop(ctx))
}
