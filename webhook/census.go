package webhook

import (
	"context"

	"github.com/prometheus/client_golang/prometheus"
	corev1 "k8s.io/api/core/v1"
	logf "sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/spillway-io/spillway/api"
)

// Where a pod is, in metrics.
const (
	placeOwn         = "own"
	placeVirtual     = "virtual"
	placeUnscheduled = "unscheduled"
)

// population reads opted-in pods and nodes from the cache; nothing before the cache
// is full.
type population interface {
	OptedIn(ctx context.Context) ([]*corev1.Pod, []*corev1.Node, error)
}

// census counts opted-in pods when metrics are read, from what the webhook has in its
// cache anyway. Every replica counts the same.
//
//	spillway_pods{place}  active pods that opted in: own, virtual, unscheduled
type census struct {
	population population
	pods       *prometheus.GaugeVec
}

func newCensus(p population) *census {
	return &census{population: p, pods: prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Name: "spillway_pods",
		Help: "Pods that opted in and have not ended, by where they are: on own nodes, on virtual ones, or unscheduled.",
	}, []string{"place"})}
}

// Describe describes the metric.
func (c *census) Describe(to chan<- *prometheus.Desc) { c.pods.Describe(to) }

// Collect counts.
func (c *census) Collect(to chan<- prometheus.Metric) {
	pods, nodes, err := c.population.OptedIn(context.Background())
	if err != nil {
		logf.Log.WithName("census").Error(err, "Cannot count pods")
		return
	}
	if pods == nil && nodes == nil {
		return
	}
	for place, count := range places(pods, nodes) {
		c.pods.WithLabelValues(place).Set(float64(count))
	}
	c.pods.Collect(to)
}

// places counts the pods at each place. A node that is gone was an own one as far as
// anybody can tell; pods that have ended are nowhere.
func places(pods []*corev1.Pod, nodes []*corev1.Node) map[string]int {
	virtual := make(map[string]bool, len(nodes))
	for _, node := range nodes {
		virtual[node.Name] = node.Labels[api.NodeTypeLabel] == api.NodeTypeVirtual
	}
	counts := map[string]int{placeOwn: 0, placeVirtual: 0, placeUnscheduled: 0}
	for _, pod := range pods {
		switch {
		case pod.Status.Phase == corev1.PodSucceeded || pod.Status.Phase == corev1.PodFailed:
		case pod.Spec.NodeName == "":
			counts[placeUnscheduled]++
		case virtual[pod.Spec.NodeName]:
			counts[placeVirtual]++
		default:
			counts[placeOwn]++
		}
	}
	return counts
}
