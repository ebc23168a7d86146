package capacity

import (
	"slices"
	"strconv"

	corev1 "k8s.io/api/core/v1"
)

// Policy is what the operator decides about the offer. The zero value offers all
// there is on nodes without taints.
type Policy struct {
	// Tolerated are the taints that do not make a node unusable, as tolerations.
	// They should be those that our downstream pods have.
	Tolerated []corev1.Toleration
	// Reserve is held back from the sum over all nodes, which never falls below
	// zero by it.
	Reserve corev1.ResourceList
	// Limit is the most that is offered of a resource. One that no node has is not
	// offered for being limited.
	Limit corev1.ResourceList
}

// Why a node is not usable, in the order in which it is said.
const (
	gone     = "being deleted"
	notReady = "not ready"
	cordoned = "cordoned"
	tainted  = "tainted"
)

// Usable says whether new pods may start on a downstream node: it is ready, not
// cordoned, not about to be removed, and every taint that keeps pods off it is
// tolerated. Readiness that is unknown, or was never told, counts as none.
func (p Policy) Usable(node *corev1.Node) bool { return p.unusable(node) == "" }

// unusable says why new pods may not start on a node; it is empty if they may.
func (p Policy) unusable(node *corev1.Node) string {
	switch {
	case node.DeletionTimestamp != nil:
		return gone
	case !ready(node):
		return notReady
	case node.Spec.Unschedulable:
		return cordoned
	case slices.ContainsFunc(node.Spec.Taints, p.keepsOff):
		return tainted
	}
	return ""
}

func ready(node *corev1.Node) bool {
	return slices.ContainsFunc(node.Status.Conditions, func(c corev1.NodeCondition) bool {
		return c.Type == corev1.NodeReady && c.Status == corev1.ConditionTrue
	})
}

// keepsOff says whether a taint keeps pods off its node. PreferNoSchedule only
// asks.
func (p Policy) keepsOff(taint corev1.Taint) bool {
	if taint.Effect == corev1.TaintEffectPreferNoSchedule {
		return false
	}
	return !slices.ContainsFunc(p.Tolerated, func(t corev1.Toleration) bool { return tolerates(t, taint) })
}

// tolerates is the scheduler's rule. The API machinery's own function wants a
// logger for numbers that are none; they tolerate nothing.
func tolerates(t corev1.Toleration, taint corev1.Taint) bool {
	if t.Effect != "" && t.Effect != taint.Effect || t.Key != "" && t.Key != taint.Key {
		return false
	}
	switch t.Operator {
	case corev1.TolerationOpExists:
		return true
	case corev1.TolerationOpEqual, "":
		return t.Value == taint.Value
	case corev1.TolerationOpLt, corev1.TolerationOpGt:
		bound, err := strconv.ParseInt(t.Value, 10, 64)
		value, err2 := strconv.ParseInt(taint.Value, 10, 64)
		return err == nil && err2 == nil && (t.Operator == corev1.TolerationOpLt && value < bound || t.Operator == corev1.TolerationOpGt && value > bound)
	default:
		return false
	}
}

// offered is what the policy leaves of a sum.
func (p Policy) offered(sum corev1.ResourceList) corev1.ResourceList {
	for name, quantity := range sum {
		if held, reserved := p.Reserve[name]; reserved {
			quantity.Sub(held)
		}
		if limit, limited := p.Limit[name]; limited && quantity.Cmp(limit) > 0 {
			quantity = limit.DeepCopy()
		}
		sum[name] = atLeastZero(quantity)
	}
	return sum
}
