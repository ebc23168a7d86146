package stats

import (
	"bytes"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/common/expfmt"
	statsv1alpha1 "k8s.io/kubelet/pkg/apis/stats/v1alpha1"
)

// twoPods are one about which everything is known and one about which nothing is.
func twoPods() []statsv1alpha1.PodStats {
	return []statsv1alpha1.PodStats{
		{
			PodRef: statsv1alpha1.PodReference{Namespace: "shop", Name: "web", UID: "u-web"}, StartTime: birth(),
			CPU: cpu(9, 5, 100), Memory: memory(9, 4096), Swap: &statsv1alpha1.SwapStats{Time: after(9), SwapUsageBytes: new(uint64(1))},
			EphemeralStorage: &statsv1alpha1.FsStats{},
			Containers: []statsv1alpha1.ContainerStats{{
				Name: "app", StartTime: after(1), CPU: cpu(8, 4, 80), Memory: memory(8, 2048), Rootfs: &statsv1alpha1.FsStats{},
			}},
		},
		{
			PodRef: statsv1alpha1.PodReference{Namespace: "shop", Name: "new", UID: "u-new"}, StartTime: after(5),
			Containers: []statsv1alpha1.ContainerStats{{Name: "app", StartTime: after(6)}, {Name: "waits"}},
		},
	}
}

func TestFamilies(t *testing.T) {
	const want = `# HELP container_start_time_seconds When the container was started, in seconds since 1970.
# TYPE container_start_time_seconds gauge
container_start_time_seconds{namespace="shop",pod="web",container="app"} 1.000001e+06
container_start_time_seconds{namespace="shop",pod="new",container="app"} 1.000006e+06
# HELP container_cpu_usage_seconds_total CPU time used, in core-seconds.
# TYPE container_cpu_usage_seconds_total counter
container_cpu_usage_seconds_total{namespace="shop",pod="web",container="app"} 4 1000008000
container_cpu_usage_seconds_total{namespace="shop",pod="new",container="app"} 0 1000006000
# HELP container_memory_working_set_bytes Memory that cannot be reclaimed under pressure, in bytes.
# TYPE container_memory_working_set_bytes gauge
container_memory_working_set_bytes{namespace="shop",pod="web",container="app"} 2048 1000008000
# HELP node_cpu_usage_seconds_total CPU time used, in core-seconds.
# TYPE node_cpu_usage_seconds_total counter
node_cpu_usage_seconds_total 7 1000009000
# HELP node_memory_working_set_bytes Memory that cannot be reclaimed under pressure, in bytes.
# TYPE node_memory_working_set_bytes gauge
node_memory_working_set_bytes 4096 1000009000
# HELP node_swap_usage_bytes Swap space used, in bytes.
# TYPE node_swap_usage_bytes gauge
node_swap_usage_bytes 1 1000009000
# HELP pod_cpu_usage_seconds_total CPU time used, in core-seconds.
# TYPE pod_cpu_usage_seconds_total counter
pod_cpu_usage_seconds_total{namespace="shop",pod="web"} 5 1000009000
pod_cpu_usage_seconds_total{namespace="shop",pod="new"} 0 1000005000
# HELP pod_memory_working_set_bytes Memory that cannot be reclaimed under pressure, in bytes.
# TYPE pod_memory_working_set_bytes gauge
pod_memory_working_set_bytes{namespace="shop",pod="web"} 4096 1000009000
# HELP pod_swap_usage_bytes Swap space used, in bytes.
# TYPE pod_swap_usage_bytes gauge
pod_swap_usage_bytes{namespace="shop",pod="web"} 1 1000009000
# HELP resource_scrape_error 1 if figures are missing because the downstream cluster did not give them, else 0.
# TYPE resource_scrape_error gauge
resource_scrape_error 1
# HELP scrape_error The former name of resource_scrape_error.
# TYPE scrape_error gauge
scrape_error 1
`
	var text bytes.Buffer
	for _, f := range families(summarize("east", birth().Time, twoPods(), tally{node: 7e9, at: after(10).Time}), true) {
		if _, err := expfmt.MetricFamilyToText(&text, f); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff(want, text.String()); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestSummarize(t *testing.T) {
	counted := tally{node: 7e9, at: after(10).Time}
	one := twoPods()[0]
	two := one
	two.CPU, two.Memory, two.Swap = cpu(12, 1, 50), memory(3, 1000), nil
	cases := map[string]struct {
		reason string
		pods   []statsv1alpha1.PodStats
		want   statsv1alpha1.NodeStats
	}{
		"sums": {
			reason: "Rates and bytes are sums over the pods, as old as the latest of them; CPU time is what was counted.",
			pods:   []statsv1alpha1.PodStats{one, two, twoPods()[1]},
			want:   statsv1alpha1.NodeStats{CPU: cpu(12, 7, 150), Memory: memory(9, 5096), Swap: one.Swap},
		},
		"empty": {
			reason: "No pods use nothing, and that is known.",
			want:   statsv1alpha1.NodeStats{CPU: cpu(10, 7, 0), Memory: memory(10, 0)},
		},
		"unknown": {
			reason: "Of pods about which nothing is known, there is no sum.",
			pods:   twoPods()[1:],
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			tc.want.NodeName, tc.want.StartTime = "east", birth()
			got := summarize("east", birth().Time, tc.pods, counted)
			if diff := cmp.Diff(tc.want, got.Node); diff != "" {
				t.Errorf("%s\n-want +got:\n%s", tc.reason, diff)
			}
			if got.Pods == nil || len(got.Pods) != len(tc.pods) {
				t.Errorf("pods: %v", got.Pods)
			}
		})
	}
	if *one.CPU.UsageNanoCores != 100e6 || *one.Memory.WorkingSetBytes != 4096 {
		t.Error("the argument was modified")
	}
}

func TestOnlyCPUAndMemory(t *testing.T) {
	whole := summarize("east", birth().Time, twoPods(), tally{node: 7e9})
	want := summarize("east", birth().Time, twoPods(), tally{node: 7e9})
	want.Pods[0].EphemeralStorage, want.Pods[0].Containers[0].Rootfs = nil, nil
	if diff := cmp.Diff(want, onlyCPUAndMemory(whole)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}
