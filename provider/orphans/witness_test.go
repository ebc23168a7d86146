package orphans

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	toolscache "k8s.io/client-go/tools/cache"
	clocktesting "k8s.io/utils/clock/testing"
)

// TestWitness: an informer tells what an API server announces from what is missing
// when it lists anew, be the list asked for or streamed.
func TestWitness(t *testing.T) {
	all := pods(above, 0, 4)
	cases := map[string]struct {
		reason           string
		before           func(*apiServer)
		after            []corev1.Pod // what there is when the watch has to begin anew
		anew             bool
		there, witnessed []string
	}{
		"announced": {
			reason: "a deletion was seen", before: func(a *apiServer) { a.announces("DELETED", all[0]) },
			there: []string{"web-0001", "web-0002", "web-0003"}, witnessed: []string{"up-web-0000"},
		},
		"announced-late": {
			reason: "it is seen when the watch goes on, too",
			before: func(a *apiServer) { a.announces("MODIFIED", all[1]); a.cuts(); a.announces("DELETED", all[0]) },
			there:  []string{"web-0001", "web-0002", "web-0003"}, witnessed: []string{"up-web-0000"},
		},
		"empty":   {reason: "pods are missing", anew: true},
		"partial": {reason: "some are", anew: true, after: all[:1], there: []string{"web-0000"}},
		"announced-and-empty": {
			reason: "what was seen stays seen, and says nothing of others", anew: true,
			before: func(a *apiServer) { a.announces("MODIFIED", all[1]); a.announces("DELETED", all[0]) }, witnessed: []string{"up-web-0000"},
		},
		"restored": {
			reason: "a pod that is there again was not deleted in this past", anew: true, after: all[:2],
			before: func(a *apiServer) { a.announces("DELETED", all[0]) }, there: []string{"web-0000", "web-0001"},
		},
		"replaced": {
			reason: "a pod whose name another one has now was missed", anew: true, after: pods(above, 0, 4, uid("next")),
			there: []string{"web-0000", "web-0001", "web-0002", "web-0003"},
		},
	}
	for name, tc := range cases {
		// Ours lists by itself when a watch has expired.
		for kind, informer := range map[string]struct{ streams, ours bool }{"list": {}, "stream": {streams: true}, "ours": {true, true}} {
			t.Run(name+"/"+kind, func(t *testing.T) {
				t.Parallel()
				server := &apiServer{streams: informer.streams, pods: all, events: make(chan event)}
				w := server.watched(t, informer.ours)
				waitFor(t, w, "web-0003")
				if tc.before != nil {
					tc.before(server)
				}
				if tc.anew {
					server.restored(tc.after)
				}
				server.announces("ADDED", above(9)) // All before it is seen when it is.
				waitFor(t, w, "web-0009")
				seen(t, tc.reason, w, append(tc.there, "web-0009"), tc.witnessed)
				if lists, initial := server.begun(); (lists+initial != 1) != tc.anew || !informer.ours && (lists == 0) != informer.streams {
					t.Errorf("the informer asked for %d lists and %d streams", lists, initial)
				}
			})
		}
	}
}

// TestWitnessForgets: of pods of other nodes, of what lacks an object, and of what was
// long ago nothing stays.
func TestWitnessForgets(t *testing.T) {
	clock := clocktesting.NewFakeClock(now())
	w := newWitness("east", clock)
	first, second, elsewhere := above(0), above(1), above(2, on("west"))
	w.OnAdd(&elsewhere, true)
	w.OnDelete(&elsewhere)
	w.OnAdd(&second, true)
	w.OnDelete(toolscache.DeletedFinalStateUnknown{Key: "shop/web-0001"})
	w.OnDelete("nothing")
	w.OnDelete(&first)
	seen(t, "pods of other nodes do not matter", w, nil, []string{"up-web-0000"})
	clock.Step(window)
	w.OnDelete(&second)
	seen(t, "nor does what was long ago", w, nil, []string{"up-web-0001"})
}

// seen compares the names of pods that are there, and the UIDs of those whose deletion
// was witnessed.
func seen(t *testing.T, reason string, w *witness, there, deleted []string) {
	t.Helper()
	pods, uids := w.testimony()
	var got [2][]string
	for name := range pods {
		got[0] = append(got[0], name.Name)
	}
	for uid := range uids {
		got[1] = append(got[1], string(uid))
	}
	slices.Sort(got[0])
	slices.Sort(got[1])
	if diff := cmp.Diff([2][]string{there, deleted}, got); diff != "" {
		t.Errorf("%s: pods that are there, and UIDs of deleted ones: -want +got:\n%s", reason, diff)
	}
}
