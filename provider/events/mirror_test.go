package events

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/spillway-io/spillway/provider/translate"
	"github.com/spillway-io/spillway/webhook/stash"
)

func testIdentity() translate.Identity {
	return translate.Identity{UpstreamID: "cluster", Node: stash.VirtualNode{Name: "east"}, Namespaces: translate.Namespaces{Prefix: "up-"}}
}

// pods are an upstream pod and the downstream pod that stands for it.
func pods() (upstream, downstream *corev1.Pod) {
	upstream = &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "web", UID: "above"}}
	downstream = &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "up-shop", Name: "web", UID: "below"}}
	testIdentity().Mark(&downstream.ObjectMeta, upstream.UID)
	return upstream, downstream
}

var noon = time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC) //nolint:gochecknoglobals // A constant that the language has no word for.

func kubeletEvent(options ...func(*corev1.Event)) *corev1.Event {
	event := &corev1.Event{
		ObjectMeta: metav1.ObjectMeta{Namespace: "up-shop", Name: "web.1", UID: "event", ResourceVersion: "7", Labels: map[string]string{"a": "b"}},
		InvolvedObject: corev1.ObjectReference{
			APIVersion: "v1", Kind: "Pod", Namespace: "up-shop", Name: "web", UID: "below", ResourceVersion: "5", FieldPath: "spec.containers{app}",
		},
		Type: "Warning", Reason: "Unhealthy", Message: "Readiness probe failed",
		Source:         corev1.EventSource{Component: "kubelet", Host: "ssd-a"},
		FirstTimestamp: metav1.NewTime(noon), LastTimestamp: metav1.NewTime(noon.Add(time.Minute)), Count: 3,
		ReportingController: "kubelet", ReportingInstance: "ssd-a",
	}
	for _, option := range options {
		option(event)
	}
	return event
}

func TestMirror(t *testing.T) {
	about := corev1.ObjectReference{APIVersion: "v1", Kind: "Pod", Namespace: "shop", Name: "web", UID: "above", FieldPath: "spec.containers{app}"}
	shown := func(options ...func(*corev1.Event)) *corev1.Event {
		event := kubeletEvent(options...)
		event.ObjectMeta = metav1.ObjectMeta{Namespace: "shop", Name: nameOf("web", "event")}
		event.InvolvedObject = about
		event.Related = nil
		return event
	}
	series := func(e *corev1.Event) {
		e.EventTime = metav1.NewMicroTime(noon)
		e.Series = &corev1.EventSeries{Count: 4, LastObservedTime: metav1.NewMicroTime(noon.Add(time.Hour))}
		e.Action, e.Related = "Preempting", &corev1.ObjectReference{Kind: "Pod", Name: "other"}
	}
	cases := map[string]struct {
		reason               string
		event                *corev1.Event
		upstream, downstream func(*corev1.Pod)
		want                 *corev1.Event
	}{
		"kubelet":         {reason: "what a kubelet says is kept", event: kubeletEvent(), want: shown()},
		"series":          {reason: "so is a series, but not the related downstream object", event: kubeletEvent(series), want: shown(series)},
		"not-a-pod":       {reason: "events about other kinds are not for pods", event: kubeletEvent(func(e *corev1.Event) { e.InvolvedObject.Kind = "Node" })},
		"earlier-twin":    {reason: "the event is about a downstream pod of that name that is gone", event: kubeletEvent(func(e *corev1.Event) { e.InvolvedObject.UID = "earlier" })},
		"foreign":         {reason: "a pod without our marks is not ours", event: kubeletEvent(), downstream: func(p *corev1.Pod) { p.Labels = nil }},
		"another-cluster": {reason: "nor is another upstream cluster's", event: kubeletEvent(), downstream: func(p *corev1.Pod) { p.Labels["spillway.io/upstream"] = "other" }},
		"successor":       {reason: "the upstream pod is a new one of that name", event: kubeletEvent(), upstream: func(p *corev1.Pod) { p.UID = "next" }},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			upstream, downstream := pods()
			if tc.upstream != nil {
				tc.upstream(upstream)
			}
			if tc.downstream != nil {
				tc.downstream(downstream)
			}
			before := tc.event.DeepCopy()
			if diff := cmp.Diff(tc.want, Mirror(tc.event, downstream, upstream, testIdentity())); diff != "" {
				t.Errorf("%s: Mirror(): -want +got:\n%s", tc.reason, diff)
			}
			if diff := cmp.Diff(before, tc.event); diff != "" {
				t.Errorf("Mirror() modified the event: -before +after:\n%s", diff)
			}
		})
	}
}

func TestNameOf(t *testing.T) {
	if a, b := nameOf("web", "one"), nameOf("web", "two"); a == b {
		t.Errorf("two events have the name %q", a)
	}
	if a, b := nameOf("web", "one"), nameOf("web", "one"); a != b {
		t.Errorf("one event has the names %q and %q", a, b)
	}
	long := nameOf(strings.Repeat("a", 235)+"-.-"+strings.Repeat("b", 15), "one")
	if want := strings.Repeat("a", 235) + "."; len(long) > 253 || !strings.HasPrefix(long, want) {
		t.Errorf("nameOf() of a long name has %d characters: %q", len(long), long)
	}
}

func TestAgain(t *testing.T) {
	patch, err := again(kubeletEvent())
	if err != nil {
		t.Fatal(err)
	}
	var got map[string]any
	if err := json.Unmarshal(patch, &got); err != nil {
		t.Fatal(err)
	}
	want := map[string]any{"message": "Readiness probe failed", "count": 3.0, "lastTimestamp": "2026-01-02T12:01:00Z", "series": nil}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("again(): -want +got:\n%s", diff)
	}
}

func TestLastSeen(t *testing.T) {
	cases := map[string]struct {
		event *corev1.Event
		want  time.Time
	}{
		"nothing-but-created": {&corev1.Event{ObjectMeta: metav1.ObjectMeta{CreationTimestamp: metav1.NewTime(noon)}}, noon},
		"counted":             {kubeletEvent(), noon.Add(time.Minute)},
		"series": {kubeletEvent(func(e *corev1.Event) {
			e.Series = &corev1.EventSeries{LastObservedTime: metav1.NewMicroTime(noon.Add(time.Hour))}
		}), noon.Add(time.Hour)},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if got := lastSeen(tc.event); !got.Equal(tc.want) {
				t.Errorf("lastSeen() = %s, want %s", got, tc.want)
			}
		})
	}
}
