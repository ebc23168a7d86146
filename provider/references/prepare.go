package references

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/workqueue"
	logf "sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	"sigs.k8s.io/controller-runtime/pkg/source"

	"github.com/spillway-io/spillway/provider/pods"
	"github.com/spillway-io/spillway/provider/translate"
)

// Prepare makes the copies and tokens that a pod about to be created downstream
// refers to. An error may be the downstream API server's answer that the namespace
// does not exist.
func (c *Controller) Prepare(ctx context.Context, upstream *corev1.Pod) ([]pods.Obstacle, error) {
	wants := Wanted(upstream, c.rules)
	for _, want := range wants {
		if want.Origin == (Origin{}) {
			continue
		}
		// All of them begin before the first is waited for.
		if _, err := c.watches.ensure(want); err != nil {
			return nil, err
		}
	}
	obstacles := reserved(upstream, c.rules)
	for _, want := range wants {
		if want.Origin == (Origin{}) && len(obstacles) > 0 {
			// Tokens come last: those of a pod that waits would only grow old.
			break
		}
		found, err := c.prepare(ctx, user{Pod: upstream, Rules: c.rules, Want: want})
		if err != nil {
			return nil, err
		}
		obstacles = append(obstacles, found...)
	}
	return obstacles, nil
}

// reserved are the obstacles of a pod that names what is not for it, such as the
// Secret of another pod's tokens, be it optional or not: it may come to be later.
func reserved(upstream *corev1.Pod, rules translate.Rules) []pods.Obstacle {
	var obstacles []pods.Obstacle
	for _, r := range translate.References(upstream, rules) {
		if r.IsReserved() {
			obstacles = append(obstacles, pods.Obstacle{Reason: ReasonReserved, Message: fmt.Sprintf(
				"%s %q has a name that Spillway keeps for its own in the downstream cluster; use another one", r.Kind, upstream.Namespace+"/"+r.Name)})
		}
	}
	return obstacles
}

// prepare returns one obstacle or none.
func (c *Controller) prepare(ctx context.Context, u user) ([]pods.Obstacle, error) {
	pod, key := types.NamespacedName{Namespace: u.Pod.Namespace, Name: u.Pod.Name}, u.Want.Key
	// Before the copy is looked at, or a change right after that would wake nobody.
	c.book.wait(key, pod)
	result, err := c.settle(ctx, u)
	if o, is := errors.AsType[*obstacle](err); is {
		return []pods.Obstacle{{Reason: o.Reason, Message: o.Message, Again: cmp.Or(o.Again, conflictRetry)}}, nil
	}
	if err != nil {
		return nil, err
	}
	switch {
	case result.State == Conflict:
		return []pods.Obstacle{{Reason: ReasonConflict, Message: result.Message, Again: result.Again}}, nil
	case result.State == Missing && !u.Want.Optional:
		reason, message := missing(u.Want)
		return []pods.Obstacle{{Reason: reason, Message: message}}, nil
	case result.State == Missing:
		reason, message := missing(u.Want)
		c.tell(u, State(reason), reason, message)
	}
	c.book.calm(key, pod)
	return nil, nil
}

func missing(want Want) (reason, message string) {
	what := fmt.Sprintf("%s %q", want.Kind, want.Origin.Namespace+"/"+want.Origin.Name)
	switch {
	case want.Optional && want.Kind == translate.ConfigMap:
		return ReasonOptionalConfigMap, what + " does not exist; the pod runs without it, and gets it when it is created"
	case want.Optional:
		return ReasonOptionalSecret, what + " does not exist; the pod runs without it, and gets it when it is created"
	case want.Kind == translate.ConfigMap:
		return ReasonMandatoryConfigMap, what + " does not exist upstream; the pod starts when it is created"
	default:
		return ReasonMandatorySecret, what + " does not exist upstream; the pod starts when it is created"
	}
}

// settle makes one copy what its user needs, and wakes the pods that wait for the
// state that it has now.
func (c *Controller) settle(ctx context.Context, u user) (outcome, error) {
	result, err := c.work(ctx, u)
	if err != nil {
		return outcome{}, err
	}
	c.wake(c.book.turn(u.Want.Key, result.State))
	return result, nil
}

func (c *Controller) work(ctx context.Context, u user) (outcome, error) {
	if u.Want.Origin == (Origin{}) {
		return c.keeper.work(ctx, u.Want.Key, &tokenTask{
			key: u.Want.Key, pod: u.Pod, rules: u.Rules, upstream: c.tokens, clock: c.keeper.clock, metrics: c.metrics,
		})
	}
	watched, err := c.watches.look(ctx, u.Want)
	if err != nil {
		return outcome{}, err
	}
	return c.keeper.work(ctx, u.Want.Key, &objectTask{
		want: u.Want, watched: watched, identity: c.rules.Identity, users: c.users, upstream: c.upstream,
	})
}

// reconcile looks at one copy after something about it has changed.
func (c *Controller) reconcile(ctx context.Context, key Key) (reconcile.Result, error) {
	one, used := c.users.tallies.one(key)
	if !used {
		users, held, err := c.users.of(ctx, key)
		if err != nil {
			return reconcile.Result{}, err
		}
		if len(users) == 0 {
			c.watches.end(key)
			c.book.forget(key)
			if !held {
				c.collector.kick()
			}
			return reconcile.Result{}, nil
		}
		one = users[0]
	}
	result, err := c.settle(ctx, one)
	if pods.IsHomeless(err) {
		// The namespace is made for the first pod in it, which is then prepared again: be
		// it one that has waited for this copy.
		c.wake(c.book.rouse(key))
		logf.FromContext(ctx).V(1).Info("A copy waits for its namespace", "kind", key.Kind, "namespace", key.Namespace, "name", key.Name)
		return reconcile.Result{RequeueAfter: homelessRetry}, nil
	}
	if o, is := errors.AsType[*obstacle](err); is {
		return reconcile.Result{RequeueAfter: cmp.Or(o.Again, conflictRetry)}, c.tellRunning(ctx, key, State(o.Reason), o.Reason, o.Message)
	}
	if err != nil {
		return reconcile.Result{}, err
	}
	if result.State == Conflict {
		return reconcile.Result{RequeueAfter: result.Again}, c.tellRunning(ctx, key, Conflict, ReasonConflict, result.Message)
	}
	c.book.trouble(key, false)
	return reconcile.Result{RequeueAfter: result.Again}, nil
}

// tellRunning tells those pods that Prepare does not tell any more.
func (c *Controller) tellRunning(ctx context.Context, key Key, state State, reason, message string) error {
	// First: a pod that starts from here on has the copy looked at again.
	c.book.trouble(key, true)
	users, _, err := c.users.of(ctx, key)
	if err != nil {
		return err
	}
	uids := make(map[types.UID]bool, len(users))
	for _, u := range users {
		uids[u.Pod.UID] = true
		if translate.Started(u.Pod) {
			c.tell(u, state, reason, message)
		}
	}
	c.book.on(key, func(p *page) { maps.DeleteFunc(p.told, func(uid types.UID, _ State) bool { return !uids[uid] }) })
	return nil
}

// tell sends an event about a pod, once for each state of the copy.
func (c *Controller) tell(u user, state State, reason, message string) {
	if !c.book.tell(u.Want.Key, u.Pod.UID, state) {
		return
	}
	pod := &corev1.ObjectReference{APIVersion: "v1", Kind: "Pod", Namespace: u.Pod.Namespace, Name: u.Pod.Name, UID: u.Pod.UID}
	c.events.Eventf(pod, nil, corev1.EventTypeWarning, reason, "CopyReferences", "%s", translate.EventText(message))
}

// Woken names the pods whose obstacles may be gone.
func (c *Controller) Woken() source.Source {
	return source.Func(func(_ context.Context, queue workqueue.TypedRateLimitingInterface[reconcile.Request]) error {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.pods = queue
		return nil
	})
}

func (c *Controller) wake(pods []types.NamespacedName) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.pods == nil {
		return // Nobody waits: who does was prepared by the controller that has it.
	}
	for _, pod := range pods {
		c.pods.Add(reconcile.Request{NamespacedName: pod})
	}
}
