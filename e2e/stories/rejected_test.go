package stories

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// obstacle is something in the downstream cluster that lets no pod be created in a
// story's namespace. Its manifests have the namespace's name for %[1]s.
type obstacle struct {
	manifest string
	webhook  http.HandlerFunc
	// words are in the API server's refusal.
	words []string
	// lift is kubectl's arguments to take it away, unless the webhook changes its mind.
	lift string
}

const noPods = `
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicy
metadata: {name: %[1]s}
spec:
  matchConstraints:
    namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: %[1]s}}
    resourceRules: [{apiGroups: [""], apiVersions: [v1], operations: [CREATE], resources: [pods]}]
  validations: [{expression: "false", message: "no pods today"}]
---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicyBinding
metadata: {name: %[1]s}
spec: {policyName: %[1]s, validationActions: [Deny]}
`

// TestRejectedDownstream: whatever keeps a downstream cluster from taking a pod, and
// can be changed by those who run it, leaves the pod Pending, with the API server's
// whole message as an event. When it is gone, the pod runs; it is the same pod.
func TestRejectedDownstream(t *testing.T) {
	const everyPod = "webhook: every pod"
	for name, o := range map[string]obstacle{
		"quota": {
			manifest: "apiVersion: v1\nkind: ResourceQuota\nmetadata: {name: full, namespace: %[1]s}\nspec: {hard: {pods: 0}}",
			words:    []string{"exceeded quota: full", "limited: pods=0"},
			lift:     `patch resourcequota full -n %[1]s -p={"spec":{"hard":{"pods":"5"}}}`,
		},
		"pod-security": {
			manifest: "apiVersion: v1\nkind: Namespace\nmetadata: {name: %[1]s, labels: {pod-security.kubernetes.io/enforce: restricted}}",
			words: []string{
				`violates PodSecurity "restricted:latest"`, "allowPrivilegeEscalation != false", "unrestricted capabilities", "runAsNonRoot != true", "seccompProfile",
			},
			lift: "label namespace %[1]s --overwrite pod-security.kubernetes.io/enforce=baseline",
		},
		"policy": {
			manifest: noPods, words: []string{"no pods today"},
			lift: "delete validatingadmissionpolicybinding.admissionregistration.k8s.io/%[1]s",
		},
		"webhook-denies": {
			webhook: review(denies(metav1.Status{Code: http.StatusForbidden, Message: everyPod})),
			words:   []string{"denied the request", everyPod},
		},
		// As validators that are written like those of the API server answer.
		"webhook-finds-fields": {
			webhook: review(denies(metav1.Status{
				Code: http.StatusUnprocessableEntity, Reason: metav1.StatusReasonInvalid, Message: everyPod,
				Details: &metav1.StatusDetails{Causes: []metav1.StatusCause{{Type: metav1.CauseTypeFieldValueInvalid, Field: "spec.containers"}}},
			})),
			words: []string{"denied the request", everyPod},
		},
		"webhook-fails": {
			webhook: func(w http.ResponseWriter, _ *http.Request) {
				http.Error(w, "out of order", http.StatusInternalServerError)
			},
			words: []string{"failed calling webhook", "out of order"},
		},
		"webhook-hangs": {
			webhook: hang,
			words:   []string{"failed calling webhook", "deadline exceeded"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := tell(t, nil)
			s.must("create the namespace downstream", s.downstream.CreateNamespace(s.ctx, s.namespace, nil))
			lift := s.meets(o)
			upstream, stopUpstream := s.watches(s.upstream)
			downstream, stopDownstream := s.watches(s.downstream)
			pod := newPod("web")
			pod.Spec.NodeSelector = map[string]string{"clusterID": "east"}
			s.applies(manifest(t, pod))
			s.hears("web", "DownstreamCreateFailed", o.words...)
			s.phase("web", corev1.PodPending)

			lift()
			s.phase("web", corev1.PodRunning)
			stopUpstream()
			stopDownstream()
			if err := errors.Join(upstream.sawOnce(1), downstream.sawOnce(1)); err != nil {
				t.Error(err)
			}
		})
	}
}

// meets puts the obstacle up, waits until it is in the way, and returns what takes
// it away.
func (s *story) meets(o obstacle) (lift func()) {
	s.Helper()
	if o.webhook != nil {
		lift = s.asksWebhook(o.webhook)
	} else {
		s.must("put up the obstacle", s.downstream.Apply(s.ctx, fmt.Sprintf(o.manifest, s.namespace)))
		s.finally(s.downstreamForgets)
		lift = func() {
			s.Helper()
			_, _, err := s.downstream.Kubectl(s.ctx, "", strings.Fields(fmt.Sprintf(o.lift, s.namespace))...)
			s.must("take the obstacle away", err)
		}
	}
	s.eventually("no pod can be created downstream", func(ctx context.Context) error {
		_, err := s.downstream.Client().CoreV1().Pods(s.namespace).Create(ctx, newPod("probe"), metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}})
		if err == nil || !containsAll(err.Error(), o.words) {
			return fmt.Errorf("the answer is %w", err)
		}
		return nil
	})
	return lift
}

// TestInvalidDownstream: a pod that is just small enough for the upstream cluster,
// and too large with our marks, fails for good, with the API server's words.
func TestInvalidDownstream(t *testing.T) {
	const limit = 256 << 10 // for the annotations of an object, in bytes
	s := tell(t, nil)
	s.runsOn("east", "small")
	create := func(name string, padding int) *corev1.Pod {
		pod := newPod(name)
		pod.Annotations = map[string]string{"padding": strings.Repeat("x", padding)}
		pod.Spec.NodeSelector = map[string]string{"clusterID": "east"}
		options := metav1.CreateOptions{}
		if padding == 0 {
			options.DryRun = []string{metav1.DryRunAll}
		}
		created, err := s.upstream.Client().CoreV1().Pods(s.namespace).Create(s.ctx, pod, options)
		s.must("create the pod", err)
		return created
	}
	size := 0
	for key, value := range create("large", 0).Annotations {
		size += len(key) + len(value)
	}
	create("large", limit-size)
	s.phase("large", corev1.PodFailed)
	if status := s.pod(s.upstream, "large").Status; status.Reason != "DownstreamRejected" || !strings.Contains(status.Message, "metadata.annotations: Too long") {
		t.Errorf("it failed with %s: %s", status.Reason, status.Message)
	}
	s.tellsOnce("DownstreamRejected")
}

// TestNoRoomDownstream: a pod that no downstream node has room for says so
// upstream, in the downstream scheduler's words, and runs when a node comes.
func TestNoRoomDownstream(t *testing.T) {
	s := tell(t, nil)
	pod := newPod("web")
	pod.Spec.NodeSelector = map[string]string{"clusterID": "east", "pool": s.namespace}
	pod.Spec.Tolerations = []corev1.Toleration{{Key: "pool", Operator: corev1.TolerationOpEqual, Value: s.namespace, Effect: corev1.TaintEffectNoSchedule}}
	s.applies(manifest(t, pod))
	s.eventually("the pod says that there is no room", func(context.Context) error {
		conditions := s.pod(s.upstream, "web").Status.Conditions
		for _, c := range conditions {
			if c.Type == "spillway.io/DownstreamScheduled" && c.Reason == corev1.PodReasonUnschedulable && strings.Contains(c.Message, "nodes are available") {
				return nil
			}
		}
		return fmt.Errorf("it has the conditions %s", toJSON(t, conditions))
	})
	s.phase("web", corev1.PodPending)
	s.hasNodesBelow(s.namespace)
	s.runsAlone()
}
