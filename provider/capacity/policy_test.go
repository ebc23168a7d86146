package capacity_test

import (
	"testing"

	corev1 "k8s.io/api/core/v1"

	"github.com/spillway-io/spillway/provider/capacity"
)

func TestUsable(t *testing.T) {
	batch := taint("dedicated", "batch", corev1.TaintEffectNoSchedule)
	five := taint("tier", "5", corev1.TaintEffectNoSchedule)
	cases := map[string]struct {
		reason    string
		option    nodeOption
		tolerated *corev1.Toleration
		want      bool
	}{
		"plain":                {"A ready node takes pods.", func(*corev1.Node) {}, nil, true},
		"cordoned":             {"Somebody wants no new pods there.", isCordoned, nil, false},
		"cordoned-all-the-way": {"No toleration undoes a cordon: whoever set it does not want our pods either.", isCordoned, &corev1.Toleration{Operator: corev1.TolerationOpExists}, false},
		"deleted":              {"It will soon be gone.", isDeleted, nil, false},
		"unready":              {"It says so.", ready(corev1.ConditionFalse), nil, false},
		"silent":               {"It may be gone.", ready(corev1.ConditionUnknown), nil, false},
		"new":                  {"It has not said that it is ready.", isNew, nil, false},
		"no-schedule":          {"Pods cannot start there.", batch, nil, false},
		"no-execute":           {"Nor there.", taint("k", "", corev1.TaintEffectNoExecute), nil, false},
		"prefer-no-schedule":   {"A taint that only asks.", taint("k", "", corev1.TaintEffectPreferNoSchedule), nil, true},
		"tolerated":            {"Key, value and effect fit.", batch, &corev1.Toleration{Key: "dedicated", Value: "batch", Effect: corev1.TaintEffectNoSchedule}, true},
		"any-effect":           {"No effect stands for all.", batch, &corev1.Toleration{Key: "dedicated", Operator: corev1.TolerationOpEqual, Value: "batch"}, true},
		"any-value":            {"Exists asks for no value.", batch, &corev1.Toleration{Key: "dedicated", Operator: corev1.TolerationOpExists}, true},
		"any-key":              {"No key stands for all.", batch, &corev1.Toleration{Operator: corev1.TolerationOpExists}, true},
		"other-key":            {"Another taint's toleration.", batch, &corev1.Toleration{Key: "special", Operator: corev1.TolerationOpExists}, false},
		"other-value":          {"Another team's nodes.", batch, &corev1.Toleration{Key: "dedicated", Value: "web"}, false},
		"other-effect":         {"What stays is not what may come.", batch, &corev1.Toleration{Key: "dedicated", Operator: corev1.TolerationOpExists, Effect: corev1.TaintEffectNoExecute}, false},
		"less-than":            {"Numbers compare, where the cluster knows of that.", five, &corev1.Toleration{Key: "tier", Operator: corev1.TolerationOpLt, Value: "6"}, true},
		"not-less-than":        {"Five is not less than five.", five, &corev1.Toleration{Key: "tier", Operator: corev1.TolerationOpLt, Value: "5"}, false},
		"greater-than":         {"Five is greater than four.", five, &corev1.Toleration{Key: "tier", Operator: corev1.TolerationOpGt, Value: "4"}, true},
		"no-number":            {"What is no number is not greater than one.", batch, &corev1.Toleration{Key: "dedicated", Operator: corev1.TolerationOpGt, Value: "4"}, false},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			var policy capacity.Policy
			if tc.tolerated != nil {
				policy.Tolerated = []corev1.Toleration{{Key: "unrelated", Operator: corev1.TolerationOpExists}, *tc.tolerated}
			}
			n := node("a", "cpu=1", tc.option)
			if got := policy.Usable(&n); got != tc.want {
				t.Errorf("%s\nUsable() = %t, want %t", tc.reason, got, tc.want)
			}
		})
	}
	t.Run("one-of-two-taints", func(t *testing.T) {
		n := node("a", "cpu=1", batch, five)
		if (capacity.Policy{Tolerated: []corev1.Toleration{{Key: "tier", Operator: corev1.TolerationOpExists}}}).Usable(&n) {
			t.Error("every taint has to be tolerated")
		}
	})
}
