package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sync/errgroup"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/spillway-io/spillway/e2e/admissions"
	"github.com/spillway-io/spillway/e2e/playground"
	"github.com/spillway-io/spillway/e2e/rig"
)

const (
	shop = "shop"
	// warmth is how many pods are admitted before anything is measured.
	warmth = 300
	// admitted is how many pods are created among policies.
	admitted = 1000
)

// measurePods creates pods of one workload, of which a capped subset takes a half: each
// other admission takes a slot.
func measurePods(ctx context.Context, p rig.Programs, size int, o options) (cost, error) {
	return withWebhook(ctx, p, load{name: fmt.Sprintf("pods-%d", size), pods: size, capacity: size / 2}, size, o)
}

// measureSidecarSets creates pods among SidecarSets of which one selects them.
func measureSidecarSets(ctx context.Context, p rig.Programs, size int, o options) (cost, error) {
	sets := []string{admissions.SidecarSet(0, app)}
	for i := range size - 1 {
		sets = append(sets, fmt.Sprintf(otherSet, i))
	}
	return withWebhook(ctx, p, load{name: fmt.Sprintf("sidecarsets-%d", size), pods: admitted, policies: sets}, size, o)
}

// otherSet is formatted with a number, and selects no pod. It is small: each set that is
// made is held against all that there are, which takes minutes with large ones, and what
// else is in a set that does not select a pod is nothing to its admission.
const otherSet = `---
apiVersion: apps.kruise.io/v1alpha1
kind: SidecarSet
metadata: {name: other-%[1]d}
spec:
  selector: {matchLabels: {app: other-%[1]d}}
  updateStrategy: {type: NotUpdate}
  containers: [{name: log-%[1]d, image: "registry.example/logs/agent:v2.7.1", resources: {requests: {cpu: 10m, memory: 16Mi}}}]
`

// measureWorkloadSpreads creates pods among WorkloadSpreads of which one targets their
// workload. The others have workloads of their own.
func measureWorkloadSpreads(ctx context.Context, p rig.Programs, size int, o options) (cost, error) {
	var spreads []string
	for i := range size - 1 {
		other := fmt.Sprintf("other-%d", i)
		spreads = append(spreads, fmt.Sprintf(cloneSet, other, shop, 0)+fmt.Sprintf(spread, other, shop, admitted/2))
	}
	l := load{name: fmt.Sprintf("workloadspreads-%d", size), pods: admitted, capacity: admitted / 2, policies: spreads}
	return withWebhook(ctx, p, l, size, o)
}

// load is what a webhook has to do.
type load struct {
	// name is that of its profile.
	name string
	pods int
	// capacity is that of the first subset of the workload's WorkloadSpread; 0: none.
	capacity int
	// policies are further objects, YAML.
	policies []string
}

func withWebhook(ctx context.Context, p rig.Programs, l load, size int, o options) (cost, error) {
	var ports playground.Ports
	defer func() { _ = ports.Release() }() // Releasing closes files that only reserve.
	profiles, err := ports.TakeAddress()
	if err != nil {
		return cost{}, err
	}
	return on(ctx, webhookStage(p, "--profile-address="+profiles), func(ctx context.Context, s *stage) (cost, error) {
		clients, err := s.upstream.ProtobufClient()
		if err != nil {
			return cost{}, err
		}
		warm := group{client: clients, namespace: "warm", pods: warmth}
		if warm.owner, err = s.workload(ctx, warm, l.capacity); err != nil {
			return cost{}, err
		}
		pods := group{client: clients, namespace: shop, pods: l.pods}
		if pods.owner, err = s.workload(ctx, pods, l.capacity); err != nil {
			return cost{}, err
		}
		if err := s.apply(ctx, l.policies); err != nil {
			return cost{}, err
		}
		if err := warm.create(ctx); err != nil {
			return cost{}, err
		}
		c, err := meter{process: s.webhook.Usage, beside: s.upstream.APIServer.Usage}.measure(ctx, func(ctx context.Context) error {
			return profiled(ctx, pods.create, o.profiles, l.name, profiles, max(5, l.pods/200))
		})
		c.size, c.loads = size, l.pods
		return c, errors.Join(err, s.placed(ctx, l))
	})
}

// workload makes the namespace of pods, their workload and, if it has a capacity, its
// WorkloadSpread.
func (s *stage) workload(ctx context.Context, pods group, capacity int) (owner *metav1.OwnerReference, err error) {
	if owner, err = s.cloneSet(ctx, pods.namespace, pods.pods); err != nil || capacity == 0 {
		return owner, err
	}
	return owner, s.upstream.Apply(ctx, fmt.Sprintf(spread, app, pods.namespace, capacity))
}

// apply applies objects, several at a time.
func (s *stage) apply(ctx context.Context, objects []string) error {
	applying, ctx := errgroup.WithContext(ctx)
	for chunk := range slices.Chunk(objects, len(objects)/clients+1) {
		applying.Go(func() error { return s.upstream.Apply(ctx, strings.Join(chunk, "")) })
	}
	return applying.Wait()
}

// spread is formatted with a name, which is also the workload's, a namespace and a
// capacity.
const spread = `---
apiVersion: apps.kruise.io/v1alpha1
kind: WorkloadSpread
metadata: {name: %[1]s, namespace: %[2]s}
spec:
  targetRef: {apiVersion: apps.kruise.io/v1alpha1, kind: CloneSet, name: %[1]s}
  subsets:
  - {name: own, maxReplicas: %[3]d, requiredNodeSelectorTerm: {matchExpressions: [{key: pool, operator: In, values: [own]}]}, patch: {metadata: {labels: {subset: own}}}}
  - {name: east, requiredNodeSelectorTerm: {matchExpressions: [{key: clusterID, operator: In, values: [east]}]}, patch: {metadata: {labels: {subset: east}}}}
`

// placed checks that the work was done: a subset that is full, or a sidecar in a pod.
func (s *stage) placed(ctx context.Context, l load) error {
	arguments := []string{"get", "pods", "-n", shop, "-o=name", "-l", "subset=own"}
	want := l.capacity
	if l.capacity == 0 {
		arguments, want = []string{"get", "pod", app + "-00000", "-n", shop, `-o=jsonpath={range .spec.containers[*]}{.name}{"\n"}{end}`}, 4
	}
	names, _, err := s.upstream.Kubectl(ctx, "", arguments...)
	if got := len(strings.Fields(names)); err == nil && got != want {
		err = fmt.Errorf("kubectl %s has %d lines, want %d", strings.Join(arguments, " "), got, want)
	}
	return err
}

// profiled runs do, and keeps a profile of so many seconds of the webhook meanwhile if
// folder is not empty.
func profiled(ctx context.Context, do func(context.Context) error, folder, name, address string, seconds int) error {
	if folder == "" {
		return do(ctx)
	}
	work, ctx := errgroup.WithContext(ctx)
	work.Go(func() error { return do(ctx) })
	work.Go(func() error {
		return playground.KeepProfile(ctx, "http://"+address, "profile?seconds="+strconv.Itoa(seconds), filepath.Join(folder, name+".pprof"))
	})
	return work.Wait()
}
