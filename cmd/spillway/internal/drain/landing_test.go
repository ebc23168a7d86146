package drain

import (
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func gone(pod *corev1.Pod) { pod.DeletionTimestamp = new(metav1.Now()) }

func pending(pod *corev1.Pod) {
	pod.Status.Phase, pod.Status.Conditions = corev1.PodPending, nil
	pod.Status.ContainerStatuses = []corev1.ContainerStatus{{
		Name: "app", State: corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: "ErrImagePull", Message: "no such image"}},
	}}
}

func TestLanding(t *testing.T) {
	had := func() []*corev1.Pod { return []*corev1.Pod{podOf("p1", "a", onOwn), podOf("q1", "b")} }
	cases := map[string]struct {
		reason string
		had    []*corev1.Pod
		has    []*corev1.Pod
		wanted *int
		done   bool
		// stuck is why, after a minute and after an hour.
		minute, hour string
	}{
		"not-seen-yet":   {"the watch has yet to show the eviction", had(), had(), new(2), false, "", "2 of 2 pods are ready"},
		"no-replacement": {"somebody refuses it", had(), []*corev1.Pod{podOf("p1", "a"), podOf("q1", "b", gone)}, new(2), false, "", "no pod came instead"},
		"starting":       {"it is not ready", had(), []*corev1.Pod{podOf("p1", "a"), podOf("p2", "a", onOwn, pending)}, new(2), false, "", "pod p2 is not ready: Pending, on own-1, container app: ErrImagePull no such image"},
		"ready":          {"it is", had(), []*corev1.Pod{podOf("p1", "a"), podOf("q1", "b", gone), podOf("p2", "a", onOwn)}, new(2), true, "", ""},
		"ready-and-gone": {"and the old one is gone", had(), []*corev1.Pod{podOf("p1", "a"), podOf("p2", "a", onOwn)}, new(2), true, "", ""},
		"unknown-wish":   {"also of kinds that nobody knows", had(), []*corev1.Pod{podOf("p1", "a"), podOf("p2", "a", onOwn)}, nil, true, "", ""},
		"scaled-in":      {"fewer are wanted by now", had(), []*corev1.Pod{podOf("p1", "a")}, new(1), true, "", ""},
		"scaled-away":    {"the workload is gone", had(), nil, new(0), true, "", ""},
		"scaled-out":     {"more are wanted, which are no concern of the drain", had(), []*corev1.Pod{podOf("p1", "a"), podOf("p2", "a", onOwn), podOf("p3", "a", onWest, pending)}, new(3), true, "", ""},
		"no-node":        {"a scheduler finds none", had(), []*corev1.Pod{podOf("p1", "a"), podOf("p2", "a", unschedulable)}, new(2), false, "pod p2 waits for a node: 0/3 nodes", "pod p2 waits for a node: 0/3 nodes"},
		"back":           {"it is on the same node again", had(), []*corev1.Pod{podOf("p1", "a"), podOf("q2", "b")}, new(2), true, "pod q2 came to east again", "pod q2 came to east again"},
		"was-not-ready":  {"the workload is as it was", []*corev1.Pod{podOf("p1", "a"), podOf("q1", "b", pending)}, []*corev1.Pod{podOf("p1", "a"), podOf("p2", "a", onOwn, pending)}, new(2), true, "", ""},
		"others":         {"pods of another workload do not count", had(), []*corev1.Pod{podOf("p1", "a"), podOf("x", "", func(pod *corev1.Pod) { pod.OwnerReferences[0].UID = "x" })}, new(2), false, "", "no pod came instead"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			l := before(podOf("q1", "b"), tc.had).landing("east", tc.has, tc.wanted)
			if l.Done != tc.done {
				t.Errorf("%s: done is %t", tc.reason, l.Done)
			}
			for after, want := range map[time.Duration]string{time.Minute: tc.minute, time.Hour: tc.hour} {
				got := l.stuck("east", after, time.Minute, 10*time.Minute)
				if l.Done && l.Back == nil {
					got = ""
				}
				if !strings.Contains(got, want) || want == "" && got != "" {
					t.Errorf("%s: after %s it is stuck because %q, want %q", tc.reason, after, got, want)
				}
			}
		})
	}
}

func TestEventText(t *testing.T) {
	cases := map[string]struct {
		event Event
		want  string
	}{
		"cordoned": {Event{Event: "cordoned"}, "node east is cordoned: no new pods go there"},
		"planned":  {Event{Event: "planned", Total: 3, Home: 2, Stay: 1}, "3 pods of east go, 2 of them home; 1 stay"},
		"moved":    {Event{Event: "moved", Subset: "b", Moved: 1, Total: 3, Seconds: 61.2, Instead: []Instead{{"p2", "own-1", "a"}}}, "[1/3 1m1s] shop/q1 (b): left; ready instead: p2 on own-1 (a)"},
		"fewer":    {Event{Event: "moved", Moved: 1, Total: 1}, "[1/1 0s] shop/q1: left; its workload wants fewer pods by now"},
		"stays":    {Event{Event: "stays", Why: "why", Do: "that"}, "stays: shop/q1: why; do: that"},
		"stopped":  {Event{Event: "stopped", Why: "why", Do: "that"}, "[0/0 0s] stopped after shop/q1: why; do: that"},
		"drained":  {Event{Event: "drained", Stay: 1}, "[0/0 0s] east has no more pods that could go; 1 stay"},
		"waits":    {Event{Event: "waits", Why: "why"}, "[0/0 0s] shop/q1: waits: why"},
		"going":    {Event{Event: "going", Stay: 2}, "[0/0 0s] waits until the 2 pods that were evicted are gone"},
		"goes":     {Fate{Pod: podOf("q1", "b"), Goes: true, Home: true, From: "b", To: "a"}.event("goes"), "goes: shop/q1 (b): home, subset a"},
	}
	for name, tc := range cases {
		tc.event.Node, tc.event.Namespace, tc.event.Pod = "east", "shop", "q1"
		if got := tc.event.Text(); got != tc.want {
			t.Errorf("%s: got %q, want %q", name, got, tc.want)
		}
	}
}
