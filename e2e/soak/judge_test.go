package soak

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"
)

const (
	every = 2 * time.Second
	mib   = 1 << 20
)

func counts() Bound { return Bound{Ratio: 1.05, Slack: 4} }
func memory() Bound { return Bound{Ratio: 1.10, Slack: 4 * mib, PerHour: 16 * mib} }

// samples has a figure for as long as a run lasts. The noise is the same every time.
func samples(lasts time.Duration, figure func(at time.Duration, random *rand.Rand) float64) (points []Point) {
	random := rand.New(rand.NewPCG(9, 5))
	for at := time.Duration(0); at < lasts; at += every {
		points = append(points, Point{At: at, Value: figure(at, random)})
	}
	return points
}

// busy is a count of 250 that goes up and down with the load, in a rhythm and by chance.
func busy() func(time.Duration, *rand.Rand) float64 {
	return func(at time.Duration, random *rand.Rand) float64 {
		return math.Round(250 + 5*math.Sin(2*math.Pi*at.Seconds()/30) + 4*random.NormFloat64())
	}
}

// leaking adds so much in each interval.
func leaking(figure func(time.Duration, *rand.Rand) float64, amount float64, interval time.Duration) func(time.Duration, *rand.Rand) float64 {
	return func(at time.Duration, random *rand.Rand) float64 {
		return figure(at, random) + amount*math.Floor(at.Seconds()/interval.Seconds())
	}
}

// sawtooth is a heap of which garbage is collected every 7 seconds: what is measured of
// it is anything between its lowest and twice as much.
func sawtooth(lowest float64) func(time.Duration, *rand.Rand) float64 {
	return func(at time.Duration, random *rand.Rand) float64 {
		return lowest * (1 + math.Mod(at.Seconds(), 7)/7 + 0.05*random.Float64())
	}
}

func TestJudge(t *testing.T) {
	cases := map[string]struct {
		reason string
		figure func(time.Duration, *rand.Rand) float64
		bound  Bound
		leaks  bool
	}{
		"busy":              {"a load that comes and goes is no leak", busy(), counts(), false},
		"constant":          {"nothing changes", func(time.Duration, *rand.Rand) float64 { return 17 }, counts(), false},
		"one-more":          {"a connection more, once, is no leak", func(at time.Duration, _ *rand.Rand) float64 { return 17 + math.Floor(min(1, at.Minutes()/2)) }, counts(), false},
		"falls":             {"what falls does not leak", leaking(busy(), -1, 10*time.Second), counts(), false},
		"goroutine-per-10s": {"one goroutine for every change of a policy", leaking(busy(), 1, 10*time.Second), counts(), true},
		"goroutine-per-5s":  {"one goroutine for every log that was followed", leaking(busy(), 1, 5*time.Second), counts(), true},
		"connections":       {"one connection for every log that was followed", leaking(func(time.Duration, *rand.Rand) float64 { return 12 }, 1, 20*time.Second), counts(), true},
		"sawtooth":          {"garbage that waits is no leak", sawtooth(30 * mib), memory(), false},
		"warm-up": {"what grows while caches fill is no leak", func(at time.Duration, r *rand.Rand) float64 {
			return sawtooth(20*mib)(at, r) * min(1, at.Seconds()/60)
		}, memory(), false},
		"pods": {"a KiB and a half for every pod that was there, 20 a second", leaking(sawtooth(30*mib), 1536*20, time.Second), memory(), true},
	}
	for name, tc := range cases {
		for _, lasts := range []time.Duration{5 * time.Minute, time.Hour} {
			t.Run(name+"/"+lasts.String(), func(t *testing.T) {
				verdict, err := Judge(samples(lasts, tc.figure), time.Minute, tc.bound)
				if err != nil {
					t.Fatal(err)
				}
				if got := verdict.Leak != ""; got != tc.leaks {
					t.Errorf("%s: Judge() = %+v, want a leak: %t", tc.reason, verdict, tc.leaks)
				}
			})
		}
	}
}

// TestJudgeSlowLeak: what five minutes cannot tell from chance, an hour does.
func TestJudgeSlowLeak(t *testing.T) {
	for name, tc := range map[string]struct {
		figure func(time.Duration, *rand.Rand) float64
		bound  Bound
	}{
		"goroutine-in-4-minutes":  {leaking(busy(), 1, 4*time.Minute), counts()},
		"goroutine-per-namespace": {leaking(busy(), 1, 30*time.Second), counts()},
		"400-bytes-per-pod":       {leaking(sawtooth(30*mib), 400*20, time.Second), memory()},
	} {
		t.Run(name, func(t *testing.T) {
			verdict, err := Judge(samples(time.Hour, tc.figure), 5*time.Minute, tc.bound)
			if err != nil || verdict.Leak == "" {
				t.Errorf("Judge() = %+v, %v, want a leak", verdict, err)
			}
		})
	}
}

// TestJudgeFew: too few samples are no reason to say that all is well.
func TestJudgeFew(t *testing.T) {
	if verdict, err := Judge(samples(90*time.Second, busy()), time.Minute, counts()); err == nil {
		t.Errorf("Judge() = %+v of 15 samples, want an error", verdict)
	}
}

// TestTrend: the slope is per hour, and peaks do not bend it.
func TestTrend(t *testing.T) {
	for name, tc := range map[string]struct {
		figure func(time.Duration, *rand.Rand) float64
		want   float64
	}{
		"line":  {func(at time.Duration, _ *rand.Rand) float64 { return 100 + at.Hours()*60 }, 60},
		"peaks": {func(at time.Duration, _ *rand.Rand) float64 { return 100 + 1000*math.Floor(at.Minutes()/4.9) }, 0},
	} {
		t.Run(name, func(t *testing.T) {
			if got, atLeast := trend(samples(5*time.Minute, tc.figure)); math.Abs(got-tc.want) > 0.01 || atLeast > got {
				t.Errorf("trend() = %v, at least %v, want %v", got, atLeast, tc.want)
			}
		})
	}
}

func TestRatio(t *testing.T) {
	for name, tc := range map[string]struct {
		verdict Verdict
		want    float64
	}{
		"twice":     {Verdict{First: 10, Last: 20}, 2},
		"nothing":   {Verdict{}, 1},
		"from-zero": {Verdict{Last: 3}, 3},
	} {
		t.Run(name, func(t *testing.T) {
			if got := tc.verdict.Ratio(); got != tc.want {
				t.Errorf("Ratio() = %v, want %v", got, tc.want)
			}
		})
	}
}
