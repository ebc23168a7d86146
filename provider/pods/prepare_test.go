package pods

import (
	"context"
	"errors"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/tools/events"
	clocktesting "k8s.io/utils/clock/testing"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/spillway-io/spillway/api"
	"github.com/spillway-io/spillway/provider/translate"
)

// preparer answers what it is told to, the first answer first and the last for
// ever.
type preparer struct {
	answers []answer
	asked   int
}

type answer struct {
	obstacles []Obstacle
	err       error
}

func (p *preparer) Prepare(_ context.Context, _ *corev1.Pod) ([]Obstacle, error) {
	a := p.answers[min(p.asked, len(p.answers)-1)]
	p.asked++
	return a.obstacles, a.err
}

// prepared is a reconciler for one new pod, in clusters that have only that.
func prepared(t *testing.T, down side, preparers ...Preparer) (r *Reconciler, up, below client.Client, recorder *events.FakeRecorder) {
	t.Helper()
	metrics, err := NewMetrics(prometheus.NewRegistry())
	if err != nil {
		t.Fatal(err)
	}
	upCluster, up := side{cached: upstream(), live: upstream()}.build()
	downCluster, below := down.build()
	if err := up.Create(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "shop", UID: "shop-uid"}}); err != nil {
		t.Fatal(err)
	}
	recorder = events.NewFakeRecorder(10)
	return &Reconciler{
		Node: testNode(), Upstream: upCluster, Downstream: downCluster, Preparers: preparers, Events: recorder, Metrics: metrics,
		Clock: clocktesting.NewFakePassiveClock(metav1.Unix(3000, 0).Time),
	}, up, below, recorder
}

// TestPrepare: a pod is created when everybody is ready for it, and everybody is
// asked each time.
func TestPrepare(t *testing.T) {
	ready := answer{}
	missing := answer{obstacles: []Obstacle{{Reason: "Missing", Message: "not there"}}}
	homeless := answer{err: apierrors.NewNotFound(schema.GroupResource{Resource: "namespaces"}, "shop")}
	cases := map[string]struct {
		reason        string
		first, second []answer
		want          outcome
		asked         []int
	}{
		"ready":      {"nothing stands in the way", []answer{ready}, []answer{ready}, outcome{upstream: "up Pending", downstream: "created"}, []int{1, 1}},
		"blocked":    {"one obstacle is enough, and the others are asked all the same", []answer{missing}, []answer{ready}, outcome{upstream: "up Pending Missing", event: true}, []int{1, 1}},
		"failed":     {"an error is no obstacle, and nothing is known of the pod", []answer{{err: errBoom}}, []answer{missing}, outcome{upstream: "up Pending", failed: true}, []int{1, 1}},
		"refused":    {"but what an API server answered is told", []answer{{err: apierrors.NewForbidden(schema.GroupResource{Resource: "secrets"}, "s", errBoom)}}, []answer{ready}, outcome{upstream: "up Pending", event: true, failed: true}, []int{1, 1}},
		"homeless":   {"who finds no namespace gets one, and is asked again", []answer{homeless, ready}, []answer{ready}, outcome{upstream: "up Pending", downstream: "created", namespace: "shop-uid"}, []int{2, 2}},
		"no-freedom": {"a namespace that does not come to be is no endless loop", []answer{homeless}, []answer{ready}, outcome{upstream: "up Pending", namespace: "shop-uid", failed: true}, []int{7, 7}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			first, second := &preparer{answers: tc.first}, &preparer{answers: tc.second}
			r, up, below, recorder := prepared(t, side{}, first, second)
			_, err := r.Reconcile(t.Context(), reconcile.Request{NamespacedName: key})
			got := outcome{
				upstream: describe(t, up), downstream: identify(t, below), failed: err != nil, event: len(recorder.Events) > 0, namespace: originOfNamespace(t, below),
			}
			if diff := cmp.Diff(tc.want, got, cmp.AllowUnexported(outcome{})); diff != "" {
				t.Errorf("%s: error %v, -want +got:\n%s", tc.reason, err, diff)
			}
			if diff := cmp.Diff(tc.asked, []int{first.asked, second.asked}); diff != "" {
				t.Errorf("%s: asked -want +got:\n%s", tc.reason, diff)
			}
		})
	}
}

// TestBlockedIsForgotten: a pod that no obstacle keeps back any more, but that the
// downstream cluster refuses for now, does not go on naming the obstacle.
func TestBlockedIsForgotten(t *testing.T) {
	quota := apierrors.NewForbidden(schema.GroupResource{Resource: "pods"}, "web", errors.New("exceeded quota"))
	waiting := upstream()
	waiting.Status = translate.Waiting(waiting, "Missing", "not there")
	r, _, _, _ := prepared(t, side{refuse: []error{quota}})
	var up client.Client
	r.Upstream, up = side{cached: waiting, live: waiting}.build()
	if _, err := r.Reconcile(t.Context(), reconcile.Request{NamespacedName: key}); err == nil {
		t.Error("a pod that was not created counts as created")
	}
	if got := describe(t, up); got != "up Pending" {
		t.Errorf("the upstream pod is %q", got)
	}
}

// TestFacts: whether the pod's PriorityClass exists is asked only for pods that
// have one, and no answer is not taken for a no.
func TestFacts(t *testing.T) {
	resource := schema.GroupResource{Group: "scheduling.k8s.io", Resource: "priorityclasses"}
	cases := map[string]struct {
		reason, class string
		answer        error
		want          translate.Facts
		notes         int
		failed        bool
	}{
		"none":      {reason: "without a class there is no question", answer: errBoom},
		"exists":    {reason: "it exists", class: "high", want: translate.Facts{PriorityClass: true}},
		"missing":   {reason: "it does not", class: "high", answer: apierrors.NewNotFound(resource, "high")},
		"forbidden": {reason: "who may not know, does without, and says so", class: "high", answer: apierrors.NewForbidden(resource, "high", nil), notes: 1},
		"away":      {reason: "a server that does not answer is waited for", class: "high", answer: errBoom, failed: true},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			live := interceptor.NewClient(newFake(nil), interceptor.Funcs{
				Get: func(context.Context, client.WithWatch, client.ObjectKey, client.Object, ...client.GetOption) error {
					return tc.answer
				},
			})
			r := &Reconciler{Downstream: Cluster{Live: live}}
			facts, notes, err := r.facts(t.Context(), upstream(ofClass(tc.class)))
			if diff := cmp.Diff(tc.want, facts); diff != "" || len(notes) != tc.notes || (err != nil) != tc.failed {
				t.Errorf("%s: notes %v, error %v, -want +got:\n%s", tc.reason, notes, err, diff)
			}
		})
	}
}

// TestElsewhere: a pod of a namespace that has another name downstream is created
// there, and found again from there; what is in other namespaces is nobody's.
func TestElsewhere(t *testing.T) {
	r, _, below, _ := prepared(t, side{refuse: []error{apierrors.NewNotFound(schema.GroupResource{Resource: "namespaces"}, "a-shop")}})
	r.Node.Namespaces = translate.Namespaces{Prefix: "a-"}
	if _, err := r.Reconcile(t.Context(), reconcile.Request{NamespacedName: key}); err != nil {
		t.Fatal(err)
	}
	created := &corev1.Pod{}
	if err := below.Get(t.Context(), client.ObjectKey{Namespace: "a-shop", Name: "web"}, created); err != nil {
		t.Fatal(err)
	}
	namespace := &corev1.Namespace{}
	if err := below.Get(t.Context(), client.ObjectKey{Name: "a-shop"}, namespace); err != nil || namespace.Annotations[api.UpstreamUIDAnnotation] != "shop-uid" {
		t.Errorf("the namespace %v was created for another (%v)", namespace.Annotations, err)
	}
	if diff := cmp.Diff([]reconcile.Request{{NamespacedName: key}}, r.Node.above(t.Context(), created)); diff != "" {
		t.Errorf("an event of the downstream pod: -want +got:\n%s", diff)
	}
	created.Namespace = "shop"
	if requests := r.Node.above(t.Context(), created); requests != nil {
		t.Errorf("a pod in a namespace that stands for none has %v looked at", requests)
	}
}

// TestLongObstacleIsTold: an API server refuses an event whose text is too long, and
// a character that was cut in two becomes three bytes on the way there.
func TestLongObstacleIsTold(t *testing.T) {
	for shift := range 3 {
		message := strings.Repeat("a", shift) + strings.Repeat("€", 400)
		r, _, _, recorder := prepared(t, side{}, &preparer{answers: []answer{{obstacles: []Obstacle{{Reason: "Missing", Message: message}}}}})
		if _, err := r.Reconcile(t.Context(), reconcile.Request{NamespacedName: key}); err != nil {
			t.Fatal(err)
		}
		_, note, _ := strings.Cut(<-recorder.Events, "Missing ")
		if len(note) > 1024 || len(note) < 1000 || !utf8.ValidString(note) {
			t.Errorf("the event has %d bytes, all of them characters: %v", len(note), utf8.ValidString(note))
		}
	}
}
