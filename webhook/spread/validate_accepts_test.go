package spread_test

import (
	"encoding/json"
	"os"
	"testing"

	"github.com/openkruise/kruise-api/apps/v1alpha1"
	"sigs.k8s.io/yaml"

	"github.com/spillway-io/spillway/webhook/spread"
)

func TestValidateAccepts(t *testing.T) {
	other := *parse(t, "metadata: {name: other, namespace: default}\nspec:\n  targetRef: {apiVersion: apps/v1, kind: Deployment, name: api}\n  subsets: [{name: a}]")
	cases := map[string]struct {
		reason string
		spread string
	}{
		"founding":       {"the configuration the product was founded on", founding(t)},
		"bare":           {"as in demos; at most a warning", subsets("{name: a, maxReplicas: 2}", "{name: b}")},
		"single-capped":  {"the rest keeps its own constraints", subsets("{name: a, maxReplicas: 2}")},
		"all-capped":     {"numbers need not cover all pods", subsets("{name: a, maxReplicas: 2}", "{name: b, maxReplicas: 3}")},
		"shares":         {"20/30/50", subsets("{name: a, maxReplicas: 20%}", "{name: b, maxReplicas: 30%}", "{name: c, maxReplicas: 50%}")},
		"closed":         {"0 keeps pods out", subsets("{name: a, maxReplicas: 0%}", "{name: b}")},
		"unlimited":      {"the second is for pods that find no room", spec("  scheduleStrategy: {type: Adaptive, adaptive: {rescheduleCriticalSeconds: 30}}\n  subsets: [{name: a}, {name: b}]")},
		"patient":        {"fifteen minutes, for a node autoscaler; Kruise stops at 295 s", spec("  scheduleStrategy: {type: Adaptive, adaptive: {rescheduleCriticalSeconds: 900}}\n  subsets: [{name: a}, {name: b}, {name: c}, {name: d}]")},
		"other-kind":     {"whether it can be scaled shows when it exists", "spec:\n  targetRef: {apiVersion: argoproj.io/v1alpha1, kind: Rollout, name: web}\n  subsets: [{name: a}]"},
		"other-version":  {"the version does not matter", "spec:\n  targetRef: {apiVersion: apps/v1beta2, kind: Deployment, name: web}\n  subsets: [{name: a}]"},
		"core-kind":      {"a ReplicationController has a scale subresource", "spec:\n  targetRef: {apiVersion: v1, kind: ReplicationController, name: web}\n  subsets: [{name: a}]"},
		"advanced":       {"Kruise's StatefulSet", "spec:\n  targetRef: {apiVersion: apps.kruise.io/v1beta1, kind: StatefulSet, name: web}\n  subsets: [{name: a, maxReplicas: 2}, {name: b}]"},
		"filter":         {"a selector of everything, and paths", spec("  targetFilter: {selector: {}, replicasPathList: [spec.tfReplicaSpecs.Worker.replicas, spec.groups.0.replicas]}\n  subsets: [{name: a}]")},
		"listed-virtual": {"the names there are; no name means none", "metadata: {annotations: {spillway.io/virtual-subsets: ' b,'}}\n" + subsets("{name: a, maxReplicas: 1}", "{name: b}")},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			for _, known := range []spread.Known{{}, podTemplate(t)} {
				ws := parse(t, tc.spread)
				known.Others = []v1alpha1.WorkloadSpread{other, *ws}
				compare(t, tc.reason, spread.Validate(spread.Default(ws), known), nil)
			}
		})
	}
}

// founding is the WorkloadSpread of the configuration the product was founded on.
func founding(t testing.TB) string {
	t.Helper()
	text, err := os.ReadFile("testdata/founding.yaml")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// FuzzValidate: whatever JSON a WorkloadSpread is made of, and whatever bytes a
// patch, nothing panics.
func FuzzValidate(f *testing.F) {
	for policy, patch := range map[string]string{
		founding(f): `{"spec":{"containers":[{"name":{}},{"name":{}}]}}`,
		subsets("{name: a, maxReplicas: '5'}", "{name: b}"): `{"spec":{"$retainKeys":[[1]],"volumes":[null]}}`,
	} {
		raw, err := yaml.YAMLToJSON([]byte(policy))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(raw, []byte(patch))
	}
	known := podTemplate(f)
	f.Fuzz(func(_ *testing.T, raw, patch []byte) {
		var ws v1alpha1.WorkloadSpread
		if json.Unmarshal(raw, &ws) != nil {
			return
		}
		if len(ws.Spec.Subsets) > 0 {
			ws.Spec.Subsets[0].Patch.Raw = patch
		}
		defaulted := spread.Default(&ws)
		spread.Validate(defaulted, spread.Known{})
		known.Others = []v1alpha1.WorkloadSpread{ws}
		spread.ValidateUpdate(defaulted, &v1alpha1.WorkloadSpread{}, known)
		spread.Warnings(defaulted)
	})
}
