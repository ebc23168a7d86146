// Command explained measures how long `spillway explain` takes in a cluster with many
// pods: all of them of one Deployment in one namespace, most on machines of their own
// cluster and the rest on a virtual node, with the events of all of them still there.
//
// It fails where nothing is explained. Times are printed beside the limit that the
// command is to keep, and fail nothing: they are as much the machine's.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/spillway-io/spillway/e2e/playground"
	"github.com/spillway-io/spillway/e2e/stage"
)

const (
	namespace = "explained"
	// runs is how often each command is timed.
	runs = 9
	// limit is what the median is to keep.
	limit = time.Second
)

func main() {
	pods := flag.Int("pods", 5000, "how many pods there are")
	timeout := flag.Duration("timeout", 15*time.Minute, "how long all of it may take")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	ctx, cancel := context.WithTimeout(ctx, *timeout)
	defer cancel()
	if err := run(ctx, os.Stdout, *pods); err != nil {
		fmt.Fprintln(os.Stderr, "explained:", err)
		os.Exit(1) //nolint:gocritic // What is deferred only ends with the process.
	}
}

func run(ctx context.Context, out io.Writer, pods int) (err error) {
	dir, err := os.MkdirTemp("", "spillway-explained-")
	if err != nil {
		return fmt.Errorf("cannot make a folder for the clusters: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	s, err := stage.Set(ctx, stage.Options{
		Dir: dir, Out: os.Stderr,
		Own:        []*corev1.Node{large("own-1", playground.Label("pool", "own")), large("own-2", playground.Label("pool", "own"))},
		Downstream: []*corev1.Node{large("east-1")},
	})
	defer func() { err = errors.Join(err, s.Clear(context.WithoutCancel(ctx))) }()
	if err != nil {
		return err
	}
	one, err := fill(ctx, s, pods)
	if err != nil {
		return err
	}
	for _, what := range []string{"pod/" + one, "deployment/web"} {
		if err := measure(ctx, out, s, what); err != nil {
			return err
		}
	}
	return nil
}

func large(name string, more ...playground.NodeOption) *corev1.Node {
	return playground.FakeNode(name, append(more, playground.Capacity("1000", "1Ti", "20000"))...)
}

// fill creates the pods, four in five in the first subset, and returns the name of one
// on the virtual node.
func fill(ctx context.Context, s *stage.Stage, pods int) (string, error) {
	if err := s.Upstream.CreateNamespace(ctx, namespace, map[string]string{"virtual-pod": "true"}); err != nil {
		return "", err
	}
	if err := s.Upstream.Apply(ctx, fmt.Sprintf(manifest, namespace, pods*4/5, pods)); err != nil {
		return "", err
	}
	client := s.Upstream.Client()
	err := playground.Eventually(ctx, "all pods are ready", func(ctx context.Context) error {
		web, err := client.AppsV1().Deployments(namespace).Get(ctx, "web", metav1.GetOptions{})
		if err == nil && int(web.Status.ReadyReplicas) < pods {
			err = fmt.Errorf("%d of %d are", web.Status.ReadyReplicas, pods)
		}
		return err
	})
	if err != nil {
		return "", err
	}
	list, err := client.CoreV1().Pods(namespace).List(ctx, metav1.ListOptions{FieldSelector: "spec.nodeName=" + stage.Node, Limit: 1})
	if err != nil || len(list.Items) == 0 {
		return "", fmt.Errorf("no pod is on the virtual node: %w", err)
	}
	return list.Items[0].Name, nil
}

func measure(ctx context.Context, out io.Writer, s *stage.Stage, what string) error {
	var times []time.Duration
	for range runs {
		started := time.Now()
		command := exec.CommandContext(ctx, s.Spillway, "explain", what, "--namespace="+namespace,
			"--kubeconfig="+s.Upstream.AdminKubeconfig(), "--downstream-kubeconfig="+s.Downstream.AdminKubeconfig())
		text, err := command.CombinedOutput()
		if err != nil || !strings.Contains(string(text), "handled by Spillway") {
			return fmt.Errorf("explain %s: %w\n%s", what, err, text)
		}
		times = append(times, time.Since(started))
		if len(times) == runs {
			fmt.Fprintf(os.Stderr, "%s\n", text)
		}
	}
	slices.Sort(times)
	_, err := fmt.Fprintf(out, "%-40s median %s, fastest %s, slowest %s (limit %s)\n", what,
		times[runs/2].Round(time.Millisecond), times[0].Round(time.Millisecond), times[runs-1].Round(time.Millisecond), limit)
	return err
}

// manifest is filled with the namespace, the size of the first subset, and how many
// pods there are.
const manifest = `
apiVersion: apps.kruise.io/v1alpha1
kind: WorkloadSpread
metadata: {name: web, namespace: %[1]s}
spec:
  targetRef: {apiVersion: apps/v1, kind: Deployment, name: web}
  subsets:
  - name: own
    maxReplicas: %[2]d
    requiredNodeSelectorTerm: {matchExpressions: [{key: pool, operator: In, values: [own]}]}
  - name: cloud
    requiredNodeSelectorTerm: {matchExpressions: [{key: type, operator: In, values: [virtual-kubelet]}]}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: %[1]s}
spec:
  replicas: %[3]d
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      nodeSelector: {kubernetes.io/os: linux}
      containers: [{name: app, image: "app:1"}]
`
