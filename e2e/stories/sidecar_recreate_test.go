package stories

import (
	"context"
	"fmt"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/spillway-io/spillway/api"
)

// TestSidecarChangeThatNeedsNewPods: what is not an image cannot be changed in a pod
// that runs. Status, event and condition say so; new pods have it, and follow new
// images while the old ones wait. A pinned revision is what new pods get.
func TestSidecarChangeThatNeedsNewPods(t *testing.T) {
	s := tell(t, nil)
	web := map[string]string{"app": "web"}
	set := func(image, spec string) string {
		return strings.Replace(s.agentSet(image, spec), "podInjectPolicy:", `env: [{name: MODE, value: new}], podInjectPolicy:`, 1)
	}
	s.injects(s.agentSet("agent:1", ""), web, images{"app": "app:1", "agent": "agent:1"})
	s.spreads(fmt.Sprintf(twoOwnFirst, "apps/v1", "Deployment"))
	s.applies(workload("apps/v1", "Deployment", 3, "web:1"))
	s.isSpread("web:1", distribution{"a on own": 2, "b on east": 1})
	first := s.sidecarsAre(counts{MatchedPods: 3, UpdatedPods: 3, ReadyPods: 3, UpdatedReadyPods: 3})

	s.applies(set("agent:1", ""))
	s.sidecarsAre(counts{MatchedPods: 3, ReadyPods: 3})
	s.eventually("all three pods say that they cannot follow", func(context.Context) error { return s.needRecreation(3) })
	s.eventually("the SidecarSet tells of it", func(context.Context) error {
		text, _, err := s.upstream.Kubectl(s.ctx, "", "get", "events", "-n", corev1.NamespaceDefault,
			"--field-selector=involvedObject.kind=SidecarSet,involvedObject.name="+s.namespace, `-o=jsonpath={range .items[*]}{.reason} {.message}{"\n"}{end}`)
		if err == nil && !strings.Contains(text, "NeedRecreation 3 of 3 pods") {
			err = fmt.Errorf("its events are\n%s", text)
		}
		return err
	})

	for name := range s.in("b") {
		s.must("delete a pod", s.upstream.Client().CoreV1().Pods(s.namespace).Delete(s.ctx, name, metav1.DeleteOptions{}))
	}
	s.sidecarsAre(counts{MatchedPods: 3, UpdatedPods: 1, ReadyPods: 3, UpdatedReadyPods: 1})
	s.applies(set("agent:2", ""))
	s.sidecarsAre(counts{MatchedPods: 3, UpdatedPods: 1, ReadyPods: 3, UpdatedReadyPods: 1})
	for name, pod := range s.in("b") {
		if agent := container(pod, "agent"); agent.Image != "agent:2" || statusOf(pod, "agent").RestartCount != 1 {
			t.Errorf("the agent of the new pod %s is %s, restarted %d times; want agent:2 and once", name, agent.Image, statusOf(pod, "agent").RestartCount)
		}
	}
	for name, pod := range s.in("a") {
		if agent := container(pod, "agent"); agent.Image != "agent:1" {
			t.Errorf("the agent of the old pod %s is %s", name, agent.Image)
		}
	}

	s.wouldHave(web, images{"app": "app:1", "agent": "agent:2"})
	s.applies(set("agent:2", "injectionStrategy: {revision: {revisionName: "+first+", policy: Always}}"))
	s.wouldHave(web, images{"app": "app:1", "agent": "agent:1"})
}

// needRecreation wants a number of pods whose condition says that they cannot
// follow in place.
func (s *story) needRecreation(want int) error {
	pods, err := s.pods(s.upstream)
	if err != nil {
		return err
	}
	n := 0
	for _, pod := range pods {
		for _, condition := range pod.Status.Conditions {
			if condition.Type == api.SidecarSetUpgradableCondition && condition.Status == corev1.ConditionFalse && condition.Reason == "UpdateImmutableField" {
				n++
			}
		}
	}
	if n != want {
		return fmt.Errorf("%d do", n)
	}
	return nil
}
