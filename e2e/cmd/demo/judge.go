package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"

	"github.com/spillway-io/spillway/api"
	"github.com/spillway-io/spillway/e2e/playground"
)

// pair is one pod of a workload in both clusters; downstream is nil as long as
// there is none.
type pair struct {
	workload             workload
	upstream, downstream *corev1.Pod
}

func (p pair) name() string { return p.upstream.Namespace + "/" + p.upstream.Name }

// isAtHome says that the pod is on one of our own machines, and may be.
func (p pair) isAtHome() bool {
	return p.workload.atHome > 0 && p.upstream.Spec.NodeName != "" && p.upstream.Spec.NodeName != virtualNode
}

// unfinished says what the pair still lacks, nothing if it runs on both sides.
func (p pair) unfinished() string {
	if p.isAtHome() {
		if p.upstream.Status.Phase != corev1.PodRunning {
			return fmt.Sprintf("%s is %s at home", p.name(), p.upstream.Status.Phase)
		}
		return ""
	}
	if p.downstream == nil {
		return fmt.Sprintf("%s is %s upstream and not created downstream%s", p.name(), p.upstream.Status.Phase, why(p.upstream))
	}
	if p.upstream.Status.Phase != corev1.PodRunning || p.downstream.Status.Phase != corev1.PodRunning {
		return fmt.Sprintf("%s is %s upstream%s and %s downstream%s", p.name(),
			p.upstream.Status.Phase, why(p.upstream), p.downstream.Status.Phase, why(p.downstream))
	}
	return ""
}

// why tells what the pod's conditions say about not being scheduled.
func why(pod *corev1.Pod) string {
	for _, c := range pod.Status.Conditions {
		if c.Type == corev1.PodScheduled && c.Status != corev1.ConditionTrue {
			return " (" + c.Message + ")"
		}
	}
	return ""
}

// pairs finds the pods of all workloads upstream and, by the UID they stand
// for, those the virtual node created downstream.
func (d *demo) pairs(ctx context.Context) ([]pair, error) {
	workloads, err := readStory()
	if err != nil {
		return nil, err
	}
	created, err := d.downstream.Client().CoreV1().Pods(metav1.NamespaceAll).
		List(ctx, metav1.ListOptions{LabelSelector: labels.Set{api.VirtualNodeLabel: virtualNode}.String()})
	if err != nil {
		return nil, fmt.Errorf("cannot list the downstream pods: %w", err)
	}
	byUpstreamUID := map[types.UID]*corev1.Pod{}
	for i := range created.Items {
		pod := &created.Items[i]
		byUpstreamUID[types.UID(pod.Annotations[api.UpstreamUIDAnnotation])] = pod
	}
	var all []pair
	for _, w := range workloads {
		pods, err := d.upstream.Client().CoreV1().Pods(w.deployment.Namespace).
			List(ctx, metav1.ListOptions{LabelSelector: metav1.FormatLabelSelector(w.deployment.Spec.Selector)})
		if err != nil {
			return nil, fmt.Errorf("cannot list the pods of %s: %w", w.deployment.Name, err)
		}
		for i := range pods.Items {
			pod := &pods.Items[i]
			all = append(all, pair{workload: w, upstream: pod, downstream: byUpstreamUID[pod.UID]})
		}
	}
	return all, nil
}

// waitRunning waits for every pod and tells how far it is whenever that changes.
func (d *demo) waitRunning(ctx context.Context) error {
	workloads, err := readStory()
	if err != nil {
		return err
	}
	want := 0
	for _, w := range workloads {
		want += w.replicas()
	}
	told := -1
	return playground.Eventually(ctx, "every pod is Running in both clusters", func(ctx context.Context) error {
		pairs, err := d.pairs(ctx)
		if err != nil {
			return err
		}
		var unfinished []string
		for _, p := range pairs {
			if lack := p.unfinished(); lack != "" {
				unfinished = append(unfinished, lack)
			}
		}
		running := len(pairs) - len(unfinished)
		if running != told {
			d.say("   %d of %d\n", running, want)
			told = running
		}
		if running != want || len(pairs) != want {
			return fmt.Errorf("%d of %d pods exist upstream\n%s", len(pairs), want, strings.Join(unfinished, "\n"))
		}
		return nil
	})
}

// judge compares, prints the table and fails if anything is not as it must be.
func (d *demo) judge(ctx context.Context) error {
	pairs, err := d.pairs(ctx)
	if err != nil {
		return err
	}
	upstream, err := nodesOf(ctx, d.upstream)
	if err != nil {
		return err
	}
	downstream, err := nodesOf(ctx, d.downstream)
	if err != nil {
		return err
	}
	if err := unlabelled(upstream); err != nil {
		return err
	}
	d.say("   No node upstream, %s included, has a label %s.\n", virtualNode, strings.Join(telling(), ", "))

	verdicts := judgeAll(pairs, downstream)
	if err := printTable(d.out, verdicts); err != nil {
		return fmt.Errorf("cannot print the table: %w", err)
	}
	var errs []error
	for _, v := range verdicts {
		if !v.holds {
			errs = append(errs, fmt.Errorf("%s: %s", v.pair.name(), v.sentence))
		}
	}
	errs = append(errs, countAtHome(pairs)...)
	return errors.Join(append(errs, missingAgents(pairs)...)...)
}

// missingAgents finds pods that have no agent although they left, or have one
// although they are at home. Downstream they must have what they have upstream.
func missingAgents(pairs []pair) []error {
	var errs []error
	for _, p := range pairs {
		if p.workload.agent == "" {
			continue
		}
		if has(p.upstream, p.workload.agent) == p.isAtHome() {
			errs = append(errs, fmt.Errorf("%s: it is on %s, and whether it has the container %s: %t", p.name(), p.upstream.Spec.NodeName, p.workload.agent, p.isAtHome()))
		}
		if p.downstream != nil && !has(p.downstream, p.workload.agent) {
			errs = append(errs, fmt.Errorf("%s: downstream it has no container %s", p.name(), p.workload.agent))
		}
	}
	return errs
}

func has(pod *corev1.Pod, container string) bool {
	return slices.ContainsFunc(pod.Spec.Containers, func(c corev1.Container) bool { return c.Name == container })
}

// countAtHome finds workloads of which more or fewer pods are at home than their
// WorkloadSpread says.
func countAtHome(pairs []pair) []error {
	counts := map[string]int{}
	want := map[string]int{}
	for _, p := range pairs {
		want[p.workload.file] = p.workload.atHome
		if p.isAtHome() {
			counts[p.workload.file]++
		}
	}
	var errs []error
	for file, n := range want {
		if counts[file] != n {
			errs = append(errs, fmt.Errorf("%s: %d pods at home, want %d", file, counts[file], n))
		}
	}
	return errs
}

// nodesOf returns the nodes of a cluster.
func nodesOf(ctx context.Context, c *playground.Cluster) ([]*corev1.Node, error) {
	list, err := c.Client().CoreV1().Nodes().List(ctx, metav1.ListOptions{})
	if err != nil {
		return nil, fmt.Errorf("cannot list the nodes of %s: %w", c.Name(), err)
	}
	var nodes []*corev1.Node
	for i := range list.Items {
		nodes = append(nodes, &list.Items[i])
	}
	return nodes, nil
}

// unlabelled makes sure that no node could have satisfied the workloads: none
// has any of the labels they ask for.
func unlabelled(nodes []*corev1.Node) error {
	for _, node := range nodes {
		for _, key := range telling() {
			if value, found := node.Labels[key]; found {
				return fmt.Errorf("upstream node %s has the label %s=%s, so this proves nothing", node.Name, key, value)
			}
		}
	}
	return nil
}
