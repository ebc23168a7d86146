package references

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// TestMatters: most pods that come or go change nothing about the copies that others
// use too.
func TestMatters(t *testing.T) {
	cases := map[string]struct {
		reason        string
		before, after count
		want          bool
	}{
		"waits":        {"a pod that does not run yet is prepared", count{}, count{Users: 1, Needing: 1}, false},
		"first-runs":   {"from now on the copy is watched, whoever prepared it", count{Users: 1}, count{Users: 1, Started: 1}, true},
		"another-runs": {"it is watched", count{Users: 2, Started: 1}, count{Users: 2, Started: 2}, false},
		"one-leaves":   {"others use it", count{Users: 2, Needing: 2, Held: 2}, count{Users: 1, Needing: 1, Held: 1}, false},
		"last-leaves":  {"the upstream object is watched for nobody", count{Users: 1, Held: 1}, count{Held: 1}, true},
		"last-needing": {"those that stay can do without it", count{Users: 2, Needing: 1}, count{Users: 1}, true},
		"last-held":    {"no pod uses it any more", count{Held: 1}, count{}, true},
		"one-held":     {"another pod still runs with it", count{Held: 2}, count{Held: 1}, false},
		"held-anew":    {"the upstream pod is about to run with it again", count{Users: 1, Held: 1}, count{Users: 1}, false},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			if got := (change{before: c.before, after: c.after}).matters(); got != c.want {
				t.Errorf("%s: the copy is worked on: %v, want %v", c.reason, got, c.want)
			}
		})
	}
}

// TestCountTakesNothingAway: a copy is let go, or withdrawn, only if the caches know of
// no pod either. What is counted may be a moment behind them.
func TestCountTakesNothingAway(t *testing.T) {
	where := key("settings")
	c, above, _, _ := crowded(t, 0)
	pod := mounting("web", "settings")
	above.pods[types.NamespacedName{Namespace: "shop", Name: "web"}] = &pod // Not announced yet.
	c.book.tell(where, pod.UID, Missing)
	if _, err := c.reconcile(t.Context(), where); err != nil {
		t.Fatal(err)
	}
	if c.watches.all[where] == nil || len(c.book.read(where).told) == 0 {
		t.Error("the copy is let go although a cached pod uses it")
	}
	if needed, err := c.users.need(t.Context(), where); err != nil || !needed {
		t.Errorf("the copy is needed: %v (%v), want true", needed, err)
	}
}

// TestTroubleIsTold: whoever begins to run with a copy that is not right has it looked
// at again, so that it is told, and who leaves is forgotten.
func TestTroubleIsTold(t *testing.T) {
	c, above, _ := counting(testRules())
	q, where := newQueue(t), key("settings")
	for i, want := range []bool{true, false, true} { // The first, one of many, one of many in trouble.
		c.book.trouble(where, i == 2)
		pod := mounting(fmt.Sprint("web-", i), "settings")
		pod.UID, pod.Status.StartTime = types.UID(fmt.Sprint("uid-", i)), &metav1.Time{}
		above.put(t.Context(), &pod, q)
		if queued := drained(q); queued[where] != want {
			t.Errorf("the copy is worked on when pod %d starts: %v, want %v", i, queued[where], want)
		}
		c.book.tell(where, pod.UID, Conflict)
	}
	above.drop(t.Context(), types.NamespacedName{Namespace: "shop", Name: "web-1"}, q)
	anew := mounting("web-2", "settings")
	anew.UID, anew.Status.StartTime = "uid-of-its-successor", &metav1.Time{}
	above.put(t.Context(), &anew, q)
	if diff := cmp.Diff(map[types.UID]State{"uid-0": Conflict}, c.book.read(where).told); diff != "" {
		t.Errorf("who has been told (-want +got):\n%s", diff)
	}
}
