package anchor

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
)

// world is both API servers: all that they are asked for, and how often.
type world struct {
	mu sync.Mutex
	// cluster is the downstream cluster's id; empty is one that knows no namespace.
	cluster string
	// node is what the Node remembers, and pods are those bound to it.
	node string
	pods []corev1.Pod
	// absent are API servers that do not answer, by name, and latency is what the
	// others take.
	absent  string
	latency time.Duration
	asked   int
}

func (w *world) set(change func(w *world)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	change(w)
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func (w *world) client(t *testing.T, name string) kubernetes.Interface {
	t.Helper()
	client, err := kubernetes.NewForConfig(&rest.Config{Host: "https://" + name, Transport: roundTrip(w.serve), QPS: -1})
	if err != nil {
		t.Fatal(err)
	}
	return client
}

func (w *world) serve(r *http.Request) (*http.Response, error) {
	w.mu.Lock()
	latency := w.latency
	w.mu.Unlock()
	if latency > 0 {
		<-time.After(latency)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if r.URL.Host == w.absent {
		return nil, errors.New("connection refused")
	}
	var answer any
	code := http.StatusOK
	switch path := r.URL.Path; {
	case strings.HasSuffix(path, "/namespaces/kube-system") && w.cluster != "":
		w.asked++
		answer = corev1.Namespace{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Namespace"}, ObjectMeta: metav1.ObjectMeta{UID: types.UID(w.cluster)}}
	case strings.HasSuffix(path, "/nodes/east") && w.node != "none":
		answer = corev1.Node{
			TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: "Node"},
			ObjectMeta: metav1.ObjectMeta{Annotations: map[string]string{"spillway.io/downstream": w.node}},
		}
	case strings.HasSuffix(path, "/pods") && r.URL.Query().Get("fieldSelector") == "spec.nodeName=east":
		answer = corev1.PodList{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "PodList"}, Items: w.pods}
	default:
		code = http.StatusNotFound
		answer = metav1.Status{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Status"}, Status: metav1.StatusFailure, Reason: metav1.StatusReasonNotFound, Code: http.StatusNotFound}
	}
	body, err := json.Marshal(answer)
	header := http.Header{"Content-Type": []string{"application/json"}}
	return &http.Response{StatusCode: code, Header: header, Request: r, Body: io.NopCloser(bytes.NewReader(body))}, err
}

// process is one that asks.
type process struct {
	*Keeper
	elected chan struct{}
	refused int
}

func (w *world) starts(t *testing.T) *process {
	t.Helper()
	p := &process{elected: make(chan struct{})}
	p.Keeper = NewKeeper(Sources{
		Upstream: w.client(t, "upstream"), Downstream: w.client(t, "downstream"), Node: "east", Server: "https://downstream",
		Elected: p.elected, Refuse: func() { p.refused++ },
	})
	return p
}

// running is a pod that was started downstream.
func running() corev1.Pod {
	return corev1.Pod{Status: corev1.PodStatus{Phase: corev1.PodRunning, StartTime: new(metav1.Unix(1, 0))}}
}
