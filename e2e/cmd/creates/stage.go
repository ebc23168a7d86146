package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"github.com/spillway-io/spillway/e2e/playground"
	"github.com/spillway-io/spillway/e2e/rig"
	"github.com/spillway-io/spillway/webhook"
)

const (
	startTimeout = 2 * time.Minute
	// setTimeout is how long the cluster may take to be as a case wants it.
	setTimeout = 2 * time.Minute
	// turnTimeout is how long the creates of one turn may take.
	turnTimeout = 3 * time.Minute
)

// stage is a control plane without controllers: nobody does anything to pods but
// those who are measured.
type stage struct {
	*rig.Rig

	cluster *playground.Cluster
	client  kubernetes.Interface
	webhook *playground.Webhook
	// endpoint is that of the webhook.
	endpoint webhook.Endpoint
	// profiles is where the webhook serves its profiles, a base URL.
	profiles string
	// certs is the folder of the webhooks' certificate.
	certs string
}

func start(ctx context.Context, r *rig.Rig, o options) (*stage, error) {
	s := &stage{Rig: r, certs: filepath.Join(r.Dir, "certs")}
	programs, err := rig.Build(ctx, o.spillway)
	if err != nil {
		return s, err
	}
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	cluster := playground.Options{
		Name: "upstream", Dir: s.Dir, Binaries: programs.Components,
		// What is deleted between turns is not measured.
		ExtraArgs: map[playground.Component][]string{playground.APIServer: {"--delete-collection-workers=8"}},
		Without:   []playground.Component{playground.ControllerManager, playground.Scheduler, playground.Kwok},
	}
	if o.apart {
		cluster.Cores = []int{clusterCore}
		if err := playground.RunOn(webhookCore); err != nil {
			return s, err
		}
	}
	if s.cluster, err = playground.Start(ctx, cluster); err != nil {
		return s, err
	}
	s.AtEnd(s.cluster.Stop)
	if s.client, err = s.cluster.ProtobufClient(); err != nil {
		return s, err
	}
	if err := errors.Join(os.MkdirAll(s.certs, 0o700), playground.ServingCert(s.certs, "127.0.0.1", "*."+corev1.NamespaceDefault+".svc")); err != nil {
		return s, err
	}
	if err := s.account(ctx, corev1.NamespaceDefault); err != nil {
		return s, err
	}
	return s, s.startWebhook(ctx, programs.Spillway)
}

// account makes the service account without which a namespace has no pods: there is
// no controller that does.
func (s *stage) account(ctx context.Context, namespace string) error {
	account := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Name: "default"}}
	if _, err := s.client.CoreV1().ServiceAccounts(namespace).Create(ctx, account, metav1.CreateOptions{}); err != nil {
		return fmt.Errorf("cannot create a service account: %w", err)
	}
	return nil
}

// The cores of machines apart.
const (
	clusterCore = 0
	webhookCore = 1
)

// ca is the file with the CA of the webhooks' certificate.
func (s *stage) ca() string { return filepath.Join(s.certs, "ca.crt") }

func (s *stage) startWebhook(ctx context.Context, binary string) error {
	address, err := s.Ports.TakeAddress()
	if err != nil {
		return err
	}
	s.profiles = "http://" + address
	if s.webhook, err = playground.StartWebhook(ctx, playground.WebhookOptions{
		Binary: binary, Upstream: s.cluster,
		CertArgs:  []string{"--cert-dir=" + s.certs, "--ca-file=" + s.ca()},
		ExtraArgs: []string{"--profile-address=" + address},
	}); err != nil {
		return err
	}
	s.AtEnd(s.webhook.Stop)
	if s.endpoint, err = s.service(ctx, "spillway", s.webhook.URL); err != nil {
		return err
	}
	return s.webhook.WaitPolicies(ctx)
}

// alone has Spillway run just for its own cases: it watches pods whoever is asked
// about them, and would take from the others what it is measured by.
func (s *stage) alone(ctx context.Context, c *subject) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	if c.process != s.webhook.Process {
		return s.webhook.Stop(ctx)
	}
	if err := s.runs(ctx); err != nil {
		return err
	}
	return s.known(ctx, c)
}

// runs has Spillway run.
func (s *stage) runs(ctx context.Context) error {
	if s.webhook.Running() {
		return nil
	}
	return errors.Join(s.webhook.Start(), s.webhook.WaitReady(ctx), s.registerSpillway(ctx))
}
