package translate_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/spillway-io/spillway/api"
	"github.com/spillway-io/spillway/provider/translate"
)

// FuzzStatus: no pair of pods makes the way back panic or modify what it is given.
// What upstream's components say is left to them, nothing of the downstream host or
// of containers that downstream added is shown, and a status that was written is not
// written again.
func FuzzStatus(f *testing.F) {
	for _, pods := range goldenPods(f, "testdata/status/*.txtar", "upstream.yaml", "downstream.yaml") {
		f.Add(pods[0], pods[1])
	}
	for i := range 20 {
		f.Add(fmt.Appendf(nil, "upstream %d", i), fmt.Appendf(nil, "downstream %d", i))
	}
	f.Fuzz(func(t *testing.T, upstreamJSON, downstreamJSON []byte) {
		upstream, downstream := decodePod(upstreamJSON), decodePod(downstreamJSON)
		if upstream == nil || downstream == nil || !hasStorableStatus(upstream) || !hasStorableStatus(downstream) {
			return
		}
		upstreamBefore, downstreamBefore := upstream.DeepCopy(), downstream.DeepCopy()
		status := translate.Status(upstream, downstream, internalIP)
		lawUpstreamsWord(t, upstream, downstream, status)
		lawOnlyItsOwn(t, upstream, status)
		lawWrittenOnce(t, upstream, status, func(upstream *corev1.Pod) corev1.PodStatus {
			return translate.Status(upstream, downstream, internalIP)
		})

		lost := translate.Lost(upstream, "Lost", "gone", metav1.Unix(9, 0))
		lawEnded(t, lost)
		lawWrittenOnce(t, upstream, lost, func(upstream *corev1.Pod) corev1.PodStatus {
			return translate.Lost(upstream, "Lost", "gone", metav1.Unix(99, 0))
		})
		lawWrittenOnce(t, upstream, translate.Waiting(upstream, "Wait", "for it"), func(upstream *corev1.Pod) corev1.PodStatus {
			return translate.Waiting(upstream, "Wait", "for it")
		})
		if diff := cmp.Diff([]*corev1.Pod{upstreamBefore, downstreamBefore}, []*corev1.Pod{upstream, downstream}); diff != "" {
			t.Fatalf("an argument was modified: -before +after:\n%s", diff)
		}
	})
}

// hasStorableStatus: an API server refuses, or no kubelet writes, a status whose
// lists name something twice, whose first host address is another one than the
// host's, or a container that waits and runs at once.
func hasStorableStatus(pod *corev1.Pod) bool {
	s := &pod.Status
	if len(s.HostIPs) > 0 && s.HostIPs[0].IP != s.HostIP {
		return false
	}
	names := make(map[string]bool)
	for _, c := range s.Conditions {
		names["condition "+string(c.Type)] = true
	}
	for _, c := range slices.Concat(s.InitContainerStatuses, s.ContainerStatuses, s.EphemeralContainerStatuses) {
		names["container "+c.Name] = true
		state := c.State
		if state.Terminated != nil && (state.Running != nil || state.Waiting != nil) || state.Running != nil && state.Waiting != nil {
			return false
		}
	}
	return len(names) == len(s.Conditions)+len(s.InitContainerStatuses)+len(s.ContainerStatuses)+len(s.EphemeralContainerStatuses)
}

// lawUpstreamsWord: what is not the kubelet's stays as it was.
func lawUpstreamsWord(t *testing.T, upstream, downstream *corev1.Pod, got corev1.PodStatus) {
	t.Helper()
	own := upstream.Status
	if got.QOSClass != own.QOSClass || got.NominatedNodeName != own.NominatedNodeName {
		t.Errorf("QoS class %q, nominated node %q; upstream said %q, %q", got.QOSClass, got.NominatedNodeName, own.QOSClass, own.NominatedNodeName)
	}
	if diff := cmp.Diff(own.ResourceClaimStatuses, got.ResourceClaimStatuses); diff != "" {
		t.Errorf("resource claims: %s", diff)
	}
	if got.Phase == "" && (own.Phase != "" || downstream.Status.Phase != "") {
		t.Error("the phase is gone")
	}
	if diff := cmp.Diff(translate.ConditionOf(own.Conditions, corev1.PodScheduled), translate.ConditionOf(got.Conditions, corev1.PodScheduled)); diff != "" {
		t.Errorf("PodScheduled is the upstream scheduler's: %s", diff)
	}
	scheduled := translate.ConditionOf(downstream.Status.Conditions, corev1.PodScheduled)
	told := translate.ConditionOf(got.Conditions, api.DownstreamScheduledCondition)
	if waits := scheduled != nil && scheduled.Status == corev1.ConditionFalse; waits != (told != nil) {
		t.Errorf("downstream says %v, upstream is told %v", scheduled, told)
	}
	ready := translate.ConditionOf(got.Conditions, corev1.PodReady)
	if ready == nil || ready.Status != corev1.ConditionTrue {
		return
	}
	for _, gate := range upstream.Spec.ReadinessGates {
		if c := translate.ConditionOf(got.Conditions, gate.ConditionType); c == nil || c.Status != corev1.ConditionTrue {
			t.Errorf("ready, though the gate %q says %v", gate.ConditionType, c)
		}
	}
}

// lawOnlyItsOwn: containers, mounts and volumes of the upstream pod, on its host.
func lawOnlyItsOwn(t *testing.T, upstream *corev1.Pod, got corev1.PodStatus) {
	t.Helper()
	if got.HostIP != "" && got.HostIP != internalIP {
		t.Errorf("the host is %q", got.HostIP)
	}
	for _, ip := range got.HostIPs {
		if ip.IP != internalIP {
			t.Errorf("a host is %q", ip.IP)
		}
	}
	paths := make(map[string][]string)
	add := func(name string, mounts []corev1.VolumeMount) {
		paths[name] = []string{}
		for _, m := range mounts {
			paths[name] = append(paths[name], m.MountPath)
		}
	}
	for _, c := range slices.Concat(upstream.Spec.InitContainers, upstream.Spec.Containers) {
		add(c.Name, c.VolumeMounts)
	}
	for i := range upstream.Spec.EphemeralContainers {
		add(upstream.Spec.EphemeralContainers[i].Name, upstream.Spec.EphemeralContainers[i].VolumeMounts)
	}
	for _, c := range slices.Concat(got.InitContainerStatuses, got.ContainerStatuses, got.EphemeralContainerStatuses) {
		mounted, known := paths[c.Name]
		if !known {
			t.Errorf("upstream has no container %q", c.Name)
		}
		for _, m := range c.VolumeMounts {
			if !slices.Contains(mounted, m.MountPath) {
				t.Errorf("container %q mounts nothing at %q", c.Name, m.MountPath)
			}
		}
	}
}

// lawEnded: a pod that is lost has nothing left that runs, and is not ready.
func lawEnded(t *testing.T, got corev1.PodStatus) {
	t.Helper()
	for _, c := range slices.Concat(got.InitContainerStatuses, got.ContainerStatuses, got.EphemeralContainerStatuses) {
		if c.State.Terminated == nil || c.State.Running != nil || c.State.Waiting != nil {
			t.Errorf("container %q has not ended: %v", c.Name, c.State)
		}
	}
	if c := translate.ConditionOf(got.Conditions, corev1.PodReady); got.Phase != corev1.PodFailed || c != nil && c.Status != corev1.ConditionFalse {
		t.Errorf("phase %q, ready %v", got.Phase, c)
	}
}

// lawWrittenOnce: computed again for a pod that has the status by way of JSON, it is
// the same.
func lawWrittenOnce(t *testing.T, upstream *corev1.Pod, status corev1.PodStatus, again func(upstream *corev1.Pod) corev1.PodStatus) {
	t.Helper()
	written := upstream.DeepCopy()
	written.Status = corev1.PodStatus{}
	stored := statusJSON(t, status)
	if err := json.Unmarshal([]byte(stored), &written.Status); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(stored, statusJSON(t, again(written))); diff != "" {
		t.Errorf("a status that was written is written again: -written +again:\n%s", diff)
	}
}

func statusJSON(t *testing.T, status corev1.PodStatus) string {
	t.Helper()
	text, err := json.Marshal(status)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
