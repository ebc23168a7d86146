package stash_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/spillway-io/spillway/api"
	"github.com/spillway-io/spillway/webhook/stash"
)

func virtualNode() stash.VirtualNode {
	return stash.VirtualNode{
		Name:        "spillway",
		Labels:      map[string]string{"type": "virtual-kubelet", "kubernetes.io/role": "agent", "clusterID": "b"},
		RoutingKeys: stash.DefaultRoutingKeys(),
	}
}

func withAnnotations(pod *corev1.Pod, annotations map[string]string) *corev1.Pod {
	pod.Annotations = annotations
	return pod
}

func required(terms ...corev1.NodeSelectorTerm) corev1.PodSpec {
	return corev1.PodSpec{Affinity: &corev1.Affinity{NodeAffinity: &corev1.NodeAffinity{
		RequiredDuringSchedulingIgnoredDuringExecution: &corev1.NodeSelector{NodeSelectorTerms: terms},
	}}}
}

func fields(operator corev1.NodeSelectorOperator, names ...string) corev1.NodeSelectorTerm {
	return corev1.NodeSelectorTerm{MatchFields: []corev1.NodeSelectorRequirement{{Key: "metadata.name", Operator: operator, Values: names}}}
}

func TestRecoverWithoutStash(t *testing.T) {
	ssd := map[string]string{"disk": "ssd"}
	provider := corev1.Toleration{Key: api.ProviderTaintKey, Operator: corev1.TolerationOpExists, Effect: corev1.TaintEffectNoSchedule}
	batch := corev1.Toleration{Key: "dedicated", Operator: corev1.TolerationOpExists}
	cases := map[string]struct {
		reason string
		spec   corev1.PodSpec
		want   stash.Fields
		err    error
	}{
		"founding-pod": {
			reason: "a pod aimed at the virtual node by hand keeps nothing that speaks about it",
			spec:   corev1.PodSpec{NodeSelector: map[string]string{"type": "virtual-kubelet"}, Tolerations: []corev1.Toleration{provider}},
			want:   stash.Fields{Tolerations: []corev1.Toleration{}},
		},
		"own-constraints": {
			reason: "what speaks about downstream nodes is kept: nobody else knows it",
			spec:   corev1.PodSpec{NodeSelector: map[string]string{"type": "virtual-kubelet", "disk": "ssd"}, Tolerations: []corev1.Toleration{batch, provider}},
			want:   stash.Fields{NodeSelector: ssd, Tolerations: []corev1.Toleration{batch}},
		},
		"hostname": {
			reason: "a node selector that names the virtual node is met there, and names nothing below it",
			spec:   corev1.PodSpec{NodeSelector: map[string]string{"kubernetes.io/hostname": "spillway", "disk": "ssd"}},
			want:   stash.Fields{NodeSelector: ssd},
		},
		"hostname-of-another": {
			reason: "another name may be that of a downstream node",
			spec:   corev1.PodSpec{NodeSelector: map[string]string{"kubernetes.io/hostname": "metal"}},
			want:   stash.Fields{NodeSelector: map[string]string{"kubernetes.io/hostname": "metal"}},
		},
		"name": {
			reason: "so is a required term that does nothing else",
			spec:   required(fields("In", "spillway")),
		},
		"name-or-another": {
			reason: "a term that is met below is as good as none",
			spec:   required(fields("In", "metal"), fields("In", "other", "spillway")),
		},
		"name-and-more": {
			reason: "the rest of the term is for downstream",
			spec: required(corev1.NodeSelectorTerm{
				MatchFields:      fields("In", "spillway").MatchFields,
				MatchExpressions: []corev1.NodeSelectorRequirement{{Key: "disk", Operator: "In", Values: []string{"ssd"}}},
			}),
			want: stash.FieldsOf(new(required(corev1.NodeSelectorTerm{
				MatchExpressions: []corev1.NodeSelectorRequirement{{Key: "disk", Operator: "In", Values: []string{"ssd"}}},
			}))),
		},
		"name-excluded": {
			reason: "who excludes a node by name may mean one below",
			spec:   required(fields("NotIn", "metal")),
			want:   stash.FieldsOf(new(required(fields("NotIn", "metal")))),
		},
		"not-routed": {
			reason: "the pod excludes this virtual node",
			spec:   corev1.PodSpec{NodeSelector: map[string]string{"clusterID": "a"}},
			err:    stash.ErrNotRouted,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			got, err := stash.Recover(&corev1.Pod{Spec: tc.spec}, virtualNode())
			if !errors.Is(err, tc.err) {
				t.Fatalf("%s: error %v, want %v", tc.reason, err, tc.err)
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("%s: -want +got:\n%s", tc.reason, diff)
			}
		})
	}
}

// TestReadErrors: every way in which a stash can be wrong is told with its place.
func TestReadErrors(t *testing.T) {
	valid := `{"nodeSelector":{"disk":"ssd"}}`
	cases := map[string]struct {
		annotations map[string]string
		annotation  string
		offset      int64
		contains    string
	}{
		"truncated":    {map[string]string{api.StashAnnotation: `{"nodeSelector":{`}, api.StashAnnotation, 17, "unexpected end"},
		"not-json":     {map[string]string{api.StashAnnotation: `disk=ssd`}, api.StashAnnotation, 1, "invalid character"},
		"null":         {map[string]string{api.StashAnnotation: ` null`}, api.StashAnnotation, 0, "not a JSON object"},
		"string":       {map[string]string{api.StashAnnotation: `"{}"`}, api.StashAnnotation, 0, "not a JSON object"},
		"wrong-type":   {map[string]string{api.StashAnnotation: `{"tolerations":{}}`}, api.StashAnnotation, 16, `field "tolerations" cannot hold a JSON object`},
		"invalid":      {map[string]string{api.StashAnnotation: `{"tolerations":[{"operator":"Exist"}]}`}, api.StashAnnotation, -1, "clusterSelector.tolerations[0].operator"},
		"tampered":     {map[string]string{api.StashAnnotation: `{}`, api.StashMarkerAnnotation: stash.Marker(valid)}, api.StashMarkerAnnotation, -1, "does not fit"},
		"marker-alone": {map[string]string{api.StashMarkerAnnotation: stash.Marker(valid)}, api.StashMarkerAnnotation, -1, "no annotation"},
		"bad-marker":   {map[string]string{api.StashAnnotation: valid, api.StashMarkerAnnotation: "true"}, api.StashMarkerAnnotation, -1, "does not fit"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			_, err := stash.Recover(withAnnotations(&corev1.Pod{}, tc.annotations), virtualNode())
			var stashError *stash.Error
			if !errors.As(err, &stashError) {
				t.Fatalf("error %v, want a *stash.Error", err)
			}
			if stashError.Annotation != tc.annotation || stashError.Offset != tc.offset || !strings.Contains(err.Error(), tc.contains) {
				t.Errorf("annotation %q, offset %d, message %q; want %q, %d, and %q in it",
					stashError.Annotation, stashError.Offset, err, tc.annotation, tc.offset, tc.contains)
			}
		})
	}
}

// TestMarkerFormat pins the marker of the first release: what it was put on must
// stay readable.
func TestMarkerFormat(t *testing.T) {
	pod := withAnnotations(&corev1.Pod{}, map[string]string{
		api.StashAnnotation:       `{"nodeSelector":{"disk":"ssd"},"futureField":true}`,
		api.StashMarkerAnnotation: "v1:sha256:bf644d1f8041e04cc4c1ecf895533edba7805860f7f65bc50c53a266a8b013dd",
	})
	got, err := stash.Recover(pod, virtualNode())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(stash.Fields{NodeSelector: map[string]string{"disk": "ssd"}}, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// TestValidate: one mistake of each kind, named by its field. The paths are
// those an API server reports.
func TestValidate(t *testing.T) {
	term := func(r corev1.NodeSelectorRequirement) *corev1.Affinity {
		return &corev1.Affinity{NodeAffinity: &corev1.NodeAffinity{RequiredDuringSchedulingIgnoredDuringExecution: &corev1.NodeSelector{
			NodeSelectorTerms: []corev1.NodeSelectorTerm{{MatchExpressions: []corev1.NodeSelectorRequirement{r}}},
		}}}
	}
	antiAffinity := func(t corev1.PodAffinityTerm) *corev1.Affinity {
		return &corev1.Affinity{PodAntiAffinity: &corev1.PodAntiAffinity{RequiredDuringSchedulingIgnoredDuringExecution: []corev1.PodAffinityTerm{t}}}
	}
	spread := func(change func(*corev1.TopologySpreadConstraint)) []corev1.TopologySpreadConstraint {
		c := corev1.TopologySpreadConstraint{MaxSkew: 1, TopologyKey: "zone", WhenUnsatisfiable: corev1.ScheduleAnyway, LabelSelector: &metav1.LabelSelector{}}
		change(&c)
		return []corev1.TopologySpreadConstraint{c}
	}
	tolerate := func(t corev1.Toleration) stash.Fields { return stash.Fields{Tolerations: []corev1.Toleration{t}} }
	one, never := int32(1), corev1.NodeInclusionPolicy("Never")
	seconds := int64(1)
	required := "spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution"
	anti := "spec.affinity.podAntiAffinity.requiredDuringSchedulingIgnoredDuringExecution[0]"
	cases := map[string]struct {
		fields stash.Fields
		want   string
	}{
		"nothing":                 {stash.Fields{}, ""},
		"selector-key":            {stash.Fields{NodeSelector: map[string]string{"a b": ""}}, "spec.nodeSelector"},
		"selector-value":          {stash.Fields{NodeSelector: map[string]string{"a": "b c"}}, "spec.nodeSelector"},
		"no-terms":                {stash.Fields{Affinity: &corev1.Affinity{NodeAffinity: &corev1.NodeAffinity{RequiredDuringSchedulingIgnoredDuringExecution: &corev1.NodeSelector{}}}}, required + ".nodeSelectorTerms"},
		"operator":                {stash.Fields{Affinity: term(corev1.NodeSelectorRequirement{Key: "a", Operator: "in"})}, required + ".nodeSelectorTerms[0].matchExpressions[0].operator"},
		"in-without-values":       {stash.Fields{Affinity: term(corev1.NodeSelectorRequirement{Key: "a", Operator: "In"})}, required + ".nodeSelectorTerms[0].matchExpressions[0].values"},
		"preferred-weight":        {stash.Fields{Affinity: &corev1.Affinity{NodeAffinity: &corev1.NodeAffinity{PreferredDuringSchedulingIgnoredDuringExecution: []corev1.PreferredSchedulingTerm{{Weight: 101}}}}}, "spec.affinity.nodeAffinity.preferredDuringSchedulingIgnoredDuringExecution[0].weight"},
		"topology-key":            {stash.Fields{Affinity: antiAffinity(corev1.PodAffinityTerm{})}, anti + ".topologyKey"},
		"namespace":               {stash.Fields{Affinity: antiAffinity(corev1.PodAffinityTerm{TopologyKey: "zone", Namespaces: []string{"A"}})}, anti + ".namespaces[0]"},
		"keys-without-selector":   {stash.Fields{Affinity: antiAffinity(corev1.PodAffinityTerm{TopologyKey: "zone", MatchLabelKeys: []string{"a"}})}, anti + ".labelSelector"},
		"toleration-operator":     {tolerate(corev1.Toleration{Key: "a", Operator: "Exist"}), "spec.tolerations[0].operator"},
		"toleration-all-keys":     {tolerate(corev1.Toleration{Value: "a"}), "spec.tolerations[0].operator"},
		"toleration-exists-value": {tolerate(corev1.Toleration{Key: "a", Operator: "Exists", Value: "b"}), "spec.tolerations[0].value"},
		"toleration-effect":       {tolerate(corev1.Toleration{Key: "a", Operator: "Exists", Effect: "No Execute"}), "spec.tolerations[0].effect"},
		"toleration-seconds":      {tolerate(corev1.Toleration{Key: "a", Operator: "Exists", TolerationSeconds: &seconds}), "spec.tolerations[0].effect"},
		"spread-skew":             {stash.Fields{TopologySpreadConstraints: spread(func(c *corev1.TopologySpreadConstraint) { c.MaxSkew = 0 })}, "spec.topologySpreadConstraints[0].maxSkew"},
		"spread-when":             {stash.Fields{TopologySpreadConstraints: spread(func(c *corev1.TopologySpreadConstraint) { c.WhenUnsatisfiable = "" })}, "spec.topologySpreadConstraints[0].whenUnsatisfiable"},
		"spread-min-domains":      {stash.Fields{TopologySpreadConstraints: spread(func(c *corev1.TopologySpreadConstraint) { c.MinDomains = &one })}, "spec.topologySpreadConstraints[0].minDomains"},
		"spread-policy":           {stash.Fields{TopologySpreadConstraints: spread(func(c *corev1.TopologySpreadConstraint) { c.NodeTaintsPolicy = &never })}, "spec.topologySpreadConstraints[0].nodeTaintsPolicy"},
		"spread-twice": {
			stash.Fields{TopologySpreadConstraints: append(spread(func(*corev1.TopologySpreadConstraint) {}), spread(func(*corev1.TopologySpreadConstraint) {})...)},
			"spec.topologySpreadConstraints[1]",
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			var got []string
			for _, err := range tc.fields.Validate(field.NewPath("spec")) {
				got = append(got, err.Field)
			}
			if strings.Join(got, " ") != tc.want {
				t.Errorf("errors at %q, want at %q", got, tc.want)
			}
		})
	}
}

func FuzzRecover(f *testing.F) {
	f.Add(`{"nodeSelector":{"clusterID":"b","disk":"ssd"}}`, "", true)
	f.Add(`{"affinity":{"nodeAffinity":{"requiredDuringSchedulingIgnoredDuringExecution":{"nodeSelectorTerms":[{}]}}}}`, "", true)
	f.Add(`{"tolerations":[{"key":"a","effect":"No Execute"}]}`, "v1:sha256:00", false)
	f.Add(`"tolerations":`, "", false)
	f.Fuzz(func(t *testing.T, value, marker string, marked bool) {
		annotations := map[string]string{api.StashAnnotation: value}
		if marked {
			annotations[api.StashMarkerAnnotation] = stash.Marker(value)
		} else if marker != "" {
			annotations[api.StashMarkerAnnotation] = marker
		}
		fields, err := stash.Recover(withAnnotations(&corev1.Pod{}, annotations), virtualNode())
		if err != nil && (fields.NodeSelector != nil || fields.Affinity != nil || fields.Tolerations != nil || fields.TopologySpreadConstraints != nil) {
			t.Errorf("fields beside the error %v: %+v", err, fields)
		}
	})
}
