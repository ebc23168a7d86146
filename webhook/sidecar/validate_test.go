package sidecar_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/spillway-io/spillway/webhook/sidecar"
)

// selected completes a spec that selects pods.
func selected(rest string) string { return "spec:\n  selector: {matchLabels: {app: web}}\n  " + rest }

// agent is a set with one container that has some more fields.
func agent(more string) string {
	if more != "" {
		more = ", " + more
	}
	return selected("containers: [{name: agent, image: 'agent:1'" + more + "}]\n  volumes: [{name: logs}]")
}

// setup is a set with one init container that has some more fields.
func setup(more string) string {
	return selected("initContainers: [{name: setup, image: 'setup:1', " + more + "}]")
}

// one is a set with a container, and some more of its spec.
func one(rest string) string {
	return selected("containers: [{name: agent, image: 'agent:1'}]\n  " + rest)
}

const (
	required     = "Required value"
	invalid      = "Invalid value"
	forbidden    = "Forbidden"
	unsupported  = "Unsupported value"
	duplicate    = "Duplicate value"
	notFound     = "Not found"
	tooLong      = "Too long"
	inContainer  = "spec.containers[0]."
	inInit       = "spec.initContainers[0]."
	inUpdates    = "spec.updateStrategy."
	inAnnotation = "spec.patchPodMetadata[0].annotations"
)

type judged struct {
	reason string
	set    string
	// want holds the type and the field of each error, in their order.
	want [][2]string
}

func refusedFor(kind, path string) [][2]string { return [][2]string{{kind, path}} }

func checkJudged(t *testing.T, cases map[string]judged) {
	t.Helper()
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			set := sidecar.Default(parse(t, tc.set))
			before := set.DeepCopy()
			compareErrors(t, tc.reason, sidecar.Validate(set), tc.want)
			if diff := cmp.Diff(before, set); diff != "" {
				t.Errorf("the input was modified: -before +after:\n%s", diff)
			}
		})
	}
}

func compareErrors(t *testing.T, reason string, errs field.ErrorList, want [][2]string) {
	t.Helper()
	var got [][2]string
	for _, err := range errs {
		got = append(got, [2]string{err.Type.String(), err.Field})
		if err.Type != field.ErrorTypeDuplicate && err.Type != field.ErrorTypeNotFound && err.Detail == "" {
			t.Errorf("%s: %v does not say what to do", reason, err)
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s: -want +got:\n%s\n%v", reason, diff, errs.ToAggregate())
	}
}

func TestValidateSet(t *testing.T) {
	checkJudged(t, map[string]judged{
		"dots":          {"Kruise's names have none", "metadata: {name: a.b}\n" + agent(""), refusedFor(invalid, "metadata.name")},
		"long-name":     {"it becomes a label", "metadata: {name: " + strings.Repeat("a", 64) + "}\n" + agent(""), refusedFor(tooLong, "metadata.name")},
		"upper-case":    {"the API server's business", "metadata: {name: ABC}\n" + agent(""), nil},
		"no-selector":   {"nothing would be selected", "spec: {containers: [{name: a, image: a}]}", refusedFor(required, "spec.selector")},
		"empty":         {"it selects nothing, while everywhere else it selects all", "spec: {selector: {}, containers: [{name: a, image: a}]}", refusedFor(invalid, "spec.selector")},
		"operator":      {"no such operator", "spec: {selector: {matchExpressions: [{key: a, operator: Has}]}, containers: [{name: a, image: a}]}", refusedFor(invalid, "spec.selector.matchExpressions[0].operator")},
		"key":           {"no label has it", "spec: {selector: {matchLabels: {'a b': c}}, containers: [{name: a, image: a}]}", refusedFor(invalid, "spec.selector.matchLabels")},
		"namespace":     {"no namespace has it", one("namespace: 'Team A'"), refusedFor(invalid, "spec.namespace")},
		"namespaces":    {"empty is not all", one("namespaceSelector: {}"), refusedFor(invalid, "spec.namespaceSelector")},
		"namespaces-op": {"a value is missing", one("namespaceSelector: {matchExpressions: [{key: a, operator: In}]}"), refusedFor(required, "spec.namespaceSelector.matchExpressions[0].values")},
		"nothing":       {"a set is about containers", selected("volumes: []"), refusedFor(required, "spec.containers")},
		"canary": {
			"of Kruise 1.9", "metadata: {annotations: {apps.kruise.io/sidecarset-canary: 'true', apps.kruise.io/sidecarset-base: logs}}\n" + agent(""),
			[][2]string{{forbidden, "metadata.annotations[apps.kruise.io/sidecarset-canary]"}, {forbidden, "metadata.annotations[apps.kruise.io/sidecarset-base]"}},
		},
		"pull-secret":   {"no name", one("imagePullSecrets: [{name: a}, {}]"), refusedFor(required, "spec.imagePullSecrets[1].name")},
		"revision":      {"which one?", one("injectionStrategy: {revision: {policy: Always}}"), refusedFor(required, "spec.injectionStrategy.revision")},
		"revision-name": {"none has it", one("injectionStrategy: {revision: {revisionName: '', customVersion: a}}"), refusedFor(required, "spec.injectionStrategy.revision.revisionName")},
		"version":       {"none has it", one("injectionStrategy: {revision: {customVersion: ''}}"), refusedFor(required, "spec.injectionStrategy.revision.customVersion")},
		"policy":        {"no such policy", one("injectionStrategy: {revision: {customVersion: v1, policy: Some}}"), refusedFor(unsupported, "spec.injectionStrategy.revision.policy")},
		"metadata":      {"nothing to write", one("patchPodMetadata: [{}]"), refusedFor(required, inAnnotation)},
		"patch-policy":  {"no such policy", one("patchPodMetadata: [{annotations: {a: b}, patchPolicy: Merge}]"), refusedFor(unsupported, "spec.patchPodMetadata[0].patchPolicy")},
		"annotation":    {"no annotation has it", one("patchPodMetadata: [{annotations: {'a b': c}}]"), refusedFor(invalid, inAnnotation)},
		"twice":         {"which value?", one("patchPodMetadata: [{annotations: {a: b}}, {annotations: {a: c}}]"), refusedFor(duplicate, "spec.patchPodMetadata[1].annotations[a]")},
		"no-json":       {"nothing can be merged", one("patchPodMetadata: [{annotations: {a: b}, patchPolicy: MergePatchJson}]"), refusedFor(invalid, inAnnotation+"[a]")},
		"stash":         {"constraints of the pod", one("patchPodMetadata: [{annotations: {clusterSelector: '{}'}}]"), refusedFor(forbidden, inAnnotation+"[clusterSelector]")},
		"ours":          {"where it runs", one("patchPodMetadata: [{annotations: {spillway.io/stash: x}}]"), refusedFor(forbidden, inAnnotation+"[spillway.io/stash]")},
		"subset":        {"its slot", one("patchPodMetadata: [{annotations: {apps.kruise.io/matched-workloadspread: x}}]"), refusedFor(forbidden, inAnnotation+"[apps.kruise.io/matched-workloadspread]")},
		"record":        {"what is in it", one("patchPodMetadata: [{annotations: {kruise.io/sidecarset-hash: x}}]"), refusedFor(forbidden, inAnnotation+"[kruise.io/sidecarset-hash]")},
		"generated":     {"the API server gives it a name", "metadata: {name: '', generateName: logs-}\n" + agent(""), nil},
		"all": {
			"what a set may say", selected(`namespace: default
  namespaceSelector: {matchLabels: {team: a}}
  containers: [{name: agent, image: a}]
  initContainers: [{name: setup, image: a}, {name: native, image: a, restartPolicy: Always}]
  imagePullSecrets: [{name: pull}]
  revisionHistoryLimit: 3
  injectionStrategy: {paused: true, revision: {revisionName: logs-1, customVersion: v1, policy: Partial}}
  patchPodMetadata: [{annotations: {a: b}}, {annotations: {c: '{}'}, patchPolicy: MergePatchJson}, {annotations: {d: ''}, patchPolicy: Overwrite}]`), nil,
		},
	})
}

func TestValidateUpdates(t *testing.T) {
	rolling := func(rest string) string { return one("updateStrategy: {" + rest + "}") }
	checkJudged(t, map[string]judged{
		"type":               {"no such type", rolling("type: Recreate"), refusedFor(unsupported, inUpdates+"type")},
		"selector":           {"empty is not all", rolling("selector: {}"), refusedFor(invalid, inUpdates+"selector")},
		"partition":          {"which of them?", rolling("selector: {matchLabels: {a: b}}, partition: 1"), refusedFor(invalid, inUpdates+"partition")},
		"partition-percent":  {"which of them?", rolling("selector: {matchLabels: {a: b}}, partition: 5%"), refusedFor(invalid, inUpdates+"partition")},
		"partition-zero":     {"it is the default", rolling("selector: {matchLabels: {a: b}}, partition: 0"), nil},
		"partition-negative": {"less than none", rolling("partition: -1"), refusedFor(invalid, inUpdates+"partition")},
		"partition-text":     {"neither number nor percentage", rolling("partition: half"), refusedFor(invalid, inUpdates+"partition")},
		"unavailable":        {"nothing would ever be updated", rolling("maxUnavailable: 0"), refusedFor(invalid, inUpdates+"maxUnavailable")},
		"unavailable-none":   {"the same in percent", rolling("maxUnavailable: 0%"), refusedFor(invalid, inUpdates+"maxUnavailable")},
		"unavailable-less":   {"less than none", rolling("maxUnavailable: -2"), refusedFor(invalid, inUpdates+"maxUnavailable")},
		"unavailable-text":   {"neither number nor percentage", rolling("maxUnavailable: 5 percent"), refusedFor(invalid, inUpdates+"maxUnavailable")},
		"priorities": {
			"which of them?", rolling("priorityStrategy: {orderPriority: [{orderedKey: a}], weightPriority: [{weight: 1, matchSelector: {matchLabels: {a: b}}}]}"),
			refusedFor(forbidden, inUpdates+"priorityStrategy.orderPriority"),
		},
		"weight":          {"out of range", rolling("priorityStrategy: {weightPriority: [{weight: 101, matchSelector: {matchLabels: {a: b}}}]}"), refusedFor(invalid, inUpdates+"priorityStrategy.weightPriority[0].weight")},
		"weight-less":     {"out of range", rolling("priorityStrategy: {weightPriority: [{weight: -1, matchSelector: {matchLabels: {a: b}}}]}"), refusedFor(invalid, inUpdates+"priorityStrategy.weightPriority[0].weight")},
		"weight-selector": {"empty is not all", rolling("priorityStrategy: {weightPriority: [{weight: 1, matchSelector: {}}]}"), refusedFor(invalid, inUpdates+"priorityStrategy.weightPriority[0].matchSelector")},
		"order":           {"by what?", rolling("priorityStrategy: {orderPriority: [{orderedKey: ''}]}"), refusedFor(required, inUpdates+"priorityStrategy.orderPriority[0].orderedKey")},
		"scatter":         {"by what?", rolling("scatterStrategy: [{key: '', value: a}]"), refusedFor(required, inUpdates+"scatterStrategy[0].key")},
		"scatter-twice":   {"said before", rolling("scatterStrategy: [{key: a, value: b}, {key: a, value: c}, {key: a, value: b}]"), refusedFor(duplicate, inUpdates+"scatterStrategy[2]")},
		"not-update":      {"nothing is rolled out", rolling("type: NotUpdate, maxUnavailable: 0, selector: {matchLabels: {a: b}}, partition: 50%"), nil},
		"not-update-bad":  {"Partial follows them", rolling("type: NotUpdate, partition: half"), refusedFor(invalid, inUpdates+"partition")},
		"rolling": {
			"what a rollout may say",
			rolling("paused: true, partition: 10%, maxUnavailable: 20%, priorityStrategy: {orderPriority: [{orderedKey: a}]}, scatterStrategy: [{key: a, value: '*'}]"), nil,
		},
	})
}

func TestValidateUpdate(t *testing.T) {
	const hot = "upgradeStrategy: {upgradeType: HotUpgrade, hotUpgradeEmptyImage: 'empty:1'}"
	cases := map[string]struct {
		reason   string
		old, set string
		want     [][2]string
	}{
		"hot-to-cold":  {"pods have two containers for the one", agent(hot), agent(""), refusedFor(invalid, inContainer+"upgradeStrategy.upgradeType")},
		"cold-to-hot":  {"refused in any case", agent(""), agent(hot), refusedFor(forbidden, inContainer+"upgradeStrategy.upgradeType")},
		"unchanged":    {"rules change, finalizers come off", agent(hot), "metadata: {labels: {a: b}, finalizers: [x]}\n" + agent(hot), nil},
		"defaults":     {"they are no change", agent(""), agent("imagePullPolicy: IfNotPresent"), nil},
		"deleted":      {"it is going", agent(""), "metadata: {deletionTimestamp: '2026-01-01T00:00:00Z'}\n" + agent(hot), nil},
		"changed":      {"judged as a whole", agent(""), "metadata: {name: a.b}\n" + agent("tty: true"), refusedFor(invalid, "metadata.name")},
		"canary":       {"an annotation, and another kind of set", agent(""), "metadata: {annotations: {apps.kruise.io/sidecarset-canary: 'true'}}\n" + agent(""), refusedFor(forbidden, "metadata.annotations[apps.kruise.io/sidecarset-canary]")},
		"add":          {"Kruise refuses it; pods are reported", agent(""), selected("containers: [{name: agent, image: 'agent:1'}, {name: more, image: a}]\n  volumes: [{name: logs}]"), nil},
		"remove":       {"as in Kruise", selected("containers: [{name: agent, image: 'agent:1'}, {name: more, image: a}]"), one(""), nil},
		"image":        {"what sets are updated for", agent(""), strings.Replace(agent(""), "agent:1", "agent:2", 1), nil},
		"native-image": {"it follows, too", setup("restartPolicy: Always"), strings.Replace(setup("restartPolicy: Always"), "setup:1", "setup:2", 1), nil},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			set, old := sidecar.Default(parse(t, tc.set)), sidecar.Default(parse(t, tc.old))
			compareErrors(t, tc.reason, sidecar.ValidateUpdate(set, old), tc.want)
		})
	}
}
