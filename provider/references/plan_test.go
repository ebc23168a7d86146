package references

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/spillway-io/spillway/api"
)

func object(uid types.UID, version string) metav1.Object {
	return &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{UID: uid, ResourceVersion: version}}
}

func settledAt(upstream, copied string) Versions {
	return Versions{Upstream: Version{"up", upstream}, Copy: Version{"down", copied}}
}

// TestPlan follows the table in the documentation of Plan.
func TestPlan(t *testing.T) {
	up, down := object("up", "5"), object("down", "7")
	cases := map[string]struct {
		reason string
		in     Situation
		want   Action
	}{
		"foreign": {
			reason: "what is not ours is left alone, also when the upstream object exists",
			in:     Situation{Upstream: up, Copy: down},
			want:   Action{Verb: Leave, State: Conflict, Again: conflictRetry},
		},
		"foreign-without-upstream": {
			reason: "a pod must not get somebody else's content for an optional reference",
			in:     Situation{Copy: down},
			want:   Action{Verb: Leave, State: Conflict, Again: conflictRetry},
		},
		"none": {
			reason: "there is nothing to copy",
			want:   Action{Verb: Leave, State: Missing},
		},
		"deleted-upstream-but-needed": {
			reason: "what runs goes on, but no new pod may start with it",
			in:     Situation{Copy: down, Owned: true, Needed: true},
			want:   Action{Verb: Leave, State: Missing},
		},
		"deleted-upstream-and-optional": {
			reason: "a kubelet takes the files of an optional volume away",
			in:     Situation{Copy: down, Owned: true},
			want:   Action{Verb: Withdraw, State: Missing},
		},
		"new": {
			reason: "the copy is made",
			in:     Situation{Upstream: up},
			want:   Action{Verb: Create, State: Ready},
		},
		"new-but-written-moments-ago": {
			reason: "the cache is behind; looked at again in case it is not",
			in:     Situation{Upstream: up, Settled: settledAt("5", "7"), Fresh: true},
			want:   Action{Verb: Leave, State: Ready, Again: settling},
		},
		"deleted-downstream": {
			reason: "a copy in use is made again",
			in:     Situation{Upstream: up, Settled: settledAt("5", "7")},
			want:   Action{Verb: Create, State: Ready},
		},
		"settled": {
			reason: "both are as they were left",
			in:     Situation{Upstream: up, Copy: down, Owned: true, Settled: settledAt("5", "7")},
			want:   Action{Verb: Leave, State: Ready},
		},
		"restarted": {
			reason: "nothing is known; most likely it is right",
			in:     Situation{Upstream: up, Copy: down, Owned: true},
			want:   Action{Verb: Verify, State: Ready},
		},
		"upstream-changed": {
			reason: "an update follows at once, also right after another write",
			in:     Situation{Upstream: up, Copy: down, Owned: true, Settled: settledAt("4", "7"), Fresh: true, Corrected: true},
			want:   Action{Verb: Update, State: Ready},
		},
		"upstream-made-anew": {
			reason: "also with other content under a name whose object was immutable",
			in:     Situation{Upstream: object("other", "5"), Copy: down, Owned: true, Settled: settledAt("5", "7")},
			want:   Action{Verb: Update, State: Ready},
		},
		"spoilt": {
			reason: "somebody changed the copy",
			in:     Situation{Upstream: up, Copy: down, Owned: true, Settled: settledAt("5", "6")},
			want:   Action{Verb: Update, State: Ready},
		},
		"spoilt-again": {
			reason: "a fight with another writer stays cheap",
			in:     Situation{Upstream: up, Copy: down, Owned: true, Settled: settledAt("5", "6"), Corrected: true},
			want:   Action{Verb: Leave, State: Ready, Again: correctionPause},
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, Plan(c.in)); diff != "" {
				t.Errorf("%s (-want +got):\n%s", c.reason, diff)
			}
		})
	}
}

func TestPlanToken(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	dueAt := func(due string) metav1.Object {
		o := object("down", "7")
		o.SetAnnotations(map[string]string{api.TokenRefreshAnnotation: due})
		return o
	}
	later := now.Add(time.Minute).Format(time.RFC3339)
	cases := map[string]struct {
		reason string
		in     Situation
		want   Action
	}{
		"none":      {"the pod needs its tokens", Situation{}, Action{Verb: Create, State: Ready}},
		"foreign":   {"or of another pod", Situation{Copy: dueAt(later)}, Action{Verb: Leave, State: Conflict, Again: conflictRetry}},
		"valid":     {"nothing until it is due", Situation{Copy: dueAt(later), Owned: true}, Action{Verb: Leave, State: Ready, Again: time.Minute}},
		"due":       {"refreshed in time", Situation{Copy: dueAt(now.Format(time.RFC3339)), Owned: true}, Action{Verb: Update, State: Ready}},
		"unmarked":  {"a time that cannot be read is over", Situation{Copy: dueAt("soon"), Owned: true}, Action{Verb: Update, State: Ready}},
		"fresh":     {"no second request while the cache is behind", Situation{Fresh: true}, Action{Verb: Leave, State: Ready, Again: settling}},
		"spoilt":    {"new tokens, since the old ones are not kept", Situation{Copy: dueAt(later), Owned: true, Settled: settledAt("", "6")}, Action{Verb: Update, State: Ready}},
		"untouched": {"as it was left", Situation{Copy: dueAt(later), Owned: true, Settled: settledAt("", "7")}, Action{Verb: Leave, State: Ready, Again: time.Minute}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, PlanToken(c.in, now)); diff != "" {
				t.Errorf("%s (-want +got):\n%s", c.reason, diff)
			}
		})
	}
}

// TestRefreshAt: a kubelet's rule, 80 % of the lifetime and a day at most.
func TestRefreshAt(t *testing.T) {
	issued := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for lifetime, want := range map[time.Duration]time.Duration{
		time.Hour: 48 * time.Minute, 10 * time.Minute: 8 * time.Minute, 365 * 24 * time.Hour: 24 * time.Hour,
	} {
		if got := RefreshAt(issued, issued.Add(lifetime)).Sub(issued); got != want {
			t.Errorf("a token of %s is refreshed after %s, want %s", lifetime, got, want)
		}
	}
}
