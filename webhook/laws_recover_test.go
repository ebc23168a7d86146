package webhook_test

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/component-helpers/scheduling/corev1/nodeaffinity"

	"github.com/spillway-io/spillway/api"
	"github.com/spillway-io/spillway/webhook/stash"
)

// lawRecoverExact: what speaks about no virtual node comes back to the letter.
func lawRecoverExact(d dice, pod *corev1.Pod) error {
	admitted, err := admit(pod)
	if err != nil {
		return err
	}
	recovered, err := stash.Recover(fromJSON(toJSON(admitted)), node(d))
	if errors.Is(err, stash.ErrNotRouted) {
		return nil // lawRoutingSplit says whether that is right
	}
	if err != nil {
		return err
	}
	original := stash.FieldsOf(&pod.Spec)
	if routed(original) {
		return sameButRouting(original, recovered)
	}
	if toJSON(original) != toJSON(recovered) {
		return fmt.Errorf("-original +recovered: %s", cmp.Diff(toJSON(original), toJSON(recovered)))
	}
	return nil
}

// routed says whether the fields mention a routing key, by a way of their own.
func routed(f stash.Fields) bool {
	var nodeAffinity any
	if f.Affinity != nil {
		nodeAffinity = f.Affinity.NodeAffinity
	}
	text := toJSON(map[string]any{"selector": f.NodeSelector, "affinity": nodeAffinity})
	return slices.ContainsFunc(stash.DefaultRoutingKeys(), func(key string) bool {
		return bytes.Contains([]byte(text), []byte(`"`+key+`"`))
	})
}

func sameButRouting(original, recovered stash.Fields) error {
	// An affinity of node affinity alone may be gone with its last requirement.
	unrouted := func(f stash.Fields) stash.Fields {
		f.NodeSelector = maps.Clone(f.NodeSelector)
		maps.DeleteFunc(f.NodeSelector, func(key, _ string) bool { return slices.Contains(stash.DefaultRoutingKeys(), key) })
		affinity := corev1.Affinity{}
		if f.Affinity != nil {
			affinity = *f.Affinity
			affinity.NodeAffinity = nil
		}
		f.Affinity = &affinity
		return f
	}
	if want, got := toJSON(unrouted(original)), toJSON(unrouted(recovered)); want != got {
		return fmt.Errorf("-original +recovered: %s", cmp.Diff(want, got))
	}
	return nil
}

// lawRoutingSplit: the upstream pod's requirements on the virtual node together
// with the downstream pod's on the node below select what the author's did on
// both: routing labels of the one, all others of the other. Kubernetes' own
// matcher is the judge.
func lawRoutingSplit(d dice, pod *corev1.Pod) error {
	admitted, err := admit(pod)
	if err != nil {
		return err
	}
	for range 2 {
		virtual, below := node(d), d.downstreamNode()
		both := below.DeepCopy()
		maps.Copy(both.Labels, virtual.Labels)
		want, err := selects(pod.Spec, both)
		if err != nil {
			return err
		}
		if got, err := selectsInSteps(admitted, virtual, below); err != nil || got != want {
			return fmt.Errorf("virtual node %v, node below %s %v: selected %t, want %t (%w)", virtual.Labels, below.Name, below.Labels, got, want, err)
		}
	}
	return nil
}

func selectsInSteps(admitted *corev1.Pod, virtual stash.VirtualNode, below *corev1.Node) (bool, error) {
	upstream := &corev1.Node{}
	upstream.Name, upstream.Labels = virtual.Name, virtual.Labels
	if ok, err := selects(admitted.Spec, upstream); err != nil || !ok {
		return false, err
	}
	recovered, err := stash.Recover(admitted, virtual)
	if err != nil {
		return false, fmt.Errorf("upstream allows the virtual node, but: %w", err)
	}
	var downstream corev1.PodSpec
	recovered.ReplaceIn(&downstream)
	return selects(downstream, below)
}

func selects(spec corev1.PodSpec, node *corev1.Node) (bool, error) {
	return nodeaffinity.GetRequiredNodeAffinity(&corev1.Pod{Spec: spec}).Match(node)
}

func node(d dice) stash.VirtualNode {
	return stash.VirtualNode{Name: "spillway", Labels: d.virtualNode(), RoutingKeys: stash.DefaultRoutingKeys()}
}

// lawSupplied: a stash that the user wrote is what downstream gets, to the
// letter; upstream the pod keeps its own constraints and gains a virtual node's.
func lawSupplied(d dice, pod *corev1.Pod) error {
	supplied := stash.FieldsOf(&d.pod().Spec)
	if pod.Annotations == nil {
		pod.Annotations = map[string]string{}
	}
	pod.Annotations[api.StashAnnotation] = toJSON(supplied)
	before := toJSON(pod)
	admitted, err := admit(pod)
	if err != nil {
		return err
	}
	again, err := admit(admitted)
	if err != nil {
		return err
	}
	recovered, err := stash.Recover(admitted, node(d))
	if err != nil {
		return err
	}
	below := d.downstreamNode()
	maps.Copy(below.Labels, d.virtualNode())
	want, err := selects(pod.Spec, below)
	if err != nil {
		return err
	}
	got, err := selects(admitted.Spec, below)
	switch {
	case err != nil:
		return err
	case toJSON(pod) != before:
		return fmt.Errorf("Admit changed its input: %s", cmp.Diff(before, toJSON(pod)))
	case toJSON(again) != toJSON(admitted):
		return fmt.Errorf("admitted again: %s", cmp.Diff(toJSON(admitted), toJSON(again)))
	case !maps.Equal(admitted.Annotations, pod.Annotations):
		return fmt.Errorf("annotations: %s", cmp.Diff(pod.Annotations, admitted.Annotations))
	case toJSON(recovered) != toJSON(supplied):
		return fmt.Errorf("-supplied +recovered: %s", cmp.Diff(toJSON(supplied), toJSON(recovered)))
	case got != want:
		return fmt.Errorf("node %v: selected %t, the author's constraints say %t", below.Labels, got, want)
	}
	return nil
}
