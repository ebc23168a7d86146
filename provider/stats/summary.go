package stats

import (
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	statsv1alpha1 "k8s.io/kubelet/pkg/apis/stats/v1alpha1"
)

// summarize is the kubelet's summary of the virtual node: the pods, and sums over
// them. counted is the tally after the pods' figures; since is when it began.
func summarize(node string, since time.Time, pods []statsv1alpha1.PodStats, counted tally) statsv1alpha1.Summary {
	sums := statsv1alpha1.NodeStats{NodeName: node, StartTime: metav1.NewTime(since)}
	if len(pods) == 0 {
		at := metav1.NewTime(counted.at)
		sums.CPU = &statsv1alpha1.CPUStats{Time: at, UsageNanoCores: new(uint64(0))}
		sums.Memory = &statsv1alpha1.MemoryStats{Time: at, WorkingSetBytes: new(uint64(0))}
	}
	for i := range pods {
		sums.CPU = addCPU(sums.CPU, pods[i].CPU)
		sums.Memory = addMemory(sums.Memory, pods[i].Memory)
		sums.Swap = addSwap(sums.Swap, pods[i].Swap)
	}
	if sums.CPU != nil {
		sums.CPU.UsageCoreNanoSeconds = new(counted.node)
	}
	if pods == nil {
		pods = []statsv1alpha1.PodStats{}
	}
	return statsv1alpha1.Summary{Node: sums, Pods: pods}
}

// addCPU adds the rates. Counters are the tally's business: a sum of them falls
// when a pod goes.
func addCPU(sum, more *statsv1alpha1.CPUStats) *statsv1alpha1.CPUStats {
	if more == nil {
		return sum
	}
	if sum == nil {
		sum = &statsv1alpha1.CPUStats{}
	}
	sum.Time = later(sum.Time, more.Time)
	sum.UsageNanoCores = add(sum.UsageNanoCores, more.UsageNanoCores)
	return sum
}

func addMemory(sum, more *statsv1alpha1.MemoryStats) *statsv1alpha1.MemoryStats {
	if more == nil {
		return sum
	}
	if sum == nil {
		sum = &statsv1alpha1.MemoryStats{}
	}
	sum.Time = later(sum.Time, more.Time)
	sum.UsageBytes = add(sum.UsageBytes, more.UsageBytes)
	sum.WorkingSetBytes = add(sum.WorkingSetBytes, more.WorkingSetBytes)
	sum.RSSBytes = add(sum.RSSBytes, more.RSSBytes)
	return sum
}

func addSwap(sum, more *statsv1alpha1.SwapStats) *statsv1alpha1.SwapStats {
	if more == nil {
		return sum
	}
	if sum == nil {
		sum = &statsv1alpha1.SwapStats{}
	}
	sum.Time = later(sum.Time, more.Time)
	sum.SwapUsageBytes = add(sum.SwapUsageBytes, more.SwapUsageBytes)
	return sum
}

// add takes nil for unknown: what is known of the rest is the sum.
func add(sum, more *uint64) *uint64 {
	switch {
	case more == nil:
		return sum
	case sum == nil:
		return new(*more)
	default:
		return new(*sum + *more)
	}
}

func later(a, b metav1.Time) metav1.Time {
	if b.After(a.Time) {
		return b
	}
	return a
}

// onlyCPUAndMemory is the part of a summary that a client asks for with
// ?only_cpu_and_memory=true.
func onlyCPUAndMemory(s statsv1alpha1.Summary) statsv1alpha1.Summary {
	part := statsv1alpha1.Summary{
		Node: statsv1alpha1.NodeStats{NodeName: s.Node.NodeName, StartTime: s.Node.StartTime, CPU: s.Node.CPU, Memory: s.Node.Memory, Swap: s.Node.Swap},
		Pods: make([]statsv1alpha1.PodStats, 0, len(s.Pods)),
	}
	for i := range s.Pods {
		p := &s.Pods[i]
		less := statsv1alpha1.PodStats{PodRef: p.PodRef, StartTime: p.StartTime, CPU: p.CPU, Memory: p.Memory, Swap: p.Swap}
		for j := range p.Containers {
			c := &p.Containers[j]
			less.Containers = append(less.Containers, statsv1alpha1.ContainerStats{Name: c.Name, StartTime: c.StartTime, CPU: c.CPU, Memory: c.Memory, Swap: c.Swap})
		}
		part.Pods = append(part.Pods, less)
	}
	return part
}
