package stats

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	statsv1alpha1 "k8s.io/kubelet/pkg/apis/stats/v1alpha1"
)

// cpu has a counter, in core-seconds, and a rate, in milli-cores.
func cpu(seconds int, used, rate uint64) *statsv1alpha1.CPUStats {
	return &statsv1alpha1.CPUStats{Time: after(seconds), UsageCoreNanoSeconds: new(used * 1e9), UsageNanoCores: new(rate * 1e6)}
}

// rate has no counter.
func rate(seconds int, milli uint64) *statsv1alpha1.CPUStats {
	return &statsv1alpha1.CPUStats{Time: after(seconds), UsageNanoCores: new(milli * 1e6)}
}

func memory(seconds int, bytes uint64) *statsv1alpha1.MemoryStats {
	return &statsv1alpha1.MemoryStats{Time: after(seconds), WorkingSetBytes: &bytes}
}

// pair is an upstream pod and the downstream pod that stands for it.
func pair(up corev1.Pod) pod {
	return pod{upstream: &up, downstream: new(downstreamPod(up, "metal"))}
}

func TestMatch(t *testing.T) {
	up := upstreamPod("web", "app", "log")
	up.Spec.InitContainers = []corev1.Container{{Name: "setup"}, {Name: "proxy", RestartPolicy: new(corev1.ContainerRestartPolicyAlways)}}
	up.Spec.EphemeralContainers = []corev1.EphemeralContainer{{EphemeralContainerCommon: corev1.EphemeralContainerCommon{Name: "debug"}}}
	up.Spec.Volumes = []corev1.Volume{
		{Name: "data", VolumeSource: corev1.VolumeSource{PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: "claim"}}},
		{Name: "scratch", VolumeSource: corev1.VolumeSource{Ephemeral: &corev1.EphemeralVolumeSource{}}},
		{Name: "tmp"},
	}
	p := pair(up)
	theirs := &statsv1alpha1.PVCReference{Namespace: "up-shop", Name: "theirs"}
	known := figures{"d-web": {
		PodRef: statsv1alpha1.PodReference{Namespace: "up-shop", Name: "web", UID: "d-web"}, StartTime: after(1), CPU: cpu(9, 5, 100),
		Containers: []statsv1alpha1.ContainerStats{
			{Name: "injected", StartTime: after(1), CPU: cpu(9, 3, 60)},
			{Name: "app", StartTime: after(1), CPU: cpu(9, 2, 40)},
			{Name: "debug", StartTime: after(7)},
		},
		VolumeStats: []statsv1alpha1.VolumeStats{
			{Name: "data", PVCRef: theirs}, {Name: "scratch", PVCRef: theirs}, {Name: "tmp"}, {Name: "injected"},
		},
	}}

	ref := statsv1alpha1.PodReference{Namespace: "shop", Name: "web", UID: "u-web"}
	cases := map[string]struct {
		reason string
		known  figures
		want   statsv1alpha1.PodStats
	}{
		"figures": {
			reason: "Upstream names, claims and containers; figures as they are.",
			known:  known,
			want: statsv1alpha1.PodStats{
				PodRef: ref, StartTime: after(1), CPU: cpu(9, 5, 100),
				Containers: []statsv1alpha1.ContainerStats{
					{Name: "app", StartTime: after(1), CPU: cpu(9, 2, 40)},
					{Name: "debug", StartTime: after(7)},
					{Name: "proxy"},
					{Name: "log", StartTime: birth()},
				},
				VolumeStats: []statsv1alpha1.VolumeStats{
					{Name: "data", PVCRef: &statsv1alpha1.PVCReference{Namespace: "shop", Name: "claim"}},
					{Name: "scratch", PVCRef: &statsv1alpha1.PVCReference{Namespace: "shop", Name: "web-scratch"}},
					{Name: "tmp"},
				},
			},
		},
		"none": {
			reason: "A pod about which nothing is known is there, with what runs for as long as it does.",
			want: statsv1alpha1.PodStats{PodRef: ref, StartTime: birth(), Containers: []statsv1alpha1.ContainerStats{
				{Name: "proxy"}, {Name: "app", StartTime: birth()}, {Name: "log", StartTime: birth()},
			}},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			once := match([]pod{p}, tc.known)
			if diff := cmp.Diff([]statsv1alpha1.PodStats{tc.want}, once); diff != "" {
				t.Errorf("%s\n-want +got:\n%s", tc.reason, diff)
			}
			// What was told is matched again when somebody asks.
			if diff := cmp.Diff(once, match([]pod{p}, ofPods([]pod{p}, once))); diff != "" {
				t.Errorf("twice is not once: -once +twice:\n%s", diff)
			}
		})
	}
	if len(known["d-web"].Containers) != 3 || known["d-web"].VolumeStats[0].PVCRef != theirs {
		t.Error("the argument was modified")
	}
}

func TestFromMetrics(t *testing.T) {
	usage := func(cpu, memory string) corev1.ResourceList {
		return corev1.ResourceList{corev1.ResourceCPU: resource.MustParse(cpu), corev1.ResourceMemory: resource.MustParse(memory)}
	}
	metrics := func(name string, at metav1.Time) podMetrics {
		return podMetrics{
			Metadata: metav1.ObjectMeta{Namespace: "up-shop", Name: name}, Timestamp: at,
			Containers: []containerMetrics{
				{Name: "app", Usage: usage("1500u", "2Ki")}, {Name: "injected", Usage: usage("1", "1Gi")}, {Name: "log", Usage: usage("250000n", "1Ki")},
			},
		}
	}
	pods := []pod{pair(upstreamPod("web", "app", "log")), pair(upstreamPod("new", "app")), pair(upstreamPod("unseen", "app"))}
	got := fromMetrics(pods, []podMetrics{metrics("web", after(20)), metrics("new", after(-5)), metrics("foreign", after(20))})
	want := figures{"d-web": {
		CPU:    &statsv1alpha1.CPUStats{Time: after(20), UsageNanoCores: new(uint64(1_750_000))},
		Memory: memory(20, 3072),
		Containers: []statsv1alpha1.ContainerStats{
			{Name: "app", CPU: &statsv1alpha1.CPUStats{Time: after(20), UsageNanoCores: new(uint64(1_500_000))}, Memory: memory(20, 2048)},
			{Name: "log", CPU: &statsv1alpha1.CPUStats{Time: after(20), UsageNanoCores: new(uint64(250_000))}, Memory: memory(20, 1024)},
		},
	}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}
