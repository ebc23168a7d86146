package pods

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/tools/events"
	clocktesting "k8s.io/utils/clock/testing"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
)

// patchedPods is a downstream cluster that takes or refuses patches, by their
// subresource, and notes them. What it takes moves the pod's generation.
type patchedPods struct {
	refuse map[string]error
	seen   []string
}

func (p *patchedPods) take(subresource string, o client.Object) error {
	p.seen = append(p.seen, subresource)
	o.SetGeneration(2)
	return p.refuse[subresource]
}

func (p *patchedPods) cluster(pod *corev1.Pod) Cluster {
	c := interceptor.NewClient(newFake(pod), interceptor.Funcs{
		Patch: func(_ context.Context, _ client.WithWatch, o client.Object, _ client.Patch, _ ...client.PatchOption) error {
			return p.take("", o)
		},
		SubResourcePatch: func(_ context.Context, _ client.Client, subresource string, o client.Object, _ client.Patch, _ ...client.SubResourcePatchOption) error {
			return p.take(subresource, o)
		},
	})
	return Cluster{Client: c, Live: c}
}

// TestFollow: a change is passed on part by part; a part that downstream refuses
// for good is told of once and then let be, and one that it could not take is
// tried again.
func TestFollow(t *testing.T) {
	pods := schema.GroupResource{Resource: "pods"}
	noResize := apierrors.NewGenericServerResponse(http.StatusNotFound, "patch", pods, "web", "404 page not found", 0, true)
	noDebug := apierrors.NewGenericServerResponse(http.StatusNotFound, "patch", pods, "web", "404 page not found", 0, true)
	noRights := apierrors.NewForbidden(pods, "web", errors.New("may not resize"))
	newImage := func(p *corev1.Pod) { p.Spec.Containers[0].Image = "c:2" }
	resized := func(p *corev1.Pod) {
		p.Spec.Containers[0].Resources.Requests = corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("2")}
	}
	debugged := func(p *corev1.Pod) {
		p.Spec.EphemeralContainers = []corev1.EphemeralContainer{{EphemeralContainerCommon: corev1.EphemeralContainerCommon{Name: "debug", Image: "d:1"}}}
	}
	all := []option{newImage, resized, debugged}
	type result struct {
		Seen             []string
		Observed         int64
		Told, TriedAgain bool
		Later            time.Duration
	}
	cases := map[string]struct {
		reason string
		change []option
		refuse map[string]error
		want   result
		then   []string
	}{
		"all": {"each part has its own subresource", all, nil, result{Seen: []string{"", "ephemeralcontainers", "resize"}, Observed: 1}, nil},
		"no-resize-beside-image": {
			reason: "what else was taken is waited for first",
			change: []option{newImage, resized}, refuse: map[string]error{"resize": noResize},
			want: result{Seen: []string{"", "resize"}, Observed: 1},
		},
		"no-resize": {"a cluster that knows no resize is told of, and the generation observed", []option{resized}, map[string]error{"resize": noResize}, result{Seen: []string{"resize"}, Observed: 2, Told: true}, nil},
		"no-rights": {
			reason: "one that does not let us is told of too; but rights and quotas change, and a server that has just started has not read them yet",
			change: []option{resized}, refuse: map[string]error{"resize": noRights},
			want: result{Seen: []string{"resize"}, Observed: 1, Told: true, Later: time.Minute}, then: []string{"resize"},
		},
		"no-rights-nor-debug": {
			reason: "what may be taken some day keeps the rest waiting with it",
			change: []option{debugged, resized}, refuse: map[string]error{"ephemeralcontainers": noDebug, "resize": noRights},
			want: result{Seen: []string{"ephemeralcontainers", "resize"}, Observed: 1, Told: true, Later: time.Minute}, then: []string{"ephemeralcontainers", "resize"},
		},
		"no-debug-but-resize": {
			reason: "neither keeps the other back",
			change: []option{debugged, resized}, refuse: map[string]error{"ephemeralcontainers": noRights},
			want: result{Seen: []string{"ephemeralcontainers", "resize"}, Observed: 1},
		},
		"no-debug": {
			reason: "a container that never came is asked for with each news, without a word",
			change: []option{debugged}, refuse: map[string]error{"ephemeralcontainers": noDebug},
			want: result{Seen: []string{"ephemeralcontainers"}, Observed: 2, Told: true}, then: []string{"ephemeralcontainers"},
		},
		"away":  {"a server that does not answer is asked again, and what could be passed on was", all, map[string]error{"": errBoom}, result{Seen: []string{"", "ephemeralcontainers", "resize"}, Observed: 1, TriedAgain: true}, nil},
		"again": {"so is one that says later; what it refuses is told when it has taken the rest", all, map[string]error{"": apierrors.NewTooManyRequests("later", 1), "resize": noResize}, result{Seen: []string{"", "ephemeralcontainers", "resize"}, Observed: 1, TriedAgain: true}, nil},
		"gone":  {"a pod that went meanwhile needs nothing", all, map[string]error{"": apierrors.NewNotFound(pods, "web")}, result{Seen: []string{""}, Observed: 1}, nil},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			up := upstream(append(tc.change, started, phase(corev1.PodRunning), func(p *corev1.Pod) { p.Generation = 2 })...)
			below := &patchedPods{refuse: tc.refuse}
			down := twin(started, phase(corev1.PodRunning), bound, func(p *corev1.Pod) { p.Generation = 1 })
			r, live, recorder := following(t, up, below.cluster(down))
			outcome, err := r.Reconcile(t.Context(), reconcile.Request{NamespacedName: key})
			after, readErr := read(t.Context(), live, key)
			if readErr != nil {
				t.Fatal(readErr)
			}
			got := result{Seen: below.seen, Observed: after.Status.ObservedGeneration, Told: len(recorder.Events) == 1, TriedAgain: err != nil, Later: outcome.RequeueAfter}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("%s: error %v, -want +got:\n%s", tc.reason, err, diff)
			}
			if !tc.want.Told {
				return
			}
			below.seen = nil
			later, _, recorder := following(t, after, r.Downstream)
			r.Upstream, r.Events = later.Upstream, later.Events
			_, err = r.Reconcile(t.Context(), reconcile.Request{NamespacedName: key})
			if err != nil || !slices.Equal(below.seen, tc.then) || len(recorder.Events) > 0 {
				t.Errorf("%s: it does not rest: %v, %d events, error %v", tc.reason, below.seen, len(recorder.Events), err)
			}
		})
	}
}

// TestRefusalToldBefore: an upstream cache that does not show yet what was told
// has it told no second time.
func TestRefusalToldBefore(t *testing.T) {
	resized := func(p *corev1.Pod) {
		p.Generation = 2
		p.Spec.Containers[0].Resources.Requests = corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("2")}
	}
	refusal := apierrors.NewGenericServerResponse(http.StatusNotFound, "patch", schema.GroupResource{Resource: "pods"}, "web", "404 page not found", 0, true)
	below := &patchedPods{refuse: map[string]error{"resize": refusal}}
	down := twin(started, phase(corev1.PodRunning), bound, func(p *corev1.Pod) { p.Generation = 1 })
	behind := upstream(resized, started, phase(corev1.PodRunning))
	r, _, recorder := following(t, behind, below.cluster(down))
	told := behind.DeepCopy()
	told.Status.ObservedGeneration = 2
	r.Upstream.Live = newFake(told)
	if _, err := r.Reconcile(t.Context(), reconcile.Request{NamespacedName: key}); err != nil || len(below.seen) != 1 || len(recorder.Events) > 0 {
		t.Errorf("error %v, patches %v, %d events; want one patch and no event", err, below.seen, len(recorder.Events))
	}
}

// following is a reconciler for a pod that runs.
func following(t *testing.T, up *corev1.Pod, downstream Cluster) (*Reconciler, client.Client, *events.FakeRecorder) {
	t.Helper()
	metrics, err := NewMetrics(prometheus.NewRegistry())
	if err != nil {
		t.Fatal(err)
	}
	upstream, live := side{cached: up, live: up}.build()
	recorder := events.NewFakeRecorder(10)
	return &Reconciler{
		Node: testNode(), Upstream: upstream, Downstream: downstream, Events: recorder, Metrics: metrics,
		Clock: clocktesting.NewFakePassiveClock(metav1.Unix(3000, 0).Time),
	}, live, recorder
}
