package webhook_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	jsonpatchapply "gopkg.in/evanphx/json-patch.v4"
	corev1 "k8s.io/api/core/v1"

	"github.com/spillway-io/spillway/api"
	"github.com/spillway-io/spillway/webhook"
	"github.com/spillway-io/spillway/webhook/mutate"
	"github.com/spillway-io/spillway/webhook/stash"
)

// TestLaws throws random pods at the admission core and checks, for each, the
// laws that make it exact. SPILLWAY_LAW_PODS and SPILLWAY_LAW_SEED choose how
// many pods and which ones.
func TestLaws(t *testing.T) {
	pods := fromEnv(t, "SPILLWAY_LAW_PODS", 1000)
	seed := fromEnv(t, "SPILLWAY_LAW_SEED", uint64(time.Now().UnixNano()))
	t.Logf("%d random pods, SPILLWAY_LAW_SEED=%d", pods, seed)

	sidecars := throwSidecars(seed)
	sidecarsBefore := sidecars.text()
	laws := map[string]func(dice, *corev1.Pod) error{
		"L1-input-is-not-modified":             lawInputUntouched,
		"L2-admitting-again-changes-nothing":   lawIdempotent,
		"L2-others-in-between":                 lawOthersInBetween,
		"L3-recover-gives-back-the-fields":     lawRecoverExact,
		"L3-a-supplied-stash-is-verbatim":      forEveryOther(lawSupplied),
		"L3-up-and-down-together-select-alike": lawRoutingSplit,
		"L4-patch-on-raw-json":                 forEveryOther(lawPatchOnRaw),
		"L5-not-opted-in":                      lawNotOptedIn,
		"L6-order-does-not-matter":             lawOrder,
		"stays-or-moves-when-its-node-is-lost": lawNodeLoss,
		"one-of-them-in-a-subset":              lawSpread,
		"one-of-them-with-sidecars":            sidecars.law,
	}
	var wg sync.WaitGroup
	workers := uint64(runtime.GOMAXPROCS(0))
	for worker := range workers {
		wg.Go(func() {
			for n := worker; n < pods && !t.Failed(); n += workers {
				d := dice{rand.New(rand.NewPCG(seed, n))}
				pod := d.pod()
				for name, law := range laws {
					if err := law(dice{rand.New(rand.NewPCG(seed, n))}, pod.DeepCopy()); err != nil {
						t.Errorf("%s, pod %d of seed %d: %v\npod: %s", name, n, seed, err, toJSON(pod))
					}
				}
			}
		})
	}
	wg.Wait()
	if sidecars.text() != sidecarsBefore {
		t.Error("L1: SidecarSets were modified")
	}
}

func fromEnv(t *testing.T, name string, otherwise uint64) uint64 {
	t.Helper()
	text, ok := os.LookupEnv(name)
	if !ok {
		return otherwise
	}
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return n
}

func policy() mutate.Policy {
	return mutate.Policy{RoutingKeys: stash.DefaultRoutingKeys(), OwnNamespace: "spillway-system"}
}

func admit(pod *corev1.Pod) (*corev1.Pod, error) {
	out := mutate.Admit(mutate.Input{Pod: pod, Namespace: mutate.Namespace{Name: "default"}, Create: true}, policy())
	if out.Denied != nil {
		return nil, out.Denied
	}
	if out.Skipped != "" {
		return nil, fmt.Errorf("skipped: %s %v", out.Skipped, out.Warnings)
	}
	return out.Pod, nil
}

func lawInputUntouched(d dice, pod *corev1.Pod) error {
	before := toJSON(pod)
	admitted, err := admit(pod)
	if err != nil {
		return err
	}
	if after := toJSON(pod); after != before {
		return fmt.Errorf("Admit changed its input: %s", cmp.Diff(before, after))
	}
	before = toJSON(admitted)
	if _, err := stash.Recover(admitted, node(d)); err != nil && !errors.Is(err, stash.ErrNotRouted) {
		return err
	}
	if after := toJSON(admitted); after != before {
		return fmt.Errorf("Recover changed its input: %s", cmp.Diff(before, after))
	}
	return nil
}

func lawIdempotent(_ dice, pod *corev1.Pod) error {
	once, err := admit(pod)
	if err != nil {
		return err
	}
	// What an API server sends the second time has been through JSON.
	once = fromJSON(toJSON(once))
	twice, err := admit(once)
	if err != nil {
		return err
	}
	operations, err := webhook.Patch(nil, once, twice)
	if err != nil {
		return err
	}
	if len(operations) > 0 || toJSON(once) != toJSON(twice) {
		return fmt.Errorf("the second patch is not empty: %s", toJSON(operations))
	}
	return nil
}

// lawOthersInBetween: whatever another webhook adds, the stash stays, the pod
// can still run on a virtual node, and the addition survives.
func lawOthersInBetween(d dice, pod *corev1.Pod) error {
	once, err := admit(pod)
	if err != nil {
		return err
	}
	between := once.DeepCopy()
	if between.Spec.NodeSelector == nil {
		between.Spec.NodeSelector = map[string]string{}
	}
	between.Spec.NodeSelector["added"] = "later"
	between.Spec.TopologySpreadConstraints = d.spread()
	between.Spec.Containers = append(between.Spec.Containers, corev1.Container{Name: "sidecar"})
	twice, err := admit(between)
	if err != nil {
		return err
	}
	switch {
	case twice.Annotations[api.StashAnnotation] != once.Annotations[api.StashAnnotation]:
		return errors.New("the stash changed")
	case len(twice.Spec.Containers) != 2:
		return errors.New("the other webhook's container is gone")
	case !sameScheduling(once, twice):
		return fmt.Errorf("upstream constraints differ: %s", cmp.Diff(toJSON(once.Spec), toJSON(twice.Spec)))
	}
	return nil
}

func sameScheduling(a, b *corev1.Pod) bool {
	return toJSON(stash.FieldsOf(&a.Spec)) == toJSON(stash.FieldsOf(&b.Spec))
}

// lawPatchOnRaw: the patch, applied to JSON with fields that this build does not
// know, gives the typed result and leaves those fields alone.
func lawPatchOnRaw(_ dice, pod *corev1.Pod) error {
	_, err := patchedRaw(pod, admit)
	return err
}

// patchedRaw returns the JSON of a pod with fields that this build does not know,
// with the patch that admits it applied.
func patchedRaw(pod *corev1.Pod, admit func(*corev1.Pod) (*corev1.Pod, error)) ([]byte, error) {
	const future = `"futureField":{"deep":["value"]},`
	raw := strings.NewReplacer(
		`{"kind":"Pod",`, `{`+future+`"kind":"Pod",`,
		`"metadata":{`, `"metadata":{`+future,
		`"spec":{`, `"spec":{`+future,
		`{"name":"app",`, `{`+future+`"name":"app",`,
	).Replace(toJSON(pod))

	before := fromJSON(raw)
	after, err := admit(before)
	if err != nil {
		return nil, err
	}
	operations, err := webhook.Patch(nil, before, after)
	if err != nil {
		return nil, err
	}
	patch, err := jsonpatchapply.DecodePatch([]byte(toJSON(operations)))
	if err != nil {
		return nil, err
	}
	patched, err := patch.Apply([]byte(raw))
	if err != nil {
		return nil, fmt.Errorf("cannot apply %s: %w", toJSON(operations), err)
	}
	if got, want := toJSON(fromJSON(string(patched))), toJSON(after); got != want {
		return nil, fmt.Errorf("-typed +patched: %s", cmp.Diff(want, got))
	}
	if n := bytes.Count(patched, []byte(`"futureField":{"deep":["value"]}`)); n != 4 {
		return nil, fmt.Errorf("%d of 4 unknown fields are left: %s", n, patched)
	}
	return patched, nil
}

func lawNotOptedIn(d dice, pod *corev1.Pod) error {
	switch d.IntN(3) {
	case 0:
		pod.Labels = nil
	case 1:
		pod.Labels[api.OptInLabel] = pick(d, "false", "True", "yes", "")
	case 2:
		delete(pod.Labels, api.OptInLabel)
	}
	out := mutate.Admit(mutate.Input{Pod: pod, Namespace: mutate.Namespace{Name: "default"}, Create: true}, policy())
	operations, err := webhook.Patch(nil, pod, out.Pod)
	if err != nil {
		return err
	}
	if out.Skipped == "" || out.Denied != nil || len(operations) > 0 {
		return fmt.Errorf("skipped %q, denied %w, patch %s", out.Skipped, out.Denied, toJSON(operations))
	}
	return nil
}

// lawOrder: the same rules in another order select the same nodes, and the same
// pod always gives the same stash.
func lawOrder(d dice, pod *corev1.Pod) error {
	first, err := admit(pod)
	if err != nil {
		return err
	}
	again, err := admit(pod.DeepCopy())
	if err != nil {
		return err
	}
	if toJSON(first) != toJSON(again) {
		return fmt.Errorf("two admissions of one pod differ: %s", cmp.Diff(toJSON(first), toJSON(again)))
	}
	shuffled := pod.DeepCopy()
	d.shuffle(shuffled)
	second, err := admit(shuffled)
	if err != nil {
		return err
	}
	for range 2 {
		virtual, below := node(d), d.downstreamNode()
		want, err := selectsInSteps(first, virtual, below)
		if err != nil {
			return err
		}
		if got, err := selectsInSteps(second, virtual, below); err != nil || got != want {
			return fmt.Errorf("shuffled to %s: selected %t, want %t (%w)", toJSON(shuffled.Spec.Affinity), got, want, err)
		}
	}
	return nil
}

func (d dice) shuffle(pod *corev1.Pod) {
	if a := pod.Spec.Affinity; a != nil && a.NodeAffinity != nil && a.NodeAffinity.RequiredDuringSchedulingIgnoredDuringExecution != nil {
		terms := a.NodeAffinity.RequiredDuringSchedulingIgnoredDuringExecution.NodeSelectorTerms
		d.Shuffle(len(terms), func(i, j int) { terms[i], terms[j] = terms[j], terms[i] })
		for _, term := range terms {
			rules := term.MatchExpressions
			d.Shuffle(len(rules), func(i, j int) { rules[i], rules[j] = rules[j], rules[i] })
		}
	}
	tolerations := pod.Spec.Tolerations
	d.Shuffle(len(tolerations), func(i, j int) { tolerations[i], tolerations[j] = tolerations[j], tolerations[i] })
}

func toJSON(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return string(b)
}

func fromJSON(text string) *corev1.Pod {
	pod := &corev1.Pod{}
	if err := json.Unmarshal([]byte(text), pod); err != nil {
		panic(err)
	}
	return pod
}
