package webhook_test

import (
	"encoding/json"

	"github.com/openkruise/kruise-api/apps/v1alpha1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/spillway-io/spillway/webhook/spread"
	"github.com/spillway-io/spillway/webhook/stash"
)

type object = map[string]any

// decision throws a choice of a subset. patches says which patch it may have.
func (d dice) decision(patches func() object) *spread.Decision {
	ws := &v1alpha1.WorkloadSpread{ObjectMeta: metav1.ObjectMeta{Name: "ws", Namespace: "default"}}
	subset := v1alpha1.WorkloadSpreadSubset{
		Name:                     "a",
		RequiredNodeSelectorTerm: maybe(d, d.term),
		PreferredNodeSelectorTerms: some(d, 2, func() corev1.PreferredSchedulingTerm {
			return corev1.PreferredSchedulingTerm{Weight: 1 + d.Int32N(100), Preference: d.term()}
		}),
		Tolerations: some(d, 2, d.toleration),
	}
	if !d.oneIn(4) {
		subset.Patch.Raw = []byte(toJSON(patches()))
	}
	ws.Spec.Subsets = []v1alpha1.WorkloadSpreadSubset{subset}
	return &spread.Decision{
		Spread:  ws,
		Subset:  &ws.Spec.Subsets[0],
		Virtual: spread.SuppliesStash(&subset) || d.oneIn(2),
		UID:     pick(d, "", "5b0c1d7e-9c8e-4a53-8a0e-0d6a2f4c7f11"),
		Reason:  spread.First,
	}
}

// mildPatch throws a patch that does not touch constraints, nor brings a stash.
func (d dice) mildPatch() object {
	metadata, spec := object{}, object{}
	maySet(d, metadata, "labels", func() any {
		return pick(d, object{"vk": "true"}, object{"app": nil}, object{"$patch": "replace", "vk": "true"}, object{"virtual-pod": "false"})
	})
	maySet(d, metadata, "annotations", func() any {
		return pick(d, object{"subset": "a"}, object{"spillway.io/on-node-loss": d.onNodeLoss()}, object{"$patch": "delete"}, object{"$patch": "replace", "subset": "a"}, object{"clusterSelector": nil, "spillway.io/stash": "x"})
	})
	maySet(d, spec, "containers", func() any {
		env := pick(d, []any{object{"name": "A", "value": "1"}}, []any{object{"name": "A", "$patch": "delete"}}, []any{object{"$patch": "replace"}, object{"name": "B", "value": "2"}})
		list := []any{object{"name": "app", "env": env, "resources": object{"requests": object{"cpu": pick(d, "100m", "0.1")}}}}
		if d.oneIn(2) {
			list = append(list, object{"name": "extra", "image": "extra:1", "$retainKeys": []any{"name", "image"}})
		}
		if d.oneIn(3) {
			list = append(list, object{"name": "sidecar", "$patch": "delete"})
		}
		if d.oneIn(3) {
			spec["$setElementOrder/containers"] = []any{object{"name": "app"}, object{"name": "extra"}}
		}
		return list
	})
	maySet(d, spec, "volumes", func() any {
		return []any{object{"name": pick(d, "scratch", "cache"), "emptyDir": object{}}}
	})
	maySet(d, spec, "priorityClassName", func() any { return pick[any](d, "low", "high", nil) })
	return object{"metadata": metadata, "spec": spec}
}

// patch throws a patch that changes anything.
func (d dice) patch() object {
	patch := d.mildPatch()
	metadata, spec := patch["metadata"].(object), patch["spec"].(object)
	if d.oneIn(4) {
		metadata["annotations"] = object{"clusterSelector": toJSON(stash.FieldsOf(&d.pod().Spec))}
	}
	maySet(d, spec, "nodeSelector", func() any {
		return pick[any](d, nil, object{"disk": "1"}, object{"type": nil}, object{"$patch": "delete"}, object{"$patch": "replace", "zone": "2", "clusterID": "1"})
	})
	maySet(d, spec, "affinity", func() any {
		return pick[any](d, nil, object{"nodeAffinity": nil, "podAntiAffinity": nil}, object{"podAffinity": object{"$patch": "delete"}}, asObject(d.affinity()))
	})
	maySet(d, spec, "tolerations", func() any { return pick[any](d, nil, some(d, 2, d.toleration)) })
	maySet(d, spec, "topologySpreadConstraints", func() any {
		return pick[any](d, nil, []any{object{"topologyKey": "zone", "$patch": "delete"}}, some(d, 1, func() any {
			return object{"topologyKey": pick(d, "zone", "pool"), "maxSkew": 1 + d.IntN(3), "whenUnsatisfiable": "ScheduleAnyway", "minDomains": nil, "labelSelector": object{"matchLabels": object{"app": "1"}}}
		}))
	})
	return patch
}

func maySet(d dice, in object, key string, value func() any) {
	if d.oneIn(3) {
		in[key] = value()
	}
}

func asObject(v any) (o object) {
	if err := json.Unmarshal([]byte(toJSON(v)), &o); err != nil {
		panic(err)
	}
	return o
}
