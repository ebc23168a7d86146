package claim

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestJudge(t *testing.T) {
	now := time.Date(2024, 5, 1, 12, 0, 0, 0, time.UTC)
	other := Record{Holder: "other", Silence: silence}
	type want struct {
		Verdict Verdict
		Again   time.Duration
	}
	tests := map[string]struct {
		reason string
		seen   Sight
		want   want
	}{
		"watch-standby": {
			"Standbys take nothing, however long the claim has been silent.",
			Sight{Record: other, Since: now.Add(-time.Hour)},
			want{Watch, lookEvery},
		},
		"take-absent":   {"There is no Lease.", Sight{Since: now, Leading: true}, want{Take, 0}},
		"take-released": {"Its holder stopped in order.", Sight{Record: Record{Silence: silence}, Since: now, Leading: true}, want{Take, 0}},
		"take-own":      {"A restart in place goes on at once.", Sight{Record: Record{Holder: "me", Silence: silence}, Since: now, Leading: true}, want{Take, 0}},
		"wait-first-look": {
			"Whoever has only just seen it knows nothing.",
			Sight{Record: other, Since: now, Leading: true},
			want{Wait, lookEvery},
		},
		"wait-one-renewal": {
			"It may have been under way when its sender ended.",
			Sight{Record: other, Since: now, Leading: true, Renewals: 1},
			want{Wait, lookEvery},
		},
		"wait-not-longer-than-needed": {
			"The end of the silence is not missed by up to a look.",
			Sight{Record: other, Since: now.Add(time.Second/4 - silence), Leading: true},
			want{Wait, time.Second / 4},
		},
		"take-silent":   {"It has run out.", Sight{Record: other, Since: now.Add(-silence), Leading: true}, want{Take, 0}},
		"refuse-alive":  {"It is being renewed.", Sight{Record: other, Since: now, Leading: true, Renewals: 2}, want{Refuse, 0}},
		"leave-foreign": {"A Lease without our marks is not ours.", Sight{Record: Record{Foreign: true}, Since: now, Leading: true}, want{Leave, lookEvery}},
		"leave-old-foreign": {
			"It does not become ours by age.",
			Sight{Record: Record{Foreign: true, Holder: "other"}, Since: now.Add(-time.Hour), Leading: true},
			want{Leave, lookEvery},
		},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			var got want
			got.Verdict, got.Again = Judge(tc.seen, "me", now)
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("%s -want +got:\n%s", tc.reason, diff)
			}
		})
	}
}

func TestNext(t *testing.T) {
	begin := time.Date(2024, 5, 1, 12, 0, 0, 0, time.UTC)
	// The holder's clock has nothing to do with ours.
	renewed := func(n int) Record {
		return Record{Holder: "other", Renewed: begin.Add(-time.Hour - time.Duration(n)*time.Minute), Silence: silence}
	}
	type look struct {
		record  Record
		leading bool
	}
	tests := map[string]struct {
		reason string
		looks  []look // one a second, the first at begin
		want   Sight
	}{
		"first": {"Nothing is known before the first look.", []look{{renewed(1), true}}, Sight{renewed(1), begin, true, 0}},
		"silent": {
			"What does not change is as old as the first sight of it.",
			[]look{{renewed(1), false}, {renewed(1), false}, {renewed(1), true}},
			Sight{renewed(1), begin, true, 0},
		},
		"renewed-before-leading": {
			"That the last leader was alive proves nothing about him now.",
			[]look{{renewed(1), false}, {renewed(2), false}, {renewed(3), true}},
			Sight{renewed(3), begin.Add(2 * time.Second), true, 0},
		},
		"renewed-while-leading": {
			"Renewals need not be the last to count.",
			[]look{{renewed(1), true}, {renewed(2), true}, {renewed(2), true}, {renewed(3), true}},
			Sight{renewed(3), begin.Add(3 * time.Second), true, 2},
		},
		"other-holder": {
			"Another holder begins from nothing.",
			[]look{{renewed(1), true}, {renewed(2), true}, {Record{Holder: "third"}, true}},
			Sight{Record{Holder: "third"}, begin.Add(2 * time.Second), true, 0},
		},
		"absent": {"A Lease that is not there is seen, too.", []look{{Record{}, true}}, Sight{Since: begin, Leading: true}},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			var got Sight
			for i, look := range tc.looks {
				got = got.Next(look.record, look.leading, begin.Add(time.Duration(i)*time.Second))
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("%s -want +got:\n%s", tc.reason, diff)
			}
		})
	}
}

// TestTimes: what the times have to be, compared with each other.
func TestTimes(t *testing.T) {
	const leaderLease = 15 * time.Second // of controller-runtime
	for claim, holds := range map[string]bool{
		"a holder stops before others begin":                         goodFor < silence,
		"a request about the Lease ends before the claim runs out":   requestTimeout < goodFor,
		"an API server that takes 5 s for all does not interrupt it": 2*5*time.Second <= goodFor,
		// The lease was renewed 2 s before the crash, the claim just before it, and
		// seen a look later.
		"a standby does not wait after a crash": silence+lookEvery <= leaderLease-2*time.Second,
	} {
		if !holds {
			t.Errorf("not so: %s", claim)
		}
	}
}
