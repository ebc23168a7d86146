package mutate_test

import (
	"bytes"
	"encoding/json"
	"path/filepath"
	"testing"

	"github.com/openkruise/kruise-api/apps/v1alpha1"
	"github.com/rogpeppe/go-internal/txtar"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/intstr"
	"sigs.k8s.io/randfill"
	"sigs.k8s.io/yaml"
)

// goldenPolicies are the golden cases with a policy as JSON: the pod, the
// WorkloadSpread and the first SidecarSet, an empty one where there is none.
func goldenPolicies(f *testing.F) [][3][]byte {
	f.Helper()
	files, err := filepath.Glob("testdata/s*.txtar")
	if err != nil || len(files) == 0 {
		f.Fatalf("no cases: %v", err)
	}
	var seeds [][3][]byte
	for _, file := range files {
		archive, err := txtar.ParseFile(file)
		if err != nil {
			f.Fatal(err)
		}
		var seed [3][]byte
		for i, name := range []string{"pod.yaml", "workloadspread.yaml", "sidecarsets.yaml"} {
			seed[i] = []byte("{}")
			text, ok := find(archive, name)
			if !ok {
				continue
			}
			text, _, _ = bytes.Cut(text, []byte("\n---\n"))
			if seed[i], err = yaml.YAMLToJSON(text); err != nil {
				f.Fatalf("%s: %s: %v", file, name, err)
			}
		}
		seeds = append(seeds, seed)
	}
	return seeds
}

// read reads an object from JSON. Bytes that do not begin as JSON does fill it field
// by field, which gets further than JSON whose bytes were changed.
func read(raw []byte, into any) error {
	if len(raw) == 0 || raw[0] == '{' {
		return json.Unmarshal(raw, into)
	}
	word := func(c randfill.Continue, words ...string) string { return words[c.Intn(len(words))] }
	filler := randfill.NewFromGoFuzz(raw).NilChance(0.5).NumElements(1, 2).MaxDepth(16).Funcs(
		func(s *string, c randfill.Continue) { *s = word(c, "a", "b", "web", "type", "/v", "true", "") },
		func(n *int32, c randfill.Continue) { *n = int32(c.Intn(4)) },
		func(n *int64, c randfill.Continue) { *n = int64(c.Intn(4)) },
		func(q *resource.Quantity, c randfill.Continue) {
			*q = *resource.NewQuantity(int64(c.Intn(3)), resource.DecimalSI)
		},
		func(v *intstr.IntOrString, c randfill.Continue) {
			*v = intstr.Parse(word(c, "0", "1", "2", "50%", "x"))
		},
		func(v *metav1.Time, c randfill.Continue) { *v = metav1.Unix(int64(c.Intn(9)), 0) },
		func(v *metav1.FieldsV1, _ randfill.Continue) { v.SetRawString("{}") },
		func(v *metav1.LabelSelector, _ randfill.Continue) {
			v.MatchLabels = map[string]string{"virtual-pod": "true"}
		},
		func(o *corev1.NodeSelectorOperator, _ randfill.Continue) { *o = corev1.NodeSelectorOpIn },
		func(t *v1alpha1.PodInjectPolicyType, c randfill.Continue) {
			*t = v1alpha1.PodInjectPolicyType(word(c, "BeforeAppContainer", "AfterAppContainer"))
		},
		func(t *v1alpha1.ShareVolumePolicyType, c randfill.Continue) {
			*t = v1alpha1.ShareVolumePolicyType(word(c, "enabled", "disabled"))
		},
		func(r *runtime.RawExtension, c randfill.Continue) {
			r.Raw = []byte(word(c, `{}`, `{"metadata":{"labels":{"web":"b"}}}`, `{"spec":{"nodeSelector":null,"affinity":{"$patch":"delete"}}}`,
				`{"metadata":{"annotations":{"clusterSelector":"{}"}}}`, `{"spec":{"containers":[{"name":"a","image":"b"}]}}`, `{"spec":{"tolerations":[{"key":"a"}]}}`))
		},
	)
	filler.Fill(into)
	return nil
}
