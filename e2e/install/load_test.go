package install

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/spillway-io/spillway/api"
)

// createTimeout is how long a user waits; an API server asks each webhook for 5 s.
const createTimeout = 30 * time.Second

// load creates pods that opted in at a steady rate, each with a request of its own.
// They are real ones, but nobody schedules them: they have a scheduling gate.
type load struct {
	stop    chan struct{}
	running sync.WaitGroup
	begun   time.Time

	mu sync.Mutex
	// created counts requests. Those under way have the number that they got.
	created  int
	underWay map[int]bool
	slowest  time.Duration
	// failed are errors, bare the names of pods that nobody handled.
	failed, bare []string
}

// creates makes so many pods a second until the load is ended.
func (s *story) creates(perSecond int) *load {
	s.Helper()
	l := &load{stop: make(chan struct{}), begun: time.Now(), underWay: map[int]bool{}}
	l.running.Go(func() {
		tick := time.NewTicker(time.Second / time.Duration(perSecond))
		defer tick.Stop()
		for {
			select {
			case <-l.stop:
				return
			case <-s.ctx.Done():
				return
			case <-tick.C:
				l.running.Go(func() {
					number := l.begin()
					pod, took, err := s.createsOne()
					l.end(number, pod, took, err)
				})
			}
		}
	})
	return l
}

// ends has no more pods made, and says what became of them: all must have been
// created, and handled.
func (s *story) ends(l *load) {
	s.Helper()
	close(l.stop)
	l.running.Wait()
	lasted := time.Since(l.begun).Seconds()
	s.Logf("%d creates in %.1f s, %.1f a second; %d failed, %d were not handled, the slowest took %d ms",
		l.created, lasted, float64(l.created)/lasted, len(l.failed), len(l.bare), l.slowest.Milliseconds())
	if len(l.failed)+len(l.bare) > 0 {
		s.Errorf("failed: %q\nnot handled: %q", l.failed[:min(5, len(l.failed))], l.bare[:min(5, len(l.bare))])
	}
}

// settles waits until all requests that are under way now have ended.
func (s *story) settles(l *load) {
	s.Helper()
	l.mu.Lock()
	now := l.created
	l.mu.Unlock()
	s.eventually("what was under way has ended", func(context.Context) error {
		l.mu.Lock()
		defer l.mu.Unlock()
		for number := range l.underWay {
			if number < now {
				return fmt.Errorf("request %d has not", number)
			}
		}
		return nil
	})
}

func (l *load) begin() (number int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	number = l.created
	l.underWay[number] = true
	l.created++
	return number
}

func (l *load) end(number int, pod *corev1.Pod, took time.Duration, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.underWay, number)
	l.slowest = max(l.slowest, took)
	if err != nil {
		l.failed = append(l.failed, err.Error())
	} else if handled(pod) != nil {
		l.bare = append(l.bare, pod.Name)
	}
}

// createsOne creates a pod and returns how long that took.
func (s *story) createsOne() (*corev1.Pod, time.Duration, error) {
	ctx, cancel := context.WithTimeout(s.ctx, createTimeout)
	defer cancel()
	begun := time.Now()
	pod, err := s.upstream.Client().CoreV1().Pods(corev1.NamespaceDefault).Create(ctx, gatedPod(api.OptedIn), metav1.CreateOptions{})
	return pod, time.Since(begun), err
}

// gatedPod is a pod that wants a fast disk and waits for somebody to open its gate.
func gatedPod(optIn string) *corev1.Pod {
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{GenerateName: "load-", Labels: map[string]string{"app": "load", api.OptInLabel: optIn}},
		Spec: corev1.PodSpec{
			SchedulingGates: []corev1.PodSchedulingGate{{Name: "example.com/never"}},
			NodeSelector:    map[string]string{"disktype": "ssd"},
			Containers:      []corev1.Container{{Name: "none", Image: "none"}},
		},
	}
}

// handled says what a pod lacks that the webhook has handled.
func handled(pod *corev1.Pod) error {
	switch {
	case !strings.Contains(pod.Annotations[api.StashAnnotation], `"disktype":"ssd"`):
		return fmt.Errorf("its stash is %q", pod.Annotations[api.StashAnnotation])
	case pod.Annotations[api.StashMarkerAnnotation] == "":
		return fmt.Errorf("its stash has no marker")
	case len(pod.Spec.NodeSelector) > 0:
		return fmt.Errorf("its node selector is %v", pod.Spec.NodeSelector)
	default:
		return nil
	}
}
