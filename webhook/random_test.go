package webhook_test

import (
	"fmt"
	"math/rand/v2"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// dice throws pods. Everything comes from small alphabets, so that keys meet:
// routing keys and others, on pods and on nodes.
type dice struct{ *rand.Rand }

func (d dice) oneIn(n int) bool { return d.IntN(n) == 0 }

func pick[T any](d dice, from ...T) T { return from[d.IntN(len(from))] }

// some returns a list that is nil, empty, or has up to most elements.
func some[T any](d dice, most int, element func() T) []T {
	switch d.IntN(6) {
	case 0:
		return nil
	case 1:
		return []T{}
	}
	list := make([]T, 0, most)
	for range 1 + d.IntN(most) {
		list = append(list, element())
	}
	return list
}

// maybe returns a pointer to a value, or nil.
func maybe[T any](d dice, value func() T) *T {
	if d.oneIn(3) {
		return nil
	}
	v := value()
	return &v
}

func (d dice) routingKey() string { return pick(d, "type", "kubernetes.io/role", "clusterID") }
func (d dice) nodeKey() string    { return pick(d, "disk", "zone", "pool", "kubernetes.io/arch") }
func (d dice) nodeValue() string  { return pick(d, "1", "2", "3") }

func (d dice) key() string {
	if d.oneIn(3) {
		return d.routingKey()
	}
	return d.nodeKey()
}

// value fits key: routing values are often those of a virtual node.
func (d dice) value(key string) string {
	switch key {
	case "type":
		return pick(d, "virtual-kubelet", "virtual-kubelet", "machine")
	case "kubernetes.io/role":
		return pick(d, "agent", "agent", "master")
	}
	return d.nodeValue()
}

// pod throws a pod that opted in, with valid scheduling fields.
func (d dice) pod() *corev1.Pod {
	pod := &corev1.Pod{
		TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Pod"},
		ObjectMeta: metav1.ObjectMeta{
			Name:        fmt.Sprintf("pod-%d", d.IntN(1000)),
			Namespace:   "default",
			Labels:      map[string]string{"virtual-pod": "true", "app": d.nodeValue()},
			Annotations: d.annotations(),
		},
		Spec: corev1.PodSpec{Containers: []corev1.Container{{Name: "app", Image: "app:1"}}},
	}
	pod.Spec.NodeSelector = d.nodeSelector()
	pod.Spec.Affinity = maybe(d, d.affinity)
	pod.Spec.Tolerations = some(d, 3, d.toleration)
	pod.Spec.TopologySpreadConstraints = d.spread()
	if d.oneIn(10) {
		pod.Spec.NodeName = "chosen"
	}
	return pod
}

func (d dice) annotations() map[string]string {
	switch d.IntN(4) {
	case 0:
		return nil
	case 1:
		return map[string]string{}
	case 2:
		return map[string]string{"spillway.io/on-node-loss": d.onNodeLoss()}
	}
	return map[string]string{"example.com/a~b": d.nodeValue()}
}

func (d dice) onNodeLoss() string { return pick(d, "stay", "stay", "move", "Stay") }

func (d dice) nodeSelector() map[string]string {
	switch d.IntN(4) {
	case 0:
		return nil
	case 1:
		return map[string]string{}
	}
	selector := map[string]string{}
	for range 1 + d.IntN(3) {
		key := d.key()
		selector[key] = d.value(key)
	}
	return selector
}

func (d dice) affinity() corev1.Affinity {
	return corev1.Affinity{
		NodeAffinity: maybe(d, func() corev1.NodeAffinity {
			return corev1.NodeAffinity{
				RequiredDuringSchedulingIgnoredDuringExecution: maybe(d, func() corev1.NodeSelector {
					return corev1.NodeSelector{NodeSelectorTerms: append(some(d, 3, d.term), d.term())}
				}),
				PreferredDuringSchedulingIgnoredDuringExecution: some(d, 2, func() corev1.PreferredSchedulingTerm {
					return corev1.PreferredSchedulingTerm{Weight: 1 + d.Int32N(100), Preference: d.term()}
				}),
			}
		}),
		PodAffinity: maybe(d, func() corev1.PodAffinity {
			return corev1.PodAffinity{
				RequiredDuringSchedulingIgnoredDuringExecution:  some(d, 2, d.podTerm),
				PreferredDuringSchedulingIgnoredDuringExecution: some(d, 2, d.weightedPodTerm),
			}
		}),
		PodAntiAffinity: maybe(d, func() corev1.PodAntiAffinity {
			return corev1.PodAntiAffinity{
				RequiredDuringSchedulingIgnoredDuringExecution:  some(d, 2, d.podTerm),
				PreferredDuringSchedulingIgnoredDuringExecution: some(d, 2, d.weightedPodTerm),
			}
		}),
	}
}

func (d dice) term() corev1.NodeSelectorTerm {
	return corev1.NodeSelectorTerm{
		MatchExpressions: some(d, 3, d.nodeRequirement),
		MatchFields: pick(d, nil, nil, []corev1.NodeSelectorRequirement{}, []corev1.NodeSelectorRequirement{{
			Key: "metadata.name", Operator: pick(d, corev1.NodeSelectorOpIn, corev1.NodeSelectorOpNotIn), Values: []string{pick(d, "node-1", "node-2")},
		}}),
	}
}

func (d dice) nodeRequirement() corev1.NodeSelectorRequirement {
	key := d.key()
	r := corev1.NodeSelectorRequirement{Key: key, Operator: pick(d, corev1.NodeSelectorOpIn, corev1.NodeSelectorOpIn,
		corev1.NodeSelectorOpNotIn, corev1.NodeSelectorOpExists, corev1.NodeSelectorOpDoesNotExist, corev1.NodeSelectorOpGt, corev1.NodeSelectorOpLt)}
	switch r.Operator {
	case corev1.NodeSelectorOpIn, corev1.NodeSelectorOpNotIn:
		r.Values = []string{d.value(key)}
		if d.oneIn(2) {
			r.Values = append(r.Values, d.value(key))
		}
	case corev1.NodeSelectorOpGt, corev1.NodeSelectorOpLt:
		r.Values = []string{d.nodeValue()}
	case corev1.NodeSelectorOpExists, corev1.NodeSelectorOpDoesNotExist:
	}
	return r
}

func (d dice) weightedPodTerm() corev1.WeightedPodAffinityTerm {
	return corev1.WeightedPodAffinityTerm{Weight: 1 + d.Int32N(100), PodAffinityTerm: d.podTerm()}
}

func (d dice) podTerm() corev1.PodAffinityTerm {
	selector := d.labelSelector()
	return corev1.PodAffinityTerm{
		TopologyKey:       d.key(),
		LabelSelector:     &selector,
		Namespaces:        some(d, 2, func() string { return pick(d, "default", "other") }),
		NamespaceSelector: maybe(d, d.labelSelector),
		MatchLabelKeys:    pick(d, nil, []string{}, []string{"pod-template-hash"}),
		MismatchLabelKeys: pick(d, nil, []string{}, []string{"tenant"}),
	}
}

func (d dice) labelSelector() metav1.LabelSelector {
	return metav1.LabelSelector{
		MatchLabels: pick(d, nil, map[string]string{}, map[string]string{"app": d.nodeValue()}),
		MatchExpressions: some(d, 2, func() metav1.LabelSelectorRequirement {
			if d.oneIn(2) {
				return metav1.LabelSelectorRequirement{Key: "app", Operator: metav1.LabelSelectorOpExists}
			}
			return metav1.LabelSelectorRequirement{Key: "app", Operator: metav1.LabelSelectorOpIn, Values: []string{d.nodeValue()}}
		}),
	}
}

func (d dice) toleration() corev1.Toleration {
	t := corev1.Toleration{
		Key:      pick(d, "dedicated", "spot", "virtual-kubelet.io/provider", "node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable"),
		Operator: pick(d, corev1.TolerationOpExists, corev1.TolerationOpEqual, ""),
		Effect:   pick(d, "", corev1.TaintEffectNoSchedule, corev1.TaintEffectPreferNoSchedule, corev1.TaintEffectNoExecute),
	}
	if t.Operator == corev1.TolerationOpExists {
		t.Key = pick(d, t.Key, "")
	} else {
		t.Value = pick(d, "spillway", d.nodeValue(), "")
	}
	if t.Effect == corev1.TaintEffectNoExecute {
		t.TolerationSeconds = maybe(d, func() int64 { return d.Int64N(1000) })
	}
	return t
}

func (d dice) spread() []corev1.TopologySpreadConstraint {
	topologyKeys := []string{"zone", "kubernetes.io/hostname"}
	constraints := some(d, 2, func() corev1.TopologySpreadConstraint {
		selector := d.labelSelector()
		c := corev1.TopologySpreadConstraint{
			MaxSkew:            1 + d.Int32N(3),
			WhenUnsatisfiable:  pick(d, corev1.DoNotSchedule, corev1.ScheduleAnyway),
			LabelSelector:      &selector,
			NodeAffinityPolicy: maybe(d, func() corev1.NodeInclusionPolicy { return corev1.NodeInclusionPolicyHonor }),
			NodeTaintsPolicy:   maybe(d, func() corev1.NodeInclusionPolicy { return corev1.NodeInclusionPolicyIgnore }),
			MatchLabelKeys:     pick(d, nil, []string{}, []string{"pod-template-hash"}),
		}
		if c.WhenUnsatisfiable == corev1.DoNotSchedule {
			c.MinDomains = maybe(d, func() int32 { return 1 + d.Int32N(3) })
		}
		return c
	})
	for i := range constraints {
		constraints[i].TopologyKey = topologyKeys[i]
	}
	return constraints
}

// virtualNode throws the labels of a virtual node.
func (d dice) virtualNode() map[string]string {
	return map[string]string{"type": "virtual-kubelet", "kubernetes.io/role": "agent", "clusterID": d.nodeValue()}
}

// downstreamNode throws a node of a downstream cluster. Routing keys mean
// nothing there, so it has none.
func (d dice) downstreamNode() *corev1.Node {
	node := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: pick(d, "node-1", "node-2", "node-3"), Labels: map[string]string{}}}
	for _, key := range []string{"disk", "zone", "pool", "kubernetes.io/arch"} {
		if !d.oneIn(3) {
			node.Labels[key] = d.nodeValue()
		}
	}
	return node
}

// forEveryOther tries a law that takes long for half of the pods.
func forEveryOther(law func(dice, *corev1.Pod) error) func(dice, *corev1.Pod) error {
	return func(d dice, pod *corev1.Pod) error {
		if d.oneIn(2) {
			return nil
		}
		return law(d, pod)
	}
}
