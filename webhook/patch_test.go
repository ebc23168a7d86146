package webhook

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// TestPatch changes the pod in raw, which has fields of a later Kubernetes, by
// way of its types.
func TestPatch(t *testing.T) {
	container := func(name string) corev1.Container { return corev1.Container{Name: name} }
	cases := map[string]struct {
		reason string
		raw    string
		change func(pod *corev1.Pod)
		patch  string
		want   string
	}{
		"keyed-first": {
			reason: "an item that is put first moves the others, with all that is theirs",
			raw:    `{"metadata":{},"spec":{"containers":[{"future":1,"name":"a","resources":{}}]}}`,
			change: func(p *corev1.Pod) {
				p.Spec.Containers = []corev1.Container{container("new"), p.Spec.Containers[0]}
			},
			patch: `[{"op":"add","path":"/spec/containers/0","value":{"name":"new","resources":{}}}]`,
			want:  `{"metadata":{},"spec":{"containers":[{"name":"new","resources":{}},{"future":1,"name":"a","resources":{}}]}}`,
		},
		"keyed-middle-and-changed": {
			reason: "changes go to where the item is by then",
			raw:    `{"metadata":{},"spec":{"containers":[{"future":1,"name":"a"},{"future":2,"name":"b","image":"b:1"}]}}`,
			change: func(p *corev1.Pod) {
				b := p.Spec.Containers[1]
				b.Image = "b:2"
				p.Spec.Containers = []corev1.Container{p.Spec.Containers[0], container("new"), b}
			},
			patch: `[{"op":"add","path":"/spec/containers/1","value":{"name":"new","resources":{}}},{"op":"replace","path":"/spec/containers/2/image","value":"b:2"}]`,
			want:  `{"metadata":{},"spec":{"containers":[{"future":1,"name":"a"},{"name":"new","resources":{}},{"future":2,"image":"b:2","name":"b"}]}}`,
		},
		"keyed-removed": {
			reason: "the items behind one that goes are not rewritten",
			raw:    `{"metadata":{},"spec":{"volumes":[{"future":1,"name":"a"},{"future":2,"name":"b"},{"future":3,"name":"c"}]}}`,
			change: func(p *corev1.Pod) { p.Spec.Volumes = p.Spec.Volumes[2:] },
			patch:  `[{"op":"remove","path":"/spec/volumes/1"},{"op":"remove","path":"/spec/volumes/0"}]`,
			want:   `{"metadata":{},"spec":{"volumes":[{"future":3,"name":"c"}]}}`,
		},
		"keyed-replaced": {
			reason: "an item with another key is another item: nothing is kept of the one that it replaces",
			raw:    `{"metadata":{},"spec":{"volumes":[{"future":1,"name":"a"},{"future":2,"name":"b"}]}}`,
			change: func(p *corev1.Pod) {
				p.Spec.Volumes = []corev1.Volume{{Name: "c"}, p.Spec.Volumes[1]}
			},
			patch: `[{"op":"replace","path":"/spec/volumes/0","value":{"name":"c"}}]`,
			want:  `{"metadata":{},"spec":{"volumes":[{"name":"c"},{"future":2,"name":"b"}]}}`,
		},
		"keyed-reordered": {
			reason: "an item that moves takes along what the types do not know, and is changed where it arrives",
			raw:    `{"metadata":{},"spec":{"containers":[{"future":1,"name":"a"},{"future":2,"name":"b"},{"future":3,"name":"c","resources":{"future":4}}]}}`,
			change: func(p *corev1.Pod) {
				c := p.Spec.Containers
				c[2].Image = "c:1"
				p.Spec.Containers = []corev1.Container{c[2], c[0], c[1]}
			},
			patch: `[{"op":"remove","path":"/spec/containers/2"},{"op":"add","path":"/spec/containers/0","value":{"future":3,"name":"c","resources":{"future":4}}},{"op":"add","path":"/spec/containers/0/image","value":"c:1"}]`,
			want:  `{"metadata":{},"spec":{"containers":[{"future":3,"image":"c:1","name":"c","resources":{"future":4}},{"future":1,"name":"a"},{"future":2,"name":"b"}]}}`,
		},
		"keyed-deep": {
			reason: "one variable of one container is one operation",
			raw:    `{"metadata":{},"spec":{"containers":[{"name":"a"},{"env":[{"future":1,"name":"A","value":"1"}],"name":"b"}]}}`,
			change: func(p *corev1.Pod) {
				b := &p.Spec.Containers[1]
				b.Env = []corev1.EnvVar{{Name: "B", Value: "2"}, b.Env[0]}
			},
			patch: `[{"op":"add","path":"/spec/containers/1/env/0","value":{"name":"B","value":"2"}}]`,
			want:  `{"metadata":{},"spec":{"containers":[{"name":"a"},{"env":[{"name":"B","value":"2"},{"future":1,"name":"A","value":"1"}],"name":"b"}]}}`,
		},
		"keyed-by-number": {
			reason: "DNS listens twice on one port: where keys are not unique, equal items are the same",
			raw:    `{"metadata":{},"spec":{"containers":[{"name":"a","ports":[{"containerPort":53,"future":1,"protocol":"UDP"},{"containerPort":53,"future":2,"protocol":"TCP"}]}]}}`,
			change: func(p *corev1.Pod) {
				a := &p.Spec.Containers[0]
				a.Ports[1].Name = "dns"
				a.Ports = []corev1.ContainerPort{{ContainerPort: 80}, a.Ports[0], a.Ports[1]}
			},
			patch: `[{"op":"add","path":"/spec/containers/0/ports/0","value":{"containerPort":80}},{"op":"add","path":"/spec/containers/0/ports/2/name","value":"dns"}]`,
			want:  `{"metadata":{},"spec":{"containers":[{"name":"a","ports":[{"containerPort":80},{"containerPort":53,"future":1,"protocol":"UDP"},{"containerPort":53,"future":2,"name":"dns","protocol":"TCP"}]}]}}`,
		},
		"owners": {
			reason: "owners are told apart by UID",
			raw:    `{"metadata":{"ownerReferences":[{"apiVersion":"v1","future":1,"kind":"A","name":"x","uid":"1"}]},"spec":{}}`,
			change: func(p *corev1.Pod) {
				first := metav1.OwnerReference{APIVersion: "v1", Kind: "A", Name: "x", UID: "2"}
				p.OwnerReferences = []metav1.OwnerReference{first, p.OwnerReferences[0]}
			},
			patch: `[{"op":"add","path":"/metadata/ownerReferences/0","value":{"apiVersion":"v1","kind":"A","name":"x","uid":"2"}}]`,
			want:  `{"metadata":{"ownerReferences":[{"apiVersion":"v1","kind":"A","name":"x","uid":"2"},{"apiVersion":"v1","future":1,"kind":"A","name":"x","uid":"1"}]},"spec":{}}`,
		},
		"tolerations": {
			reason: "a toleration that stays is not rewritten, and a new one is not given another's fields",
			raw:    `{"metadata":{},"spec":{"tolerations":[{"future":1,"key":"a","operator":"Exists"},{"future":2,"key":"b","operator":"Exists"}]}}`,
			change: func(p *corev1.Pod) {
				p.Spec.Tolerations = []corev1.Toleration{p.Spec.Tolerations[1], {Key: "c"}}
			},
			patch: `[{"op":"remove","path":"/spec/tolerations/0"},{"op":"add","path":"/spec/tolerations/1","value":{"key":"c"}}]`,
			want:  `{"metadata":{},"spec":{"tolerations":[{"future":2,"key":"b","operator":"Exists"},{"key":"c"}]}}`,
		},
		"terms-changed": {
			reason: "as many terms as before are the same terms, with one more requirement each",
			raw:    terms(`{"future":1,"matchExpressions":[{"future":2,"key":"a","operator":"Exists"}]}`),
			change: func(p *corev1.Pod) {
				term := &(*termsOf(p))[0]
				term.MatchExpressions = append(term.MatchExpressions, corev1.NodeSelectorRequirement{Key: "b", Operator: "Exists"})
			},
			patch: `[{"op":"add","path":"/spec/affinity/nodeAffinity/requiredDuringSchedulingIgnoredDuringExecution/nodeSelectorTerms/0/matchExpressions/1","value":{"key":"b","operator":"Exists"}}]`,
			want:  terms(`{"future":1,"matchExpressions":[{"future":2,"key":"a","operator":"Exists"},{"key":"b","operator":"Exists"}]}`),
		},
		"terms-fewer": {
			reason: "nobody can tell which of the two terms is left: what is unknown of them goes with them",
			raw:    terms(`{"future":1,"matchExpressions":[{"key":"a","operator":"Exists"}]},{"future":2,"matchExpressions":[{"key":"b","operator":"Exists"}]}`),
			change: func(p *corev1.Pod) {
				*termsOf(p) = []corev1.NodeSelectorTerm{{MatchFields: []corev1.NodeSelectorRequirement{{Key: "c", Operator: "Exists"}}}}
			},
			patch: `[{"op":"replace","path":"/spec/affinity/nodeAffinity/requiredDuringSchedulingIgnoredDuringExecution/nodeSelectorTerms","value":[{"matchFields":[{"key":"c","operator":"Exists"}]}]}]`,
			want:  terms(`{"matchFields":[{"key":"c","operator":"Exists"}]}`),
		},
		"annotations-few": {
			reason: "what does not change is not named",
			raw:    `{"metadata":{"annotations":{"a":"a long text that stays","b/c":"1","d":"1"}}}`,
			change: func(p *corev1.Pod) {
				p.Annotations = map[string]string{"a": "a long text that stays", "b/c": "2", "e~": "3"}
			},
			patch: `[{"op":"replace","path":"/metadata/annotations/b~1c","value":"2"},{"op":"add","path":"/metadata/annotations/e~0","value":"3"},{"op":"remove","path":"/metadata/annotations/d"}]`,
			want:  `{"metadata":{"annotations":{"a":"a long text that stays","b/c":"2","e~":"3"}}}`,
		},
		"annotations-many": {
			reason: "a short text that stays costs less than four operations",
			raw:    `{"metadata":{"annotations":{"a":"a short text that stays"}}}`,
			change: func(p *corev1.Pod) {
				p.Annotations = map[string]string{"a": "a short text that stays", "b": "2", "c": "3", "d": "4", "e": "5"}
			},
			patch: `[{"op":"replace","path":"/metadata/annotations","value":{"a":"a short text that stays","b":"2","c":"3","d":"4","e":"5"}}]`,
			want:  `{"metadata":{"annotations":{"a":"a short text that stays","b":"2","c":"3","d":"4","e":"5"}}}`,
		},
		"args": {
			reason: "texts are not told apart but by what they say",
			raw:    `{"metadata":{},"spec":{"containers":[{"args":["a","b","b"],"name":"a"}]}}`,
			change: func(p *corev1.Pod) { p.Spec.Containers[0].Args = []string{"new", "a", "c", "b", "d"} },
			patch:  `[{"op":"add","path":"/spec/containers/0/args/0","value":"new"},{"op":"add","path":"/spec/containers/0/args/2","value":"c"},{"op":"replace","path":"/spec/containers/0/args/4","value":"d"}]`,
			want:   `{"metadata":{},"spec":{"containers":[{"args":["new","a","c","b","d"],"name":"a"}]}}`,
		},
		"left-out": {
			reason: "types encode resources always, authors and other builds may leave them out",
			raw:    `{"spec":{"containers":[{"name":"a"}]}}`,
			change: func(p *corev1.Pod) {
				p.Labels = map[string]string{"a/b": "1"}
				p.Spec.Containers[0].Resources.Claims = []corev1.ResourceClaim{{Name: "gpu"}}
			},
			patch: `[{"op":"add","path":"/metadata","value":{}},{"op":"add","path":"/metadata/labels","value":{"a/b":"1"}},{"op":"add","path":"/spec/containers/0/resources","value":{}},{"op":"add","path":"/spec/containers/0/resources/claims","value":[{"name":"gpu"}]}]`,
			want:  `{"metadata":{"labels":{"a/b":"1"}},"spec":{"containers":[{"name":"a","resources":{"claims":[{"name":"gpu"}]}}]}}`,
		},
		"object-emptied": {
			reason: "an object that the types hold as a value stays, for what else is in it",
			raw:    `{"metadata":{},"spec":{"containers":[{"name":"a","resources":{"future":1,"limits":{"cpu":"1"}}}]}}`,
			change: func(p *corev1.Pod) { p.Spec.Containers[0].Resources = corev1.ResourceRequirements{} },
			patch:  `[{"op":"remove","path":"/spec/containers/0/resources/limits"}]`,
			want:   `{"metadata":{},"spec":{"containers":[{"name":"a","resources":{"future":1}}]}}`,
		},
		"empty-is-left-out": {
			reason: "the JSON of a list that is nil and of one that is empty are the same",
			raw:    `{"metadata":{"labels":{}},"spec":{"tolerations":[]}}`,
			change: func(p *corev1.Pod) { p.Labels, p.Spec.Tolerations = nil, nil },
			patch:  `null`,
			want:   `{"metadata":{"labels":{}},"spec":{"tolerations":[]}}`,
		},
		"null": {
			reason: "null, where a list or an item of it belongs",
			raw:    `{"metadata":{},"spec":{"containers":[null],"tolerations":null}}`,
			change: func(p *corev1.Pod) {
				p.Spec.Containers[0].Image = "a:1"
				p.Spec.Tolerations = []corev1.Toleration{{Key: "a"}}
			},
			patch: `[{"op":"replace","path":"/spec/containers/0","value":{}},{"op":"add","path":"/spec/containers/0/image","value":"a:1"},{"op":"add","path":"/spec/tolerations","value":[{"key":"a"}]}]`,
			want:  `{"metadata":{},"spec":{"containers":[{"image":"a:1"}],"tolerations":[{"key":"a"}]}}`,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			before := &corev1.Pod{}
			if err := json.Unmarshal([]byte(tc.raw), before); err != nil {
				t.Fatal(err)
			}
			after := before.DeepCopy()
			tc.change(after)
			operations, err := Patch([]byte(tc.raw), before, after)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.patch, string(encoded(t, operations))); diff != "" {
				t.Errorf("%s: patch -want +got:\n%s", tc.reason, diff)
			}
			got, err := apply(operations, []byte(tc.raw))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want, string(got)); diff != "" {
				t.Errorf("%s: pod -want +got:\n%s", tc.reason, diff)
			}
		})
	}
}

func terms(terms string) string {
	return `{"metadata":{},"spec":{"affinity":{"nodeAffinity":{"requiredDuringSchedulingIgnoredDuringExecution":{"nodeSelectorTerms":[` + terms + `]}}}}}`
}

func termsOf(pod *corev1.Pod) *[]corev1.NodeSelectorTerm {
	return &pod.Spec.Affinity.NodeAffinity.RequiredDuringSchedulingIgnoredDuringExecution.NodeSelectorTerms
}
