package stories

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
)

// tells says whether somebody may watch what was written; the log also has what becomes
// of leases.
func (e entry) tells() bool {
	return slices.Contains([]string{"pods", "events", "nodes"}, e.ObjectRef.Resource)
}

// isHeartbeatOf says whether the write left the node as it was, but for the time at which
// it last said so. Virtual nodes write such once a minute, whatever happens.
func (e entry) isHeartbeatOf(was *corev1.Node) bool {
	is := &corev1.Node{}
	return json.Unmarshal(e.ResponseObject, is) == nil && equality.Semantic.DeepEqual(timeless(is), timeless(was))
}

// timeless returns what a node says of itself, without when it said so.
func timeless(node *corev1.Node) *corev1.Node {
	said := &corev1.Node{
		ObjectMeta: metav1.ObjectMeta{Labels: node.Labels, Annotations: maps.Clone(node.Annotations)},
		Spec:       node.Spec, Status: *node.Status.DeepCopy(),
	}
	for i := range said.Status.Conditions {
		said.Status.Conditions[i].LastHeartbeatTime = metav1.Time{}
	}
	// Virtual Kubelet writes down what it wrote, with the time.
	delete(said.Annotations, "virtual-kubelet.io/last-applied-node-status")
	return said
}

// written returns what anybody wrote since then to the node, which was so, and in the
// namespaces of the story. What is about its newcomers is counted only.
func (s *lossStory) written(since time.Time, was *corev1.Node) (newcomers int, others []entry) {
	s.Helper()
	for _, e := range s.audited(s.on.upstream.AuditLog()) {
		ours := e.ObjectRef.Resource == "nodes" && e.ObjectRef.Name == s.name || e.ObjectRef.Namespace == s.namespace || e.ObjectRef.Namespace == s.staying
		switch {
		case !ours || !e.tells() || !e.RequestReceivedTimestamp.After(since) || e.isHeartbeatOf(was):
		case strings.HasPrefix(e.ObjectRef.Name, "newcomer-"), e.ObjectRef.Resource == "pods" && e.Verb == "create":
			newcomers++
		default:
			others = append(others, e)
		}
	}
	return newcomers, others
}

// identities sees which pods of StatefulSets run downstream, in any namespace.
type identities struct {
	stop func()

	mu      sync.Mutex
	running map[string]map[types.UID]bool
	twice   []error
	seen    int
}

func (l *losing) watchesIdentities(t *testing.T) *identities {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	t.Cleanup(cancel)
	stream, err := l.downstream.Client().CoreV1().Pods("").Watch(ctx, metav1.ListOptions{LabelSelector: "app=db"})
	if err != nil {
		t.Fatal(err)
	}
	i := &identities{running: map[string]map[types.UID]bool{}}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for event := range stream.ResultChan() {
			if pod, isPod := event.Object.(*corev1.Pod); isPod {
				i.sees(pod, event.Type == watch.Deleted)
			}
		}
	}()
	i.stop = func() {
		cancel()
		stream.Stop()
		<-done
	}
	return i
}

func (i *identities) sees(pod *corev1.Pod, gone bool) {
	i.mu.Lock()
	defer i.mu.Unlock()
	running := i.running[pod.Name]
	if running == nil {
		running = map[types.UID]bool{}
		i.running[pod.Name] = running
	}
	delete(running, pod.UID)
	if pod.Status.Phase == corev1.PodRunning && !gone {
		running[pod.UID] = true
		i.seen++
	}
	if len(running) > 1 {
		i.twice = append(i.twice, fmt.Errorf("%d pods %s were Running at a time", len(running), pod.Name))
	}
}

func (i *identities) sawOneOfEach() error {
	i.stop()
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.seen == 0 {
		return errors.New("no StatefulSet's pod was seen")
	}
	return errors.Join(i.twice...)
}
