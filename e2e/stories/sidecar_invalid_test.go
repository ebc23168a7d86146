package stories

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/spillway-io/spillway/e2e/playground"
)

// TestInvalidSidecarSetsAreRefused: what could not work, or only by half, is refused
// under the name that the field has in what the user typed.
func TestInvalidSidecarSetsAreRefused(t *testing.T) {
	s := tell(t, nil)
	s.applies(s.agentSet("agent:1", ""))
	s.finally(s.deletesSet(s.namespace))
	const (
		web   = "selector: {matchLabels: {app: web}}\n"
		log   = "containers: [{name: log, image: log:1}]\n"
		valid = web + log
	)
	log1 := func(fields string) string { return web + "containers: [{name: log, image: log:1, " + fields + "}]\n" }
	for name, why := range map[string]struct{ spec, path string }{
		"no selector":                   {log, "spec.selector"},
		"empty selector":                {"selector: {}\n" + log, "spec.selector"},
		"empty namespaceSelector":       {valid + "namespaceSelector: {}", "spec.namespaceSelector"},
		"no containers":                 {web, "spec.containers"},
		"two of one name":               {valid + "initContainers: [{name: log, image: log:1}]", "spec.initContainers[0].name"},
		"restart policy":                {log1("restartPolicy: Always"), "spec.containers[0].restartPolicy"},
		"mount of no volume":            {log1("volumeMounts: [{name: data, mountPath: /data}]"), "spec.containers[0].volumeMounts[0].name"},
		"unknown inject policy":         {log1("podInjectPolicy: Somewhere"), "spec.containers[0].podInjectPolicy"},
		"hot upgrade":                   {log1("upgradeStrategy: {upgradeType: HotUpgrade, hotUpgradeEmptyImage: e:1}"), "spec.containers[0].upgradeStrategy.upgradeType"},
		"field of OpenKruise 1.9":       {log1("resourcesPolicy: {targetContainersMode: sum}"), "spec.containers[0].resourcesPolicy"},
		"no pod may be unavailable":     {valid + "updateStrategy: {maxUnavailable: 0}", "spec.updateStrategy.maxUnavailable"},
		"unknown update type":           {valid + "updateStrategy: {type: OnDelete}", "spec.updateStrategy.type"},
		"revision that does not exist":  {valid + "injectionStrategy: {revision: {revisionName: none}}", "spec.injectionStrategy.revision.revisionName"},
		"annotation nobody allowed":     {valid + "patchPodMetadata: [{annotations: {example.com/nobody: text}}]", "spec.patchPodMetadata[0].annotations[example.com/nobody]"},
		"annotation of Spillway":        {valid + "patchPodMetadata: [{annotations: {clusterSelector: '{}'}}]", "spec.patchPodMetadata[0].annotations[clusterSelector]"},
		"container of another set":      {web + "namespace: " + s.namespace + "\ncontainers: [{name: agent, image: other:1}]", "spec.containers[0].name"},
		"env of something but metadata": {log1("transferEnv: [{envName: X, sourceContainerNameFrom: {fieldRef: {apiVersion: v1, fieldPath: spec.nodeName}}}]"), "spec.containers[0].transferEnv[0].sourceContainerNameFrom.fieldRef.fieldPath"},
	} {
		t.Run(name, func(t *testing.T) { s.refuses(t, sidecarSet("log", why.spec), why.path) })
	}
	t.Run("name with a dot", func(t *testing.T) { s.refuses(t, sidecarSet("a.b", valid), "metadata.name") })
	t.Run("canary", func(t *testing.T) {
		s.refuses(t, strings.Replace(sidecarSet("log", valid), "metadata: {", `metadata: {annotations: {apps.kruise.io/sidecarset-canary: "true"}, `, 1),
			"metadata.annotations[apps.kruise.io/sidecarset-canary]")
	})
	t.Run("valid", func(t *testing.T) {
		if err := s.dryRuns(t, sidecarSet("log", valid)); err != nil {
			t.Error(err)
		}
	})
}

// sidecarSet is a SidecarSet with a spec of some lines.
func sidecarSet(name, spec string) string {
	return "apiVersion: apps.kruise.io/v1alpha1\nkind: SidecarSet\nmetadata: {name: " + name + "}\nspec:\n  " + strings.ReplaceAll(spec, "\n", "\n  ")
}

// whitelist allows sets with the label story=unfit to write an annotation.
const whitelist = `
apiVersion: v1
kind: ConfigMap
metadata: {name: spillway-configuration, namespace: spillway-system}
data:
  SidecarSet_PatchPodMetadata_WhiteList: |
    {"rules":[{"selector":{"matchLabels":{"story":"unfit"}},"allowedAnnotationKeyExprs":["^example.com/agents$"]}]}
`

// TestSidecarSetsThatDoNotFit: of three sets one has a container of the app's name,
// and one an annotation that cannot be merged. The pod is created, with the third
// one only; the user who created it, its owner, both sets and the metrics tell why.
func TestSidecarSetsThatDoNotFit(t *testing.T) {
	s := tell(t, nil)
	must := func(_, _ string, err error) { t.Helper(); s.must("let sets write an annotation", err) }
	must(s.upstream.Kubectl(s.ctx, whitelist, "apply", "-f", "-"))
	s.finally(func(ctx context.Context) error {
		return s.upstream.Client().CoreV1().ConfigMaps("spillway-system").Delete(ctx, "spillway-configuration", metav1.DeleteOptions{})
	})
	scope := "namespace: " + s.namespace + "\nselector: {matchLabels: {app: web}}\n"
	named, merged := s.namespace+"-named", s.namespace+"-merged"
	for name, spec := range map[string]string{
		named:  "containers: [{name: app, image: other:1}]",
		merged: "containers: [{name: merger, image: merger:1}]\npatchPodMetadata: [{annotations: {example.com/agents: '{\"merger\":1}'}, patchPolicy: MergePatchJson}]",
	} {
		s.applies(strings.Replace(sidecarSet(name, scope+spec), "metadata: {", "metadata: {labels: {story: unfit}, ", 1))
		s.finally(s.deletesSet(name))
	}
	both := images{"app": "app:1", "merger": "merger:1", "agent": "agent:1"}
	s.injects(s.agentSet("agent:1", ""), map[string]string{"app": "web"}, both)

	pod := newPod("web")
	pod.OwnerReferences = []metav1.OwnerReference{s.appliesCloneSet(0)}
	pod.Labels["app"] = "web"
	pod.Annotations = map[string]string{"example.com/agents": "no JSON"}
	created, warnings := s.creates(pod)
	if agent := container(created, "agent"); agent.Image == "" || len(created.Spec.Containers) != 2 || container(created, "app").Image != "app:1" {
		t.Errorf("the pod has the containers %v, want its own and the agent", imagesOf(created))
	}
	if got := created.Annotations["example.com/agents"]; got != "no JSON" {
		t.Errorf("the pod's annotation is %q", got)
	}
	for set, words := range map[string]string{named: `container "app"`, merged: "example.com/agents"} {
		if !saysOf(warnings, set, words) {
			t.Errorf("kubectl says\n%s\nwant something about %s and %s", warnings, set, words)
		}
		s.eventually("events tell of "+set, func(context.Context) error {
			return errors.Join(s.toldOf(s.namespace, "CloneSet", set, words), s.toldOf(corev1.NamespaceDefault, "SidecarSet", set, words))
		})
	}
	s.counts(named, "failed")
	s.counts(merged, "failed")
	s.counts(s.namespace, "injected")

	_, _, err := s.upstream.Kubectl(s.ctx, "", "delete", "sidecarset", merged)
	s.must("delete a SidecarSet", err)
	s.eventually("nothing is counted of a SidecarSet that is gone", func(context.Context) error {
		text, err := playground.Read(s.ctx, s.webhook.Metrics+"/metrics")
		if err == nil && samples(text, "spillway_sidecars_total", fmt.Sprintf("sidecarset=%q", merged)) > 0 {
			err = errors.New("there are series of it")
		}
		return err
	})
}

// toldOf looks for an event of a kind of object about a set that was left out.
func (s *story) toldOf(namespace, kind, set, words string) error {
	events, err := s.eventsIn(namespace, kind, "SidecarFailed")
	if err == nil && !saysOf(strings.Join(events, "\n"), set, words) {
		err = fmt.Errorf("the events of the %s are %q", kind, events)
	}
	return err
}

// saysOf finds a line with the name of a set and some words.
func saysOf(text, set, words string) bool {
	for line := range strings.Lines(text) {
		if strings.Contains(line, fmt.Sprintf("SidecarSet %q", set)) && strings.Contains(line, words) {
			return true
		}
	}
	return false
}

// counts checks that the webhook's metrics have an outcome of a set.
func (s *story) counts(set, outcome string) {
	s.Helper()
	text, err := playground.Read(s.ctx, s.webhook.Metrics+"/metrics")
	s.must("read the metrics", err)
	if samples(text, "spillway_sidecars_total", fmt.Sprintf("sidecarset=%q", set), fmt.Sprintf("outcome=%q", outcome)) == 0 {
		s.Errorf("the metrics do not say that %s was %s", set, outcome)
	}
}
