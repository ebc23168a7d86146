package main

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"strings"

	kruise "github.com/openkruise/kruise-api/apps/v1alpha1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/spillway-io/spillway/api"
)

const (
	// burst is how many pods are created in one moment, and ownRoom how many of them
	// belong into the first subset.
	burst   = 200
	ownRoom = 50
)

// burst is a turn of pods that are all created in one moment.
func (s *stage) burst(ctx context.Context, c *subject) (turn, error) {
	t, err := s.turn(ctx, c, burst, burst)
	if err != nil || !c.spread {
		return t, err
	}
	if err := s.exact(ctx, c); err != nil {
		// More calls than usual tell of answers that did not arrive, whose slots are held.
		return t, fmt.Errorf("after %d calls: %w", t.calls, err)
	}
	return t, nil
}

// exact says whether the pods of a burst are where they belong.
func (s *stage) exact(ctx context.Context, c *subject) error {
	list, err := s.client.CoreV1().Pods(c.name).List(ctx, metav1.ListOptions{})
	if err != nil {
		return fmt.Errorf("cannot count pods: %w", err)
	}
	got := map[string]int{}
	for i := range list.Items {
		got[subsetOf(&list.Items[i])]++
	}
	if want := map[string]int{"subset-a": ownRoom, "subset-b": burst - ownRoom}; !maps.Equal(got, want) {
		return fmt.Errorf("the pods of the burst are %v, want %v", got, want)
	}
	return nil
}

func subsetOf(pod *corev1.Pod) string {
	var matched struct{ Subset string }
	// A pod in no subset has no annotation, and shows as in "".
	_ = json.Unmarshal([]byte(pod.Annotations[api.MatchedWorkloadSpreadAnnotation]), &matched)
	return matched.Subset
}

// countsNone says whether Spillway has seen that the pods of a case are gone.
func (s *stage) countsNone(ctx context.Context, c *subject) error {
	text, _, err := s.cluster.Kubectl(ctx, "", "get", "workloadspreads", "web", "-n", c.name, "-o", "json")
	if err != nil {
		return err
	}
	spread := &kruise.WorkloadSpread{}
	if err := json.NewDecoder(strings.NewReader(text)).Decode(spread); err != nil {
		return err
	}
	for _, subset := range spread.Status.SubsetStatuses {
		if subset.Replicas > 0 {
			return fmt.Errorf("%d pods are counted in %s", subset.Replicas, subset.Name)
		}
	}
	return nil
}
