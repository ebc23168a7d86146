package stories

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
)

// returning: so many pods on the nodes of a pool, the rest on the virtual node,
// from where they return when there has been room for two seconds.
const returning = `
apiVersion: apps.kruise.io/v1alpha1
kind: WorkloadSpread
metadata: {name: web, annotations: {spillway.io/return-to-base: 2s}}
spec:
  targetRef: {apiVersion: apps/v1, kind: Deployment, name: web}
  scheduleStrategy: {type: Adaptive, adaptive: {rescheduleCriticalSeconds: 3}}
  subsets:
  - name: a
    maxReplicas: %d
    requiredNodeSelectorTerm: {matchExpressions: [{key: pool, operator: In, values: [%s]}]}
    tolerations: [{key: pool, operator: Exists}]
  - name: b
    requiredNodeSelectorTerm: {matchExpressions: [{key: clusterID, operator: In, values: [east]}]}
`

// events returns those of a kind of object with a reason, in words.
func (s *story) events(kind, reason string) (all []string, err error) {
	return s.eventsIn(s.namespace, kind, reason)
}

// eventsIn does so in any namespace; events of objects without one are in default.
func (s *story) eventsIn(namespace, kind, reason string) (all []string, err error) {
	text, _, err := s.upstream.Kubectl(s.ctx, "", "get", "events", "-n", namespace,
		fmt.Sprintf("--field-selector=reason=%s,involvedObject.kind=%s", reason, kind),
		`-o=jsonpath={range .items[*]}{.message}{"\n"}{end}`)
	return strings.FieldsFunc(text, func(r rune) bool { return r == '\n' }), err
}

// says waits for an event on the WorkloadSpread and on its target.
func (s *story) says(reason, words string) {
	s.Helper()
	s.eventually(fmt.Sprintf("events %s say %q", reason, words), func(context.Context) error {
		var errs []error
		for _, kind := range []string{"WorkloadSpread", "Deployment"} {
			events, err := s.events(kind, reason)
			if err == nil && !strings.Contains(strings.Join(events, "\n"), words) {
				err = fmt.Errorf("the events of the %s are %q", kind, events)
			}
			errs = append(errs, err)
		}
		return errors.Join(errs...)
	})
}

// hasReturned waits until the events tell of as many pods that were evicted.
func (s *story) hasReturned(n int) {
	s.Helper()
	s.eventually(fmt.Sprintf("%d pods have been told to return", n), func(context.Context) error {
		events, err := s.events("WorkloadSpread", "ReturnedToBase")
		if err == nil && len(events) != n {
			err = fmt.Errorf("the events are %q", events)
		}
		return err
	})
}

// TestPodsReturnToBase: there is room on own machines again. No pod returns
// against a disruption budget; when it allows that, as many do as there is room
// for, and those that are at home already stay.
func TestPodsReturnToBase(t *testing.T) {
	const budget = "{apiVersion: policy/v1, kind: PodDisruptionBudget, metadata: {name: web}, spec: {maxUnavailable: %d, selector: {matchLabels: {app: web}}}}"
	s := tell(t, nil)
	upstream, _ := s.watches(s.upstream)
	s.spreads(fmt.Sprintf(returning, 2, "own"))
	s.applies(workload("apps/v1", "Deployment", 5, "web:1"))
	s.isSpread("web:1", distribution{"a on own": 2, "b on east": 3})
	home := s.in("a")

	s.applies(fmt.Sprintf(budget, 0))
	s.eventually("the disruption budget counts", func(ctx context.Context) error {
		healthy, _, err := s.upstream.Kubectl(ctx, "", "get", "pdb", "web", "-n", s.namespace, "-o=jsonpath={.status.currentHealthy}")
		if err == nil && healthy != "5" {
			err = fmt.Errorf("%s pods are healthy", healthy)
		}
		return err
	})
	s.spreads(fmt.Sprintf(returning, 4, "own"))
	s.says("NotReturnedToBase", "disruption budget")
	if seen := upstream.seen(); seen != 5 {
		t.Errorf("%d pods have been seen, want the first five", seen)
	}

	began := time.Now()
	s.applies(fmt.Sprintf(budget, 1))
	s.isSpread("web:1", distribution{"a on own": 4, "b on east": 1})
	t.Logf("two pods returned in %.1f s", time.Since(began).Seconds())
	s.hasReturned(2)
	s.says("ReturnedToBase", `subset "a" has had room for`)
	if seen := upstream.seen(); seen != 7 {
		t.Errorf("%d pods have been seen, want five and two that returned", seen)
	}
	now := s.in("a")
	for name := range home {
		if now[name] == nil {
			t.Errorf("pod %s was in a from the start, and is gone", name)
		}
	}
}

// TestReturnWithoutRoomIsNotRepeated: the subset has a slot, and no node for it.
// The pod that tried it is back where it was, and no other tries.
func TestReturnWithoutRoomIsNotRepeated(t *testing.T) {
	s := tell(t, nil)
	s.hasNode("tight-1", "32", "2")
	s.spreads(fmt.Sprintf(returning, 2, "tight"))
	s.applies(workload("apps/v1", "Deployment", 4, "web:1"))
	s.isSpread("web:1", distribution{"a on tight": 2, "b on east": 2})

	s.spreads(fmt.Sprintf(returning, 4, "tight"))
	s.says("NotReturnedToBase", "found no earlier subset either")
	s.isSpread("web:1", distribution{"a on tight": 2, "b on east": 2})
	s.eventually("a may be tried again", func(context.Context) error { return s.schedulable("a", "Unknown") })
	s.isSpread("web:1", distribution{"a on tight": 2, "b on east": 2})
	s.hasReturned(1)
}
