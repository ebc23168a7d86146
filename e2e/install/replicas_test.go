package install

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"syscall"
	"time"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/spillway-io/spillway/api"
)

// losesReplicas kills the process of one webhook, then that of the other, and both
// again, each when the API server knows that the one before is back, and has no
// request any more from before that: one fault at a time.
func (s *story) losesReplicas() {
	before := s.secondAnswered()
	l := s.creates(50)
	for _, serves := range []string{"first", "second", "first", "second"} {
		begun := time.Now()
		s.kills(serves)
		s.Logf("killed the %s webhook; it is ready again: %.1f s", serves, time.Since(begun).Seconds())
		for range 2 { // the API server's own news are some milliseconds old
			s.settles(l)
		}
	}
	s.ends(l)
	second := s.secondAnswered() - before
	s.Logf("%d of %d creates were answered by the second webhook", second, l.created)
	if second == 0 || second >= l.created {
		s.Errorf("no fault was seen, or the first webhook was not: the second has answered %d of %d", second, l.created)
	}
}

// kills ends a webhook's process without asking, and waits until the pod has
// another one that is ready.
func (s *story) kills(serves string) {
	s.Helper()
	selector := "app.kubernetes.io/component=webhook,spillway.io/serves=" + serves
	only := func(ctx context.Context) (*corev1.Pod, error) {
		list, err := s.upstream.Client().CoreV1().Pods(namespace).List(ctx, metav1.ListOptions{LabelSelector: selector})
		if err != nil {
			return nil, err
		}
		if len(list.Items) != 1 || len(list.Items[0].Status.ContainerStatuses) != 1 {
			return nil, fmt.Errorf("%d pods, want one", len(list.Items))
		}
		return &list.Items[0], nil
	}
	pod, err := only(s.ctx)
	s.must("find the "+serves+" webhook", err)
	was := pod.Status.ContainerStatuses[0]
	pid, err := s.own.ContainerPID(s.ctx, was.ContainerID)
	s.must("find its process", err)
	s.must("kill it", syscall.Kill(pid, syscall.SIGKILL))
	s.eventually("it is ready again", func(ctx context.Context) error {
		pod, err := only(ctx)
		if err != nil {
			return err
		}
		if is := pod.Status.ContainerStatuses[0]; is.RestartCount != was.RestartCount+1 || !is.Ready {
			return fmt.Errorf("it was started %d times and is ready: %t", is.RestartCount, is.Ready)
		}
		return s.isFound(ctx, release+"-webhook-"+serves)
	})
}

// isFound says whether a Service leads somewhere.
func (s *story) isFound(ctx context.Context, service string) error {
	slices, err := s.upstream.Client().DiscoveryV1().EndpointSlices(namespace).List(ctx, metav1.ListOptions{LabelSelector: discoveryv1.LabelServiceName + "=" + service})
	if err != nil {
		return err
	}
	for _, slice := range slices.Items {
		for _, endpoint := range slice.Endpoints {
			if endpoint.Conditions.Ready == nil || *endpoint.Conditions.Ready {
				return nil
			}
		}
	}
	return errors.New(service + " has no ready endpoint")
}

// secondAnswered counts the requests that the second webhook has answered since the
// API server was started. It is not asked again about a pod that the first has been
// asked about again meanwhile.
func (s *story) secondAnswered() int {
	s.Helper()
	metrics := s.kubectl(s.upstream, "", "get", "--raw", "/metrics")
	total := 0
	for line := range strings.Lines(metrics) {
		name, value, found := strings.Cut(strings.TrimSpace(line), "} ")
		if !found || !strings.HasPrefix(name, "apiserver_admission_webhook_request_total{code=\"200\"") || !strings.Contains(name, `"labelled-pods-2.spillway.io"`) {
			continue
		}
		n, err := strconv.Atoi(value)
		s.must("read a metric", err)
		total += n
	}
	return total
}

// losesAll has no webhook run any more: who opted in is told so, and all others
// notice nothing.
func (s *story) losesAll() {
	scale := func(replicas int) {
		s.ours("scale", "deployment/"+release+"-webhook-first", "deployment/"+release+"-webhook-second", fmt.Sprint("--replicas=", replicas))
	}
	scale(0)
	pods := s.upstream.Client().CoreV1().Pods(corev1.NamespaceDefault)
	s.eventually("pods that opted in are refused", func(ctx context.Context) error {
		_, err := pods.Create(ctx, gatedPod(api.OptedIn), metav1.CreateOptions{})
		if err == nil {
			return errors.New("they are admitted")
		}
		if !strings.Contains(err.Error(), `failed calling webhook "labelled-pods`) {
			return err
		}
		s.Logf("refused: %v", err)
		return nil
	})
	for _, optIn := range []string{api.OptedOut, ""} {
		pod := gatedPod(optIn)
		if optIn == "" {
			delete(pod.Labels, api.OptInLabel)
		}
		begun := time.Now()
		created, err := pods.Create(s.ctx, pod, metav1.CreateOptions{})
		s.must("create a pod that did not opt in", err)
		if len(created.Annotations) > 0 || time.Since(begun) > time.Second {
			s.Errorf("a pod that did not opt in took %s and has the annotations %v", time.Since(begun), created.Annotations)
		}
	}
	scale(1)
	s.rolledOut()
}
