package stream

import (
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/remotecommand"
)

// TestFallback: a downstream API server that does not speak WebSocket is asked
// again with SPDY, for commands and for port-forwards.
func TestFallback(t *testing.T) {
	var mu sync.Mutex
	var asked []string
	downstream := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		asked = append(asked, r.Method+" "+r.Header.Get("Upgrade"))
		http.Error(w, "not here", http.StatusBadRequest)
	}))
	defer downstream.Close()
	h, err := NewHandler(t.Context(), Pods{}, &rest.Config{Host: downstream.URL})
	if err != nil {
		t.Fatal(err)
	}
	box := target{namespace: "shop", pod: "web", container: "app"}
	want := []string{"GET websocket", "POST SPDY/3.1"}

	executor, err := h.executor(h.subresource(box, "exec", &corev1.PodExecOptions{Command: []string{"id"}, Stdout: true}))
	if err != nil {
		t.Fatal(err)
	}
	if err := executor.StreamWithContext(t.Context(), remotecommand.StreamOptions{}); err == nil {
		t.Error("a command ran nowhere")
	}
	if diff := cmp.Diff(want, asked); diff != "" {
		t.Errorf("a command: -want +got:\n%s", diff)
	}
	asked = nil
	if _, err := h.dialPortForward(t.Context(), box); err == nil {
		t.Error("a port-forward leads nowhere")
	}
	if diff := cmp.Diff(want, asked); diff != "" {
		t.Errorf("a port-forward: -want +got:\n%s", diff)
	}
}
