package faults

import (
	"net/http"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestJudge(t *testing.T) {
	t.Parallel()
	some := func(*http.Request) bool { return true }
	get, list := asked{verb: "get"}, asked{verb: "list"}
	watch, stream := asked{verb: "watch", version: "7"}, asked{verb: "watch", version: "7", streams: true}
	for name, tc := range map[string]struct {
		reason string
		faults []Fault
		asked  asked
		listed bool
		draws  []float64
		want   verdict
	}{
		"None":               {asked: list},
		"LatenciesAddUp":     {faults: []Fault{{Latency: 1}, {Latency: 2}}, asked: get, want: verdict{latency: 3}},
		"Unavailable":        {faults: []Fault{{Unavailable: .2}}, asked: get, draws: []float64{.19}, want: verdict{outcome: unavailable}},
		"Available":          {faults: []Fault{{Unavailable: .2}}, asked: get, draws: []float64{.2}},
		"ResetBefore":        {faults: []Fault{{Reset: .2}}, asked: get, draws: []float64{.09}, want: verdict{outcome: resetBefore}},
		"ResetAfter":         {faults: []Fault{{Reset: .2}}, asked: get, draws: []float64{.1}, want: verdict{outcome: resetAfter}},
		"NoReset":            {faults: []Fault{{Reset: .2}}, asked: get, draws: []float64{.2}},
		"OneDrawEach":        {faults: []Fault{{Reset: .5, Unavailable: .5}, {Unavailable: .5}}, asked: get, draws: []float64{.9, .4, .9}, want: verdict{outcome: resetAfter}},
		"FirstInTheOrder":    {faults: []Fault{{Forbidden: true}, {Unauthorized: true}, {Latency: time.Second}}, asked: get, want: verdict{outcome: unauthorized, latency: time.Second}},
		"SilentForSome":      {faults: []Fault{{Silent: true, Only: some, Unauthorized: true}}, asked: get, want: verdict{outcome: hangs}},
		"SilentForAll":       {reason: "the connections are silent, not the requests", faults: []Fault{{Silent: true}}, asked: get},
		"Empty":              {faults: []Fault{{EmptyLists: true, TruncatedLists: .1}}, asked: list, want: verdict{missing: 1}},
		"Truncated":          {faults: []Fault{{TruncatedLists: .1}, {TruncatedLists: .3}}, asked: list, want: verdict{missing: .3}},
		"TruncatedStream":    {faults: []Fault{{TruncatedLists: .1}}, asked: stream, want: verdict{missing: .1}},
		"GetIsNoList":        {faults: []Fault{{EmptyLists: true}}, asked: get},
		"Expired":            {faults: []Fault{{ExpireWatches: true}}, asked: watch, want: verdict{outcome: expired}},
		"ListedSince":        {faults: []Fault{{ExpireWatches: true}}, asked: watch, listed: true},
		"FromAnyVersion":     {faults: []Fault{{ExpireWatches: true}}, asked: asked{verb: "watch"}},
		"StreamNeverExpires": {reason: "it lists", faults: []Fault{{ExpireWatches: true}}, asked: stream},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			draws := tc.draws
			var got verdict
			for _, f := range tc.faults {
				got = got.and(judge(f, tc.asked, tc.listed, func() float64 {
					drawn := draws[0]
					draws = draws[1:]
					return drawn
				}))
			}
			if diff := cmp.Diff(tc.want, got, cmp.AllowUnexported(verdict{})); diff != "" {
				t.Errorf("%s: -want, +got:\n%s", tc.reason, diff)
			}
			if len(draws) > 0 {
				t.Errorf("%d draws were not made", len(draws))
			}
		})
	}
}

func TestKept(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		n       int
		missing float64
		want    int
	}{
		"None":      {0, .5, 0},
		"Half":      {10, .5, 5},
		"AtLeast1":  {10, .01, 9},
		"All":       {10, 1, 0},
		"OnlyShare": {1, .1, 0},
		"TooMany":   {10, 2, 0},
	} {
		if got := kept(tc.n, tc.missing); got != tc.want {
			t.Errorf("%s: kept(%d, %v) = %d, want %d", name, tc.n, tc.missing, got, tc.want)
		}
	}
}
