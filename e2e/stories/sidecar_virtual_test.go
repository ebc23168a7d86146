package stories

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"

	"github.com/spillway-io/spillway/api"
)

// TestExampleSidecars: of the ten replicas of the example, the five that overflow
// get a log shipper and a metrics exporter when they are created, and have them
// in both clusters; the five on own machines have neither.
func TestExampleSidecars(t *testing.T) {
	s := tell(t, nil)
	virtual := map[string]string{"vk": "true"}
	shipper := images{"app": "app:1", "log-shipper": "fluent/fluent-bit:4.0.3"}
	s.injects(s.example("sidecars/log-shipper.yaml"), virtual, shipper)
	s.injects(s.example("sidecars/metrics-exporter.yaml"), virtual,
		images{"app": "app:1", "log-shipper": shipper["log-shipper"], "metrics-exporter": "prom/statsd-exporter:v0.28.0"})
	// Other stories have virtual nodes and machines of their own.
	s.applies(strings.NewReplacer(
		"{key: type, operator: NotIn, values: [virtual-kubelet]}", "{key: pool, operator: In, values: [own]}",
		"{key: type, operator: In, values: [virtual-kubelet]}", "{key: clusterID, operator: In, values: [east]}",
	).Replace(s.example("sidecars/shop.yaml")))
	s.isSpread("shop:1", distribution{"own on own": 5, "virtual on east": 5})

	for name, pod := range s.half("own") {
		if diff := cmp.Diff([]string{"app"}, containerNames(pod)); diff != "" {
			t.Errorf("containers of %s on an own machine -want +got:\n%s", name, diff)
		}
		if pod.Annotations[api.SidecarSetListAnnotation] != "" {
			t.Errorf("%s on an own machine has the annotations %v", name, pod.Annotations)
		}
	}
	for name, pod := range s.half("virtual") {
		// The API server counts changes of a pod's spec, beginning with 1.
		if pod.Generation != 1 {
			t.Errorf("the spec of %s was changed after it was admitted: generation %d", name, pod.Generation)
		}
		if got := pod.Annotations[api.SidecarSetListAnnotation]; got != "log-shipper,metrics-exporter" {
			t.Errorf("%s says that it has the sidecars of %q", name, got)
		}
		s.hasExampleSidecars(pod)
		s.hasExampleSidecars(s.pod(s.downstream, name))
	}
}

func containerNames(pod *corev1.Pod) (names []string) {
	for _, c := range pod.Spec.Containers {
		names = append(names, c.Name)
	}
	return names
}

func (s *story) hasExampleSidecars(pod *corev1.Pod) {
	s.Helper()
	if diff := cmp.Diff([]string{"app", "log-shipper", "metrics-exporter"}, containerNames(pod)); diff != "" {
		s.Errorf("containers of %s -want +got:\n%s", pod.Name, diff)
		return
	}
	shipper := pod.Spec.Containers[1]
	if !slices.ContainsFunc(shipper.VolumeMounts, func(m corev1.VolumeMount) bool { return m.Name == "logs" && m.MountPath == "/var/log/shop" }) {
		s.Errorf("the log shipper of %s does not share the app's logs: %v", pod.Name, shipper.VolumeMounts)
	}
	if !slices.ContainsFunc(shipper.Env, func(e corev1.EnvVar) bool { return e.Name == "LOG_DIR" && e.Value == "/var/log/shop" }) {
		s.Errorf("the log shipper of %s does not know where the logs are: %v", pod.Name, shipper.Env)
	}
	if !slices.ContainsFunc(pod.Spec.Volumes, func(v corev1.Volume) bool { return v.Name == "log-shipper-state" }) {
		s.Errorf("%s has the volumes %v, want the log shipper's among them", pod.Name, pod.Spec.Volumes)
	}
}
