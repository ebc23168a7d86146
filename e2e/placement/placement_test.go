package placement

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"
)

func TestViolations(t *testing.T) {
	a1, a2, b1, c1 := node("a1", "a"), node("a2", "a"), node("b1", "b"), node("c1", "c")
	c1.Spec.Taints = []corev1.Taint{
		{Key: "dedicated", Value: "batch", Effect: corev1.TaintEffectNoSchedule},
		{Key: "slow", Effect: corev1.TaintEffectPreferNoSchedule},
	}
	nodes := []*corev1.Node{a1, a2, b1, c1}

	selectsA := `{nodeSelector: {zone: a}}`
	alone := `{affinity: {podAntiAffinity: {requiredDuringSchedulingIgnoredDuringExecution:
	  [{topologyKey: zone, labelSelector: {matchLabels: {app: web}}}]}}}`
	together := `{affinity: {podAffinity: {requiredDuringSchedulingIgnoredDuringExecution:
	  [{topologyKey: zone, labelSelector: {matchLabels: {app: db}}}]}}}`
	spread := `{topologySpreadConstraints:
	  [{topologyKey: zone, maxSkew: 1, whenUnsatisfiable: DoNotSchedule, labelSelector: {matchLabels: {app: web}}}]}`
	spreadTolerated := `{topologySpreadConstraints:
	  [{topologyKey: zone, maxSkew: 1, whenUnsatisfiable: DoNotSchedule, nodeTaintsPolicy: Honor, labelSelector: {matchLabels: {app: web}}}]}`

	cases := map[string]struct {
		reason string
		pod    Pod
		others []Pod
		want   []string
	}{
		"nothing-asked":    {"a pod without constraints may be anywhere", pod(t, `{}`, "web", a1), nil, nil},
		"selector-holds":   {"the node has the label", pod(t, selectsA, "web", a2), nil, nil},
		"selector-broken":  {"the node has another value", pod(t, selectsA, "web", b1), nil, []string{"node b1 has not the labels it requires"}},
		"taint-broken":     {"only taints that forbid count", pod(t, `{}`, "web", c1), nil, []string{"it does not tolerate dedicated=batch:NoSchedule of node c1"}},
		"taint-tolerated":  {"a toleration lifts it", pod(t, `{tolerations: [{key: dedicated, operator: Exists}]}`, "web", c1), nil, nil},
		"apart-holds":      {"others are in other zones, strangers may be near", pod(t, alone, "web", a1), []Pod{pod(t, alone, "web", b1), pod(t, `{}`, "db", a1)}, nil},
		"apart-broken":     {"the zone is shared, not the node", pod(t, alone, "web", a1), []Pod{pod(t, alone, "web", a2)}, []string{"it shares its zone with web-a2, which it avoids"}},
		"together-holds":   {"the pod it wants is in the zone", pod(t, together, "web", a1), []Pod{pod(t, `{}`, "db", a2)}, nil},
		"together-broken":  {"it is in another", pod(t, together, "web", a1), []Pod{pod(t, `{}`, "db", b1)}, []string{"no pod it must be near shares its zone"}},
		"spread-holds":     {"one, one and none in three zones", pod(t, spread, "web", a1), []Pod{pod(t, spread, "web", b1)}, nil},
		"spread-broken":    {"two and none", pod(t, spread, "web", a1), []Pod{pod(t, spread, "web", a2), pod(t, spread, "web", b1)}, []string{"its zone are filled unevenly, by 2 more than 1: map[a:2 b:1 c:0]"}},
		"spread-eligible":  {"a zone it may not use does not count", pod(t, spreadTolerated, "web", a1), []Pod{pod(t, spreadTolerated, "web", a2), pod(t, spreadTolerated, "web", b1)}, nil},
		"spread-strangers": {"other pods do not count", pod(t, spread, "web", a1), []Pod{pod(t, `{}`, "db", a1), pod(t, `{}`, "db", a2)}, nil},
		"not-understood": {
			"what cannot be judged is not passed",
			pod(t, `{topologySpreadConstraints: [{topologyKey: zone, maxSkew: 1, minDomains: 3, whenUnsatisfiable: DoNotSchedule}]}`, "web", a1), nil,
			[]string{"cannot judge its topology spread: minDomains and matchLabelKeys are not understood"},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			got := Violations(tc.pod, append(tc.others, tc.pod), nodes)
			if diff := cmp.Diff(tc.want, got, cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("%s: -want +got\n%s", tc.reason, diff)
			}
		})
	}
}

func TestPreferredBest(t *testing.T) {
	a, b, tainted := node("a", "a"), node("b", "b"), node("tainted", "b")
	tainted.Spec.Taints = []corev1.Taint{{Key: "dedicated", Effect: corev1.TaintEffectNoSchedule}}
	prefersB := `{affinity: {nodeAffinity: {preferredDuringSchedulingIgnoredDuringExecution:
	  [{weight: 1, preference: {matchExpressions: [{key: zone, operator: In, values: [b]}]}}]}}}`

	cases := map[string]struct {
		reason string
		on     *corev1.Node
		nodes  []*corev1.Node
		want   bool
	}{
		"met":        {"it runs where it prefers to", b, []*corev1.Node{a, b}, true},
		"not-met":    {"a better node was there", a, []*corev1.Node{a, b}, false},
		"impossible": {"the better node was closed to it", a, []*corev1.Node{a, tainted}, true},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			got, err := PreferredBest(pod(t, prefersB, "web", tc.on), tc.nodes)
			if err != nil || got != tc.want {
				t.Errorf("%s: got %t, %v, want %t", tc.reason, got, err, tc.want)
			}
		})
	}
}

func node(name, zone string) *corev1.Node {
	return &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{"zone": zone}}}
}

// pod returns a pod of app with the given spec on a node.
func pod(t *testing.T, spec, app string, on *corev1.Node) Pod {
	t.Helper()
	author := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{
		Namespace: "default", Name: app + "-" + on.Name, Labels: map[string]string{"app": app},
	}}
	if err := yaml.UnmarshalStrict([]byte(spec), &author.Spec); err != nil {
		t.Fatal(err)
	}
	return Pod{Author: author, Node: on}
}
