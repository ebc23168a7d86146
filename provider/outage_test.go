package provider

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-logr/logr"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/spillway-io/spillway/provider/relist"
	"github.com/spillway-io/spillway/provider/sharing"
)

// unsteady is the way to an API server, which is away for a while.
type unsteady struct {
	t *testing.T

	mu sync.Mutex
	// later is the time after.
	away, later bool
	watches     []*io.PipeWriter
}

// is has the server be away, or there.
func (u *unsteady) is(away bool) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.later = u.away
	u.away = away
	for _, w := range u.watches {
		_ = w.CloseWithError(syscall.ECONNRESET)
	}
	u.watches = nil
}

// RoundTrip answers lists of pods with nothing, and later watches with a pod.
func (u *unsteady) RoundTrip(request *http.Request) (*http.Response, error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	query := request.URL.Query()
	switch {
	case u.away:
		return nil, syscall.ECONNREFUSED
	case query.Get("sendInitialEvents") != "":
		return u.answer(request, http.StatusUnprocessableEntity, u.body(metav1.Status{
			TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Status"}, Status: metav1.StatusFailure, Code: 422, Reason: metav1.StatusReasonInvalid,
		})), nil
	case query.Get("watch") == "":
		return u.answer(request, http.StatusOK, u.body(corev1.PodList{
			TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "PodList"}, ListMeta: metav1.ListMeta{ResourceVersion: "1"},
		})), nil
	}
	body, events := io.Pipe()
	u.watches = append(u.watches, events)
	if u.later {
		pod := corev1.Pod{
			TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: "Pod"},
			ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "cart", ResourceVersion: "2"},
		}
		go func() { _, _ = io.Copy(events, u.body(map[string]any{"type": "ADDED", "object": pod})) }()
	}
	return u.answer(request, http.StatusOK, body), nil
}

func (u *unsteady) body(object any) io.ReadCloser {
	text, err := json.Marshal(object)
	if err != nil {
		u.t.Error(err)
	}
	return io.NopCloser(bytes.NewReader(text))
}

func (*unsteady) answer(request *http.Request, code int, body io.ReadCloser) *http.Response {
	return &http.Response{StatusCode: code, Header: http.Header{"Content-Type": {"application/json"}}, Body: body, Request: request, ProtoMajor: 2}
}

// TestUpstreamCacheAfterOutage: whoever waits to become the leader does not end when
// the upstream API server is away, and is the leader moments after it is back. Its
// cache must not be behind by then, however long the outage was.
func TestUpstreamCacheAfterOutage(t *testing.T) {
	for i := range 6 {
		length := time.Minute + time.Duration(i)*7*time.Second
		t.Run(length.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { afterOutage(t, length) })
		})
	}
}

func afterOutage(t *testing.T, length time.Duration) {
	upstream := &unsteady{t: t}
	pods := upstream.cached()
	ctx, stop := context.WithCancel(t.Context())
	var running sync.WaitGroup
	defer running.Wait()
	defer stop()
	running.Go(func() {
		if err := pods.Start(ctx); err != nil {
			t.Error(err)
		}
	})
	if !pods.WaitForCacheSync(ctx) {
		t.Fatal("the cache is not filled")
	}
	upstream.is(true)
	time.Sleep(length) //nolint:forbidigo // The time of the bubble.
	upstream.is(false)
	time.Sleep(maxPause + time.Second) //nolint:forbidigo // The time of the bubble.
	synctest.Wait()
	if err := pods.Get(ctx, client.ObjectKey{Namespace: "shop", Name: "cart"}, &corev1.Pod{}); err != nil {
		t.Errorf("moments after the API server is back: %v", err)
	}
}

// cached is the cache that is filled that way.
func (u *unsteady) cached() cache.Cache {
	u.t.Helper()
	config := &rest.Config{Host: "http://upstream.example", Transport: u, QPS: -1}
	patient, err := patientClient(config, logr.Discard())
	if err != nil {
		u.t.Fatal(err)
	}
	options := upstreamCache("east", patient, new(relist.Informers), new(sharing.Pods))
	if options.Mapper, err = newMapper(nil, nil); err != nil {
		u.t.Fatal(err)
	}
	if options.Scheme, err = newScheme(); err != nil {
		u.t.Fatal(err)
	}
	pods, err := cache.New(config, options)
	if err != nil {
		u.t.Fatal(err)
	}
	if _, err := pods.GetInformer(u.t.Context(), &corev1.Pod{}, cache.BlockUntilSynced(false)); err != nil {
		u.t.Fatal(err)
	}
	return pods
}
