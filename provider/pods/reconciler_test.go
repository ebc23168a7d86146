package pods

import (
	"context"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/events"
	clocktesting "k8s.io/utils/clock/testing"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/spillway-io/spillway/api"
)

var key = types.NamespacedName{Namespace: "shop", Name: "web"} //nolint:gochecknoglobals // The name all pods of these tests have.

// TestReconcile is about what the shell adds to Plan: which of its inputs come
// from a cache and which from the API server, and what becomes of errors. How
// real API servers behave is shown in e2e.
func TestReconcile(t *testing.T) {
	namespaceMissing := apierrors.NewNotFound(schema.GroupResource{Resource: "namespaces"}, "shop")
	quota := apierrors.NewForbidden(schema.GroupResource{Resource: "pods"}, "web", errors.New("exceeded quota"))
	cases := map[string]struct {
		reason               string
		upstream, downstream side
		want                 outcome
	}{
		"empty-upstream-cache": {
			reason:     "an upstream cache that lost everything deletes nothing",
			upstream:   side{live: upstream()},
			downstream: side{cached: twin(), live: twin()},
			want:       outcome{upstream: "up Pending", downstream: "down"},
		},
		"upstream-cache-behind": {
			reason:     "an upstream cache that still shows the predecessor does not cost the successor its pod",
			upstream:   side{cached: upstream(uid("old")), live: upstream()},
			downstream: side{cached: twin(), live: twin()},
			want:       outcome{upstream: "up Pending", downstream: "down"},
		},
		"orphan": {
			reason:     "a downstream pod of which the upstream API server itself knows nothing is somebody else's to delete",
			downstream: side{cached: twin(), live: twin()},
			want:       outcome{downstream: "down", orphan: true},
		},
		"predecessor": {
			reason:     "the predecessor of an upstream pod is deleted",
			upstream:   side{cached: upstream(uid("next")), live: upstream(uid("next"))},
			downstream: side{cached: twin(), live: twin()},
			want:       outcome{upstream: "next Pending"},
		},
		"predecessor-replaced": {
			reason:     "but not the one that took its place meanwhile",
			upstream:   side{cached: upstream(uid("next")), live: upstream(uid("next"))},
			downstream: side{cached: twin(), live: twin(uid("newer"))},
			want:       outcome{upstream: "next Pending", downstream: "newer", failed: true},
		},
		"downstream-cache-behind-own-create": {
			reason:   "a pod that exists already is adopted, not created twice",
			upstream: side{cached: upstream(), live: upstream()},
			downstream: side{
				live: twin(phase(corev1.PodRunning), started, bound),
			},
			want: outcome{upstream: "up Running", downstream: "down"},
		},
		"downstream-cache-behind-running": {
			reason:     "a started pod that a downstream cache does not show is not given up",
			upstream:   side{cached: upstream(started, phase(corev1.PodRunning)), live: upstream(started, phase(corev1.PodRunning))},
			downstream: side{live: twin(phase(corev1.PodRunning), started, bound)},
			want:       outcome{upstream: "up Running", downstream: "down"},
		},
		"lost": {
			reason:   "one that the downstream API server does not know is",
			upstream: side{cached: upstream(started, phase(corev1.PodRunning)), live: upstream(started, phase(corev1.PodRunning))},
			want:     outcome{upstream: "up Failed DownstreamPodDeleted", event: true},
		},
		"upstream-cache-behind-own-status": {
			reason:   "a pod that ended well is neither run again nor failed because the upstream cache still shows it waiting or running",
			upstream: side{cached: upstream(), live: upstream(started, phase(corev1.PodSucceeded))},
			want:     outcome{upstream: "up Succeeded"},
		},
		"upstream-cache-behind-own-last-status": {
			reason:   "nor when it shows it running",
			upstream: side{cached: upstream(started, phase(corev1.PodRunning)), live: upstream(started, phase(corev1.PodSucceeded))},
			want:     outcome{upstream: "up Succeeded"},
		},
		"create-finds-foreign": {
			reason:     "a foreign pod that is found by creating ours stays as it is",
			upstream:   side{cached: upstream(), live: upstream()},
			downstream: side{live: foreign()},
			want:       outcome{upstream: "up Pending DownstreamConflict", downstream: "foreign", event: true},
		},
		"create": {
			reason:   "nothing is in the way",
			upstream: side{cached: upstream(), live: upstream()},
			want:     outcome{upstream: "up Pending", downstream: "created"},
		},
		"create-in-new-namespace": {
			reason:     "a missing namespace is created and the pod in it",
			upstream:   side{cached: upstream(), live: upstream()},
			downstream: side{refuse: []error{namespaceMissing}},
			want:       outcome{upstream: "up Pending", downstream: "created", namespace: "shop-uid"},
		},
		"create-refused-for-now": {
			reason:     "a quota touches neither phase nor reason, and is told by an event",
			upstream:   side{cached: upstream(), live: upstream()},
			downstream: side{refuse: []error{quota}},
			want:       outcome{upstream: "up Pending", event: true, failed: true},
		},
		"create-unreachable": {
			reason:     "a server that does not answer is no news of the pod",
			upstream:   side{cached: upstream(), live: upstream()},
			downstream: side{refuse: []error{errBoom}},
			want:       outcome{upstream: "up Pending", failed: true},
		},
		"create-refused-for-good": {
			reason:     "a pod that is invalid downstream fails with the downstream answer",
			upstream:   side{cached: upstream(), live: upstream()},
			downstream: side{refuse: []error{apierrors.NewBadRequest("cannot be handled as a Pod")}},
			want:       outcome{upstream: "up Failed DownstreamRejected", event: true},
		},
		"finish": {
			reason:   "the upstream pod goes when its downstream pod is gone",
			upstream: side{cached: upstream(deleting(5), held), live: upstream(deleting(5), held)},
			want:     outcome{upstream: "up Failed"},
		},
		"finish-cache-behind": {
			reason:     "not while the downstream API server still has it",
			upstream:   side{cached: upstream(deleting(5), held), live: upstream(deleting(5), held)},
			downstream: side{live: twin(deleting(5), held)},
			want:       outcome{upstream: "up Pending", downstream: "down"},
		},
		"finish-upstream-cache-behind": {
			reason:   "a pod that ended well has not failed because the upstream cache still shows it running",
			upstream: side{cached: upstream(deleting(5), held, phase(corev1.PodRunning)), live: upstream(deleting(5), held, phase(corev1.PodSucceeded))},
			want:     outcome{upstream: "up Succeeded"},
		},
		"successor-of-the-name": {
			reason:     "a status meant for one pod is never written to the next of its name",
			upstream:   side{cached: upstream(), live: upstream(uid("next"))},
			downstream: side{cached: twin(phase(corev1.PodRunning), started), live: twin(phase(corev1.PodRunning), started)},
			want:       outcome{upstream: "next Pending", downstream: "down", failed: true},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			recorder := events.NewFakeRecorder(10)
			metrics, err := NewMetrics(prometheus.NewRegistry())
			if err != nil {
				t.Fatal(err)
			}
			up, upLive := tc.upstream.build()
			down, downLive := tc.downstream.build()
			if err := upLive.Create(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "shop", UID: "shop-uid"}}); err != nil {
				t.Fatal(err)
			}
			r := &Reconciler{
				Node: testNode(), Upstream: up, Downstream: down, Events: recorder, Metrics: metrics,
				Clock: clocktesting.NewFakePassiveClock(metav1.Unix(3000, 0).Time),
			}
			orphan := false
			r.Orphan = func() { orphan = true }
			_, err = r.Reconcile(t.Context(), reconcile.Request{NamespacedName: key})
			got := outcome{
				upstream: describe(t, upLive), downstream: identify(t, downLive), failed: err != nil, event: len(recorder.Events) > 0,
				namespace: originOfNamespace(t, downLive), orphan: orphan,
			}
			if diff := cmp.Diff(tc.want, got, cmp.AllowUnexported(outcome{})); diff != "" {
				t.Errorf("%s: error %v, -want +got:\n%s", tc.reason, err, diff)
			}
		})
	}
}

// side is a cluster: its pod as the cache shows it and as it is, and what it
// answers to the next creates of a pod.
type side struct {
	cached, live *corev1.Pod
	refuse       []error
}

// outcome is what a reconciliation leaves behind.
type outcome struct {
	upstream   string // UID, phase and reason
	downstream string // UID
	namespace  string // UID of the upstream namespace that it was created for
	event      bool
	failed     bool
	orphan     bool // was told of
}

// build returns the cluster for the reconciler and for looking at it afterwards.
func (s side) build() (Cluster, client.Client) {
	cached, live := newFake(s.cached), newFake(s.live)
	refuse := s.refuse
	split := interceptor.NewClient(live, interceptor.Funcs{
		Get: func(ctx context.Context, _ client.WithWatch, k client.ObjectKey, o client.Object, opts ...client.GetOption) error {
			return cached.Get(ctx, k, o, opts...)
		},
		Create: func(ctx context.Context, c client.WithWatch, o client.Object, opts ...client.CreateOption) error {
			if _, isPod := o.(*corev1.Pod); isPod {
				if len(refuse) > 0 {
					err := refuse[0]
					refuse = refuse[1:]
					return err
				}
				o.SetUID("created")
			}
			return c.Create(ctx, o, opts...)
		},
		Delete:           deleteAsTheServer,
		SubResourcePatch: patchAsTheServer,
	})
	return Cluster{Client: split, Live: live}, live
}

func newFake(pod *corev1.Pod) client.WithWatch {
	b := fake.NewClientBuilder().WithStatusSubresource(&corev1.Pod{})
	if pod != nil {
		b = b.WithObjects(pod)
	}
	return b.Build()
}

func describe(t *testing.T, c client.Client) string {
	pod, err := read(t.Context(), c, key)
	if err != nil {
		t.Fatal(err)
	}
	switch {
	case pod == nil:
		return ""
	case pod.Status.Reason != "":
		return string(pod.UID) + " " + string(pod.Status.Phase) + " " + pod.Status.Reason
	default:
		return string(pod.UID) + " " + string(pod.Status.Phase)
	}
}

func identify(t *testing.T, c client.Client) string {
	pod, err := read(t.Context(), c, key)
	if err != nil {
		t.Fatal(err)
	}
	if pod == nil {
		return ""
	}
	if pod.UID == "created" && pod.Annotations[api.UpstreamUIDAnnotation] != "up" {
		t.Errorf("the created pod carries the upstream UID %q", pod.Annotations[api.UpstreamUIDAnnotation])
	}
	return string(pod.UID)
}

// originOfNamespace is empty while the namespace is not there.
func originOfNamespace(t *testing.T, c client.Client) string {
	namespace := &corev1.Namespace{}
	if err := c.Get(t.Context(), types.NamespacedName{Name: key.Namespace}, namespace); client.IgnoreNotFound(err) != nil {
		t.Fatal(err)
	}
	return namespace.Annotations[api.UpstreamUIDAnnotation]
}
