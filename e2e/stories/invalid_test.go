package stories

import (
	"fmt"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"
)

// TestInvalidSpreadsAreRefused: whatever could not work is refused, under the
// name that the field has in what the user typed.
func TestInvalidSpreadsAreRefused(t *testing.T) {
	const (
		web     = "targetRef: {apiVersion: apps/v1, kind: Deployment, name: web}"
		ordinal = "targetRef: {apiVersion: apps/v1, kind: StatefulSet, name: web}"
		two     = "subsets: [{name: a, maxReplicas: 1}, {name: b}]"
	)
	subset := func(fields string) string {
		return web + "\nsubsets: [{name: a, maxReplicas: 1, " + fields + "}, {name: b}]"
	}
	limits := func(a, b string) string { return fmt.Sprintf("%s\nsubsets: [{name: a, %s}, {name: b%s}]", web, a, b) }
	strategy := func(fields string) string { return web + "\n" + two + "\nscheduleStrategy: {" + fields + "}" }

	s := tell(t, nil)
	s.applies(workload("apps/v1", "Deployment", 0, "web:1"))
	s.spreads(spreadOf("taken", "targetRef: {apiVersion: apps/v1, kind: Deployment, name: taken}\n"+two))
	for name, why := range map[string]struct{ spec, path string }{
		"no target":                    {two, "spec.targetRef"},
		"target without apiVersion":    {"targetRef: {kind: Deployment, name: web}\n" + two, "spec.targetRef.apiVersion"},
		"target without kind":          {"targetRef: {apiVersion: apps/v1, name: web}\n" + two, "spec.targetRef.kind"},
		"target without name":          {"targetRef: {apiVersion: apps/v1, kind: Deployment}\n" + two, "spec.targetRef.name"},
		"target of an empty name":      {"targetRef: {apiVersion: apps/v1, kind: Deployment, name: \"\"}\n" + two, "spec.targetRef.name"},
		"kind of another group":        {"targetRef: {apiVersion: batch/v1, kind: Deployment, name: web}\n" + two, "spec.targetRef.apiVersion"},
		"a second one for a target":    {"targetRef: {apiVersion: apps/v1, kind: Deployment, name: taken}\n" + two, "spec.targetRef"},
		"no subsets":                   {web, "spec.subsets"},
		"empty subsets":                {web + "\nsubsets: []", "spec.subsets"},
		"subset without name":          {web + "\nsubsets: [{maxReplicas: 1}, {name: b}]", "spec.subsets[0].name"},
		"subset of an empty name":      {web + "\nsubsets: [{name: \"\", maxReplicas: 1}, {name: b}]", "spec.subsets[0].name"},
		"two of one name":              {web + "\nsubsets: [{name: a, maxReplicas: 1}, {name: a}]", "spec.subsets[1].name"},
		"term without values":          {subset("requiredNodeSelectorTerm: {matchExpressions: [{key: x, operator: In}]}"), "spec.subsets[0].requiredNodeSelectorTerm.matchExpressions[0].values"},
		"term with a strange operator": {subset("requiredNodeSelectorTerm: {matchExpressions: [{key: x, operator: Has}]}"), "spec.subsets[0].requiredNodeSelectorTerm.matchExpressions[0].operator"},
		"preference without weight":    {subset("preferredNodeSelectorTerms: [{weight: 0, preference: {matchExpressions: [{key: x, operator: Exists}]}}]"), "spec.subsets[0].preferredNodeSelectorTerms[0].weight"},
		"preference of weight 101":     {subset("preferredNodeSelectorTerms: [{weight: 101, preference: {matchExpressions: [{key: x, operator: Exists}]}}]"), "spec.subsets[0].preferredNodeSelectorTerms[0].weight"},
		"toleration of a strange kind": {subset("tolerations: [{key: x, operator: Has}]"), "spec.subsets[0].tolerations[0].operator"},
		"percent and number":           {limits("maxReplicas: 1", ", maxReplicas: 50%"), "spec.subsets[1].maxReplicas"},
		"percent of ordinals":          {ordinal + "\nsubsets: [{name: a, maxReplicas: 50%}, {name: b}]", "spec.subsets[0].maxReplicas"},
		"part of a percent":            {limits("maxReplicas: 0.2%", ""), "spec.subsets[0].maxReplicas"},
		"half a percent":               {limits("maxReplicas: 50.2%", ""), "spec.subsets[0].maxReplicas"},
		"more than all":                {limits("maxReplicas: 101%", ""), "spec.subsets[0].maxReplicas"},
		"negative percent":             {limits("maxReplicas: -1%", ""), "spec.subsets[0].maxReplicas"},
		"negative number":              {limits("maxReplicas: -100", ""), "spec.subsets[0].maxReplicas"},
		"number in quotes":             {limits(`maxReplicas: "5"`, ""), "spec.subsets[0].maxReplicas"},
		"more than all together":       {limits("maxReplicas: 60%", ", maxReplicas: 50%"), "spec.subsets[1].maxReplicas"},
		"less than all together":       {limits("maxReplicas: 30%", ", maxReplicas: 50%"), "spec.subsets[1].maxReplicas"},
		"a subset without a chance":    {web + "\nsubsets: [{name: a}, {name: b, maxReplicas: 100%}]", "spec.subsets[0].maxReplicas"},
		"patch of the wrong type":      {subset("patch: {spec: {containers: none}}"), "spec.subsets[0].patch"},
		"patch that makes it invalid":  {subset("patch: {spec: {containers: [{name: other}]}}"), "spec.subsets[0].patch.spec.containers[other].image"},
		"patch of the name":            {subset("patch: {metadata: {name: other}}"), "spec.subsets[0].patch.metadata.name"},
		"patch of the owner":           {subset("patch: {metadata: {ownerReferences: []}}"), "spec.subsets[0].patch.metadata.ownerReferences"},
		"patch of the node":            {subset("patch: {spec: {nodeName: own-1}}"), "spec.subsets[0].patch.spec.nodeName"},
		"unknown strategy":             {strategy("type: Elastic"), "spec.scheduleStrategy.type"},
		"adaptive but fixed":           {strategy("type: Fixed, adaptive: {rescheduleCriticalSeconds: 5}"), "spec.scheduleStrategy.type"},
		"negative seconds":             {strategy("type: Adaptive, adaptive: {rescheduleCriticalSeconds: -1}"), "spec.scheduleStrategy.adaptive.rescheduleCriticalSeconds"},
		"adaptive to a limited last":   {limits("maxReplicas: 1", ", maxReplicas: 1") + "\nscheduleStrategy: {type: Adaptive}", "spec.subsets[1].maxReplicas"},
		"selector without values":      {web + "\n" + two + "\ntargetFilter: {selector: {matchExpressions: [{key: x, operator: In}]}}", "spec.targetFilter.selector.matchExpressions[0].values"},
	} {
		t.Run(name, func(t *testing.T) { s.refuses(t, spreadOf("web", why.spec), why.path) })
	}
	t.Run("another target", func(t *testing.T) {
		s.refuses(t, spreadOf("taken", strings.Replace(web, "name: web", "name: web2", 1)+"\n"+two), "spec.targetRef.name")
	})
	t.Run("valid", func(t *testing.T) {
		if err := s.dryRuns(t, spreadOf("web", web+"\n"+two)); err != nil {
			t.Error(err)
		}
	})
}

// spreadOf is a WorkloadSpread with a spec of some lines.
func spreadOf(name, spec string) string {
	return "apiVersion: apps.kruise.io/v1alpha1\nkind: WorkloadSpread\nmetadata: {name: " + name + "}\nspec:\n  " + strings.ReplaceAll(spec, "\n", "\n  ")
}

// refuses checks that the API server names a field when it refuses a manifest.
func (s *story) refuses(t *testing.T, manifest, path string) {
	t.Helper()
	err := s.dryRuns(t, manifest)
	if err == nil {
		t.Fatalf("the API server takes\n%s", manifest)
	}
	if !strings.Contains(err.Error(), path+":") {
		t.Errorf("the API server says %q, want %s in it", err, path)
	}
}

// dryRuns does what `kubectl apply --dry-run=server` does, in less time.
func (s *story) dryRuns(t *testing.T, manifest string) error {
	t.Helper()
	object := &unstructured.Unstructured{}
	if err := yaml.Unmarshal([]byte(manifest), object); err != nil {
		t.Fatal(err)
	}
	resource := s.kruise("workloadspreads")
	if object.GetKind() == "SidecarSet" {
		resource = s.kruiseAnywhere("sidecarsets")
	}
	_, err := resource.Apply(s.ctx, object.GetName(), object,
		metav1.ApplyOptions{FieldManager: "user", Force: true, DryRun: []string{metav1.DryRunAll}})
	return err
}
