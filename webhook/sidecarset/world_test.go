package sidecarset

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/openkruise/kruise-api/apps/v1alpha1"
	"github.com/prometheus/client_golang/prometheus"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/tools/events"
	clocktesting "k8s.io/utils/clock/testing"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
)

func noon() time.Time { return time.Date(2025, 11, 1, 12, 0, 0, 0, time.UTC) }

// world is a controller, what it reads, and what it writes.
type world struct {
	testing.TB

	reconciler *reconciler
	server     client.Client
	clock      *clocktesting.FakeClock
	recorder   *events.FakeRecorder
	registry   *prometheus.Registry
	// stale are the pods as an old cache has them, and staleRevisions hides the
	// revisions from it; nil and false while it is up to date.
	stale          []corev1.Pod
	staleRevisions bool
	// writes are what was asked of the API server, in words.
	writes []string
	// refuse has writes fail: of a kind, or of a kind and an object.
	refuse map[string]error
}

func newWorld(t testing.TB, objects ...client.Object) *world {
	t.Helper()
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{clientgoscheme.AddToScheme, v1alpha1.AddToScheme} {
		if err := add(scheme); err != nil {
			t.Fatal(err)
		}
	}
	w := &world{TB: t, clock: clocktesting.NewFakeClock(noon()), recorder: events.NewFakeRecorder(100), registry: prometheus.NewRegistry(), refuse: map[string]error{}}
	metrics, err := NewMetrics(w.registry)
	if err != nil {
		t.Fatal(err)
	}
	w.server = fake.NewClientBuilder().WithScheme(scheme).WithStatusSubresource(&v1alpha1.SidecarSet{}, &corev1.Pod{}).
		WithIndex(&corev1.Pod{}, setIndex, bySet).WithObjects(objects...).Build()
	w.reconciler = &reconciler{
		client: w.recording(), cache: w.server, live: w.server, events: w.recorder, clock: w.clock,
		namespace: "spillway", metrics: metrics, memories: map[string]*memory{},
	}
	return w
}

// recording returns a client that notes each write, with what it depends on, and
// reads from the cache.
func (w *world) recording() client.Client {
	note := func(kind string, object client.Object, patch client.Patch) error {
		line := kind + " " + object.GetName()
		if patch != nil {
			data, err := patch.Data(object)
			if err != nil {
				return err
			}
			var body struct {
				Metadata struct{ UID, ResourceVersion string }
			}
			if err := json.Unmarshal(data, &body); err != nil {
				return err
			}
			line += " at version " + body.Metadata.ResourceVersion
		}
		w.writes = append(w.writes, line)
		if err := w.refuse[kind+" "+object.GetName()]; err != nil {
			return err
		}
		return w.refuse[kind]
	}
	return interceptor.NewClient(w.server.(client.WithWatch), interceptor.Funcs{
		List: func(ctx context.Context, c client.WithWatch, list client.ObjectList, opts ...client.ListOption) error {
			if pods, ok := list.(*corev1.PodList); ok && w.stale != nil {
				pods.Items = w.stale
				return nil
			}
			if _, ok := list.(*appsv1.ControllerRevisionList); ok && w.staleRevisions {
				return nil
			}
			return c.List(ctx, list, opts...)
		},
		SubResourcePatch: func(ctx context.Context, c client.Client, sub string, object client.Object, patch client.Patch, opts ...client.SubResourcePatchOption) error {
			if err := note(sub, object, patch); err != nil {
				return err
			}
			return c.SubResource(sub).Patch(ctx, object, patch, opts...)
		},
		Patch: func(ctx context.Context, c client.WithWatch, object client.Object, patch client.Patch, opts ...client.PatchOption) error {
			if err := note("patch", object, patch); err != nil {
				return err
			}
			return c.Patch(ctx, object, patch, opts...)
		},
		Create: func(ctx context.Context, c client.WithWatch, object client.Object, opts ...client.CreateOption) error {
			if err := note("create", object, nil); err != nil {
				return err
			}
			return c.Create(ctx, object, opts...)
		},
		Delete: func(ctx context.Context, c client.WithWatch, object client.Object, opts ...client.DeleteOption) error {
			if err := note("delete", object, nil); err != nil {
				return err
			}
			return c.Delete(ctx, object)
		},
	})
}

// pass makes a pass, after so long, and returns what it wrote and said.
func (w *world) pass(after time.Duration) (result reconcile.Result, writes, said []string) {
	w.Helper()
	w.clock.Step(after)
	w.writes = nil
	result, err := w.reconciler.Reconcile(w.Context(), reconcile.Request{NamespacedName: types.NamespacedName{Name: "agents"}})
	if err != nil {
		w.Fatalf("the pass failed: %v", err)
	}
	for len(w.recorder.Events) > 0 {
		said = append(said, <-w.recorder.Events)
	}
	return result, w.writes, said
}

// change changes an object on the server, status and all.
func change[T client.Object](w *world, object T, name string, with func(T)) {
	w.Helper()
	key := client.ObjectKey{Namespace: object.GetNamespace(), Name: name}
	if err := w.server.Get(w.Context(), key, object); err != nil {
		w.Fatal(err)
	}
	with(object)
	status := object.DeepCopyObject().(client.Object)
	if err := w.server.Update(w.Context(), object); err != nil {
		w.Fatal(err)
	}
	status.SetResourceVersion(object.GetResourceVersion())
	if err := w.server.Status().Update(w.Context(), status); err != nil {
		w.Fatal(err)
	}
}

func (w *world) changeSet(with func(*v1alpha1.SidecarSet)) {
	w.Helper()
	change(w, &v1alpha1.SidecarSet{}, "agents", func(set *v1alpha1.SidecarSet) {
		set.Generation++
		with(set)
	})
}

func (w *world) changePod(name string, with func(*corev1.Pod)) {
	w.Helper()
	change(w, &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "default"}}, name, with)
}

// runAll has the nodes run what the pods ask for.
func (w *world) runAll() {
	w.Helper()
	for _, pod := range w.pods() {
		w.changePod(pod.Name, run)
	}
}

func (w *world) pods() []corev1.Pod {
	w.Helper()
	var list corev1.PodList
	if err := w.server.List(w.Context(), &list); err != nil {
		w.Fatal(err)
	}
	return list.Items
}

// images are those of the pods' sidecar, by the order of their names.
func (w *world) images() string {
	w.Helper()
	var images []string
	for _, pod := range w.pods() {
		images = append(images, pod.Spec.Containers[0].Image)
	}
	return strings.Join(images, " ")
}

func (w *world) set() *v1alpha1.SidecarSet {
	w.Helper()
	set := &v1alpha1.SidecarSet{}
	if err := w.server.Get(w.Context(), client.ObjectKey{Name: "agents"}, set); err != nil {
		w.Fatal(err)
	}
	return set
}

func (w *world) revisions() []appsv1.ControllerRevision {
	w.Helper()
	var list appsv1.ControllerRevisionList
	if err := w.server.List(w.Context(), &list, client.InNamespace("spillway")); err != nil {
		w.Fatal(err)
	}
	slices.SortFunc(list.Items, func(a, b appsv1.ControllerRevision) int { return int(a.Revision - b.Revision) })
	return list.Items
}
