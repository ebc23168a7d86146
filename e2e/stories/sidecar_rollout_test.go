package stories

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"

	"github.com/spillway-io/spillway/e2e/playground"
)

// TestSidecarImageRollsOut: two pods on own machines and four on the virtual node
// get new images of their agent without being created anew, never more than two at
// a time, and as far as the SidecarSet says; an image that cannot be pulled stops
// that, the one before comes back, and the next one goes on.
func TestSidecarImageRollsOut(t *testing.T) {
	s := tell(t, nil)
	const two = "updateStrategy: {maxUnavailable: 2, "
	s.injects(s.agentSet("agent:1", two+"}"), map[string]string{"app": "web"}, images{"app": "app:1", "agent": "agent:1"})
	s.spreads(fmt.Sprintf(twoOwnFirst, "apps/v1", "Deployment"))
	s.applies(workload("apps/v1", "Deployment", 6, "web:1"))
	s.isSpread("web:1", distribution{"a on own": 2, "b on east": 4})
	s.sidecarsAre(counts{MatchedPods: 6, UpdatedPods: 6, ReadyPods: 6, UpdatedReadyPods: 6})
	before := map[*playground.Cluster]map[string]string{s.upstream: s.appContainers(s.upstream), s.downstream: s.appContainers(s.downstream)}
	up, stop := s.watchesUpdates()

	for _, step := range []struct {
		why, image, strategy string
		updated, ready       int
	}{
		{"paused", "agent:2", "paused: true", 0, 6},
		{"resumed as far as the partition", "agent:2", "partition: 4", 2, 6},
		{"paused half-way", "agent:2", "paused: true", 2, 6},
		{"resumed", "agent:2", "", 6, 6},
		{"an image that cannot be pulled", "agent:bad", "", 2, 4},
		{"the one before", "agent:2", "", 6, 6},
		{"a good one", "agent:3", "", 6, 6},
	} {
		s.applies(s.agentSet(step.image, two+step.strategy+"}"))
		updatedReady := step.updated
		if step.ready < 6 {
			updatedReady = 0
		}
		s.Log(step.why)
		s.sidecarsAre(counts{MatchedPods: 6, UpdatedPods: step.updated, ReadyPods: step.ready, UpdatedReadyPods: updatedReady})
		s.eventually(fmt.Sprintf("%d pods have %s", step.updated, step.image), func(context.Context) error {
			if got := up.has(step.image); got != step.updated {
				return fmt.Errorf("%d have", got)
			}
			return nil
		})
	}
	s.must("see no more than two pods unavailable at a time", stop())

	for cluster, ids := range before {
		pods, err := s.pods(cluster)
		s.must("list the pods", err)
		for _, pod := range pods {
			app, agent := statusOf(&pod, "app"), statusOf(&pod, "agent")
			if app.RestartCount != 0 || app.ContainerID != ids[pod.Name] {
				t.Errorf("the app of %s %s was started again: it was %q and is %q", pod.Name, cluster.Name(), ids[pod.Name], app.ContainerID)
			}
			if container(&pod, "agent").Image != "agent:3" || agent.Image != "agent:3" || agent.RestartCount < 2 {
				t.Errorf("the agent of %s %s is %+v, want agent:3 after two restarts", pod.Name, cluster.Name(), agent)
			}
		}
	}
}

// appContainers are the ids of the app's containers in a cluster, by pod.
func (s *story) appContainers(cluster *playground.Cluster) map[string]string {
	s.Helper()
	pods, err := s.pods(cluster)
	s.must("list the pods", err)
	ids := map[string]string{}
	for _, pod := range pods {
		ids[pod.Name] = statusOf(&pod, "app").ContainerID
	}
	return ids
}

// updates sees every change of the story's upstream pods.
type updates struct {
	mu   sync.Mutex
	pods map[types.UID]*corev1.Pod
	most int // how many pods were unavailable at one time, at most
	err  error
}

// watchesUpdates starts to watch the pods that there are. stop says whether more than
// two were unavailable at any time, or pods came or went.
func (s *story) watchesUpdates() (u *updates, stop func() error) {
	s.Helper()
	ctx, cancel := context.WithCancel(s.ctx)
	s.Cleanup(cancel)
	pods := s.upstream.Client().CoreV1().Pods(s.namespace)
	list, err := pods.List(ctx, metav1.ListOptions{})
	s.must("list the pods", err)
	events, err := pods.Watch(ctx, metav1.ListOptions{ResourceVersion: list.ResourceVersion})
	s.must("watch the pods", err)
	u = &updates{pods: map[types.UID]*corev1.Pod{}}
	for i := range list.Items {
		u.pods[list.Items[i].UID] = &list.Items[i]
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for event := range events.ResultChan() {
			if ctx.Err() == nil { // the end of a watch may be told as an error
				u.sees(event)
			}
		}
	}()
	return u, func() error {
		cancel()
		events.Stop()
		<-done
		u.mu.Lock()
		defer u.mu.Unlock()
		if u.most > 2 {
			u.err = errors.Join(u.err, fmt.Errorf("%d pods were unavailable at one time", u.most))
		}
		return u.err
	}
}

func (u *updates) sees(event watch.Event) {
	u.mu.Lock()
	defer u.mu.Unlock()
	pod, isPod := event.Object.(*corev1.Pod)
	if !isPod || event.Type != watch.Modified {
		u.err = errors.Join(u.err, fmt.Errorf("%s %T", event.Type, event.Object))
		return
	}
	u.pods[pod.UID] = pod
	unavailable := 0
	for _, pod := range u.pods {
		if !settledOn(pod) {
			unavailable++
		}
	}
	u.most = max(u.most, unavailable)
}

// settledOn says that a pod is ready and runs the images that it is to run.
func settledOn(pod *corev1.Pod) bool {
	for _, c := range pod.Spec.Containers {
		if status := statusOf(pod, c.Name); status.Image != c.Image || !status.Ready {
			return false
		}
	}
	return true
}

// has counts the pods whose agent is to run an image.
func (u *updates) has(image string) (n int) {
	u.mu.Lock()
	defer u.mu.Unlock()
	for _, pod := range u.pods {
		if container(pod, "agent").Image == image {
			n++
		}
	}
	return n
}
