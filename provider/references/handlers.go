package references

import (
	"context"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"

	"github.com/spillway-io/spillway/provider/translate"
)

type queue = workqueue.TypedRateLimitingInterface[Key]

// upstreamPods names the copies that a pod is the first to run with, or the last to
// use, see change.matters. Copies of pods that do not run yet are Prepare's.
func (c *Controller) upstreamPods() handler.TypedEventHandler[*corev1.Pod, Key] {
	return handler.TypedFuncs[*corev1.Pod, Key]{
		CreateFunc: func(_ context.Context, e event.TypedCreateEvent[*corev1.Pod], q queue) {
			c.name(q, c.users.tallies.sawAbove(e.Object, false))
		},
		UpdateFunc: func(_ context.Context, e event.TypedUpdateEvent[*corev1.Pod], q queue) {
			c.name(q, c.users.tallies.sawAbove(e.ObjectNew, false))
			resync := e.ObjectOld.ResourceVersion == e.ObjectNew.ResourceVersion
			if resync && translate.Started(e.ObjectNew) {
				for _, want := range Wanted(e.ObjectNew, c.rules) {
					q.Add(want.Key)
				}
			}
		},
		DeleteFunc: func(_ context.Context, e event.TypedDeleteEvent[*corev1.Pod], q queue) {
			c.name(q, c.users.tallies.sawAbove(e.Object, true))
		},
	}
}

// downstreamPods names the copies that a pod of ours is the last to hold.
func (c *Controller) downstreamPods() handler.TypedEventHandler[*corev1.Pod, Key] {
	return handler.TypedFuncs[*corev1.Pod, Key]{
		CreateFunc: func(_ context.Context, e event.TypedCreateEvent[*corev1.Pod], q queue) {
			c.name(q, c.users.tallies.sawBelow(e.Object, false))
		},
		UpdateFunc: func(_ context.Context, e event.TypedUpdateEvent[*corev1.Pod], q queue) {
			c.name(q, c.users.tallies.sawBelow(e.ObjectNew, false))
		},
		DeleteFunc: func(_ context.Context, e event.TypedDeleteEvent[*corev1.Pod], q queue) {
			c.name(q, c.users.tallies.sawBelow(e.Object, true))
		},
	}
}

// name has those copies worked on that changed for it, and those whose trouble a pod
// that has begun to run with them is yet to be told of.
func (c *Controller) name(q queue, changes []change) {
	for _, change := range changes {
		if change.left != "" {
			c.book.untell(change.key, change.left)
		}
		if change.matters() || change.began && c.book.troubled(change.key) {
			q.Add(change.key)
		}
	}
}

// sameCopy names the copy itself, whatever happened to it.
func sameCopy(kind translate.Kind) handler.TypedEventHandler[*metav1.PartialObjectMetadata, Key] {
	return handler.TypedEnqueueRequestsFromMapFunc(func(_ context.Context, object *metav1.PartialObjectMetadata) []Key {
		return []Key{{Kind: kind, Namespace: object.Namespace, Name: object.Name}}
	})
}

// changedCopies names the copies whose upstream objects have changed.
func (c *Controller) changedCopies(_ context.Context, q queue) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.copies = q
	for _, key := range c.watches.keys() {
		q.Add(key)
	}
	return nil
}

// changed is called by watches.
func (c *Controller) changed(key Key) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.copies != nil {
		c.copies.Add(key)
	}
}
