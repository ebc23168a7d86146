package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/spillway-io/spillway/e2e/binaries"
	"github.com/spillway-io/spillway/e2e/playground"
	"github.com/spillway-io/spillway/webhook"
)

const (
	namespace    = "shop"
	startTimeout = 2 * time.Minute
)

// stage is a cluster with a webhook, and beside it the null webhooks, which nobody
// registers.
type stage struct {
	cluster               *playground.Cluster
	raw, decode, spillway *server
	// profiles is where the webhook serves its profiles.
	profiles string

	ports playground.Ports
	stops []func(context.Context) error
	// there says what of the scenario before is there.
	there scenario
}

func start(ctx context.Context, dir, spillway string) (*stage, error) {
	s := &stage{}
	paths, err := binaries.Components(ctx, binaries.Options{Out: os.Stderr})
	if err != nil {
		return s, err
	}
	if spillway == "" {
		if spillway, err = binaries.Spillway(ctx, binaries.Options{Out: os.Stderr}); err != nil {
			return s, err
		}
	}
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	if s.cluster, err = playground.Start(ctx, playground.Options{Name: "upstream", Dir: dir, Binaries: paths}); err != nil {
		return s, err
	}
	s.stops = append(s.stops, s.cluster.Stop)
	if err := s.startWebhook(ctx, spillway); err != nil {
		return s, err
	}
	certs := filepath.Join(dir, "certs")
	if err := os.MkdirAll(certs, 0o700); err != nil {
		return s, err
	}
	if err := playground.ServingCert(certs, "127.0.0.1"); err != nil {
		return s, err
	}
	if s.raw, err = s.startNull(ctx, nullRaw, dir, certs); err != nil {
		return s, err
	}
	s.decode, err = s.startNull(ctx, nullDecode, dir, certs)
	return s, err
}

func (s *stage) startWebhook(ctx context.Context, binary string) error {
	profiles, err := s.ports.TakeAddress()
	if err != nil {
		return err
	}
	s.profiles = "http://" + profiles
	process, err := playground.StartWebhook(ctx, playground.WebhookOptions{Binary: binary, Upstream: s.cluster, ExtraArgs: []string{"--profile-address=" + profiles}})
	if err != nil {
		return err
	}
	s.stops = append(s.stops, process.Stop)
	s.spillway, err = newServer("spillway", process.URL+webhook.Path, process.CA, process.Process)
	return errors.Join(err, process.WaitPolicies(ctx))
}

// startNull starts this program again, as a null webhook.
func (s *stage) startNull(ctx context.Context, kind, dir, certs string) (*server, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	address, err := s.ports.TakeAddress()
	if err != nil {
		return nil, err
	}
	process, err := playground.StartProcess("null-"+kind, dir, self, "-null="+kind, "-address="+address, "-certs="+certs)
	if err != nil {
		return nil, err
	}
	s.stops = append(s.stops, process.Stop)
	null, err := newServer(kind, "https://"+address, filepath.Join(certs, "ca.crt"), process)
	if err != nil {
		return nil, err
	}
	review, err := newReviews(webPod(namespace, metav1.OwnerReference{}), nil)
	if err != nil {
		return nil, err
	}
	return null, playground.Eventually(ctx, kind+" answers", func(ctx context.Context) error {
		_, err := null.ask(ctx, review.next())
		return err
	})
}

func (s *stage) stop(ctx context.Context) error {
	var errs []error
	for _, stop := range slices.Backward(s.stops) {
		errs = append(errs, stop(ctx))
	}
	return errors.Join(append(errs, s.ports.Release())...)
}

// pod makes the workload, and returns a pod of it as API servers ask about it.
func (s *stage) pod(ctx context.Context) (*corev1.Pod, error) {
	ctx, cancel := context.WithTimeout(ctx, setTimeout)
	defer cancel()
	if err := s.cluster.CreateNamespace(ctx, namespace, nil); err != nil {
		return nil, err
	}
	if err := s.cluster.Apply(ctx, workload); err != nil {
		return nil, err
	}
	var owner metav1.OwnerReference
	err := playground.Eventually(ctx, "the Deployment has a ReplicaSet", func(ctx context.Context) error {
		sets, err := s.cluster.Client().AppsV1().ReplicaSets(namespace).List(ctx, metav1.ListOptions{})
		if err != nil {
			return err
		}
		if len(sets.Items) != 1 {
			return fmt.Errorf("there are %d", len(sets.Items))
		}
		set := &sets.Items[0]
		owner = metav1.OwnerReference{APIVersion: "apps/v1", Kind: "ReplicaSet", Name: set.Name, UID: set.UID, Controller: new(true), BlockOwnerDeletion: new(true)}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return defaulted(ctx, s.cluster, webPod(namespace, owner))
}

// set has the cluster be as the scenario wants it, and returns the patch that a pod
// gets then.
func (s *stage) set(ctx context.Context, sc scenario, requests *reviews) (patch []byte, operations int, err error) {
	ctx, cancel := context.WithTimeout(ctx, setTimeout)
	defer cancel()
	if err := s.arrange(ctx, sc); err != nil {
		return nil, 0, err
	}
	s.there = sc
	err = playground.Eventually(ctx, "the webhook knows what there is", func(ctx context.Context) error {
		if patch, operations, err = s.spillway.patch(ctx, requests.next()); err != nil {
			return err
		}
		return sc.fits(patch, operations)
	})
	return patch, operations, err
}

func (s *stage) arrange(ctx context.Context, sc scenario) error {
	if sc.sets != s.there.sets || sc.others != s.there.others {
		if _, _, err := s.cluster.Kubectl(ctx, "", "delete", "sidecarsets", "--all"); err != nil {
			return err
		}
		if sets := sc.sidecarSets(); sets != "" {
			if err := s.cluster.Apply(ctx, sets); err != nil {
				return err
			}
		}
	}
	if sc.capacity == s.there.capacity {
		return nil
	}
	if _, _, err := s.cluster.Kubectl(ctx, "", "delete", "workloadspreads", "--all", "-n", namespace); err != nil {
		return err
	}
	if sc.capacity == 0 {
		return nil
	}
	return s.cluster.Apply(ctx, fmt.Sprintf(workloadSpread, sc.capacity))
}
