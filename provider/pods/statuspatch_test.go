package pods

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"

	"github.com/spillway-io/spillway/api"
)

func TestStatusPatch(t *testing.T) {
	ready := corev1.PodCondition{Type: corev1.PodReady, Status: corev1.ConditionTrue}
	others := corev1.PodCondition{Type: "example.com/others", Status: corev1.ConditionTrue}
	cases := map[string]struct {
		reason   string
		upstream *corev1.Pod
		status   corev1.PodStatus
		node     string
		ends     bool
		want     string
	}{
		"first": {
			reason:   "only what differs is written, with the UID that makes it safe",
			upstream: upstream(func(p *corev1.Pod) { p.Status.Conditions = []corev1.PodCondition{others} }),
			status:   corev1.PodStatus{Phase: corev1.PodRunning, Conditions: []corev1.PodCondition{others, ready}},
			node:     "n1",
			want: `{"metadata":{"annotations":{"spillway.io/downstream-node":"n1"},"uid":"up"},"status":{
				"$setElementOrder/conditions":[{"type":"example.com/others"},{"type":"Ready"}],
				"conditions":[{"lastProbeTime":null,"lastTransitionTime":null,"status":"True","type":"Ready"}],"phase":"Running"}}`,
		},
		"annotation-known": {
			reason:   "an annotation that is there already is not written",
			upstream: upstream(annotated(api.DownstreamNodeAnnotation, "n1")),
			status:   corev1.PodStatus{Phase: corev1.PodRunning},
			node:     "n1",
			want:     `{"metadata":{"uid":"up"},"status":{"phase":"Running"}}`,
		},
		"ends": {
			reason:   "an end that nobody saw is written only to what it was made for",
			upstream: upstream(func(p *corev1.Pod) { p.ResourceVersion = "7" }),
			status:   corev1.PodStatus{Phase: corev1.PodFailed},
			ends:     true,
			want:     `{"metadata":{"uid":"up","resourceVersion":"7"},"status":{"phase":"Failed"}}`,
		},
		"taken-back": {
			reason: "what is no longer so is removed, conditions one by one",
			upstream: upstream(func(p *corev1.Pod) {
				p.Status.Reason, p.Status.Conditions = "Old", []corev1.PodCondition{others, ready}
			}),
			status: corev1.PodStatus{Phase: corev1.PodPending, Conditions: []corev1.PodCondition{others}},
			want: `{"metadata":{"uid":"up"},"status":{"$setElementOrder/conditions":[{"type":"example.com/others"}],
				"conditions":[{"$patch":"delete","type":"Ready"}],"reason":null}}`,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			patch, err := statusPatch(tc.upstream, &tc.status, tc.node, tc.ends)
			if err != nil {
				t.Fatal(err)
			}
			var got, want any
			if err := json.Unmarshal(patch, &got); err != nil {
				t.Fatal(err)
			}
			if err := json.Unmarshal([]byte(tc.want), &want); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%s: statusPatch(): -want +got:\n%s", tc.reason, diff)
			}
		})
	}
}
