package scene

import (
	"context"
	"crypto/tls"
	_ "embed"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/spillway-io/spillway/e2e/faults"
	"github.com/spillway-io/spillway/e2e/playground"
)

//go:embed policies.yaml
var policies string

//go:embed workloads.yaml
var workloads string

//go:embed mistakes.yaml
var mistakes string

//go:embed foreign.yaml
var foreign string

//go:embed denied.yaml
var denied string

// Act is a part of the day. What it begins goes on while it is held.
type Act struct {
	// Name says what happens.
	Name string
	// begin makes it happen; what it returns, if anything, ends it.
	begin func(ctx context.Context) (end func() error, err error)
	// hold is how many beats it lasts, for whoever watches to see it: a rate needs time.
	hold int
}

// Quiet are the acts of a day on which all is well, Loud those of one on which it is not.
func (s *Stage) Quiet() []Act {
	return []Act{
		{"policies and workloads are created", s.found, 2},
		{"two pods more than own machines take", s.scales("shop", "web", 8), 2},
		{"a rush", s.scales("shop", "web", 24), 3},
		{"it ebbs", s.scales("shop", "web", 14), 2},
		{"a new version", s.rolls("web:2"), 3},
		{"a pool has no room", s.scales("batch", "crunch", 8), 5},
	}
}

// Loud are the acts of a day on which it is not.
func (s *Stage) Loud() []Act {
	return []Act{
		{"mistakes", s.errs, 2},
		{"somebody with another CA", s.distrusts, 1},
		{"new sidecars", s.newSidecars, 2},
		{"the downstream API server is overloaded", s.hit(faults.Fault{Unavailable: 0.4}, 20), 3},
		{"and down", s.hit(faults.Fault{Refused: true}, 26), 8},
		{"a webhook is lost", s.losesWebhook, 4},
		{"a virtual node starts again", s.orphans, 3},
		{"evening", s.scales("shop", "web", 4), 2},
	}
}

// Play plays acts, one after the other, in beats of that length, and tells of each.
func (s *Stage) Play(ctx context.Context, acts []Act, beat time.Duration, tell func(act string)) error {
	for _, act := range acts {
		tell(act.Name)
		end, err := act.begin(ctx)
		if err == nil {
			err = pass(ctx, time.Duration(act.hold)*beat)
		}
		if end != nil {
			err = errors.Join(err, end())
		}
		if err != nil {
			return fmt.Errorf("%s: %w", act.Name, err)
		}
	}
	return nil
}

// pass lets time pass, which is what is measured here: nothing is waited for.
func pass(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

func (s *Stage) found(ctx context.Context) (func() error, error) {
	for _, cluster := range []*playground.Cluster{s.Upstream, s.Downstream} {
		for _, namespace := range []string{"shop", "batch"} {
			if err := cluster.CreateNamespace(ctx, namespace, nil); err != nil {
				return nil, err
			}
		}
	}
	if err := errors.Join(s.Downstream.Apply(ctx, foreign), s.Upstream.Apply(ctx, policies)); err != nil {
		return nil, err
	}
	// A WorkloadSpread holds for pods that are created after it has been seen.
	err := playground.Eventually(ctx, "both policies are kept", func(ctx context.Context) error {
		seen, _, err := s.Upstream.Kubectl(ctx, "", "get", "workloadspreads", "-A", "-o", "jsonpath={.items[*].status.observedGeneration}")
		if err == nil && len(strings.Fields(seen)) != 2 {
			err = fmt.Errorf("seen are %q", seen)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return nil, s.Upstream.Apply(ctx, workloads)
}

// scales has a Deployment have that many pods.
func (s *Stage) scales(namespace, name string, replicas int) func(context.Context) (func() error, error) {
	return func(ctx context.Context) (func() error, error) {
		_, _, err := s.Upstream.Kubectl(ctx, "", "scale", "deployment", name, "-n", namespace, "--replicas="+strconv.Itoa(replicas))
		return nil, err
	}
}

// rolls has all pods of web created anew.
func (s *Stage) rolls(image string) func(context.Context) (func() error, error) {
	return func(ctx context.Context) (func() error, error) {
		_, _, err := s.Upstream.Kubectl(ctx, "", "set", "image", "deployment/web", "-n", "shop", "app="+image)
		return nil, err
	}
}

// errs makes mistakes that users make. One of them is denied.
func (s *Stage) errs(ctx context.Context) (func() error, error) {
	if err := s.Upstream.Apply(ctx, mistakes); err != nil {
		return nil, err
	}
	if _, _, err := s.Upstream.Kubectl(ctx, denied, "create", "-f", "-"); err == nil || !strings.Contains(err.Error(), "clusterSelector") {
		return nil, fmt.Errorf("a pod with a malformed stash is not denied for it: %w", err)
	}
	return nil, nil //nolint:nilnil // Nothing is to be ended.
}

// distrusts connects to a webhook and does not believe its certificate.
func (s *Stage) distrusts(ctx context.Context) (func() error, error) {
	address, err := url.Parse(s.Webhooks[0].URL)
	if err != nil {
		return nil, err
	}
	// The balancer turns to one replica after the other.
	for range 2 * len(s.Webhooks) {
		conn, err := (&tls.Dialer{Config: &tls.Config{MinVersion: tls.VersionTLS12}}).DialContext(ctx, "tcp", address.Host)
		if err == nil {
			return nil, errors.Join(errors.New("the playground's CA is believed"), conn.Close())
		}
	}
	return nil, nil //nolint:nilnil // Nothing is to be ended.
}

// newSidecars gives the sidecars of pods that run another image.
func (s *Stage) newSidecars(ctx context.Context) (func() error, error) {
	_, _, err := s.Upstream.Kubectl(ctx, "", "patch", "sidecarset", "logs", "--type=json",
		`-p=[{"op":"replace","path":"/spec/containers/0/image","value":"logs:2"}]`)
	return nil, err
}

// hit does something to the way downstream, while pods are wanted there.
func (s *Stage) hit(fault faults.Fault, replicas int) func(context.Context) (func() error, error) {
	return func(ctx context.Context) (func() error, error) {
		heal := s.Below.Inject(fault)
		_, err := s.scales("shop", "web", replicas)(ctx)
		return func() error { heal(); return nil }, err
	}
}

// losesWebhook stops one until the end of the act.
func (s *Stage) losesWebhook(ctx context.Context) (func() error, error) {
	lost := s.Webhooks[1]
	return func() error { return errors.Join(lost.Start(), lost.WaitReady(ctx)) }, lost.Kill()
}

// orphans has pods vanish upstream while nobody is there to see it.
func (s *Stage) orphans(ctx context.Context) (func() error, error) {
	if err := s.Node.Kill(); err != nil {
		return nil, err
	}
	pods, err := s.Upstream.Client().CoreV1().Pods("shop").List(ctx, metav1.ListOptions{FieldSelector: "spec.nodeName=" + VirtualNode, LabelSelector: "app=web"})
	if err != nil {
		return nil, err
	}
	for _, pod := range pods.Items[:min(2, len(pods.Items))] {
		if err := s.Upstream.Client().CoreV1().Pods(pod.Namespace).Delete(ctx, pod.Name, metav1.DeleteOptions{GracePeriodSeconds: new(int64)}); err != nil {
			return nil, err
		}
	}
	if err := errors.Join(s.Node.Start(), s.Node.WaitReady(ctx)); err != nil {
		return nil, err
	}
	return nil, playground.Eventually(ctx, "orphans are gone", func(ctx context.Context) error {
		for _, pod := range pods.Items[:min(2, len(pods.Items))] {
			below, err := s.Downstream.Client().CoreV1().Pods("shop").Get(ctx, pod.Name, metav1.GetOptions{})
			if err == nil && below.DeletionTimestamp == nil && below.Status.Phase == corev1.PodRunning {
				return fmt.Errorf("%s runs", pod.Name)
			}
		}
		return nil
	})
}
