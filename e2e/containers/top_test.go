package containers

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"

	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	statsv1alpha1 "k8s.io/kubelet/pkg/apis/stats/v1alpha1"

	"github.com/spillway-io/spillway/e2e/playground"
)

// quickAutoscaler has the autoscaler look as often as there may be something new,
// and take a container's first figures for what they are.
func quickAutoscaler() map[playground.Component][]string {
	return map[playground.Component][]string{playground.ControllerManager: {
		"--horizontal-pod-autoscaler-sync-period=2s",
		"--horizontal-pod-autoscaler-cpu-initialization-period=1s",
		"--horizontal-pod-autoscaler-initial-readiness-delay=1s",
	}}
}

// The app burns as much of a processor as it gets, and asked for a fifth of that;
// the other container has nothing to do.
const busyDeployment = `
apiVersion: apps/v1
kind: Deployment
metadata: {name: busy}
spec:
  selector: {matchLabels: {app: busy}}
  template:
    metadata: {labels: {app: busy, virtual-pod: "true"}}
    spec:
      terminationGracePeriodSeconds: 1
      containers:
      - name: app
        image: app:1
        command: [sh, -c, "while :; do :; done"]
        resources: {requests: {cpu: 20m, memory: 8Mi}, limits: {cpu: 100m, memory: 32Mi}}
      - name: agent
        image: agent:1
        resources: {requests: {cpu: 20m, memory: 8Mi}}
---
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: busy}
spec:
  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: busy}
  minReplicas: 1
  maxReplicas: 2
  metrics:
  - type: Resource
    resource: {name: cpu, target: {type: Utilization, averageUtilization: 50}}
`

// TestTop: what pods use downstream is what metrics-server upstream learns from
// the virtual node, so that kubectl top shows it and an autoscaler acts on it.
func TestTop(t *testing.T) {
	s := tell(t, stage.up)
	s.kubectl(s.upstream, busyDeployment, "apply", "-f", "-")
	s.runs(s.upstream)
	s.eventually("the autoscaler adds a pod", func(ctx context.Context) error {
		hpa, err := s.upstream.Client().AutoscalingV2().HorizontalPodAutoscalers(s.namespace).Get(ctx, "busy", metav1.GetOptions{})
		if err != nil {
			return err
		}
		if hpa.Status.DesiredReplicas != 2 {
			return fmt.Errorf("it wants %d: %s", hpa.Status.DesiredReplicas, conditionsOf(hpa))
		}
		return nil
	})
	s.eventually("both pods are in kubectl top", func(ctx context.Context) error {
		return s.inTop(ctx, 2)
	})
	s.eventually("the node is in kubectl top", func(ctx context.Context) error {
		stdout, _, err := s.upstream.Kubectl(ctx, "", "top", "node", virtualNode, "--no-headers")
		if err != nil {
			return err
		}
		if cores := milli(strings.Fields(stdout)[1]); cores < 30 {
			return fmt.Errorf("it uses %d milli-cores:\n%s", cores, stdout)
		}
		return nil
	})
	s.eventually("the virtual node tells what the kubelet tells", func(context.Context) error { return s.sameSummary() })
	s.eventually("the metrics are complete", func(context.Context) error { return s.tellsMetrics() })
}

func conditionsOf(hpa *autoscalingv2.HorizontalPodAutoscaler) string {
	var all []string
	for _, c := range hpa.Status.Conditions {
		all = append(all, fmt.Sprintf("%s=%s %s", c.Type, c.Status, c.Message))
	}
	return strings.Join(all, "; ")
}

// inTop checks that kubectl top shows n pods, whose apps are busy and whose
// agents are not.
func (s *story) inTop(ctx context.Context, n int) error {
	stdout, _, err := s.upstream.Kubectl(ctx, "", "top", "pod", "--containers", "--no-headers", "-n", s.namespace)
	if err != nil {
		return err
	}
	var busy, idle int
	for line := range strings.Lines(stdout) {
		fields := strings.Fields(line) // pod, container, CPU, memory
		cores := milli(fields[2])
		switch {
		case fields[1] == "app" && cores >= 30 && cores <= 200:
			busy++
		case fields[1] == "agent" && cores >= 0 && cores < 30:
			idle++
		}
	}
	if busy != n || idle != n {
		return fmt.Errorf("%d busy, %d idle containers:\n%s", busy, idle, stdout)
	}
	return nil
}

// milli reads "123m"; -1 is for what is not like that.
func milli(quantity string) int {
	n, err := strconv.Atoi(strings.TrimSuffix(quantity, "m"))
	if err != nil {
		return -1
	}
	return n
}

// sameSummary compares what the virtual node tells of the story's pods with what
// the real kubelet tells of the pods below them.
func (s *story) sameSummary() error {
	s.Helper()
	up, down := s.summary(s.upstream, virtualNode), s.summary(s.downstream, realNode)
	below := s.allPods(s.downstream)
	for _, pod := range s.allPods(s.upstream) {
		at := slices.IndexFunc(below, func(p corev1.Pod) bool { return p.Name == pod.Name })
		if at < 0 {
			return fmt.Errorf("there is no pod %s downstream", pod.Name)
		}
		virtual, err := statsOf(up, string(pod.UID))
		if err != nil {
			return fmt.Errorf("pod %s of the virtual node: %w", pod.Name, err)
		}
		kubelets, err := statsOf(down, string(below[at].UID))
		if err != nil {
			return fmt.Errorf("pod %s of the kubelet: %w", pod.Name, err)
		}
		if virtual.PodRef.Name != pod.Name || virtual.PodRef.Namespace != pod.Namespace || len(virtual.Containers) != 2 {
			s.Errorf("pod %s is told of as %v with %d containers", pod.Name, virtual.PodRef, len(virtual.Containers))
		}
		// Read a little later: a counter never falls.
		if before, after := *virtual.CPU.UsageCoreNanoSeconds, *kubelets.CPU.UsageCoreNanoSeconds; before > after {
			s.Errorf("pod %s has used %d ns of a processor, and then %d", pod.Name, before, after)
		}
		if virtual.EphemeralStorage == nil || (virtual.Network == nil) != (kubelets.Network == nil) {
			s.Errorf("pod %s: storage %v, network %v, want what the kubelet has: %v, %v", pod.Name, virtual.EphemeralStorage, virtual.Network, kubelets.EphemeralStorage, kubelets.Network)
		}
		if _, err := statsOf(up, string(below[at].UID)); err == nil {
			s.Errorf("the virtual node tells of pod %s under its downstream UID", pod.Name)
		}
	}
	return nil
}

// tellsMetrics asks the virtual node itself for its metrics.
func (s *story) tellsMetrics() error {
	s.Helper()
	admin := s.upstream.AdminConfig().TLSClientConfig
	if code, text := s.knocks(http.MethodGet, "/metrics/cadvisor", admin, ""); code != http.StatusNotFound || !strings.Contains(text, "no cAdvisor metrics") {
		s.Errorf("/metrics/cadvisor: %d %q", code, text)
	}
	code, text := s.knocks(http.MethodGet, "/metrics/resource", admin, "")
	if code != http.StatusOK || !strings.Contains(text, `container_cpu_usage_seconds_total{namespace="`+s.namespace+`",pod="`) {
		s.Errorf("/metrics/resource: %d\n%s", code, text)
	}
	if !strings.Contains(text, "\nresource_scrape_error 0\n") {
		return errors.New("the kubelet has not answered in time")
	}
	return nil
}

// summary reads the summary of a node through its API server.
func (s *story) summary(cluster *playground.Cluster, node string) statsv1alpha1.Summary {
	s.Helper()
	var summary statsv1alpha1.Summary
	s.must("read the summary", json.Unmarshal([]byte(s.kubectl(cluster, "", "get", "--raw", "/api/v1/nodes/"+node+"/proxy/stats/summary")), &summary))
	if summary.Node.NodeName != node {
		s.Errorf("it is the summary of node %q, want %q", summary.Node.NodeName, node)
	}
	return summary
}

// statsOf finds a pod about which there are figures. A kubelet's first figure of a
// pod may be 0.
func statsOf(summary statsv1alpha1.Summary, uid string) (statsv1alpha1.PodStats, error) {
	at := slices.IndexFunc(summary.Pods, func(p statsv1alpha1.PodStats) bool { return p.PodRef.UID == uid })
	if at < 0 || summary.Pods[at].CPU == nil || summary.Pods[at].CPU.UsageCoreNanoSeconds == nil || *summary.Pods[at].CPU.UsageCoreNanoSeconds == 0 {
		return statsv1alpha1.PodStats{}, errors.New("there are no figures of it")
	}
	return summary.Pods[at], nil
}
