package translate

import (
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/spillway-io/spillway/api"
)

// isKubelets says whether a condition is the kubelet's to write and to remove.
func isKubelets(t corev1.PodConditionType) bool {
	switch t {
	case corev1.PodInitialized, corev1.PodReady, corev1.ContainersReady, corev1.PodReadyToStartContainers,
		corev1.PodResizePending, corev1.PodResizeInProgress, corev1.AllContainersRestarting:
		return true
	default:
		return false
	}
}

// conditions puts the downstream pod's word into the upstream pod's conditions:
// the kubelet's conditions and our own are replaced, all others stay, and
// DisruptionTarget, which either side may set, is taken over when downstream has
// it. Conditions keep their places, so that a status without news is equal.
func conditions(upstream, downstream *corev1.Pod, observed int64) []corev1.PodCondition {
	news := make(map[corev1.PodConditionType]corev1.PodCondition)
	order := make([]corev1.PodConditionType, 0, len(downstream.Status.Conditions))
	for _, c := range downstream.Status.Conditions {
		c, ok := translateCondition(c)
		if !ok {
			continue
		}
		if c.ObservedGeneration != 0 {
			c.ObservedGeneration = observed
		}
		news[c.Type] = c
		order = append(order, c.Type)
	}

	var result []corev1.PodCondition
	for _, c := range upstream.Status.Conditions {
		replacement, replaced := news[c.Type]
		switch {
		case replaced:
			result = append(result, replacement)
			delete(news, c.Type)
		case !isKubelets(c.Type) && c.Type != api.DownstreamScheduledCondition:
			result = append(result, c)
		}
	}
	for _, t := range order {
		if c, left := news[t]; left {
			result = append(result, c)
			delete(news, t)
		}
	}
	if c := ConditionOf(result, corev1.PodReady); c != nil {
		*c = ready(*c, result, upstream)
	}
	return result
}

// translateCondition returns the upstream form of a downstream condition, and
// false for one that has none.
func translateCondition(c corev1.PodCondition) (corev1.PodCondition, bool) {
	switch {
	case c.Type == corev1.PodScheduled:
		// Once scheduled there is nothing to tell: DownstreamNodeAnnotation does.
		c.Type = api.DownstreamScheduledCondition
		return c, c.Status == corev1.ConditionFalse
	default:
		return c, isKubelets(c.Type) || c.Type == corev1.DisruptionTarget
	}
}

// ready is the Ready condition of an upstream pod: the downstream pod's, and the
// upstream pod's readiness gates, which downstream does not know, as they stand in
// the conditions that go with it. A pod that waits for itself to be ready never is.
// Reason and message are the kubelet's.
func ready(downstream corev1.PodCondition, conditions []corev1.PodCondition, upstream *corev1.Pod) corev1.PodCondition {
	if downstream.Status != corev1.ConditionTrue || len(upstream.Spec.ReadinessGates) == 0 {
		return downstream
	}
	result, changed := downstream, downstream.LastTransitionTime
	var unmet []string
	for _, gate := range upstream.Spec.ReadinessGates {
		c := ConditionOf(conditions, gate.ConditionType)
		if c == nil || c.Type == corev1.PodReady || c.Status != corev1.ConditionTrue {
			unmet = append(unmet, string(gate.ConditionType))
		}
		if c != nil && changed.Before(&c.LastTransitionTime) {
			changed = c.LastTransitionTime
		}
	}
	if unmet != nil {
		result.Status = corev1.ConditionFalse
		result.Reason = "ReadinessGatesNotReady"
		result.Message = fmt.Sprintf("readiness gates not met: %s", strings.Join(unmet, ", "))
	}
	result.LastTransitionTime = transition(ConditionOf(upstream.Status.Conditions, corev1.PodReady), result.Status, changed)
	return result
}

// transition keeps the time of the last change while nothing changes.
func transition(before *corev1.PodCondition, status corev1.ConditionStatus, changed metav1.Time) metav1.Time {
	if before != nil && before.Status == status {
		return before.LastTransitionTime
	}
	return changed
}

// ConditionOf returns the condition of a type, in its place, or nil.
func ConditionOf(conditions []corev1.PodCondition, t corev1.PodConditionType) *corev1.PodCondition {
	for i := range conditions {
		if conditions[i].Type == t {
			return &conditions[i]
		}
	}
	return nil
}
