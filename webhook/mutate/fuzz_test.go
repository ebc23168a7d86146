package mutate_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/openkruise/kruise-api/apps/v1alpha1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/spillway-io/spillway/api"
	"github.com/spillway-io/spillway/webhook/mutate"
	"github.com/spillway-io/spillway/webhook/sidecar"
	"github.com/spillway-io/spillway/webhook/spread"
	"github.com/spillway-io/spillway/webhook/stash"
)

// FuzzPolicies takes policy objects of both kinds from bytes to what becomes of a
// pod: defaults, validation, the choice of a subset for several pods at once, and
// admission with it and with the SidecarSet. Valid or not, they make nothing panic,
// modify nothing, exceed no cap and deny no pod, and the second admission changes
// nothing.
func FuzzPolicies(f *testing.F) {
	for _, seed := range goldenPolicies(f) {
		f.Add(seed[0], seed[1], seed[2])
	}
	for i := range 20 {
		f.Add(fmt.Appendf(nil, "pod %d", i), fmt.Appendf(nil, "spread %d", i), fmt.Appendf(nil, "set %d", i))
	}
	f.Fuzz(func(t *testing.T, podJSON, spreadJSON, setJSON []byte) {
		pod, ws, set := &corev1.Pod{}, &v1alpha1.WorkloadSpread{}, &v1alpha1.SidecarSet{}
		if read(podJSON, pod) != nil || read(spreadJSON, ws) != nil || read(setJSON, set) != nil {
			return
		}
		pod.Labels = maps.Clone(pod.Labels)
		if pod.Labels == nil {
			pod.Labels = map[string]string{}
		}
		pod.Labels[api.OptInLabel] = api.OptedIn
		ws.Namespace, ws.Status = "default", v1alpha1.WorkloadSpreadStatus{}
		before := inJSON(t, pod, ws, set)

		compiled := lawCompiled(t, set)
		in := mutate.Input{
			Pod: pod, Namespace: mutate.Namespace{Name: "default"}, Create: true,
			Sidecars: []*sidecar.Set{compiled}, Key: "a-request", Now: time.Unix(1767225600, 0),
		}
		policy := mutate.Policy{RoutingKeys: stash.DefaultRoutingKeys(), OwnNamespace: "spillway-system"}
		alone := mutate.Admit(in, policy)
		in.Spread = lawChosen(t, ws, pod)
		out := mutate.Admit(in, policy)
		lawHarmless(t, pod, alone, out)
		lawRecovered(t, in, out)

		in.Pod, in.Now = throughJSON(t, out.Pod), in.Now.Add(time.Hour)
		again := mutate.Admit(in, policy)
		if diff := cmp.Diff(inJSON(t, out.Pod), inJSON(t, again.Pod)); diff != "" {
			t.Errorf("admitted again, the pod changes (failed %v, then %v):\n%s", out.SpreadFailed, again.SpreadFailed, diff)
		}
		if after := inJSON(t, pod, ws, set); after != before {
			t.Errorf("an argument was modified: -before +after:\n%s", cmp.Diff(before, after))
		}
	})
}

// lawCompiled: a set that validation accepts can be injected, and its defaults
// have defaults of none.
func lawCompiled(t *testing.T, set *v1alpha1.SidecarSet) *sidecar.Set {
	t.Helper()
	defaulted := sidecar.Default(set)
	if diff := cmp.Diff(inJSON(t, defaulted), inJSON(t, sidecar.Default(defaulted))); diff != "" {
		t.Errorf("a SidecarSet's defaults change the second time:\n%s", diff)
	}
	compiled := sidecar.Compile(set, nil)
	if errs := sidecar.Validate(defaulted); len(errs) == 0 && compiled.Err != nil {
		t.Errorf("accepted, but: %v", compiled.Err)
	}
	if errs := sidecar.ValidateUpdate(defaulted, defaulted); len(errs) > 0 {
		t.Errorf("an update that changes nothing is refused: %v", errs)
	}
	sidecar.Warnings(defaulted, nil)
	sidecar.Conflicts(defaulted, []v1alpha1.SidecarSet{*defaulted})
	return compiled
}

// lawChosen chooses for several pods at once, and returns what the first got: no
// subset gets more than its cap, and what is to be recorded can be.
func lawChosen(t *testing.T, ws *v1alpha1.WorkloadSpread, pod *corev1.Pod) *spread.Decision {
	t.Helper()
	if ws.Name == "" {
		return nil
	}
	defaulted := spread.Default(ws)
	if diff := cmp.Diff(inJSON(t, defaulted), inJSON(t, spread.Default(defaulted))); diff != "" {
		t.Errorf("a WorkloadSpread's defaults change the second time:\n%s", diff)
	}
	spread.Validate(defaulted, spread.Known{Template: &corev1.PodTemplateSpec{Spec: pod.Spec}})
	spread.Warnings(defaulted)
	if errs := spread.ValidateUpdate(defaulted, defaulted, spread.Known{}); len(errs) > 0 {
		t.Errorf("an update that changes nothing is refused: %v", errs)
	}
	virtual, _ := spread.VirtualSubsets(defaulted, []*corev1.Node{
		{ObjectMeta: metav1.ObjectMeta{Name: "own", Labels: map[string]string{"disk": "ssd"}}},
		{ObjectMeta: metav1.ObjectMeta{Name: "spillway", Labels: map[string]string{api.NodeTypeLabel: api.NodeTypeVirtual}}},
	})
	ledger := spread.Ledger{
		Spread: defaulted, Target: spread.Target{UID: "u", Replicas: new(int32(4))}, Virtual: virtual, Live: true, Now: time.Unix(1767225600, 0),
	}
	var requests []spread.Request
	for i := range 3 {
		nameless := throughJSON(t, pod)
		nameless.Name = ""
		requests = append(requests, spread.Request{Pod: nameless, UID: fmt.Sprintf("request-%d", i)})
	}
	choices := ledger.Choose(requests)
	if choices.Stale {
		return nil
	}
	inJSON(t, choices.Status)
	lawCaps(t, ledger, choices)
	return &choices.Decisions[0]
}

// lawCaps leaves out what was not chosen but numbered or kept. Names say little, as
// nobody may have refused that two are the same.
func lawCaps(t *testing.T, ledger spread.Ledger, choices spread.Choices) {
	t.Helper()
	taken := make(map[*v1alpha1.WorkloadSpreadSubset]int)
	for i, d := range choices.Decisions {
		if d.Subset == nil || !choices.Pending[i] || d.Reason == spread.Kept {
			continue
		}
		taken[d.Subset]++
		if most, limited, err := spread.Cap(d.Subset, ledger.Target.Replicas); err != nil || limited && taken[d.Subset] > most {
			t.Errorf("%d pods in subset %q of %d (%v)", taken[d.Subset], d.Subset.Name, most, err)
		}
	}
}

// lawHarmless: policies deny no pod, keep no bug to themselves, and leave the pod
// what it is.
func lawHarmless(t *testing.T, pod *corev1.Pod, alone, out mutate.Outcome) {
	t.Helper()
	if out.Denied != nil && alone.Denied == nil {
		t.Errorf("denied because of policies: %v", out.Denied)
	}
	for _, failure := range slices.Concat(alone.SidecarsFailed, out.SidecarsFailed) {
		if strings.Contains(failure.Err.Error(), "panic:") {
			t.Errorf("SidecarSet %q: %v", failure.Set, failure.Err)
		}
	}
	if out.Pod.Name != pod.Name || out.Pod.Namespace != pod.Namespace || out.Pod.Spec.NodeName != pod.Spec.NodeName {
		t.Errorf("the pod is another one: %s/%s on %q", out.Pod.Namespace, out.Pod.Name, out.Pod.Spec.NodeName)
	}
}

// lawRecovered: what was stashed for a virtual subset is what the author wrote.
func lawRecovered(t *testing.T, in mutate.Input, out mutate.Outcome) {
	t.Helper()
	original := stash.FieldsOf(&in.Pod.Spec)
	_, supplied := in.Pod.Annotations[api.StashAnnotation]
	_, marked := in.Pod.Annotations[api.StashMarkerAnnotation]
	stashed := in.Spread != nil && in.Spread.Virtual && out.SpreadFailed == nil && out.Denied == nil && out.Skipped == "" && !spread.SuppliesStash(in.Spread.Subset)
	routed := slices.ContainsFunc(stash.DefaultRoutingKeys(), func(key string) bool { return strings.Contains(inJSON(t, original), `"`+key+`"`) })
	if !stashed || supplied || marked || routed {
		return
	}
	recovered, err := stash.Recover(out.Pod, stash.VirtualNode{Name: "spillway", RoutingKeys: stash.DefaultRoutingKeys()})
	if diff := cmp.Diff(inJSON(t, original), inJSON(t, recovered)); err != nil || diff != "" {
		t.Errorf("recovered (%v): -original +recovered:\n%s", err, diff)
	}
}

func throughJSON(t *testing.T, pod *corev1.Pod) *corev1.Pod {
	t.Helper()
	read := &corev1.Pod{}
	if err := json.Unmarshal([]byte(inJSON(t, pod)), read); err != nil {
		t.Fatal(err)
	}
	return read
}

func inJSON(t *testing.T, values ...any) string {
	t.Helper()
	text, err := json.Marshal(values)
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSuffix(strings.TrimPrefix(string(text), "["), "]")
}
