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

// upstreamPods names the copies of pods that run, and those whose use begins or
// ends. Copies of pods that do not run yet are Prepare's.
func (c *Controller) upstreamPods() handler.TypedEventHandler[*corev1.Pod, Key] {
	return handler.TypedFuncs[*corev1.Pod, Key]{
		CreateFunc: func(_ context.Context, e event.TypedCreateEvent[*corev1.Pod], q queue) {
			if translate.Started(e.Object) {
				add(q, Wanted(e.Object, c.rules))
			}
		},
		UpdateFunc: func(_ context.Context, e event.TypedUpdateEvent[*corev1.Pod], q queue) {
			before, now := Wanted(e.ObjectOld, c.rules), Wanted(e.ObjectNew, c.rules)
			resync := e.ObjectOld.ResourceVersion == e.ObjectNew.ResourceVersion
			if translate.Started(e.ObjectNew) && (resync || !translate.Started(e.ObjectOld)) {
				add(q, now)
			}
			add(q, without(before, now))
			add(q, without(now, before))
		},
		DeleteFunc: func(_ context.Context, e event.TypedDeleteEvent[*corev1.Pod], q queue) {
			add(q, Wanted(e.Object, c.rules))
		},
	}
}

// downstreamPods names the copies that a pod of ours lets go.
func (c *Controller) downstreamPods() handler.TypedEventHandler[*corev1.Pod, Key] {
	return handler.TypedFuncs[*corev1.Pod, Key]{
		UpdateFunc: func(_ context.Context, e event.TypedUpdateEvent[*corev1.Pod], q queue) {
			if translate.Finished(e.ObjectNew) {
				for _, key := range Mentioned(e.ObjectOld, c.rules) {
					q.Add(key)
				}
			}
		},
		DeleteFunc: func(_ context.Context, e event.TypedDeleteEvent[*corev1.Pod], q queue) {
			for _, key := range Mentioned(e.Object, c.rules) {
				q.Add(key)
			}
		},
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

func add(q queue, wants []Want) {
	for _, want := range wants {
		q.Add(want.Key)
	}
}

// without returns the wants whose copies are not among others.
func without(wants, others []Want) []Want {
	var rest []Want
	for _, want := range wants {
		if _, found := find(others, want.Key); !found {
			rest = append(rest, want)
		}
	}
	return rest
}
