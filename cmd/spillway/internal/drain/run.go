package drain

import (
	"context"
	"errors"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/spillway-io/spillway/webhook/spread"
)

const (
	// settle is how long after the cordon the first pod is evicted: each replica of the
	// webhook must have heard of it, or it sends the pod that comes instead back.
	settle = 2 * time.Second
	// look is how often what is watched is looked at.
	look = 200 * time.Millisecond
)

// ErrNotVirtual says that the node is no virtual node.
var ErrNotVirtual = errors.New("it is no virtual node (label type=virtual-kubelet); for any other there is kubectl drain")

// Options say what is to be drained, and how patiently.
type Options struct {
	// Node is the name of the virtual node.
	Node string
	// HomeOnly leaves the pods alone that would not come to own machines.
	HomeOnly bool
	// DryRun tells what would become of each pod, and changes nothing.
	DryRun bool
	// Timeout is how long one pod may take: until its eviction is allowed, and then until
	// the pod that comes instead is ready.
	Timeout time.Duration
	// Patience is how long a scheduler may find no node for that pod.
	Patience time.Duration
	// Tell is called for each event, in their order; an error of it ends the drain.
	Tell func(Event) error
}

// Outcome is how a drain ended.
type Outcome struct {
	// Moved is how many pods left.
	Moved int
	// Stay is how many stay because of which the node is not drained.
	Stay int
	// Stopped says that it ended early, since a pod did not arrive.
	Stopped bool
}

// Run drains a node. The error tells of what could not be done at all; the node stays
// cordoned then, too, and to run it again goes on.
func Run(ctx context.Context, config *rest.Config, options Options) (Outcome, error) {
	live, err := newClient(config)
	if err != nil {
		return Outcome{}, err
	}
	d := &drain{
		Options: options, live: live, began: time.Now(),
		held: map[types.UID]*hold{}, evicted: map[types.UID]bool{},
	}
	if err := d.cordon(ctx); err != nil {
		return Outcome{}, err
	}
	if d.watcher, err = watch(ctx, config, live, options.Node); err != nil {
		return Outcome{}, err
	}
	defer d.watcher.Close()
	if d.watcher == nil {
		return Outcome{}, d.tell(Event{Event: "drained"})
	}
	if options.DryRun {
		return d.plan(ctx)
	}
	return d.run(ctx)
}

// drain is one run.
type drain struct {
	Options

	live    client.Client
	watcher *watcher
	began   time.Time
	// moved counts, total is the last estimate of how many there are to move.
	moved, total int
	// held are the controllers whose pods wait.
	held map[types.UID]*hold
	// evicted are the pods that are on their way out.
	evicted map[types.UID]bool
}

// cordon cordons the node, if it is not yet, and waits until that is known.
func (d *drain) cordon(ctx context.Context) error {
	node := &corev1.Node{}
	if err := d.live.Get(ctx, client.ObjectKey{Name: d.Node}, node); err != nil {
		return fmt.Errorf("cannot read the node: %w", err)
	}
	switch {
	case !isVirtual(node):
		return fmt.Errorf("cannot drain node %q: %w", d.Node, ErrNotVirtual)
	case node.Spec.Unschedulable || d.DryRun:
		return nil
	}
	patch := client.RawPatch(types.MergePatchType, []byte(`{"spec":{"unschedulable":true}}`))
	if err := d.live.Patch(ctx, node, patch); err != nil {
		return fmt.Errorf("cannot cordon the node: %w", err)
	}
	if err := d.tell(Event{Event: "cordoned"}); err != nil {
		return err
	}
	return pause(ctx, settle)
}

// plan tells what would become of the pods.
func (d *drain) plan(ctx context.Context) (Outcome, error) {
	fates, _, err := d.look(ctx)
	if err != nil {
		return Outcome{}, err
	}
	if err := d.tellPlan(fates); err != nil {
		return Outcome{}, err
	}
	for _, f := range fates {
		if !f.Goes {
			continue
		}
		if err := d.tell(f.event("goes")); err != nil {
			return Outcome{}, err
		}
	}
	stay, err := d.tellStays(fates)
	return Outcome{Stay: stay}, err
}

// run moves pod after pod, and plans anew before each: whatever happened meanwhile
// counts.
func (d *drain) run(ctx context.Context) (Outcome, error) {
	fates, _, err := d.look(ctx)
	if err == nil {
		err = d.tellPlan(fates)
	}
	for err == nil {
		var more bool
		fates, more, err = d.advance(ctx)
		if err == nil && !more {
			return d.finish(ctx, fates)
		}
	}
	if errors.Is(err, errStopped) {
		return Outcome{Moved: d.moved, Stay: len(fates), Stopped: true}, nil
	}
	return d.outcome(0), err
}

// errStopped says that a pod did not arrive, which was told of.
var errStopped = errors.New("a pod did not arrive")

// advance moves one pod, or lets time pass if all have to wait; more is false if there
// is none.
func (d *drain) advance(ctx context.Context) (fates []Fate, more bool, err error) {
	fates, world, err := d.look(ctx)
	if err != nil {
		return nil, false, err
	}
	d.total = d.moved + len(leaving(fates))
	f, wait, err := d.next(ctx, world, fates)
	switch {
	case err != nil:
		return fates, false, err
	case f != nil:
		return fates, true, d.step(ctx, world, *f)
	default:
		return fates, wait > 0, pause(ctx, wait)
	}
}

// look gathers and plans.
func (d *drain) look(ctx context.Context) ([]Fate, World, error) {
	world, err := d.watcher.look(ctx, d.HomeOnly)
	if err != nil {
		return nil, world, err
	}
	return Plan(world), world, nil
}

// finish waits until the pods that were evicted are gone, and tells of those that stay.
func (d *drain) finish(ctx context.Context, fates []Fate) (Outcome, error) {
	stay, err := d.tellStays(fates)
	if err != nil {
		return d.outcome(stay), err
	}
	late := time.Now().Add(d.Timeout)
	for told := false; ; told = true {
		peers, err := d.watcher.peers(ctx)
		if err != nil {
			return d.outcome(stay), err
		}
		going := d.going(peers)
		if going == 0 {
			return d.outcome(stay), d.tell(Event{Event: "drained", Stay: stay})
		}
		if time.Now().After(late) {
			return d.outcome(stay + going), d.tell(Event{Event: "drained", Stay: stay + going})
		}
		if !told {
			if err := d.tell(Event{Event: "going", Stay: going}); err != nil {
				return d.outcome(stay), err
			}
		}
		if err := pause(ctx, look); err != nil {
			return d.outcome(stay), err
		}
	}
}

// going counts the evicted pods that are still there.
func (d *drain) going(peers []*corev1.Pod) (n int) {
	for _, peer := range peers {
		if d.evicted[peer.UID] {
			n++
		}
	}
	return n
}

func (d *drain) outcome(stay int) Outcome { return Outcome{Moved: d.moved, Stay: stay} }

// tell tells of an event, with how far the drain is.
func (d *drain) tell(e Event) error {
	e.Node, e.Moved, e.Total = d.Node, d.moved, max(d.total, d.moved)
	e.Seconds = time.Since(d.began).Seconds()
	if err := d.Tell(e); err != nil {
		return fmt.Errorf("cannot tell what happens: %w", err)
	}
	return nil
}

// pause waits, but no longer than ctx.
func pause(ctx context.Context, long time.Duration) error {
	timer := time.NewTimer(long)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// leaving are the fates of the pods that go.
func leaving(fates []Fate) (all []Fate) {
	for _, f := range fates {
		if f.Goes {
			all = append(all, f)
		}
	}
	return all
}

// backoff is between two tries to evict a pod.
func backoff(tries int) time.Duration {
	return spread.Backoff{Base: time.Second, Max: 15 * time.Second}.After(tries)
}
