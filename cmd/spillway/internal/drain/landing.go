package drain

import (
	"fmt"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/spillway-io/spillway/webhook/spread"
)

// Before is what a workload had before one of its pods was evicted.
type Before struct {
	Controller types.UID
	Pod        types.UID
	// Pods are those there were, Active and Ready how many of them were.
	Pods          map[types.UID]bool
	Active, Ready int
}

// before counts what the controller of a pod has.
func before(pod *corev1.Pod, peers []*corev1.Pod) Before {
	owner, _ := spread.ControllerOf(pod)
	b := Before{Controller: owner.UID, Pod: pod.UID, Pods: map[types.UID]bool{}}
	for _, peer := range peers {
		if !b.has(peer) {
			continue
		}
		b.Pods[peer.UID] = true
		b.count(peer)
	}
	return b
}

func (b *Before) has(peer *corev1.Pod) bool {
	owner, ok := spread.ControllerOf(peer)
	return ok && owner.UID == b.Controller
}

func (b *Before) count(pod *corev1.Pod) {
	if !spread.IsActive(pod) {
		return
	}
	b.Active++
	if isReady(pod) {
		b.Ready++
	}
}

// Landing is what became of an eviction.
type Landing struct {
	// Done says that the workload has as many pods as before, and as many that are ready,
	// or as many as it wants by now.
	Done bool
	// Came are the pods that came since.
	Came []*corev1.Pod
	// Back is the pod that came to the same node again.
	Back *corev1.Pod
	// Waits is the pod for which a scheduler finds no node, and Word what that says.
	Waits *corev1.Pod
	Word  string
	// Slow says why it is not done, if nothing worse is to be said.
	Slow string
}

// landing compares what a workload has now with what it had. wanted is how many pods its
// controller wants; nil if that is not known.
func (b Before) landing(node string, peers []*corev1.Pod, wanted *int) Landing {
	now := Before{Controller: b.Controller}
	l := Landing{}
	gone := true
	for _, peer := range peers {
		if !b.has(peer) {
			continue
		}
		now.count(peer)
		if peer.UID == b.Pod && spread.IsActive(peer) {
			gone = false
		}
		if b.Pods[peer.UID] || !spread.IsActive(peer) {
			continue
		}
		l.Came = append(l.Came, peer)
		if peer.Spec.NodeName == node {
			l.Back = peer
		}
		if says, ok := spread.UnschedulableOf(peer); ok {
			l.Waits, l.Word = peer, says.Message
		}
	}
	active, ready := b.Active, b.Ready
	if wanted != nil {
		active, ready = min(active, *wanted), min(ready, *wanted)
	}
	l.Done = gone && now.Active >= active && now.Ready >= ready
	l.Slow = b.slow(now, l)
	return l
}

func (b Before) slow(now Before, l Landing) string {
	if len(l.Came) == 0 && now.Active < b.Active {
		return "no pod came instead; the events of its controller say why"
	}
	for _, pod := range l.Came {
		if !isReady(pod) {
			return fmt.Sprintf("pod %s is not ready: %s", pod.Name, state(pod))
		}
	}
	return fmt.Sprintf("%d of %d pods are ready", now.Ready, b.Ready)
}

// state is what a pod that is not ready says of itself.
func state(pod *corev1.Pod) string {
	words := []string{string(pod.Status.Phase)}
	if pod.Spec.NodeName != "" {
		words = append(words, "on "+pod.Spec.NodeName)
	}
	for i := range pod.Status.ContainerStatuses {
		if s := &pod.Status.ContainerStatuses[i]; s.State.Waiting != nil {
			words = append(words, fmt.Sprintf("container %s: %s %s", s.Name, s.State.Waiting.Reason, s.State.Waiting.Message))
		}
	}
	if pod.Status.Message != "" {
		words = append(words, pod.Status.Message)
	}
	return strings.TrimSpace(strings.Join(words, ", "))
}

// stuck says why there is no use in waiting any longer, so long after the eviction; it
// is empty if there is.
func (l Landing) stuck(node string, after, patience, timeout time.Duration) string {
	switch {
	case l.Back != nil:
		return fmt.Sprintf("pod %s came to %s again", l.Back.Name, node)
	case l.Waits != nil && after >= patience:
		return fmt.Sprintf("pod %s waits for a node: %s", l.Waits.Name, l.Word)
	case after >= timeout:
		return l.Slow
	default:
		return ""
	}
}

func isReady(pod *corev1.Pod) bool {
	for i := range pod.Status.Conditions {
		if c := &pod.Status.Conditions[i]; c.Type == corev1.PodReady {
			return c.Status == corev1.ConditionTrue
		}
	}
	return false
}
