package eventsink

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/tools/events"
)

// server is an API server that takes its time.
type server struct {
	takes time.Duration
	// answers are what it says first, one for each request.
	answers []error

	mu    sync.Mutex
	asked []string
	notes map[string]time.Time
}

func (s *server) ask(ctx context.Context, verb string, event *eventsv1.Event) (*eventsv1.Event, error) {
	select {
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-time.After(s.takes):
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked = append(s.asked, verb+" "+event.Name)
	if s.notes == nil {
		s.notes = map[string]time.Time{}
	}
	if _, known := s.notes[event.Note]; !known {
		s.notes[event.Note] = time.Now()
	}
	if len(s.answers) == 0 {
		return event, nil
	}
	answer := s.answers[0]
	s.answers = s.answers[1:]
	return event, answer
}

func (s *server) Create(ctx context.Context, event *eventsv1.Event) (*eventsv1.Event, error) {
	return s.ask(ctx, "create", event)
}

func (s *server) Update(ctx context.Context, event *eventsv1.Event) (*eventsv1.Event, error) {
	return s.ask(ctx, "update", event)
}

func (s *server) Patch(ctx context.Context, event *eventsv1.Event, _ []byte) (*eventsv1.Event, error) {
	return s.ask(ctx, "patch", event)
}

// running starts a Sink, and returns what ends it and waits for that.
func running(t *testing.T, s *Sink) (end func()) {
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.Start(ctx) }()
	return func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}

func named(name string) *eventsv1.Event {
	return &eventsv1.Event{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: name}, Note: name}
}

// TestEventsWaitWhileSeriesEnd: with client-go's own sink an event waited until the last
// count of each series had been written, which with an API server that takes a third of a
// second was minutes, and each event that came meanwhile was a goroutine.
func TestEventsWaitWhileSeriesEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const series = 1000
		api := &server{takes: 300 * time.Millisecond}
		sink := New(api)
		end := running(t, sink)
		ctx, stop := context.WithCancel(t.Context())
		broadcaster := events.NewBroadcaster(sink)
		if err := broadcaster.StartRecordingToSinkWithContext(ctx); err != nil {
			t.Fatal(err)
		}
		recorder := broadcaster.NewRecorder(runtime.NewScheme(), "test")
		tell := func(name string) {
			owner := &corev1.ObjectReference{APIVersion: "apps/v1", Kind: "ReplicaSet", Namespace: "shop", Name: name}
			recorder.Eventf(owner, nil, corev1.EventTypeNormal, "SubsetSpilled", "PlaceIn-common", "%s", name)
			synctest.Wait()
		}
		for i := range series {
			tell(fmt.Sprint("web-", i))
			tell(fmt.Sprint("web-", i))
			<-time.After(100 * time.Millisecond)
		}
		<-time.After(12*time.Minute - series*100*time.Millisecond + time.Second) // some counts are being written
		api.mu.Lock()
		before := len(api.asked)
		api.mu.Unlock()
		recorded := time.Now()
		tell("late")
		<-time.After(5 * time.Second)
		api.mu.Lock()
		if len(api.asked) == before || before <= 2*series {
			t.Errorf("%d writes before, %d now: no counts are being written", before, len(api.asked))
		}
		switch written, ok := api.notes["late"]; {
		case !ok:
			t.Error("an event is not written while series end")
		case written.Sub(recorded) > time.Second:
			t.Errorf("an event is written after %s", written.Sub(recorded))
		}
		api.mu.Unlock()
		stop()
		broadcaster.Shutdown()
		end()
	})
}

// TestFullLanes: who records is never held up, and what waits is bounded.
func TestFullLanes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const many = 10 * lanes * laneLength
		api := &server{takes: time.Millisecond}
		sink := New(api)
		for i := range many {
			if _, err := sink.Create(t.Context(), named(fmt.Sprint(i))); err != nil {
				t.Fatal(err)
			}
		}
		if got := sink.leftOut.Load(); got != many-lanes*laneLength {
			t.Errorf("%d of %d events are left out", got, many)
		}
		end := running(t, sink)
		<-time.After(time.Minute)
		end()
		if len(api.asked) != lanes*laneLength {
			t.Errorf("%d events are written", len(api.asked))
		}
		if got := sink.leftOut.Load(); got != 0 {
			t.Errorf("nobody was told of %d events", got)
		}
	})
}

func TestWrite(t *testing.T) {
	resource := schema.GroupResource{Group: "events.k8s.io", Resource: "events"}
	unavailable := apierrors.NewServiceUnavailable("not now")
	gone := apierrors.NewNotFound(resource, "web")
	noNamespace := apierrors.NewNotFound(schema.GroupResource{Resource: "namespaces"}, "shop")
	cases := map[string]struct {
		reason  string
		answers []error
		patch   bool
		want    []string
	}{
		"created":      {"one request", nil, false, []string{"create web"}},
		"there":        {"the answer to an earlier try was lost", []error{errors.New("reset"), apierrors.NewAlreadyExists(resource, "web")}, false, []string{"create web", "create web"}},
		"unreachable":  {"tried again", []error{errors.New("refused"), unavailable, unavailable}, false, []string{"create web", "create web", "create web", "create web"}},
		"refused":      {"another try does not help", []error{apierrors.NewForbidden(resource, "web", errors.New("no"))}, false, []string{"create web"}},
		"counted":      {"one request", nil, true, []string{"patch web"}},
		"faded":        {"an event that is not there is created", []error{gone}, true, []string{"patch web", "create web"}},
		"no-namespace": {"its end is the end of its events", []error{gone, noNamespace}, true, []string{"patch web", "create web"}},
		"down":         {"given up, others wait", slices.Repeat([]error{unavailable}, 20), false, slices.Repeat([]string{"create web"}, retries().Steps)},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				api := &server{answers: tc.answers}
				sink := New(api)
				end := running(t, sink)
				if tc.patch {
					_, _ = sink.Patch(t.Context(), named("web"), []byte("{}"))
				} else {
					_, _ = sink.Create(t.Context(), named("web"))
				}
				<-time.After(2 * time.Minute)
				end()
				if !slices.Equal(api.asked, tc.want) {
					t.Errorf("%s: %q, want %q", tc.reason, api.asked, tc.want)
				}
			})
		})
	}
}

// TestOrder: an event is created before it is counted, also if both wait.
func TestOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		api := &server{takes: time.Second}
		sink := New(api)
		for range 3 {
			_, _ = sink.Create(t.Context(), named("web"))
			_, _ = sink.Patch(t.Context(), named("web"), []byte("{}"))
		}
		end := running(t, sink)
		<-time.After(10 * time.Second)
		end()
		if want := []string{"create web", "create web", "create web", "patch web", "patch web", "patch web"}; !slices.Equal(api.asked, want) {
			t.Errorf("%q, want %q", api.asked, want)
		}
	})
}

// TestEnd: what was recorded last is written still, as far as there is time.
func TestEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		api := &server{takes: time.Second}
		sink := New(api)
		for range 10 {
			_, _ = sink.Create(t.Context(), named("web"))
		}
		end := running(t, sink)
		synctest.Wait()
		began := time.Now()
		end()
		if n := len(api.asked); n < 2 || n > 4 {
			t.Errorf("%d events are written", n)
		}
		if took := time.Since(began); took > lastWrites {
			t.Errorf("it took %s", took)
		}
	})
}
