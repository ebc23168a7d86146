package events

import (
	"context"
	"fmt"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes/fake"
	clocktesting "k8s.io/utils/clock/testing"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// podCache is a cache of pods, to be read.
type podCache struct {
	cache.Cache
	pods map[client.ObjectKey]*corev1.Pod
}

func (c podCache) add(pod *corev1.Pod) { c.pods[client.ObjectKeyFromObject(pod)] = pod }

func (c podCache) Get(_ context.Context, key client.ObjectKey, into client.Object, _ ...client.GetOption) error {
	pod, found := c.pods[key]
	if !found {
		return apierrors.NewNotFound(corev1.Resource("pods"), key.Name)
	}
	pod.DeepCopyInto(into.(*corev1.Pod))
	return nil
}

// TestRoutineEventsOfManyPods: when a thousand pods are late at once, few of their
// routine events are written; the others wait, and are dropped when the pods run.
func TestRoutineEventsOfManyPods(t *testing.T) {
	const late = routineBurst + 30
	metrics, err := NewMetrics(prometheus.NewRegistry())
	if err != nil {
		t.Fatal(err)
	}
	above, below := podCache{pods: map[client.ObjectKey]*corev1.Pod{}}, podCache{pods: map[client.ObjectKey]*corev1.Pod{}}
	clients := fake.NewClientset()
	r := NewRunner(Sources{
		Identity: testIdentity(), Upstream: clients, UpstreamPods: above, DownstreamPods: below,
		Metrics: metrics, Clock: clocktesting.NewFakePassiveClock(noon),
	})
	defer r.inbox.queue.ShutDown()
	uids := make([]types.UID, late)
	for i := range late {
		upstream, downstream := pods()
		name := fmt.Sprintf("web-%d", i)
		upstream.Name, downstream.Name, downstream.UID = name, name, types.UID(name)
		above.add(upstream)
		below.add(downstream)
		event := kubeletEvent(func(e *corev1.Event) {
			e.UID, e.Type, e.Reason, e.Count = types.UID("event-"+name), corev1.EventTypeNormal, "Scheduled", 1
			e.InvolvedObject.Name, e.InvolvedObject.UID = name, downstream.UID
		})
		uids[i] = event.UID
		r.inbox.put(news{Event: event})
	}
	each := func() {
		for _, uid := range uids {
			r.process(t.Context(), uid)
		}
	}

	each()
	// A slow machine gains a few tokens meanwhile.
	written := len(clients.Actions())
	if written < routineBurst || written > routineBurst+10 || len(r.inbox.held) != late-written {
		t.Errorf("%d events of pods that are late were written, and %d wait; want about %d, and all others", written, len(r.inbox.held), routineBurst)
	}
	for _, pod := range below.pods {
		pod.Status.Conditions = []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionTrue}}
	}
	each()
	if len(clients.Actions()) != written || len(r.inbox.held) != 0 {
		t.Errorf("%d events were written of pods that run by now, and %d wait for nothing", len(clients.Actions())-written, len(r.inbox.held))
	}
}
