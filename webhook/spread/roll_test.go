package spread_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/openkruise/kruise-api/apps/v1alpha1"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/spillway-io/spillway/api"
	"github.com/spillway-io/spillway/webhook/spread"
)

// TestRoll: whatever became of the pods, what is decided by their roll is what is
// decided by counting them.
func TestRoll(t *testing.T) {
	for seed := range uint64(100) {
		random := rand.New(rand.NewPCG(seed, 0))
		l := ledgerOf("a=3 b=2 c")
		if seed%2 == 1 {
			targeting("batch/v1", "Job")(&l)
		}
		roll, pods := &spread.Roll{}, map[string]*corev1.Pod{}
		for step := range 60 {
			l.Now = l.Now.Add(time.Duration(random.IntN(2000)) * time.Millisecond)
			if name := fmt.Sprintf("web-%d", random.IntN(8)); random.IntN(4) == 0 {
				delete(pods, name)
				roll.Drop(name)
			} else {
				pods[name] = randomPod(random, name, l.Now)
				roll.Put(pods[name])
			}
			l.Spread.Status = randomReservations(random, l.Now)
			l.Wanted = map[string]int{"v1": random.IntN(12), spread.VersionIgnored: random.IntN(12)}
			l.Lately = map[string]int{"v1": random.IntN(4), spread.VersionIgnored: random.IntN(4)}
			l.Live = random.IntN(2) == 0
			requests := []spread.Request{{Pod: randomPod(random, "", l.Now), UID: "new"}, {Pod: randomPod(random, "web-1", l.Now), UID: "named"}}

			byPods, byRoll := l, l
			byPods.Pods = slices.Collect(maps.Values(pods))
			byRoll.Turnout = spread.TurnoutOf(l.Spread, l.Now, 0, roll)
			want, got := byPods.Choose(requests), byRoll.Choose(requests)
			same := want.Stale == got.Stale && reflect.DeepEqual(want.Status, got.Status) && slices.Equal(want.Pending, got.Pending) &&
				slices.EqualFunc(want.Decisions, got.Decisions, func(a, b spread.Decision) bool { return a.Message == b.Message && a.UID == b.UID })
			if !same {
				t.Fatalf("seed %d, step %d: -by pods +by roll:\n%s", seed, step, cmp.Diff(want, got))
			}
		}
		for name := range pods {
			roll.Drop(name)
		}
		if !roll.IsEmpty() {
			t.Fatalf("seed %d: the roll has pods when all are gone", seed)
		}
	}
}

// randomPod may be of another WorkloadSpread, and of no subset or one that is gone.
func randomPod(random *rand.Rand, name string, now time.Time) *corev1.Pod {
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: name, CreationTimestamp: metav1.Time{Time: now.Add(-time.Duration(random.IntN(6)) * time.Second).Truncate(time.Second)}}}
	if version := random.IntN(3); version > 0 {
		pod.Labels = map[string]string{appsv1.DefaultDeploymentUniqueLabelKey: fmt.Sprintf("v%d", version)}
	}
	if random.IntN(4) > 0 {
		pod.Annotations = map[string]string{api.MatchedWorkloadSpreadAnnotation: fmt.Sprintf(`{"name":%q,"subset":%q,"uid":%q}`,
			[]string{"ws", "ws", "ws", "other"}[random.IntN(4)], []string{"a", "b", "c", "gone"}[random.IntN(4)], []string{"", "u1", "u2", "u3"}[random.IntN(4)])}
	}
	if random.IntN(5) == 0 {
		pod.Status.Phase = corev1.PodFailed
	}
	return pod
}

func randomReservations(random *rand.Rand, now time.Time) (status v1alpha1.WorkloadSpreadStatus) {
	status.VersionedSubsetStatuses = map[string][]v1alpha1.WorkloadSpreadSubsetStatus{}
	for _, version := range []string{"v1", "v2", spread.VersionIgnored} {
		for _, subset := range []string{"a", "b"} {
			held := map[string]metav1.Time{}
			for _, key := range []string{"u1", "u2", "u4", "web-1", "web-2"} {
				if random.IntN(3) == 0 {
					held[key] = metav1.Time{Time: now.Add(-time.Duration(random.IntN(40)) * time.Second)}
				}
			}
			status.VersionedSubsetStatuses[version] = append(status.VersionedSubsetStatuses[version], v1alpha1.WorkloadSpreadSubsetStatus{Name: subset, CreatingPods: held})
		}
	}
	return status
}

// TestMatchOf: an annotation says what it says as JSON, in whatever way it is written.
func TestMatchOf(t *testing.T) {
	cases := map[string]struct{ reason, value string }{
		"as written":        {"the usual case", `{"name":"ws","subset":"a"}`},
		"with uid":          {"of a pod without a name", `{"name":"ws","subset":"a","uid":"u"}`},
		"empty uid":         {"is none", `{"name":"ws","subset":"a","uid":""}`},
		"case":              {"Kruise's readers do not mind it", `{"Name":"ws","Subset":"a"}`},
		"order":             {"nor this", `{"subset":"a","name":"ws"}`},
		"spaces":            {"nor these", `{ "name":"ws", "subset":"a" }`},
		"escaped":           {"is another name", `{"name":"w\u0073","subset":"a"}`},
		"escaped quote":     {"ends no name", `{"name":"w\",\"subset\":\"b","subset":"a"}`},
		"beyond ASCII":      {"is as it is", `{"name":"wß","subset":"a"}`},
		"no UTF-8":          {"is replaced", "{\"name\":\"w\xff\",\"subset\":\"a\"}"},
		"control character": {"is no JSON", "{\"name\":\"w\n\",\"subset\":\"a\"}"},
		"twice":             {"the last one counts", `{"name":"ws","subset":"a","subset":"b"}`},
		"uid twice":         {"the last one counts", `{"name":"ws","subset":"a","uid":"u","uid":"v"}`},
		"more":              {"is ignored", `{"name":"ws","subset":"a","uid":"u","more":"m"}`},
		"not closed":        {"is no JSON", `{"name":"ws","subset":"a"`},
		"no object":         {"is no match", `"ws"`},
		"no subset":         {"is no match", `{"name":"ws"}`},
		"empty":             {"is no match", ``},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			var want spread.Match
			if err := json.Unmarshal([]byte(tc.value), &want); err != nil {
				want = spread.Match{}
			}
			got, ok := spread.MatchOf(&corev1.Pod{ObjectMeta: metav1.ObjectMeta{Annotations: map[string]string{api.MatchedWorkloadSpreadAnnotation: tc.value}}})
			if diff := cmp.Diff(want, got); diff != "" || ok != (want.Name != "" && want.Subset != "") {
				t.Errorf("%s: ok %t, -want +got:\n%s", tc.reason, ok, diff)
			}
		})
	}
}
