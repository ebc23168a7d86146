package stories

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// TestRejectedCreatesHoldNoSlots: a quota judges pods after Spillway did. Those
// it refused, time and again, take nothing away from those it lets through.
func TestRejectedCreatesHoldNoSlots(t *testing.T) {
	s := tell(t, nil)
	allows := func(pods string) {
		t.Helper()
		s.applies(fmt.Sprintf("{apiVersion: v1, kind: ResourceQuota, metadata: {name: pods}, spec: {hard: {pods: %q}}}", pods))
		s.eventually("the quota holds", func(ctx context.Context) error {
			quota, err := s.upstream.Client().CoreV1().ResourceQuotas(s.namespace).Get(ctx, "pods", metav1.GetOptions{})
			if err != nil {
				return err
			}
			if got := quota.Status.Hard.Pods().String(); got != pods {
				return fmt.Errorf("it allows %s pods", got)
			}
			return nil
		})
	}
	allows("0")
	s.spreads(fmt.Sprintf(twoOwnFirst, "apps/v1", "Deployment"))
	s.applies(workload("apps/v1", "Deployment", 4, "web:1"))
	s.eventually("pods were refused four times", func(ctx context.Context) error {
		events, err := s.upstream.Client().CoreV1().Events(s.namespace).List(ctx, metav1.ListOptions{FieldSelector: "reason=FailedCreate"})
		if err != nil {
			return err
		}
		refused := 0
		for _, event := range events.Items {
			refused += int(event.Count)
		}
		if refused < 4 {
			return fmt.Errorf("%d times", refused)
		}
		return nil
	})
	allows("20")
	s.scales("Deployment", 5)
	s.isSpread("web:1", distribution{"a on own": 2, "b on east": 3})
}

// TestRefusedEvictionFreesNoSlot: pods that a disruption budget keeps where they
// are keep their slots.
func TestRefusedEvictionFreesNoSlot(t *testing.T) {
	s := tell(t, nil)
	s.spreads(fmt.Sprintf(twoOwnFirst, "apps/v1", "Deployment"))
	s.applies(workload("apps/v1", "Deployment", 4, "web:1"))
	s.isSpread("web:1", distribution{"a on own": 2, "b on east": 2})
	s.applies("{apiVersion: policy/v1, kind: PodDisruptionBudget, metadata: {name: web}, spec: {maxUnavailable: 0, selector: {matchLabels: {app: web}}}}")
	for range 3 {
		for name := range s.in("a") {
			err := s.upstream.Client().PolicyV1().Evictions(s.namespace).Evict(s.ctx, &policyv1.Eviction{ObjectMeta: metav1.ObjectMeta{Namespace: s.namespace, Name: name}})
			if !apierrors.IsTooManyRequests(err) {
				t.Errorf("evicting %s: %v, want a refusal", name, err)
			}
		}
	}
	s.scales("Deployment", 6)
	s.isSpread("web:1", distribution{"a on own": 2, "b on east": 4})
}

// TestDryRunReservesNothing: it shows where a pod would go, and nothing else.
func TestDryRunReservesNothing(t *testing.T) {
	s := tell(t, nil)
	s.spreads(fmt.Sprintf(twoOwnFirst, "apps.kruise.io/v1alpha1", "CloneSet"))
	set := s.appliesCloneSet(3)
	for i := range 4 {
		if pod, _ := s.createsOwned(set, fmt.Sprintf("dry-%d", i), "--dry-run=server"); subsetOf(pod) != "a" {
			t.Errorf("dry run %d goes to %q, want a", i, subsetOf(pod))
		}
	}
	for i, want := range []string{"a", "a", "b"} {
		if pod, _ := s.createsOwned(set, fmt.Sprintf("web-%d", i)); subsetOf(pod) != want {
			t.Errorf("pod %d goes to %q, want %s", i, subsetOf(pod), want)
		}
	}
}

// appliesCloneSet applies a CloneSet without anybody who keeps its pods.
func (s *story) appliesCloneSet(replicas int) metav1.OwnerReference {
	s.Helper()
	s.applies(workload("apps.kruise.io/v1alpha1", "CloneSet", replicas, "web:1"))
	uid, _, err := s.upstream.Kubectl(s.ctx, "", "get", "cloneset", "web", "-n", s.namespace, "-o=jsonpath={.metadata.uid}")
	s.must("get the CloneSet", err)
	controller := true
	return metav1.OwnerReference{APIVersion: "apps.kruise.io/v1alpha1", Kind: "CloneSet", Name: "web", UID: types.UID(uid), Controller: &controller}
}

// createsOwned creates a pod as its owner would, but with kubectl, and returns
// what became of it and what kubectl said on stderr.
func (s *story) createsOwned(owner metav1.OwnerReference, name string, flags ...string) (created *corev1.Pod, warnings string) {
	s.Helper()
	pod := newPod(name)
	pod.OwnerReferences = []metav1.OwnerReference{owner}
	return s.creates(pod, flags...)
}

// creates creates a pod with kubectl, and returns what became of it and what
// kubectl said on stderr.
func (s *story) creates(pod *corev1.Pod, flags ...string) (created *corev1.Pod, warnings string) {
	s.Helper()
	text, warnings, err := s.upstream.Kubectl(s.ctx, manifest(s.T, pod), append([]string{"create", "-n", s.namespace, "-f", "-", "-o", "json"}, flags...)...)
	s.must("create pod "+pod.Name, err)
	created = &corev1.Pod{}
	s.must("read what kubectl printed", json.Unmarshal([]byte(text), created))
	return created, warnings
}

// TestGetWorkloadSpreads: `kubectl get ws` says what is spread.
func TestGetWorkloadSpreads(t *testing.T) {
	s := tell(t, nil)
	s.spreads(fmt.Sprintf(commonFirst, "Deployment", "none"))
	table, _, err := s.upstream.Kubectl(s.ctx, "", "get", "ws", "-n", s.namespace)
	s.must("get the WorkloadSpreads", err)
	for _, want := range []string{"NAME", "KIND", "TARGET", "STRATEGY", "AGE", "web", "Deployment", "Adaptive"} {
		if !strings.Contains(table, want) {
			t.Errorf("kubectl says\n%swant %s in it", table, want)
		}
	}
}
