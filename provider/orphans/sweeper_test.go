package orphans

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/utils/clock"
	clocktesting "k8s.io/utils/clock/testing"
)

// TestSweep: what a cache says deletes nothing, nor does a list, nor what another
// cluster says.
func TestSweep(t *testing.T) {
	none := []corev1.Pod(nil)
	few, all := pods(above, 3, 25), pods(above, 0, 25)
	most := pods(above, 20, 25)
	cases := map[string]struct {
		reason                string
		cached, listed, there []corev1.Pod
		id                    string
		mode                  Mode
		annotation            string
		want                  outcome
		failed                bool
		uncached              int
		witnessed, pending    int // so many from the first, and so many after these
		deleted               int
		said                  string
	}{
		"none":    {reason: "nothing to do", cached: all, listed: all, there: all, want: clean},
		"orphans": {reason: "everybody agrees", cached: few, listed: few, there: few, want: clean, deleted: 3},
		"cache-behind": {
			reason: "the API server knows pods that the cache does not; they are looked at again",
			cached: few, listed: all, there: all, want: unsure,
		},
		"cache-empty":      {reason: "the list of an API server tells that it was the cache", cached: none, listed: all, there: all, want: clean},
		"cache-cut-off":    {reason: "and which pods are orphans", cached: none, listed: few, there: few, want: clean, deleted: 3},
		"list-empty":       {reason: "a list that is empty is a mass deletion, which waits", cached: none, listed: none, there: all, want: held, said: "25 of 25"},
		"list-empty-asked": {reason: "and each is asked for even when somebody says so", cached: none, listed: none, there: all, annotation: "25", want: unsure},
		"downstream-cut-off": {
			reason: "an orphan that the downstream cache lacks is nobody else's to find",
			cached: few, listed: few, there: few, uncached: 2, want: clean, deleted: 3,
		},
		"downstream-empty":  {reason: "so are many", cached: most, listed: most, there: most, uncached: 25, want: held, said: "20 of 25"},
		"mass":              {reason: "everything agrees, and may be wrong", cached: most, listed: most, there: most, want: held, said: "annotate --overwrite node east spillway.io/delete-orphans=20"},
		"mass-released":     {reason: "somebody says so", cached: most, listed: most, there: most, annotation: "20", want: clean, deleted: 20},
		"mass-released-few": {reason: "somebody says so of some", cached: most, listed: most, there: most, annotation: "5", want: held, deleted: 5, said: "15 of 25"},
		"mass-not-a-number": {reason: "somebody says something", cached: most, listed: most, there: most, annotation: "yes", want: held, said: `spillway.io/delete-orphans is "yes"`},
		"few-annotated":     {reason: "a permission does not stay", cached: few, listed: few, there: few, annotation: "20", want: clean, deleted: 3},
		"mass-witnessed":    {reason: "it was seen to happen", cached: most, listed: most, there: most, witnessed: 20, want: clean, deleted: 20},
		"mass-witnessed-lie": {
			reason: "and is asked for all the same", cached: most, listed: most, there: few, witnessed: 20, want: unsure, deleted: 3,
		},
		"mass-witnessed-in-part": {
			reason: "the others wait", cached: none, listed: none, there: none, witnessed: 8, want: held, deleted: 8, said: "17 of 25",
		},
		"mass-witnessed-released": {
			reason: "those that were seen are no part of what is released", cached: none, listed: none, there: none, witnessed: 8, annotation: "17",
			want: clean, deleted: 25,
		},
		"witnessed-another-cluster": {reason: "nothing goes then", cached: most, listed: most, there: most, witnessed: 20, id: "another", want: unsure, failed: true},
		"witnessed-preview": {
			reason: "nor then", cached: most, listed: most, there: most, witnessed: 20, mode: Preview, want: held, said: "20 of 25",
		},
		"pending":           {reason: "the watch has not told of all yet", cached: most, listed: most, there: most, witnessed: 8, pending: 12, want: early, deleted: 8},
		"preview":           {reason: "nothing is deleted", cached: few, listed: few, there: few, mode: Preview, want: held, said: "3 of 25"},
		"preview-annotated": {reason: "whatever an annotation says", cached: most, listed: most, there: most, mode: Preview, annotation: "20", want: held, said: "--delete-orphans says preview"},
		"another-cluster":   {reason: "it knows none of our pods", cached: few, listed: none, there: none, id: "another", want: unsure, failed: true},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			w := &world{cached: tc.cached, listed: tc.listed, there: tc.there, downstream: pods(below, 0, 25), id: "cluster", annotation: tc.annotation, uncached: tc.uncached}
			if tc.id != "" {
				w.id = "another"
			}
			s, recorder := w.sweeper(t, tc.mode)
			for i := range tc.witnessed + tc.pending {
				pod := above(i)
				s.witness.OnAdd(&pod, true)
				if i < tc.witnessed {
					s.witness.OnDelete(&pod)
				}
			}
			got, err := s.sweep(t.Context())
			if got != tc.want || (err != nil) != tc.failed {
				t.Errorf("%s: the sweep ends as %d (%v), want %d", tc.reason, got, err, tc.want)
			}
			if len(w.deleted) != tc.deleted {
				t.Errorf("%s: deleted %v, want %d", tc.reason, w.deleted, tc.deleted)
			}
			if text := strings.Join(said(recorder), "\n"); !strings.Contains(text, tc.said) || (tc.said == "") != (text == "") {
				t.Errorf("%s: events are %q, want %q in them", tc.reason, text, tc.said)
			}
			if spent := w.annotation == ""; tc.annotation != "" && spent != (tc.want != held || tc.deleted > 0) {
				t.Errorf("%s: the annotation is %q afterwards", tc.reason, w.annotation)
			}
		})
	}
}

// TestSaidOnce: what is known is not said again, and what is new is.
func TestSaidOnce(t *testing.T) {
	w := &world{downstream: pods(below, 0, 25), id: "cluster"}
	s, recorder := w.sweeper(t, Delete)
	sweep := func(events int) {
		t.Helper()
		if _, err := s.sweep(t.Context()); err != nil {
			t.Fatal(err)
		}
		if all := said(recorder); len(all) != events {
			t.Errorf("events are %q, want %d", all, events)
		}
	}
	sweep(1)
	sweep(0)
	back := pods(above, 0, 5)
	w.cached, w.listed, w.there = back, back, back
	sweep(1)
	all := pods(above, 0, 25)
	w.cached, w.listed, w.there = all, all, all
	sweep(0)
	w.cached, w.listed, w.there = back, back, back
	sweep(1)
	if len(w.deleted) > 0 {
		t.Errorf("%v are deleted", w.deleted)
	}
}

// TestTrickle: pods that vanish upstream eight at a time stop being deleted when half
// of them are gone, and so does what somebody left when he released some.
func TestTrickle(t *testing.T) {
	w := &world{downstream: pods(below, 0, 100), id: "cluster"}
	s, _ := w.sweeper(t, Delete)
	for gone := 8; gone <= 100; gone += 8 {
		left := pods(above, gone, 100)
		w.cached, w.listed, w.there = left, left, left
		if _, err := s.sweep(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if len(w.deleted) != 48 {
		t.Errorf("%d of 100 are deleted, want six times eight", len(w.deleted))
	}
	w.annotation = "40"
	for range 3 {
		if _, err := s.sweep(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if len(w.deleted) != 88 {
		t.Errorf("%d of 100 are deleted, want the 40 that were released, too", len(w.deleted))
	}
}

// TestWitnessedDoNotAddUp: what was seen to be deleted makes later ones no suspects.
func TestWitnessedDoNotAddUp(t *testing.T) {
	w := &world{downstream: pods(below, 0, 100), id: "cluster"}
	s, recorder := w.sweeper(t, Delete)
	for i := range 80 {
		pod := above(i)
		s.witness.OnDelete(&pod)
	}
	for _, gone := range []int{80, 90} {
		left := pods(above, gone, 100)
		w.cached, w.listed, w.there = left, left, left
		if result, err := s.sweep(t.Context()); err != nil || result != clean {
			t.Errorf("the sweep ends as %d (%v), want %d", result, err, clean)
		}
	}
	if text := said(recorder); len(w.deleted) != 90 || len(text) > 0 || len(s.deleted) != 10 {
		t.Errorf("%d of 100 are deleted, of which %d count, and %q is said; want 90, 10 and nothing", len(w.deleted), len(s.deleted), text)
	}
}

// TestRemoveFails: one pod that may not be deleted is one pod, and a permission is used
// once.
func TestRemoveFails(t *testing.T) {
	most := pods(above, 20, 25)
	w := &world{downstream: pods(below, 0, 25), cached: most, listed: most, there: most, id: "cluster", annotation: "20", refuses: below(7).Name}
	s, _ := w.sweeper(t, Delete)
	if _, err := s.sweep(t.Context()); err == nil || !strings.Contains(err.Error(), "a policy") {
		t.Errorf("the sweep says %v, want what the API server said", err)
	}
	if len(w.deleted) != 19 || w.annotation != "" {
		t.Errorf("%d are deleted, the annotation is %q; want 19 and none", len(w.deleted), w.annotation)
	}
	w.away, w.annotation = true, ""
	if _, err := s.sweep(t.Context()); !errors.Is(err, errAway) {
		t.Errorf("the sweep says %v, want %v", err, errAway)
	}
}

// TestPermissionIsSpentOnce: what may be deleted "at most" stays that, also when the
// upstream API server is away when it has to be told.
func TestPermissionIsSpentOnce(t *testing.T) {
	w := &world{downstream: pods(below, 0, 40), id: "cluster", annotation: "20", forgets: true}
	s, _ := w.sweeper(t, Delete)
	for range 2 {
		if _, err := s.sweep(t.Context()); !errors.Is(err, errAway) {
			t.Errorf("the sweep says %v, want %v", err, errAway)
		}
	}
	if len(w.deleted) > 0 {
		t.Errorf("%d are deleted, although the permission could be used again", len(w.deleted))
	}
}

// TestStart: a kick leads to a sweep soon, so does an annotation at once, and what
// could not be deleted is tried again.
func TestStart(t *testing.T) {
	w := &world{cached: pods(above, 0, 25), listed: pods(above, 0, 25), there: pods(above, 0, 25), downstream: pods(below, 0, 25), id: "cluster"}
	s, recorder := w.sweeper(t, Delete)
	clock := &patient{clocktesting.NewFakeClock(now())}
	s.clock = clock
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.Start(ctx) }()
	change := func(change func()) {
		w.mu.Lock()
		defer w.mu.Unlock()
		change()
	}
	deleted := func(n int, step time.Duration) {
		t.Helper()
		for deadline := time.Now().Add(10 * time.Second); ; clock.Step(step) {
			w.mu.Lock()
			got := len(w.deleted)
			w.mu.Unlock()
			if got == n {
				return
			}
			if time.Now().After(deadline) {
				t.Fatalf("%d are deleted, want %d", got, n)
			}
		}
	}
	change(func() {
		w.away = true
		w.cached, w.listed, w.there = pods(above, 1, 25), pods(above, 1, 25), pods(above, 1, 25)
	})
	s.Kick()
	s.Kick()
	change(func() { w.away = false })
	deleted(1, 100*time.Millisecond)
	change(func() { w.cached, w.listed, w.there = nil, nil, nil })
	s.Kick()
	for len(recorder.Events) == 0 {
		clock.Step(100 * time.Millisecond)
	}
	change(func() { w.annotation = "24" })
	s.annotated().OnUpdate(&corev1.Node{}, annotatedNode("24"))
	deleted(25, 0)
	var none *Sweeper
	none.Kick()
	stop()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func annotatedNode(value string) *corev1.Node {
	node := &corev1.Node{}
	node.Annotations = map[string]string{"spillway.io/delete-orphans": value}
	return node
}

// patient is a fake clock that gives others time to notice its steps.
type patient struct{ *clocktesting.FakeClock }

func (p *patient) Step(d time.Duration) {
	p.FakeClock.Step(d)
	<-time.After(time.Millisecond)
}

var _ clock.WithTicker = &patient{}
