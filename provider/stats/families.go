package stats

import (
	"time"

	dto "github.com/prometheus/client_model/go"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	statsv1alpha1 "k8s.io/kubelet/pkg/apis/stats/v1alpha1"
)

// family is one metric family in the making.
type family struct{ *dto.MetricFamily }

func newFamily(name string, kind dto.MetricType, help string) family {
	return family{&dto.MetricFamily{Name: &name, Help: &help, Type: &kind}}
}

// sample adds one. The time is left out where it is not known.
func (f family) sample(value float64, at metav1.Time, labels []*dto.LabelPair) {
	m := &dto.Metric{Label: labels}
	if !at.IsZero() {
		m.TimestampMs = new(at.UnixMilli())
	}
	if f.GetType() == dto.MetricType_COUNTER {
		m.Counter = &dto.Counter{Value: &value}
	} else {
		m.Gauge = &dto.Gauge{Value: &value}
	}
	f.Metric = append(f.Metric, m)
}

// scope are the families that a node, a pod and a container have alike.
type scope struct{ cpu, memory, swap family }

func newScope(name string) scope {
	return scope{
		newFamily(name+"_cpu_usage_seconds_total", dto.MetricType_COUNTER, "CPU time used, in core-seconds."),
		newFamily(name+"_memory_working_set_bytes", dto.MetricType_GAUGE, "Memory that cannot be reclaimed under pressure, in bytes."),
		newFamily(name+"_swap_usage_bytes", dto.MetricType_GAUGE, "Swap space used, in bytes."),
	}
}

// sample adds what is known. A CPU counter about which nothing is known was 0
// when its container was started, and that is all that can be said.
func (s scope) sample(cpu *statsv1alpha1.CPUStats, memory *statsv1alpha1.MemoryStats, swap *statsv1alpha1.SwapStats, start metav1.Time, labels []*dto.LabelPair) {
	switch {
	case cpu != nil && cpu.UsageCoreNanoSeconds != nil:
		s.cpu.sample(float64(*cpu.UsageCoreNanoSeconds)/float64(time.Second), cpu.Time, labels)
	case !start.IsZero():
		s.cpu.sample(0, start, labels)
	}
	if memory != nil && memory.WorkingSetBytes != nil {
		s.memory.sample(float64(*memory.WorkingSetBytes), memory.Time, labels)
	}
	if swap != nil && swap.SwapUsageBytes != nil {
		s.swap.sample(float64(*swap.SwapUsageBytes), swap.Time, labels)
	}
}

// families are a kubelet's resource metrics of a summary, without those that have
// no samples. incomplete says that figures are missing because somebody did not
// answer. Labels are in the order namespace, pod, container; consumers should not
// care, but virtual-kubelet's test suite does.
func families(s statsv1alpha1.Summary, incomplete bool) []*dto.MetricFamily {
	node, pod, container := newScope("node"), newScope("pod"), newScope("container")
	start := newFamily("container_start_time_seconds", dto.MetricType_GAUGE, "When the container was started, in seconds since 1970.")

	node.sample(s.Node.CPU, s.Node.Memory, s.Node.Swap, metav1.Time{}, nil)
	for i := range s.Pods {
		p := &s.Pods[i]
		labels := []*dto.LabelPair{label("namespace", p.PodRef.Namespace), label("pod", p.PodRef.Name)}
		pod.sample(p.CPU, p.Memory, p.Swap, p.StartTime, labels)
		for j := range p.Containers {
			c := &p.Containers[j]
			labels := append(labels[:2:2], label("container", c.Name))
			container.sample(c.CPU, c.Memory, c.Swap, c.StartTime, labels)
			if !c.StartTime.IsZero() {
				start.sample(float64(c.StartTime.UnixNano())/float64(time.Second), metav1.Time{}, labels)
			}
		}
	}
	failed := newFamily("resource_scrape_error", dto.MetricType_GAUGE, "1 if figures are missing because the downstream cluster did not give them, else 0.")
	failedOnce := newFamily("scrape_error", dto.MetricType_GAUGE, "The former name of resource_scrape_error.")
	missing := 0.0
	if incomplete {
		missing = 1
	}
	failed.sample(missing, metav1.Time{}, nil)
	failedOnce.sample(missing, metav1.Time{}, nil)

	var all []*dto.MetricFamily
	for _, f := range []family{
		start, container.cpu, container.memory, container.swap, node.cpu, node.memory, node.swap, pod.cpu, pod.memory, pod.swap, failed, failedOnce,
	} {
		if len(f.Metric) > 0 {
			all = append(all, f.MetricFamily)
		}
	}
	return all
}

func label(name, value string) *dto.LabelPair { return &dto.LabelPair{Name: &name, Value: &value} }
