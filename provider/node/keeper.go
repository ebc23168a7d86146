package node

import (
	"cmp"
	"context"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	logf "sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/spillway-io/spillway/provider/capacity"
)

// keeper holds the node's state and tells virtual-kubelet about its changes. It
// is virtual-kubelet's NodeProvider.
type keeper struct {
	spec      Spec
	recovered func()
	// callbacks holds virtual-kubelet's function once it was given.
	callbacks chan func(*corev1.Node)
	// nudges holds at most one wish to write the Node though nothing changed.
	nudges chan struct{}

	mu    sync.Mutex
	state State
}

func newKeeper(spec Spec, recovered func()) *keeper {
	return &keeper{spec: spec, recovered: recovered, callbacks: make(chan func(*corev1.Node), 1), nudges: make(chan struct{}, 1)}
}

// Ping keeps the node's lease: this process lives. Whether the downstream
// cluster does is told by the Ready condition.
func (k *keeper) Ping(context.Context) error { return nil }

// NotifyNodeStatus takes virtual-kubelet's function that writes the Node.
func (k *keeper) NotifyNodeStatus(_ context.Context, callback func(*corev1.Node)) {
	k.callbacks <- callback
}

// Nudge has the Node written, and made anew if it is gone.
func (k *keeper) Nudge() {
	select {
	case k.nudges <- struct{}{}:
	default:
	}
}

// begin sets the first state and returns the Node to register.
func (k *keeper) begin(state State) *corev1.Node {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.state = state
	return Build(k.spec, state)
}

// current is the Node as it should be.
func (k *keeper) current() *corev1.Node {
	k.mu.Lock()
	defer k.mu.Unlock()
	return Build(k.spec, k.state)
}

// run takes in news and passes changes on, until ctx ends.
func (k *keeper) run(ctx context.Context, controllerDone <-chan struct{}, verdicts <-chan verdict, offers <-chan capacity.Offer) {
	var callback func(*corev1.Node)
	select {
	case <-ctx.Done():
		return
	case callback = <-k.callbacks:
	}
	for {
		changed := false
		select {
		case <-ctx.Done():
			return
		case <-k.nudges:
			changed = true
		case v := <-verdicts:
			if v.err == nil && k.failing() {
				k.recovered()
			}
			changed = k.update(ctx, func(s *State) { s.judge(v) })
		case offer := <-offers:
			changed = k.update(ctx, func(s *State) { s.Offer = offer })
		}
		if changed {
			deliver(callback, k.current(), controllerDone)
		}
	}
}

// update changes the state and says whether the Node has to say something new.
func (k *keeper) update(ctx context.Context, change func(*State)) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	before := k.state
	change(&k.state)
	k.state.Now = metav1.NewTime(time.Now())
	if ready := k.state.Ready; before.Ready.OK != ready.OK {
		logf.FromContext(ctx).Info("The node's readiness changed", "ready", ready.OK, "cause", ready.Cause)
	}
	return before.Ready.OK != k.state.Ready.OK || before.Ready.Cause != k.state.Ready.Cause ||
		before.DownstreamVersion != k.state.DownstreamVersion || before.DownstreamID != k.state.DownstreamID ||
		!sameOffer(before.Offer, k.state.Offer)
}

// ready says whether the Node says Ready; not before there is a Node to keep.
func (k *keeper) ready() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.state.Ready.OK
}

// failing says that the last probe failed, be the node Ready or not.
func (k *keeper) failing() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.state.Ready.failures > 0
}

func (s *State) judge(v verdict) {
	s.Ready = s.Ready.Observe(v.err, time.Now())
	s.DownstreamVersion = cmp.Or(v.version, s.DownstreamVersion)
	s.DownstreamID = cmp.Or(v.cluster, s.DownstreamID)
}

// deliver hands the Node to virtual-kubelet. Its function cannot be cancelled
// and, once the controller has stopped with an update unread, never returns; the
// goroutine is then left behind, one at most, in a process that is ending.
func deliver(callback func(*corev1.Node), node *corev1.Node, controllerDone <-chan struct{}) {
	taken := make(chan struct{})
	go func() {
		defer close(taken)
		callback(node)
	}()
	select {
	case <-taken:
	case <-controllerDone:
	}
}
