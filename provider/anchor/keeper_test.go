package anchor

import (
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

func TestIdentify(t *testing.T) {
	ended := running()
	ended.Status.Phase = corev1.PodSucceeded
	going := running()
	going.DeletionTimestamp = new(metav1.Unix(2, 0))
	waiting := corev1.Pod{Status: corev1.PodStatus{Phase: corev1.PodPending}}
	created := corev1.Pod{Status: corev1.PodStatus{Conditions: []corev1.PodCondition{{Type: "spillway.io/DownstreamScheduled", Status: corev1.ConditionFalse}}}}
	cases := map[string]struct {
		reason     string
		remembered string
		pods       []corev1.Pod
		// tied is of the refusal; 0: there is none.
		tied int
	}{
		"new":              {"There is no Node yet.", "none", nil, 0},
		"remembers-none":   {"The Node is older than this rule, or an operator said that the cluster was replaced.", "", []corev1.Pod{running()}, 0},
		"same":             {"That is the cluster.", "here", []corev1.Pod{running()}, 0},
		"other-and-empty":  {"No pod is in the other cluster.", "there", nil, 0},
		"other-and-bound":  {"A pod that was never created downstream can be created in any cluster.", "there", []corev1.Pod{waiting}, 0},
		"other-and-ended":  {"A pod that has ended needs nothing any more.", "there", []corev1.Pod{ended}, 0},
		"other-and-runs":   {"They would all be lost.", "there", []corev1.Pod{running(), ended, waiting, running()}, 2},
		"other-and-going":  {"It would be taken for ended, and its successor run beside it.", "there", []corev1.Pod{going}, 1},
		"other-and-is-new": {"It waits for its downstream node, and would run in both.", "there", []corev1.Pod{created}, 1},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			w := &world{cluster: "here", node: tc.remembered, pods: tc.pods}
			p := w.starts(t)
			id, err := p.Identify(t.Context())
			if tc.tied == 0 {
				if id != "here" || err != nil || p.refused != 0 {
					t.Errorf("%s\nIdentify() = %q, %v", tc.reason, id, err)
				}
				return
			}
			want := &RefusedError{Node: "east", Server: "https://downstream", Want: "there", Got: "here", Tied: tc.tied}
			if diff := cmp.Diff(want, p.Refused()); diff != "" || id != "" || p.refused != 1 {
				t.Errorf("%s\nIdentify() = %q, %v: -want +got:\n%s", tc.reason, id, err, diff)
			}
			for _, said := range []string{"here", "there", "https://downstream", "kubectl annotate node east spillway.io/downstream-"} {
				if !strings.Contains(err.Error(), said) {
					t.Errorf("%q does not say %q", err, said)
				}
			}
		})
	}
}

// TestIdentifyChanges: another cluster at the same address is refused, whatever
// follows; one that cannot be asked is not.
func TestIdentifyChanges(t *testing.T) {
	w := &world{cluster: "here", node: "here"}
	p := w.starts(t)
	expect := func(when, want string, refused bool) {
		t.Helper()
		id, err := p.Identify(t.Context())
		if _, is := errors.AsType[*RefusedError](err); id != want || (err == nil) != (want != "") || is != refused {
			t.Errorf("%s: %q, %v", when, id, err)
		}
	}
	for _, absent := range []string{"upstream", "downstream"} {
		w.set(func(w *world) { w.absent = absent })
		expect("without "+absent, "", false)
	}
	w.set(func(w *world) { w.absent = "" })
	expect("with both", "here", false)
	w.set(func(w *world) { w.absent = "upstream" })
	expect("once known, without upstream", "here", false)
	w.set(func(w *world) { w.cluster = "" })
	expect("without kube-system", "", false)
	w.set(func(w *world) { w.cluster = "there" })
	expect("with another cluster", "", true)
	w.set(func(w *world) { w.cluster = "here" })
	expect("too late", "", true)
	if p.refused != 1 {
		t.Errorf("it was refused %d times", p.refused)
	}
}

// TestIdentifyAsLeader: what a standby found out may be old when it is elected.
func TestIdentifyAsLeader(t *testing.T) {
	w := &world{cluster: "here", node: "none"}
	p := w.starts(t)
	if _, err := p.Identify(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.set(func(w *world) { w.node, w.pods = "there", []corev1.Pod{running()} })
	if _, err := p.Identify(t.Context()); err != nil {
		t.Errorf("a standby does no harm, and is refused: %v", err)
	}
	close(p.elected)
	if _, err := p.Identify(t.Context()); p.Refused() == nil {
		t.Errorf("the leader has another cluster than the last one, and goes on: %v", err)
	}
}

// TestIdentifyShares: many callers are one question, or two: those that come while
// one is under way need an answer to a later one.
func TestIdentifyShares(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &world{cluster: "here", node: "here", latency: time.Second}
		p := w.starts(t)
		var callers sync.WaitGroup
		call := func() {
			if _, err := p.Identify(t.Context()); err != nil {
				t.Error(err)
			}
		}
		callers.Go(call)
		<-time.After(time.Millisecond)
		for range 50 {
			callers.Go(call)
		}
		callers.Wait()
		if w.asked != 2 {
			t.Errorf("the cluster was asked %d times, want 2", w.asked)
		}
	})
}

// TestAttest: no answer counts that another cluster may have given, and no error
// that stands for it can be taken for an answer.
func TestAttest(t *testing.T) {
	missing := apierrors.NewNotFound(schema.GroupResource{Resource: "pods"}, "web")
	hiccup := errors.New("timeout")
	cases := map[string]struct {
		reason  string
		cluster string
		answer  error
		sure    bool
	}{
		"there":           {"The pod was read.", "here", nil, true},
		"missing":         {"The cluster does not have it.", "here", missing, true},
		"hiccup":          {"That was no answer anyway.", "there", hiccup, true},
		"missing-there":   {"Another cluster does not have it.", "there", missing, false},
		"found-there":     {"Another cluster has a pod of that name.", "there", nil, false},
		"missing-unknown": {"It does not even have kube-system, which is no word about the pod.", "", missing, false},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			w := &world{cluster: "here", node: "here"}
			p := w.starts(t)
			if _, err := p.Identify(t.Context()); err != nil {
				t.Fatal(err)
			}
			w.set(func(w *world) { w.cluster = tc.cluster })
			got := reader{keeper: p.Keeper}.attest(t.Context(), tc.answer)
			if tc.sure && !errors.Is(got, tc.answer) || !tc.sure && (got == nil || apierrors.IsNotFound(got)) {
				t.Errorf("%s\nattest(%v) = %v", tc.reason, tc.answer, got)
			}
		})
	}
}
