package spread_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/openkruise/kruise-api/apps/v1alpha1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"sigs.k8s.io/yaml"

	"github.com/spillway-io/spillway/webhook/spread"
)

const deployment = `targetRef: {apiVersion: apps/v1, kind: Deployment, name: web}`

// parse reads a WorkloadSpread as a user writes one; metadata may be left out.
func parse(t testing.TB, spec string) *v1alpha1.WorkloadSpread {
	t.Helper()
	ws := &v1alpha1.WorkloadSpread{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "ws"}}
	if err := yaml.UnmarshalStrict([]byte(spec), ws); err != nil {
		t.Fatalf("%v in\n%s", err, spec)
	}
	return ws
}

// spec completes a spec that targets a Deployment.
func spec(rest string) string { return "spec:\n  " + deployment + "\n" + rest }

// subsets completes one that has nothing else than subsets.
func subsets(items ...string) string { return spec("  subsets:\n  - " + strings.Join(items, "\n  - ")) }

// podTemplate is that of a target: one container, a volume, a claim.
func podTemplate(t testing.TB) spread.Known {
	t.Helper()
	var template corev1.PodTemplateSpec
	err := yaml.UnmarshalStrict([]byte(`
metadata: {labels: {app: web}}
spec:
  containers:
  - {name: main, image: web:1, volumeMounts: [{name: data, mountPath: /data}, {name: claim, mountPath: /claim}]}
  volumes:
  - {name: data, emptyDir: {}}
`), &template)
	if err != nil {
		t.Fatal(err)
	}
	return spread.Known{Template: &template, Claims: []string{"claim"}}
}

type invalid struct {
	reason string
	spread string
	known  spread.Known
	// want holds, for each error, its field and a part of what it says.
	want [][2]string
}

func checkInvalid(t *testing.T, cases map[string]invalid) {
	t.Helper()
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			ws := parse(t, tc.spread)
			before := ws.DeepCopy()
			errs := spread.Validate(spread.Default(ws), tc.known)
			compare(t, tc.reason, errs, tc.want)
			if diff := cmp.Diff(before, ws); diff != "" {
				t.Errorf("the input was modified: -before +after:\n%s", diff)
			}
		})
	}
}

func compare(t *testing.T, reason string, errs field.ErrorList, want [][2]string) {
	t.Helper()
	if len(errs) != len(want) {
		t.Fatalf("%s: got %d errors, want %d:\n%v", reason, len(errs), len(want), errs.ToAggregate())
	}
	for i, err := range errs {
		if err.Field != want[i][0] || !strings.Contains(err.ErrorBody(), want[i][1]) {
			t.Errorf("%s:\n got %s\nwant %s: ... %s", reason, err, want[i][0], want[i][1])
		}
	}
}

func TestValidateTarget(t *testing.T) {
	bare := "\n  subsets: [{name: a}]"
	checkInvalid(t, map[string]invalid{
		"none": {
			reason: "there is nothing to spread", spread: "spec:\n  subsets: [{name: a}]",
			want: [][2]string{{"spec.targetRef", "Required value: name the workload"}},
		},
		"empty": {
			reason: "all three fields are needed", spread: "spec:\n  targetRef: {}" + bare,
			want: [][2]string{{"spec.targetRef.apiVersion", "such as apps/v1"}, {"spec.targetRef.kind", "such as Deployment"}, {"spec.targetRef.name", "in the namespace of the WorkloadSpread"}},
		},
		"malformed": {
			reason: "a name that no object can have", spread: "spec:\n  targetRef: {apiVersion: a/b/c, kind: Deployment, name: Web!}" + bare,
			want: [][2]string{{"spec.targetRef.apiVersion", "GROUP/VERSION"}, {"spec.targetRef.name", "lowercase RFC 1123"}},
		},
		"deployment-group": {
			reason: "a known kind in a group that does not have it", spread: "spec:\n  targetRef: {apiVersion: v1, kind: Deployment, name: web}" + bare,
			want: [][2]string{{"spec.targetRef.apiVersion", "write apps/v1"}},
		},
		"statefulset-group": {
			reason: "there are two kinds of StatefulSet", spread: "spec:\n  targetRef: {apiVersion: batch/v1, kind: StatefulSet, name: web}" + bare,
			want: [][2]string{{"spec.targetRef.apiVersion", "write apps/v1 or apps.kruise.io/v1beta1"}},
		},
		"cloneset-group": {
			reason: "CloneSet is Kruise's", spread: "spec:\n  targetRef: {apiVersion: apps/v1, kind: CloneSet, name: web}" + bare,
			want: [][2]string{{"spec.targetRef.apiVersion", "write apps.kruise.io/v1alpha1"}},
		},
		"job-group": {
			reason: "Job is in batch", spread: "spec:\n  targetRef: {apiVersion: apps/v1, kind: Job, name: web}" + bare,
			want: [][2]string{{"spec.targetRef.apiVersion", "write batch/v1"}},
		},
		"daemonset": {
			reason: "nothing to spread", spread: "spec:\n  targetRef: {apiVersion: apps/v1, kind: DaemonSet, name: web}" + bare,
			want: [][2]string{{"spec.targetRef.kind", "one pod for each node"}},
		},
		"pod": {
			reason: "no workload", spread: "spec:\n  targetRef: {apiVersion: v1, kind: Pod, name: web}" + bare,
			want: [][2]string{{"spec.targetRef.kind", "not a workload"}},
		},
		"second-spread": {
			reason: "the winner would be chance", spread: subsets("{name: a}"),
			known: spread.Known{Others: []v1alpha1.WorkloadSpread{*parse(t, "metadata: {name: other, namespace: default}\n"+spec(bare[1:]))}},
			want:  [][2]string{{"spec.targetRef", `WorkloadSpread "other" spreads it already`}},
		},
		"selector": {
			reason: "a selector that does not parse", spread: spec("  targetFilter: {selector: {matchExpressions: [{key: role, operator: In}]}}" + bare),
			want: [][2]string{{"spec.targetFilter.selector.matchExpressions[0].values", "must be specified"}},
		},
		"paths": {
			reason: "paths that lead nowhere, or are counted twice",
			spread: spec("  targetFilter: {replicasPathList: ['', .spec.replicas, 'spec.groups[0].replicas', spec..replicas, '{.spec.replicas}', 0.replicas, spec.replicas, spec.groups.0.replicas, spec.replicas]}" + bare),
			want: [][2]string{
				{"spec.targetFilter.replicasPathList[0]", "separated by dots"},
				{"spec.targetFilter.replicasPathList[1]", "separated by dots"},
				{"spec.targetFilter.replicasPathList[2]", "separated by dots"},
				{"spec.targetFilter.replicasPathList[3]", "separated by dots"},
				{"spec.targetFilter.replicasPathList[4]", "separated by dots"},
				{"spec.targetFilter.replicasPathList[5]", "separated by dots"},
				{"spec.targetFilter.replicasPathList[8]", "Duplicate value"},
			},
		},
	})
}

func TestValidateStrategy(t *testing.T) {
	two := "\n  subsets: [{name: a, maxReplicas: 1}, {name: b}]"
	checkInvalid(t, map[string]invalid{
		"unknown": {
			reason: "the CRD says so too, but not in `spillway inject`", spread: spec("  scheduleStrategy: {type: Random}" + two),
			want: [][2]string{{"spec.scheduleStrategy.type", `supported values: "Adaptive", "Fixed"`}},
		},
		"adaptive-without-type": {
			reason: "the default would make adaptive a dead letter", spread: spec("  scheduleStrategy: {adaptive: {rescheduleCriticalSeconds: 30}}" + two),
			want: [][2]string{{"spec.scheduleStrategy.type", "must be Adaptive"}},
		},
		"adaptive-with-fixed": {
			reason: "it contradicts itself", spread: spec("  scheduleStrategy: {type: Fixed, adaptive: {rescheduleCriticalSeconds: 30}}" + two),
			want: [][2]string{{"spec.scheduleStrategy.type", "must be Adaptive"}},
		},
		"negative-seconds": {
			reason: "no time is negative", spread: spec("  scheduleStrategy: {type: Adaptive, adaptive: {rescheduleCriticalSeconds: -1}}" + two),
			want: [][2]string{{"spec.scheduleStrategy.adaptive.rescheduleCriticalSeconds", "0 turns rescheduling off"}},
		},
		"adaptive-capped-last": {
			reason: "pods that others have no room for need a place", spread: spec("  scheduleStrategy: {type: Adaptive, adaptive: {rescheduleCriticalSeconds: 30}}\n  subsets: [{name: a, maxReplicas: 1}, {name: b, maxReplicas: 2}]"),
			want: [][2]string{{"spec.subsets[1].maxReplicas", "the last subset takes the pods"}},
		},
		"adaptive-nil-capped-last": {
			reason: "the same without parameters", spread: spec("  scheduleStrategy: {type: Adaptive}\n  subsets: [{name: a, maxReplicas: 50%}, {name: b, maxReplicas: 50%}]"),
			want: [][2]string{{"spec.subsets[1].maxReplicas", "the last subset takes the pods"}},
		},
		"adaptive-single-capped": {
			reason: "there is no subset to move to", spread: spec("  scheduleStrategy: {type: Adaptive, adaptive: {rescheduleCriticalSeconds: 3000}}\n  subsets: [{name: a, maxReplicas: 5}]"),
			want: [][2]string{{"spec.subsets[0].maxReplicas", "or add a subset after it"}},
		},
	})
}

func TestValidateCaps(t *testing.T) {
	cases := map[string]invalid{
		"mixed": {
			reason: "numbers and shares do not add up", spread: subsets("{name: a, maxReplicas: 1}", "{name: b, maxReplicas: 50%}", "{name: c}"),
			want: [][2]string{{"spec.subsets[1].maxReplicas", `write all as numbers, or all in percent`}},
		},
		"statefulset-percent": {
			reason: "ordinals need numbers", spread: "spec:\n  targetRef: {apiVersion: apps.kruise.io/v1beta1, kind: StatefulSet, name: web}\n  subsets: [{name: a, maxReplicas: 50%}, {name: b}]",
			want: [][2]string{{"spec.subsets[0].maxReplicas", "told apart by ordinal"}},
		},
		"sum-above": {
			reason: "the last subset gets less than it says", spread: subsets("{name: a, maxReplicas: 50%}", "{name: b, maxReplicas: 60%}", "{name: c}"),
			want: [][2]string{{"spec.subsets[1].maxReplicas", "brings the sum to 110%"}},
		},
		"sum-below": {
			reason: "some pods have no subset", spread: subsets("{name: a, maxReplicas: 50%}", "{name: b, maxReplicas: 20%}"),
			want: [][2]string{{"spec.subsets[1].maxReplicas", "leaves 30% of the pods without a subset"}},
		},
		"dead-number": {
			reason: "the first one takes every pod", spread: subsets("{name: a}", "{name: b, maxReplicas: 2}"),
			want: [][2]string{{"spec.subsets[0].maxReplicas", `"b" never gets one of its 2`}},
		},
		"dead-percent": {
			reason: "the first one takes every pod", spread: subsets("{name: a}", "{name: b, maxReplicas: 100%}"),
			want: [][2]string{{"spec.subsets[0].maxReplicas", `"b" never gets one of its 100%`}},
		},
	}
	for _, limit := range []string{`"5"`, `0.2%`, `50.2%`, `101%`, `-1%`, `"%"`, `"+5%"`, `" 5%"`, `""`, `five`, `99999999999999999999%`} {
		cases["text-"+limit] = invalid{
			reason: "Kruise takes some of these and counts 0", spread: subsets("{name: a, maxReplicas: "+limit+"}", "{name: b}"),
			want: [][2]string{{"spec.subsets[0].maxReplicas", `must be a number, such as 5 without quotes, or whole percent from "0%" to "100%"`}},
		}
	}
	cases["negative"] = invalid{
		reason: "no count is negative", spread: subsets("{name: a, maxReplicas: -100}", "{name: b}"),
		want: [][2]string{{"spec.subsets[0].maxReplicas", "must not be negative"}},
	}
	checkInvalid(t, cases)
}

func TestValidateSubsets(t *testing.T) {
	checkInvalid(t, map[string]invalid{
		"none":      {reason: "no subset, no spread", spread: spec("  subsets: []"), want: [][2]string{{"spec.subsets", "at least one"}}},
		"nameless":  {reason: "pods carry the name", spread: subsets("{maxReplicas: 1}", "{name: b}"), want: [][2]string{{"spec.subsets[0].name", "Required value"}}},
		"same-name": {reason: "pods carry the name", spread: subsets("{name: a, maxReplicas: 1}", "{name: a}"), want: [][2]string{{"spec.subsets[1].name", "Duplicate value"}}},
		"empty-term": {
			reason: "Kubernetes and common sense do not agree about it", spread: subsets("{name: a, requiredNodeSelectorTerm: {}}"),
			want: [][2]string{{"spec.subsets[0].requiredNodeSelectorTerm", "selects no node"}},
		},
		"required-term": {
			reason: "what an API server would say of a pod, under the path of the subset",
			spread: subsets("{name: a, requiredNodeSelectorTerm: {matchExpressions: [{key: zone, operator: Is}, {key: zone, operator: In}, {key: '-', operator: Exists}], matchFields: [{key: metadata.name, operator: In, values: [a, b]}]}}"),
			want: [][2]string{
				{"spec.subsets[0].requiredNodeSelectorTerm.matchExpressions[0].operator", "Unsupported value"},
				{"spec.subsets[0].requiredNodeSelectorTerm.matchExpressions[1].values", "values set can't be empty"},
				{"spec.subsets[0].requiredNodeSelectorTerm.matchExpressions[2].key", "Invalid value"},
				{"spec.subsets[0].requiredNodeSelectorTerm.matchFields[0].values", "must have one element"},
			},
		},
		"preferred-terms": {
			reason: "weights, and the term below preference",
			spread: subsets("{name: a, preferredNodeSelectorTerms: [{weight: 0, preference: {matchExpressions: [{key: zone, operator: Is}]}}, {weight: 101, preference: {matchExpressions: [{key: zone, operator: Exists}]}}]}"),
			want: [][2]string{
				{"spec.subsets[0].preferredNodeSelectorTerms[0].weight", "1-100"},
				{"spec.subsets[0].preferredNodeSelectorTerms[0].preference.matchExpressions[0].operator", "Unsupported value"},
				{"spec.subsets[0].preferredNodeSelectorTerms[1].weight", "1-100"},
			},
		},
		"tolerations": {
			reason: "as in a pod",
			spread: subsets("{name: a, tolerations: [{key: a, operator: Exists, value: x}, {operator: Equal}, {key: a, effect: Never}]}"),
			want: [][2]string{
				{"spec.subsets[0].tolerations[0].value", "must be empty"},
				{"spec.subsets[0].tolerations[1].operator", "must be Exists when key is empty"},
				{"spec.subsets[0].tolerations[2].effect", "Unsupported value"},
			},
		},
		"virtual-subsets": {
			reason: "a misspelt name would turn into own machines",
			spread: "metadata: {annotations: {spillway.io/virtual-subsets: 'b, vritual'}}\n" + subsets("{name: a, maxReplicas: 1}", "{name: b}"),
			want:   [][2]string{{"metadata.annotations[spillway.io/virtual-subsets]", "separated by commas: a, b"}},
		},
		"return-to-base": {
			reason: "not a Go duration",
			spread: "metadata: {annotations: {spillway.io/return-to-base: '10'}}\n" + subsets("{name: a, maxReplicas: 1}", "{name: b}"),
			want:   [][2]string{{"metadata.annotations[spillway.io/return-to-base]", "longer than 0, such as 10m"}},
		},
	})
}
