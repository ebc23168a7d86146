package stories

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
)

// drainers may do what `spillway drain --help` says, and nothing else.
const drainers = `
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: drainer}
rules:
- {apiGroups: [""], resources: [nodes], verbs: [get, list, watch, patch]}
- {apiGroups: [""], resources: [pods], verbs: [list, watch]}
- {apiGroups: [""], resources: [pods/eviction], verbs: [create]}
- {apiGroups: [""], resources: [namespaces, persistentvolumeclaims, persistentvolumes], verbs: [get]}
- {apiGroups: [apps], resources: [deployments, replicasets, statefulsets], verbs: [get, list, watch]}
- {apiGroups: [batch], resources: [jobs], verbs: [get, list, watch]}
- {apiGroups: [apps.kruise.io], resources: [workloadspreads], verbs: [get, list, watch]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: drainer}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: drainer}
subjects: [{apiGroup: rbac.authorization.k8s.io, kind: User, name: drainer}]
`

// drainEvent is as much of a line of `spillway drain -o json` as the stories read.
type drainEvent struct {
	Event, Pod, Why, Do string
	Moved, Total, Stay  int
	Instead             []struct{ Pod, Node, Subset string }
}

// drains runs `spillway drain`, and returns its lines and its exit code.
func (s *story) drains(args ...string) (events []drainEvent, code int) {
	s.Helper()
	out, complaint, code := s.spillwaySays(s.drainArgs(args...)...)
	if code == 1 {
		s.Fatalf("the drain failed: %s%s", out, complaint)
	}
	return s.drainEvents(out), code
}

func (s *story) drainArgs(args ...string) []string {
	s.Helper()
	kubeconfig, err := s.upstream.Kubeconfig("drainer")
	s.must("make a kubeconfig", err)
	return append([]string{"drain", "-o=json", "--kubeconfig=" + kubeconfig}, args...)
}

func (s *story) drainEvents(out string) (events []drainEvent) {
	s.Helper()
	for line := range strings.Lines(out) {
		var e drainEvent
		s.must("read "+line, json.Unmarshal([]byte(line), &e))
		s.Log(strings.TrimSpace(line))
		events = append(events, e)
	}
	return events
}

// drainsUntil runs it until the first event of a kind, sends it a signal then, and
// returns its complaint and its exit code, -1 if the signal ended it.
func (s *story) drainsUntil(event string, signal os.Signal, args ...string) (complaint string, code int) {
	s.Helper()
	cmd := exec.CommandContext(s.ctx, s.spillway, s.drainArgs(args...)...)
	var errOut strings.Builder
	cmd.Stderr = &errOut
	out, err := cmd.StdoutPipe()
	s.must("read the progress", err)
	s.must("begin the drain", cmd.Start())
	seen := false
	for lines := bufio.NewScanner(out); !seen && lines.Scan(); {
		s.Log(lines.Text())
		seen = strings.Contains(lines.Text(), fmt.Sprintf(`"event":%q`, event))
	}
	if !seen {
		s.Fatalf("the drain ended before it told of %q: %s", event, errOut.String())
	}
	s.must("send the signal", cmd.Process.Signal(signal))
	_, err = io.Copy(io.Discard, out)
	s.must("read on", err)
	_ = cmd.Wait() // what it ended with is in its state
	return errOut.String(), cmd.ProcessState.ExitCode()
}

// of are the events of a kind.
func of(kind string, events []drainEvent) (some []drainEvent) {
	for _, e := range events {
		if e.Event == kind {
			some = append(some, e)
		}
	}
	return some
}

// stands waits until all pods of web run, distributed as wanted.
func (s *story) stands(want distribution) {
	s.Helper()
	s.eventually(fmt.Sprintf("web's pods are spread like %v", want), func(context.Context) error {
		pods, err := s.pods(s.upstream)
		if err != nil {
			return err
		}
		got := distribution{}
		for i := range pods {
			if pod := &pods[i]; active(pod) && pod.Labels["app"] == "web" {
				got[where(pod)+" "+string(pod.Status.Phase)]++
			}
		}
		wantRunning := distribution{}
		for where, n := range want {
			wantRunning[where+" Running"] = n
		}
		if diff := cmp.Diff(wantRunning, got); diff != "" {
			return fmt.Errorf("-want +got:\n%s", diff)
		}
		return nil
	})
}

// remainBelow waits until so many downstream pods of a virtual node remain.
func (s *story) remainBelow(node string, want int) {
	s.Helper()
	s.eventually(fmt.Sprintf("%d pods of %s remain downstream", want, node), func(ctx context.Context) error {
		list, err := s.downstream.Client().CoreV1().Pods(s.namespace).List(ctx, metav1.ListOptions{LabelSelector: "spillway.io/virtual-node=" + node})
		if err == nil && len(list.Items) != want {
			err = fmt.Errorf("%d", len(list.Items))
		}
		return err
	})
}

// readiness counts the ready pods of web at all times.
type readiness struct {
	mu    sync.Mutex
	ready map[types.UID]bool
	least int
	ended chan struct{}
}

// countsReady begins to count; least is only to be read after stop.
func (s *story) countsReady() (r *readiness, stop func()) {
	s.Helper()
	ctx, cancel := context.WithCancel(s.ctx)
	s.Cleanup(cancel)
	pods := s.upstream.Client().CoreV1().Pods(s.namespace)
	list, err := pods.List(ctx, metav1.ListOptions{LabelSelector: "app=web"})
	s.must("list the pods", err)
	r = &readiness{ready: map[types.UID]bool{}, ended: make(chan struct{})}
	for i := range list.Items {
		r.sees(&list.Items[i], false)
	}
	r.least = len(r.ready)
	events, err := pods.Watch(ctx, metav1.ListOptions{LabelSelector: "app=web", ResourceVersion: list.ResourceVersion})
	s.must("watch the pods", err)
	go func() {
		defer close(r.ended)
		defer events.Stop()
		for event := range events.ResultChan() {
			if pod, isPod := event.Object.(*corev1.Pod); isPod {
				r.sees(pod, event.Type == watch.Deleted)
			}
		}
	}()
	return r, func() {
		cancel()
		<-r.ended
	}
}

func (r *readiness) sees(pod *corev1.Pod, gone bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.ready, pod.UID)
	for _, c := range pod.Status.Conditions {
		if c.Type == corev1.PodReady && c.Status == corev1.ConditionTrue && active(pod) && !gone {
			r.ready[pod.UID] = true
		}
	}
	r.least = min(r.least, len(r.ready))
}
