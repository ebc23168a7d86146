package orphans

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/events"
	clocktesting "k8s.io/utils/clock/testing"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/spillway-io/spillway/api"
)

var errAway = errors.New("nobody answers")

// world is both clusters, as far as a sweep asks them.
type world struct {
	mu sync.Mutex
	// cached, listed and there are the upstream pods as the cache has them, as the API
	// server lists them, and as they are.
	cached, listed, there []corev1.Pod
	downstream            []corev1.Pod
	uncached              int // how many of them the downstream cache lacks
	id                    types.UID
	annotation            string
	away                  bool
	forgets               bool   // to write down that a permission is spent: it is away by then
	refuses               string // the downstream pod that may not be deleted

	deleted []string
}

// reader is one way to read of the world.
type reader struct {
	client.Client // nil: nothing else is asked

	world *world
	pods  func(*world) []corev1.Pod
	get   func(*world) []corev1.Pod
}

func (r reader) List(_ context.Context, list client.ObjectList, _ ...client.ListOption) error {
	r.world.mu.Lock()
	defer r.world.mu.Unlock()
	pods := r.pods(r.world)
	switch list := list.(type) {
	case *corev1.PodList:
		list.Items = slices.Clone(pods)
	case *metav1.PartialObjectMetadataList:
		for i := range pods {
			list.Items = append(list.Items, metav1.PartialObjectMetadata{ObjectMeta: pods[i].ObjectMeta})
		}
	default:
		return fmt.Errorf("a list of %T was not expected", list)
	}
	return nil
}

func (r reader) Get(_ context.Context, key client.ObjectKey, object client.Object, _ ...client.GetOption) error {
	r.world.mu.Lock()
	defer r.world.mu.Unlock()
	switch into := object.(type) {
	case *corev1.Pod:
		for _, pod := range r.get(r.world) {
			if pod.Namespace == key.Namespace && pod.Name == key.Name {
				pod.DeepCopyInto(into)
				return nil
			}
		}
		return apierrors.NewNotFound(schema.GroupResource{Resource: "pods"}, key.Name)
	case *corev1.Node:
		into.Name, into.UID = "east", "node-uid"
		if r.world.annotation != "" {
			into.Annotations = map[string]string{api.DeleteOrphansAnnotation: r.world.annotation}
		}
		return nil
	case *metav1.PartialObjectMetadata:
		into.UID = r.world.id
		return nil
	default:
		return fmt.Errorf("a %T was not expected", object)
	}
}

func (r reader) Delete(_ context.Context, object client.Object, opts ...client.DeleteOption) error {
	r.world.mu.Lock()
	defer r.world.mu.Unlock()
	options := client.DeleteOptions{}
	options.ApplyOptions(opts)
	at := slices.IndexFunc(r.world.downstream, func(p corev1.Pod) bool { return p.Name == object.GetName() && p.Namespace == object.GetNamespace() })
	switch {
	case r.world.away:
		return errAway
	case object.GetName() == r.world.refuses:
		return apierrors.NewForbidden(schema.GroupResource{Resource: "pods"}, object.GetName(), errors.New("a policy"))
	case options.GracePeriodSeconds != nil:
		return errors.New("a deletion with a grace period that is not the pod's own")
	case options.Preconditions == nil || options.Preconditions.UID == nil || *options.Preconditions.UID != r.world.downstream[at].UID:
		return apierrors.NewConflict(schema.GroupResource{Resource: "pods"}, object.GetName(), errors.New("precondition failed: UID"))
	}
	r.world.deleted = append(r.world.deleted, object.GetName())
	r.world.downstream = slices.Delete(r.world.downstream, at, at+1)
	return nil
}

func (r reader) Patch(_ context.Context, _ client.Object, patch client.Patch, _ ...client.PatchOption) error {
	r.world.mu.Lock()
	defer r.world.mu.Unlock()
	body, err := patch.Data(nil)
	if err != nil {
		return err
	}
	var operations []operation
	if err := json.Unmarshal(body, &operations); err != nil {
		return err
	}
	if r.world.forgets {
		return errAway
	}
	if operations[0].Value != r.world.annotation {
		return apierrors.NewInvalid(schema.GroupKind{Kind: "Node"}, "east", nil)
	}
	r.world.annotation = operations[1].Value
	return nil
}

// sweeper returns one for the world, and what it says.
func (w *world) sweeper(t *testing.T, mode Mode) (*Sweeper, *events.FakeRecorder) {
	t.Helper()
	metrics, err := newMetrics(prometheus.NewRegistry())
	if err != nil {
		t.Fatal(err)
	}
	recorder := events.NewFakeRecorder(100)
	there := func(w *world) []corev1.Pod { return w.there }
	live := reader{world: w, pods: func(w *world) []corev1.Pod { return w.listed }, get: there}
	below := reader{world: w, pods: func(w *world) []corev1.Pod { return w.downstream }}
	belowCached := reader{world: w, pods: func(w *world) []corev1.Pod { return w.downstream[min(w.uncached, len(w.downstream)):] }}
	return &Sweeper{
		identity: identity(), mode: mode, events: recorder, metrics: metrics, clock: clocktesting.NewFakeClock(now()),
		above: reader{world: w, pods: func(w *world) []corev1.Pod { return w.cached }}, below: belowCached,
		upstream: live, upstreamLive: live, downstream: below, downstreamLive: below,
		kicks: make(chan struct{}, 1), releases: make(chan struct{}, 1), deleted: map[types.UID]time.Time{},
		witness: newWitness("east", clocktesting.NewFakePassiveClock(now())),
	}, recorder
}

// said returns the events since the last time it was asked.
func said(recorder *events.FakeRecorder) (all []string) {
	for {
		select {
		case event := <-recorder.Events:
			all = append(all, event)
		default:
			return all
		}
	}
}
