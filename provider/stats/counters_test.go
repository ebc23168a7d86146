package stats

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	statsv1alpha1 "k8s.io/kubelet/pkg/apis/stats/v1alpha1"
)

// used is what one reading says of a pod that was started at that time.
func used(name string, started metav1.Time, cpu *statsv1alpha1.CPUStats) statsv1alpha1.PodStats {
	return statsv1alpha1.PodStats{PodRef: statsv1alpha1.PodReference{UID: name}, StartTime: started, CPU: cpu}
}

// TestNodeCounter: the node's counter never falls, and grows by what was used.
func TestNodeCounter(t *testing.T) {
	const second = 1_000_000_000
	type reading []statsv1alpha1.PodStats
	cases := map[string]struct {
		reason   string
		readings []reading // ten seconds apart
		want     []uint64  // after each, without the base
	}{
		"grows": {
			reason:   "By the increase of each pod; what was used before the first reading is not counted.",
			readings: []reading{{used("a", birth(), cpu(0, 100, 0))}, {used("a", birth(), cpu(10, 103, 0))}},
			want:     []uint64{0, 3 * second},
		},
		"pod-ends": {
			reason: "It does not fall when a pod goes.",
			readings: []reading{
				{used("a", birth(), cpu(0, 100, 0)), used("b", birth(), cpu(0, 50, 0))},
				{used("a", birth(), cpu(10, 101, 0))},
				{used("a", birth(), cpu(20, 103, 0))},
			},
			want: []uint64{0, second, 3 * second},
		},
		"pod-begins": {
			reason:   "All that a new pod has used is new.",
			readings: []reading{{}, {used("a", after(3), cpu(10, 7, 0))}},
			want:     []uint64{0, 7 * second},
		},
		"node-comes-back": {
			reason:   "A pod whose kubelet did not answer is not new: the counter does not jump.",
			readings: []reading{{}, {used("a", birth(), nil)}, {used("a", birth(), cpu(20, 100, 0))}, {used("a", birth(), cpu(30, 102, 0))}},
			want:     []uint64{0, 0, 0, 2 * second},
		},
		"kubelet-away": {
			reason:   "What a pod used while its kubelet did not answer is counted afterwards.",
			readings: []reading{{used("a", birth(), cpu(0, 100, 0))}, {used("a", birth(), nil)}, {used("a", birth(), cpu(20, 104, 0))}},
			want:     []uint64{0, 0, 4 * second},
		},
		"started-anew": {
			reason:   "A counter that fell began anew.",
			readings: []reading{{used("a", birth(), cpu(0, 100, 0))}, {used("a", birth(), cpu(10, 2, 0))}},
			want:     []uint64{0, 2 * second},
		},
		"rates": {
			reason:   "Without a counter, the rate over the time in between.",
			readings: []reading{{used("a", birth(), rate(0, 500))}, {used("a", birth(), rate(10, 200))}, {used("a", birth(), rate(10, 200))}},
			want:     []uint64{0, 2 * second, 2 * second},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			var counted tally
			var got, want []uint64
			for i, pods := range tc.readings {
				counted, _ = counted.advance(pods, after(10*i).Time)
				got, want = append(got, counted.node), append(want, tc.want[i]+base)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%s\n-want +got:\n%s", tc.reason, diff)
			}
		})
	}
}

// TestCountersOfRates: containers of which only rates are known have counters that
// grow with them, each its own, and none is 0.
func TestCountersOfRates(t *testing.T) {
	reading := func(seconds int, app, log uint64) []statsv1alpha1.PodStats {
		return []statsv1alpha1.PodStats{{PodRef: statsv1alpha1.PodReference{UID: "a"}, Containers: []statsv1alpha1.ContainerStats{
			{Name: "app", CPU: rate(seconds, app)}, {Name: "log", CPU: rate(seconds, log)}, {Name: "unknown"},
		}}}
	}
	var counted tally
	var got [][]uint64
	for i, r := range [][]statsv1alpha1.PodStats{reading(0, 100, 0), reading(10, 100, 0), reading(30, 300, 10)} {
		var told []statsv1alpha1.PodStats
		counted, told = counted.advance(r, after(10*i).Time)
		all := told[0].Containers
		got = append(got, []uint64{*all[0].CPU.UsageCoreNanoSeconds, *all[1].CPU.UsageCoreNanoSeconds})
		if all[2].CPU != nil {
			t.Error("a counter was made of nothing")
		}
		if r[0].Containers[0].CPU.UsageCoreNanoSeconds != nil {
			t.Error("the argument was modified")
		}
	}
	want := [][]uint64{{base, base}, {base + 1e9, base}, {base + 7e9, base + 2e8}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	counted, _ = counted.advance(nil, after(40).Time)
	if len(counted.last) != 0 {
		t.Errorf("pods that are gone are remembered: %v", counted.last)
	}
}
