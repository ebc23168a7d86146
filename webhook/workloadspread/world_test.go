package workloadspread

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/openkruise/kruise-api/apps/v1alpha1"
	"github.com/prometheus/client_golang/prometheus"
	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
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

	"github.com/spillway-io/spillway/api"
	"github.com/spillway-io/spillway/webhook/spread"
)

func noon() time.Time { return time.Date(2025, 11, 1, 12, 0, 0, 0, time.UTC) }

// world is a controller, what it reads, and what it writes.
type world struct {
	*testing.T

	reconciler *reconciler
	server     client.Client
	clock      *clocktesting.FakeClock
	recorder   *events.FakeRecorder
	// cached is what Workloads says; the server may know better.
	cached []*corev1.Pod
	target spread.Target
	// writes are what was asked of the API server, in words.
	writes []string
	// looks counts how often everything was gathered.
	looks int
	// refuse has writes of a kind fail, slow has them take their time.
	refuse map[string]error
	slow   map[string]time.Duration
}

// newWorld has the WorkloadSpread and other objects on the server, and its pods
// in the cache too.
func newWorld(t *testing.T, ws *v1alpha1.WorkloadSpread, objects ...client.Object) *world {
	t.Helper()
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{clientgoscheme.AddToScheme, v1alpha1.AddToScheme} {
		if err := add(scheme); err != nil {
			t.Fatal(err)
		}
	}
	metrics, err := NewMetrics(prometheus.NewRegistry())
	if err != nil {
		t.Fatal(err)
	}
	w := &world{
		T: t, clock: clocktesting.NewFakeClock(noon()), recorder: events.NewFakeRecorder(100),
		target: spread.Target{UID: "web", Replicas: new(int32(4)), Version: "v1"}, refuse: map[string]error{},
	}
	w.server = fake.NewClientBuilder().WithScheme(scheme).WithStatusSubresource(&v1alpha1.WorkloadSpread{}).
		WithObjects(append(objects, ws)...).Build()
	for _, object := range objects {
		if pod, ok := object.(*corev1.Pod); ok {
			w.cached = append(w.cached, pod.DeepCopy())
		}
	}
	w.reconciler = &reconciler{
		client: w.recording(), live: w.server, events: w.recorder, clock: w.clock, workloads: w, metrics: metrics,
		backoff: DefaultBackoff(), memories: map[types.NamespacedName]*memory{},
	}
	return w
}

func (w *world) Target(context.Context, *v1alpha1.WorkloadSpread) (spread.Target, bool, error) {
	w.looks++
	return w.target, true, nil
}

func (w *world) Pods(context.Context, *v1alpha1.WorkloadSpread) ([]*corev1.Pod, error) {
	return w.cached, nil
}

func (w *world) SpreadsFor(context.Context, *corev1.Pod) []types.NamespacedName { return nil }

// recording returns a client that notes each write, with what it depends on.
func (w *world) recording() client.Client {
	note := func(kind, format string, args ...any) error {
		w.writes = append(w.writes, kind+": "+fmt.Sprintf(format, args...))
		w.clock.Step(w.slow[kind])
		return w.refuse[kind]
	}
	return interceptor.NewClient(w.server.(client.WithWatch), interceptor.Funcs{
		SubResourcePatch: func(ctx context.Context, c client.Client, sub string, object client.Object, patch client.Patch, opts ...client.SubResourcePatchOption) error {
			data, err := patch.Data(object)
			if err != nil {
				return err
			}
			var body struct {
				Metadata struct{ ResourceVersion string }
			}
			if err := json.Unmarshal(data, &body); err != nil {
				return err
			}
			if err := note(sub, "if version %s", body.Metadata.ResourceVersion); err != nil {
				return err
			}
			return c.SubResource(sub).Patch(ctx, object, patch, opts...)
		},
		SubResourceCreate: func(_ context.Context, _ client.Client, sub string, object, body client.Object, _ ...client.SubResourceCreateOption) error {
			p := body.(*policyv1.Eviction).DeleteOptions.Preconditions
			return note(sub, "%s if %s at version %s", object.GetName(), *p.UID, *p.ResourceVersion)
		},
		Patch: func(ctx context.Context, c client.WithWatch, object client.Object, patch client.Patch, opts ...client.PatchOption) error {
			data, err := patch.Data(object)
			if err != nil {
				return err
			}
			if err := note("patch", "%s %s", object.GetName(), data); err != nil {
				return err
			}
			return c.Patch(ctx, object, patch, opts...)
		},
		Delete: func(ctx context.Context, c client.WithWatch, object client.Object, opts ...client.DeleteOption) error {
			p := (&client.DeleteOptions{}).ApplyOptions(opts).AsDeleteOptions().Preconditions
			if err := note("delete", "%s if %s at version %s", object.GetName(), *p.UID, *p.ResourceVersion); err != nil {
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
	result, err := w.reconciler.Reconcile(w.Context(), reconcile.Request{NamespacedName: types.NamespacedName{Namespace: "default", Name: "ws"}})
	if err != nil {
		w.Fatalf("the pass failed: %v", err)
	}
	for len(w.recorder.Events) > 0 {
		said = append(said, <-w.recorder.Events)
	}
	return result, w.writes, said
}

func (w *world) spread() *v1alpha1.WorkloadSpread {
	w.Helper()
	ws := &v1alpha1.WorkloadSpread{}
	if err := w.server.Get(w.Context(), client.ObjectKey{Namespace: "default", Name: "ws"}, ws); err != nil {
		w.Fatal(err)
	}
	return ws
}

// changes the pod on the server, and lets the cache lag behind.
func (w *world) changes(name string, change func(*corev1.Pod)) {
	w.Helper()
	pod := &corev1.Pod{}
	if err := w.server.Get(w.Context(), client.ObjectKey{Namespace: "default", Name: name}, pod); err != nil {
		w.Fatal(err)
	}
	change(pod)
	status := pod.Status
	if err := w.server.Update(w.Context(), pod); err != nil {
		w.Fatal(err)
	}
	pod.Status = status
	if err := w.server.Status().Update(w.Context(), pod); err != nil {
		w.Fatal(err)
	}
}

// adaptive is a WorkloadSpread of the subsets a and b, whose pods have 30 s to be
// scheduled.
func adaptive() *v1alpha1.WorkloadSpread {
	return &v1alpha1.WorkloadSpread{
		ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "ws", UID: "ws", Generation: 1, CreationTimestamp: metav1.NewTime(noon().Add(-time.Hour))},
		Spec: v1alpha1.WorkloadSpreadSpec{
			TargetReference: &v1alpha1.TargetReference{APIVersion: "apps/v1", Kind: "Deployment", Name: "web"},
			Subsets:         []v1alpha1.WorkloadSpreadSubset{{Name: "a"}, {Name: "b"}},
			ScheduleStrategy: v1alpha1.WorkloadSpreadScheduleStrategy{
				Type:     v1alpha1.AdaptiveWorkloadSpreadScheduleStrategyType,
				Adaptive: &v1alpha1.AdaptiveWorkloadSpreadStrategy{RescheduleCriticalSeconds: new(int32(30))},
			},
		},
	}
}

// closed is adaptive() with subset a closed a minute ago.
func closed() *v1alpha1.WorkloadSpread {
	ws := adaptive()
	ws.Status.SubsetStatuses = []v1alpha1.WorkloadSpreadSubsetStatus{{
		Name: "a", Conditions: []v1alpha1.WorkloadSpreadSubsetCondition{{
			Type: v1alpha1.SubsetSchedulable, Status: corev1.ConditionFalse, LastTransitionTime: metav1.NewTime(noon().Add(-time.Minute)),
		}},
	}}
	return ws
}

// running is a pod of a subset, "" for none, with the deletion cost it should have.
func running(name, subset string) *corev1.Pod {
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: "default", Name: name, UID: types.UID("uid-" + name),
			Labels:      map[string]string{appsv1.DefaultDeploymentUniqueLabelKey: "v1"},
			Annotations: map[string]string{corev1.PodDeletionCost: map[string]string{"a": "200", "b": "100"}[subset]},
		},
		Spec:   corev1.PodSpec{NodeName: "n1"},
		Status: corev1.PodStatus{Phase: corev1.PodRunning},
	}
	if subset != "" {
		pod.Annotations[api.MatchedWorkloadSpreadAnnotation] = fmt.Sprintf(`{"name":"ws","subset":%q}`, subset)
	}
	return pod
}

// stuck is a pod of subset a that has been unschedulable for so long.
func stuck(name string, ago time.Duration) *corev1.Pod {
	pod := running(name, "a")
	pod.Spec.NodeName = ""
	pod.Status = corev1.PodStatus{Phase: corev1.PodPending, Conditions: []corev1.PodCondition{{
		Type: corev1.PodScheduled, Status: corev1.ConditionFalse, Reason: corev1.PodReasonUnschedulable,
		Message: "0/2 nodes are available", LastTransitionTime: metav1.NewTime(noon().Add(-ago)),
	}}}
	return pod
}

func ofJob(pod *corev1.Pod) *corev1.Pod {
	pod.OwnerReferences = []metav1.OwnerReference{{APIVersion: batchv1.SchemeGroupVersion.String(), Kind: "Job", Name: "web", UID: "web", Controller: new(true)}}
	return pod
}

func startingWith(prefix string, all []string) []string {
	return slices.DeleteFunc(slices.Clone(all), func(s string) bool { return len(s) < len(prefix) || s[:len(prefix)] != prefix })
}
