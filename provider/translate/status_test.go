package translate_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	apiequality "k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/spillway-io/spillway/api"
	"github.com/spillway-io/spillway/provider/translate"
)

const internalIP = "192.0.2.10"

func TestStatus(t *testing.T) {
	scheduled := condition(corev1.PodScheduled, corev1.ConditionTrue, 1)
	cases := map[string]struct {
		reason               string
		upstream, downstream *corev1.Pod
		want                 corev1.PodStatus
	}{
		"created-says-nothing": {
			reason:     "a downstream pod that waits for its scheduler is no news, so nothing is written",
			upstream:   pod(generation(1), status(corev1.PodStatus{Phase: corev1.PodPending, QOSClass: corev1.PodQOSBurstable, Conditions: []corev1.PodCondition{scheduled}})),
			downstream: pod(status(corev1.PodStatus{Phase: corev1.PodPending, QOSClass: corev1.PodQOSBestEffort})),
			want:       corev1.PodStatus{Phase: corev1.PodPending, QOSClass: corev1.PodQOSBurstable, Conditions: []corev1.PodCondition{scheduled}},
		},
		"bound-says-nothing": {
			reason:   "that downstream's scheduler found a node is told together with the start, not by a write of its own",
			upstream: pod(status(corev1.PodStatus{Phase: corev1.PodPending, Conditions: []corev1.PodCondition{scheduled}})),
			downstream: pod(bound, status(corev1.PodStatus{
				Phase: corev1.PodPending, Conditions: []corev1.PodCondition{condition(corev1.PodScheduled, corev1.ConditionTrue, 2)},
			})),
			want: corev1.PodStatus{Phase: corev1.PodPending, Conditions: []corev1.PodCondition{scheduled}},
		},
		"unschedulable": {
			reason:   "PodScheduled stays the upstream scheduler's word; the downstream scheduler's has its own condition",
			upstream: pod(status(corev1.PodStatus{Phase: corev1.PodPending, Conditions: []corev1.PodCondition{scheduled}})),
			downstream: pod(status(corev1.PodStatus{Phase: corev1.PodPending, Conditions: []corev1.PodCondition{
				because(condition(corev1.PodScheduled, corev1.ConditionFalse, 2), "Unschedulable", "0/3 nodes are available"),
			}})),
			want: corev1.PodStatus{Phase: corev1.PodPending, Conditions: []corev1.PodCondition{
				scheduled, because(condition(api.DownstreamScheduledCondition, corev1.ConditionFalse, 2), "Unschedulable", "0/3 nodes are available"),
			}},
		},
		"scheduled-after-all": {
			reason: "the condition goes when the downstream scheduler has found a node",
			upstream: pod(status(corev1.PodStatus{Phase: corev1.PodPending, Conditions: []corev1.PodCondition{
				scheduled, condition(api.DownstreamScheduledCondition, corev1.ConditionFalse, 2),
			}})),
			downstream: pod(bound, status(corev1.PodStatus{Phase: corev1.PodPending, Conditions: []corev1.PodCondition{condition(corev1.PodScheduled, corev1.ConditionTrue, 3)}})),
			want:       corev1.PodStatus{Phase: corev1.PodPending, Conditions: []corev1.PodCondition{scheduled}},
		},
		"running": {
			reason: "what the kubelet says is passed on; the host's address is the virtual node's, and containers that downstream added are not shown",
			upstream: pod(generation(3), containers("app"), status(corev1.PodStatus{
				Phase: corev1.PodPending, QOSClass: corev1.PodQOSGuaranteed, NominatedNodeName: "east",
				Conditions: []corev1.PodCondition{scheduled, condition("example.com/others", corev1.ConditionTrue, 1)},
			})),
			downstream: pod(bound, generation(1), status(corev1.PodStatus{
				Phase: corev1.PodRunning, QOSClass: corev1.PodQOSBurstable, StartTime: at(5), ObservedGeneration: 1,
				HostIP: "10.0.0.7", HostIPs: []corev1.HostIP{{IP: "10.0.0.7"}, {IP: "fd00::7"}},
				PodIP: "10.1.0.4", PodIPs: []corev1.PodIP{{IP: "10.1.0.4"}, {IP: "fd01::4"}},
				ContainerStatuses:     []corev1.ContainerStatus{running("app"), running("mesh-proxy")},
				InitContainerStatuses: []corev1.ContainerStatus{running("mesh-init")},
				Conditions: []corev1.PodCondition{
					condition(corev1.PodScheduled, corev1.ConditionTrue, 2), condition("example.com/downstreams-own", corev1.ConditionTrue, 4),
					observed(condition(corev1.PodReady, corev1.ConditionTrue, 6), 1), condition(corev1.ContainersReady, corev1.ConditionTrue, 6),
				},
			})),
			want: corev1.PodStatus{
				Phase: corev1.PodRunning, QOSClass: corev1.PodQOSGuaranteed, NominatedNodeName: "east", StartTime: at(5), ObservedGeneration: 3,
				HostIP: internalIP, HostIPs: []corev1.HostIP{{IP: internalIP}},
				PodIP: "10.1.0.4", PodIPs: []corev1.PodIP{{IP: "10.1.0.4"}, {IP: "fd01::4"}},
				ContainerStatuses: []corev1.ContainerStatus{running("app")},
				Conditions: []corev1.PodCondition{
					scheduled, condition("example.com/others", corev1.ConditionTrue, 1),
					observed(condition(corev1.PodReady, corev1.ConditionTrue, 6), 3), condition(corev1.ContainersReady, corev1.ConditionTrue, 6),
				},
			},
		},
		"kubelet-conditions-go-too": {
			reason: "a condition that the kubelet removed is removed; DisruptionTarget, which is not its alone, stays",
			upstream: pod(status(corev1.PodStatus{Phase: corev1.PodRunning, Conditions: []corev1.PodCondition{
				condition(corev1.PodResizeInProgress, corev1.ConditionTrue, 3), condition(corev1.DisruptionTarget, corev1.ConditionTrue, 3),
			}})),
			downstream: pod(status(corev1.PodStatus{Phase: corev1.PodRunning})),
			want:       corev1.PodStatus{Phase: corev1.PodRunning, Conditions: []corev1.PodCondition{condition(corev1.DisruptionTarget, corev1.ConditionTrue, 3)}},
		},
		"disruption-downstream": {
			reason:   "a preemption downstream is known upstream, where budgets are kept",
			upstream: pod(status(corev1.PodStatus{Phase: corev1.PodRunning})),
			downstream: pod(status(corev1.PodStatus{Phase: corev1.PodFailed, Reason: "Preempting", Message: "for another", Conditions: []corev1.PodCondition{
				condition(corev1.DisruptionTarget, corev1.ConditionTrue, 3),
			}})),
			want: corev1.PodStatus{Phase: corev1.PodFailed, Reason: "Preempting", Message: "for another", Conditions: []corev1.PodCondition{
				condition(corev1.DisruptionTarget, corev1.ConditionTrue, 3),
			}},
		},
		"gate-unmet": {
			reason:     "downstream knows no readiness gates, so Ready is judged upstream",
			upstream:   pod(gate("example.com/lb")),
			downstream: pod(status(corev1.PodStatus{Phase: corev1.PodRunning, Conditions: []corev1.PodCondition{condition(corev1.PodReady, corev1.ConditionTrue, 6)}})),
			want: corev1.PodStatus{Phase: corev1.PodRunning, Conditions: []corev1.PodCondition{
				because(condition(corev1.PodReady, corev1.ConditionFalse, 6), "ReadinessGatesNotReady", "readiness gates not met: example.com/lb"),
			}},
		},
		"gate-of-the-kubelets": {
			reason:   "a gate may be a condition that comes from downstream in the same moment; judged by the old one, the status would be written twice",
			upstream: pod(gate(corev1.ContainersReady)),
			downstream: pod(status(corev1.PodStatus{Phase: corev1.PodRunning, Conditions: []corev1.PodCondition{
				condition(corev1.PodReady, corev1.ConditionTrue, 6), condition(corev1.ContainersReady, corev1.ConditionTrue, 6),
			}})),
			want: corev1.PodStatus{Phase: corev1.PodRunning, Conditions: []corev1.PodCondition{
				condition(corev1.PodReady, corev1.ConditionTrue, 6), condition(corev1.ContainersReady, corev1.ConditionTrue, 6),
			}},
		},
		"gate-on-itself": {
			reason:     "as on any kubelet, a pod that waits for itself is never ready, whatever it was before",
			upstream:   pod(gate(corev1.PodReady), status(corev1.PodStatus{Conditions: []corev1.PodCondition{condition(corev1.PodReady, corev1.ConditionTrue, 5)}})),
			downstream: pod(status(corev1.PodStatus{Phase: corev1.PodRunning, Conditions: []corev1.PodCondition{condition(corev1.PodReady, corev1.ConditionTrue, 6)}})),
			want: corev1.PodStatus{Phase: corev1.PodRunning, Conditions: []corev1.PodCondition{
				because(condition(corev1.PodReady, corev1.ConditionFalse, 6), "ReadinessGatesNotReady", "readiness gates not met: Ready"),
			}},
		},
		"gate-met": {
			reason: "a gate that was met last is what made the pod ready, and when",
			upstream: pod(gate("example.com/lb"), status(corev1.PodStatus{Conditions: []corev1.PodCondition{
				condition("example.com/lb", corev1.ConditionTrue, 9), condition(corev1.PodReady, corev1.ConditionFalse, 6),
			}})),
			downstream: pod(status(corev1.PodStatus{Phase: corev1.PodRunning, Conditions: []corev1.PodCondition{condition(corev1.PodReady, corev1.ConditionTrue, 6)}})),
			want: corev1.PodStatus{Phase: corev1.PodRunning, Conditions: []corev1.PodCondition{
				condition("example.com/lb", corev1.ConditionTrue, 9), condition(corev1.PodReady, corev1.ConditionTrue, 9),
			}},
		},
		"gate-met-and-stays-so": {
			reason: "the time of the last change does not move while nothing changes",
			upstream: pod(gate("example.com/lb"), status(corev1.PodStatus{Conditions: []corev1.PodCondition{
				condition("example.com/lb", corev1.ConditionTrue, 9), condition(corev1.PodReady, corev1.ConditionTrue, 8),
			}})),
			downstream: pod(status(corev1.PodStatus{Phase: corev1.PodRunning, Conditions: []corev1.PodCondition{condition(corev1.PodReady, corev1.ConditionTrue, 6)}})),
			want: corev1.PodStatus{Phase: corev1.PodRunning, Conditions: []corev1.PodCondition{
				condition("example.com/lb", corev1.ConditionTrue, 9), condition(corev1.PodReady, corev1.ConditionTrue, 8),
			}},
		},
		"kubelet-lags": {
			reason:     "a generation that the downstream kubelet has not seen is not called observed",
			upstream:   pod(generation(2), status(corev1.PodStatus{ObservedGeneration: 1})),
			downstream: pod(generation(5), status(corev1.PodStatus{Phase: corev1.PodRunning, StartTime: at(5), ObservedGeneration: 4})),
			want:       corev1.PodStatus{Phase: corev1.PodRunning, StartTime: at(5), ObservedGeneration: 1},
		},
		"claims-stay": {
			reason: "resource claims are objects of the cluster that allocated them",
			upstream: pod(status(corev1.PodStatus{
				ResourceClaimStatuses: []corev1.PodResourceClaimStatus{{Name: "gpu", ResourceClaimName: new("up")}},
			})),
			downstream: pod(status(corev1.PodStatus{
				Phase: corev1.PodRunning, ResourceClaimStatuses: []corev1.PodResourceClaimStatus{{Name: "gpu", ResourceClaimName: new("down")}},
			})),
			want: corev1.PodStatus{Phase: corev1.PodRunning, ResourceClaimStatuses: []corev1.PodResourceClaimStatus{{Name: "gpu", ResourceClaimName: new("up")}}},
		},
		"reason-clears": {
			reason:     "what kept the pod from starting is not said of a pod that exists downstream",
			upstream:   pod(status(corev1.PodStatus{Phase: corev1.PodPending, Reason: "DownstreamConflict", Message: "in the way"})),
			downstream: pod(status(corev1.PodStatus{Phase: corev1.PodPending})),
			want:       corev1.PodStatus{Phase: corev1.PodPending},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			upstream, downstream := tc.upstream.DeepCopy(), tc.downstream.DeepCopy()
			got := translate.Status(upstream, downstream, internalIP)
			if !apiequality.Semantic.DeepEqual(tc.want, got) {
				t.Errorf("%s: Status(): -want +got:\n%s", tc.reason, cmp.Diff(tc.want, got))
			}
			if diff := cmp.Diff(tc.upstream, upstream); diff != "" {
				t.Errorf("Status() modified the upstream pod: -before +after:\n%s", diff)
			}
			if diff := cmp.Diff(tc.downstream, downstream); diff != "" {
				t.Errorf("Status() modified the downstream pod: -before +after:\n%s", diff)
			}
			// Written once, a status is no news any more.
			upstream.Status = got
			if again := translate.Status(upstream, downstream, internalIP); !apiequality.Semantic.DeepEqual(got, again) {
				t.Errorf("Status() of its own result differs: -first +second:\n%s", cmp.Diff(got, again))
			}
		})
	}
}

func TestLost(t *testing.T) {
	now := metav1.NewTime(at(60).Time)
	ended := corev1.ContainerStatus{Name: "done", State: corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{ExitCode: 3}}}
	upstream := pod(status(corev1.PodStatus{
		Phase: corev1.PodRunning, PodIP: "10.1.0.4",
		Conditions: []corev1.PodCondition{
			condition(corev1.PodScheduled, corev1.ConditionTrue, 1), condition(corev1.PodReady, corev1.ConditionTrue, 6),
			condition(corev1.ContainersReady, corev1.ConditionFalse, 6),
		},
		ContainerStatuses: []corev1.ContainerStatus{running("app"), ended},
	}))
	before := upstream.DeepCopy()
	want := corev1.PodStatus{
		Phase: corev1.PodFailed, Reason: "Gone", Message: "why", PodIP: "10.1.0.4",
		Conditions: []corev1.PodCondition{
			condition(corev1.PodScheduled, corev1.ConditionTrue, 1), because(condition(corev1.PodReady, corev1.ConditionFalse, 60), "PodFailed", ""),
			condition(corev1.ContainersReady, corev1.ConditionFalse, 6),
		},
		ContainerStatuses: []corev1.ContainerStatus{{
			Name: "app", Started: new(false),
			State: corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{
				ExitCode: 137, Reason: "ContainerStatusUnknown", Message: "The downstream pod was gone before the end of this container was seen",
				StartedAt: *at(5), FinishedAt: now,
			}},
		}, ended},
	}
	if diff := cmp.Diff(want, translate.Lost(upstream, "Gone", "why", now)); diff != "" {
		t.Errorf("Lost(): -want +got:\n%s", diff)
	}
	if diff := cmp.Diff(before, upstream); diff != "" {
		t.Errorf("Lost() modified its argument: -before +after:\n%s", diff)
	}
}

type option func(*corev1.Pod)

func pod(options ...option) *corev1.Pod {
	p := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "web"}}
	for _, o := range options {
		o(p)
	}
	return p
}

func status(s corev1.PodStatus) option { return func(p *corev1.Pod) { p.Status = s } }

func generation(g int64) option { return func(p *corev1.Pod) { p.Generation = g } }

func bound(p *corev1.Pod) { p.Spec.NodeName = "n1" }

func containers(names ...string) option {
	return func(p *corev1.Pod) {
		for _, name := range names {
			p.Spec.Containers = append(p.Spec.Containers, corev1.Container{Name: name, Image: name + ":1", Resources: corev1.ResourceRequirements{
				Requests: corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("1")},
			}})
		}
	}
}

func gate(t corev1.PodConditionType) option {
	return func(p *corev1.Pod) { p.Spec.ReadinessGates = []corev1.PodReadinessGate{{ConditionType: t}} }
}

func condition(t corev1.PodConditionType, s corev1.ConditionStatus, second int) corev1.PodCondition {
	return corev1.PodCondition{Type: t, Status: s, LastTransitionTime: *at(second)}
}

func because(c corev1.PodCondition, reason, message string) corev1.PodCondition {
	c.Reason, c.Message = reason, message
	return c
}

func observed(c corev1.PodCondition, generation int64) corev1.PodCondition {
	c.ObservedGeneration = generation
	return c
}

func running(name string) corev1.ContainerStatus {
	return corev1.ContainerStatus{
		Name: name, Ready: true, Started: new(true),
		State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{StartedAt: *at(5)}},
	}
}

func at(second int) *metav1.Time {
	return new(metav1.NewTime(time.Date(2026, 1, 2, 3, 4, second, 0, time.UTC)))
}
