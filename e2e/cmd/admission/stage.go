package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/spillway-io/spillway/api"
	"github.com/spillway-io/spillway/e2e/admissions"
	"github.com/spillway-io/spillway/e2e/playground"
	"github.com/spillway-io/spillway/e2e/rig"
	"github.com/spillway-io/spillway/webhook"
)

const (
	namespace    = "shop"
	startTimeout = 2 * time.Minute
)

// stage is a cluster with a webhook, and beside it the null webhooks, which nobody
// registers.
type stage struct {
	*rig.Rig

	cluster               *playground.Cluster
	raw, decode, spillway *server
	// profiles is where the webhook serves its profiles.
	profiles string
	// pods are those that each workload asks for, as API servers ask about them.
	pods map[string]*corev1.Pod
	// there says what of the scenario before is there.
	there scenario
}

func start(ctx context.Context, r *rig.Rig, spillway string) (*stage, error) {
	s := &stage{Rig: r}
	programs, err := rig.Build(ctx, spillway)
	if err != nil {
		return s, err
	}
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	if s.cluster, err = playground.Start(ctx, playground.Options{
		Name: "upstream", Dir: s.Dir, Binaries: programs.Components,
		ExtraArgs: map[playground.Component][]string{playground.ControllerManager: {"--controllers=*,-replicaset-controller"}},
	}); err != nil {
		return s, err
	}
	s.AtEnd(s.cluster.Stop)
	if err := s.startWebhook(ctx, programs.Spillway); err != nil {
		return s, err
	}
	certs := filepath.Join(s.Dir, "certs")
	if err := os.MkdirAll(certs, 0o700); err != nil {
		return s, err
	}
	if err := playground.ServingCert(certs, "127.0.0.1"); err != nil {
		return s, err
	}
	if s.raw, err = s.startNull(ctx, admissions.NullRaw, certs); err != nil {
		return s, err
	}
	s.decode, err = s.startNull(ctx, admissions.NullDecode, certs)
	return s, err
}

func (s *stage) startWebhook(ctx context.Context, binary string) error {
	profiles, err := s.Ports.TakeAddress()
	if err != nil {
		return err
	}
	s.profiles = "http://" + profiles
	process, err := playground.StartWebhook(ctx, playground.WebhookOptions{Binary: binary, Upstream: s.cluster, ExtraArgs: []string{"--profile-address=" + profiles}})
	if err != nil {
		return err
	}
	s.AtEnd(process.Stop)
	s.spillway, err = newServer("spillway", process.URL+webhook.Path, process.CA, process.Process)
	return errors.Join(err, process.WaitPolicies(ctx))
}

// startNull starts this program again, as a null webhook.
func (s *stage) startNull(ctx context.Context, kind, certs string) (*server, error) {
	process, url, err := admissions.Null{Kind: kind, Certs: certs}.Start(s.Dir, &s.Ports)
	if err != nil {
		return nil, err
	}
	s.AtEnd(process.Stop)
	null, err := newServer(kind, url, filepath.Join(certs, "ca.crt"), process)
	if err != nil {
		return nil, err
	}
	review, err := admissions.NewReviews(admissions.WebPod(namespace, metav1.OwnerReference{}), nil)
	if err != nil {
		return nil, err
	}
	return null, playground.Eventually(ctx, kind+" answers", func(ctx context.Context) error {
		_, err := null.Ask(ctx, review.Next())
		return err
	})
}

// prepare makes the workloads.
func (s *stage) prepare(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, setTimeout)
	defer cancel()
	if err := s.cluster.CreateNamespace(ctx, namespace, nil); err != nil {
		return err
	}
	if err := s.cluster.Apply(ctx, deployment(wanting, 1_000_000)+deployment(content, 0)); err != nil {
		return err
	}
	s.pods = map[string]*corev1.Pod{}
	for _, name := range []string{wanting, content} {
		owner, err := s.replicaSet(ctx, name)
		if err != nil {
			return err
		}
		if s.pods[name], err = admissions.Defaulted(ctx, s.cluster, admissions.WebPod(namespace, owner)); err != nil {
			return err
		}
	}
	return nil
}

// replicaSet is that of a Deployment.
func (s *stage) replicaSet(ctx context.Context, deployment string) (owner metav1.OwnerReference, err error) {
	err = playground.Eventually(ctx, "the Deployment has a ReplicaSet", func(ctx context.Context) error {
		sets, err := s.cluster.Client().AppsV1().ReplicaSets(namespace).List(ctx, metav1.ListOptions{LabelSelector: "workload=" + deployment})
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
	return owner, err
}

// set has the cluster be as the scenario wants it, and returns the patch that a pod
// gets then.
func (s *stage) set(ctx context.Context, sc scenario, requests *admissions.Reviews) (patch []byte, operations int, err error) {
	ctx, cancel := context.WithTimeout(ctx, setTimeout)
	defer cancel()
	if err := s.arrange(ctx, sc); err != nil {
		return nil, 0, err
	}
	s.there = sc
	err = playground.Eventually(ctx, "the webhook knows what there is", func(ctx context.Context) error {
		if patch, operations, err = s.spillway.Patch(ctx, requests.Next()); err != nil {
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
	if sc.capacity == s.there.capacity && sc.owner == s.there.owner {
		return nil
	}
	if _, _, err := s.cluster.Kubectl(ctx, "", "delete", "workloadspreads", "--all", "-n", namespace); err != nil {
		return err
	}
	if sc.capacity == none {
		return nil
	}
	if err := s.cluster.Apply(ctx, sc.workloadSpread()); err != nil {
		return err
	}
	if sc.capacity == full {
		return s.fill(ctx, sc)
	}
	return nil
}

// fill creates the pod that takes the one slot of the first subset.
func (s *stage) fill(ctx context.Context, sc scenario) error {
	pods := s.cluster.Client().CoreV1().Pods(namespace)
	first := s.pods[sc.owner].DeepCopy()
	first.Name, first.GenerateName = "first-of-"+sc.owner, ""
	first.ManagedFields = nil
	maps.Copy(first.Labels, sc.labels)
	return playground.Eventually(ctx, "a pod takes the one slot", func(ctx context.Context) error {
		created, err := pods.Create(ctx, first, metav1.CreateOptions{})
		if apierrors.IsAlreadyExists(err) {
			created, err = pods.Get(ctx, first.Name, metav1.GetOptions{})
		}
		if err != nil {
			return err
		}
		if match := created.Annotations[api.MatchedWorkloadSpreadAnnotation]; !strings.Contains(match, "subset-a") {
			return errors.Join(fmt.Errorf("it is in %q", match), pods.Delete(ctx, first.Name, metav1.DeleteOptions{GracePeriodSeconds: new(int64(0))}))
		}
		return nil
	})
}
