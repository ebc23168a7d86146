package stories

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/spillway-io/spillway/e2e/playground"
)

// TestDownstreamEventsAreShownUpstream: what downstream components say about a
// pod is said once about the upstream pod too, with the same counts, also after
// the virtual node was killed and started again.
func TestDownstreamEventsAreShownUpstream(t *testing.T) {
	s := tell(t, nil)
	node := s.hasVirtualNode("observing", s.downstream)
	s.applies(manifest(t, aimed("web", "observing")))
	s.must("see the pod run", s.runsInBoth(s.ctx, 1, "observing", s.downstream))
	s.must("create a pod of others", s.downstreamPod("bystander"))

	unhealthy := s.kubeletSays("web", "Unhealthy", "Readiness probe failed: connection refused")
	s.isShownAs("Unhealthy", 1)
	unhealthy = s.saysAgain(unhealthy, 7)
	s.isShownAs("Unhealthy", 7)

	s.must("kill the virtual node", node.Kill())
	s.saysAgain(unhealthy, 9)
	s.kubeletSays("bystander", "Unhealthy", "nobody's business")
	s.kubeletSays("web", "BackOff", "Back-off restarting failed container "+strings.Repeat("x", 2000))
	s.must("start the virtual node again", node.Start())
	s.isShownAs("BackOff", 1)
	s.isShownAs("Unhealthy", 9)
	s.isNotTold("Scheduled")

	described, _, err := s.upstream.Kubectl(s.ctx, "", "describe", "pod", "-n", s.namespace, "web")
	s.must("describe the pod", err)
	for _, text := range []string{"(x9 over", "Unhealthy", "kubelet", "Readiness probe failed: connection refused"} {
		if !strings.Contains(described, text) {
			t.Errorf("kubectl describe does not say %q:\n%s", text, described)
		}
	}
	for _, event := range s.eventsOf(s.upstream, "BackOff") {
		if len(event.Message) > 1024 {
			t.Errorf("the text of BackOff has %d bytes, want at most 1024", len(event.Message))
		}
	}
}

// TestWhyNoDownstreamNodeFits: a pod that finds no room downstream says upstream
// what the downstream scheduler says.
func TestWhyNoDownstreamNodeFits(t *testing.T) {
	s := tell(t, nil)
	pod := newPod("web")
	pod.Spec.NodeSelector = map[string]string{"clusterID": "east", "disktype": "tape"}
	s.applies(manifest(t, pod))
	s.eventually("kubectl describe tells why", func(ctx context.Context) error {
		described, _, err := s.upstream.Kubectl(ctx, "", "describe", "pod", "-n", s.namespace, "web")
		if err == nil && !strings.Contains(described, "FailedScheduling") {
			err = fmt.Errorf("it says:\n%s", described)
		}
		return err
	})
	for _, event := range s.eventsOf(s.upstream, "FailedScheduling") {
		s.isTheSame(&event)
	}
}

// downstreamPod is one that somebody else runs in the downstream namespace.
func (s *story) downstreamPod(name string) error {
	pod := newPod(name)
	pod.Labels = nil
	_, err := s.downstream.Client().CoreV1().Pods(s.namespace).Create(s.ctx, pod, metav1.CreateOptions{})
	return err
}

// kubeletSays records an event about a downstream pod as a kubelet does.
func (s *story) kubeletSays(pod, reason, message string) *corev1.Event {
	s.Helper()
	about := s.pod(s.downstream, pod)
	now := metav1.Now()
	event, err := s.downstream.Client().CoreV1().Events(s.namespace).Create(s.ctx, &corev1.Event{
		ObjectMeta: metav1.ObjectMeta{GenerateName: pod + "."},
		InvolvedObject: corev1.ObjectReference{
			APIVersion: "v1", Kind: "Pod", Namespace: s.namespace, Name: pod, UID: about.UID,
			ResourceVersion: about.ResourceVersion, FieldPath: "spec.containers{app}",
		},
		Type: corev1.EventTypeWarning, Reason: reason, Message: message,
		Source:         corev1.EventSource{Component: "kubelet", Host: about.Spec.NodeName},
		FirstTimestamp: metav1.NewTime(now.Add(-time.Minute)), LastTimestamp: now, Count: 1, ReportingController: "kubelet",
	}, metav1.CreateOptions{})
	s.must("record an event downstream", err)
	return event
}

// saysAgain counts an event up.
func (s *story) saysAgain(event *corev1.Event, count int32) *corev1.Event {
	s.Helper()
	event.Count, event.LastTimestamp = count, metav1.Now()
	event, err := s.downstream.Client().CoreV1().Events(s.namespace).Update(s.ctx, event, metav1.UpdateOptions{})
	s.must("count the event downstream", err)
	return event
}

// isShownAs waits until the event with a reason about the pod web is upstream,
// once, and says the same as downstream. Kubelets count from 1, the scheduler
// does not count.
func (s *story) isShownAs(reason string, count int32) {
	s.Helper()
	began := time.Now()
	s.eventually(reason+" is upstream", func(context.Context) error {
		shown := s.eventsOf(s.upstream, reason)
		if len(shown) != 1 || shown[0].Count != count {
			return fmt.Errorf("there are %s", toJSON(s.T, shown))
		}
		s.isTheSame(&shown[0])
		return nil
	})
	s.Logf("%s with count %d was upstream after %.1f s", reason, count, time.Since(began).Seconds())
}

// isNotTold makes sure that what a downstream event says of a pod that runs is left
// to its status. The upstream scheduler has one of its own.
func (s *story) isNotTold(reason string) {
	s.Helper()
	if len(s.eventsOf(s.downstream, reason)) == 0 {
		s.Errorf("nobody said %s downstream", reason)
	}
	for _, event := range s.eventsOf(s.upstream, reason) {
		if strings.Contains(event.Message, " to "+s.twin().Spec.NodeName) {
			s.Errorf("the event is %s, and the pod runs", toJSON(s.T, event))
		}
	}
}

func (s *story) twin() *corev1.Pod { return s.pod(s.downstream, "web") }

// isTheSame checks an upstream event against the downstream one.
func (s *story) isTheSame(event *corev1.Event) {
	s.Helper()
	up := s.pod(s.upstream, "web")
	if about := event.InvolvedObject; about.UID != up.UID || about.Name != "web" || about.Namespace != s.namespace || about.ResourceVersion != "" {
		s.Errorf("the event is about %s", toJSON(s.T, about))
	}
	for _, below := range s.eventsOf(s.downstream, event.Reason) {
		if below.InvolvedObject.Name != "web" {
			continue
		}
		if !strings.HasPrefix(below.Message, strings.TrimSuffix(event.Message, "...")) || event.InvolvedObject.FieldPath != below.InvolvedObject.FieldPath ||
			event.Source != below.Source || event.Type != below.Type || !event.LastTimestamp.Equal(&below.LastTimestamp) {
			s.Errorf("the event is %s, want that of %s", toJSON(s.T, event), toJSON(s.T, below))
		}
	}
}

// eventsOf returns those with a reason in the story's namespace.
func (s *story) eventsOf(cluster *playground.Cluster, reason string) []corev1.Event {
	s.Helper()
	list, err := cluster.Client().CoreV1().Events(s.namespace).List(s.ctx, metav1.ListOptions{FieldSelector: "reason=" + reason})
	s.must("list the events", err)
	return list.Items
}
