package faults

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
)

// standIn answers like an API server that has pods, as far as the tests ask it.
type standIn struct {
	config *rest.Config
	// items is how many pods there are.
	items int
	// created counts the POSTs that were carried out.
	created atomic.Int64
	// more has a running watch send one more event.
	more chan struct{}
}

// standInToken is what the stand-in wants to see, as the target's credentials.
const standInToken = "of the target"

func newStandIn(t *testing.T) *standIn {
	t.Helper()
	s := &standIn{items: 10, more: make(chan struct{})}
	server := httptest.NewUnstartedServer(s)
	server.EnableHTTP2 = true
	server.StartTLS()
	t.Cleanup(server.Close)
	s.config = &rest.Config{
		Host: server.URL, BearerToken: standInToken, QPS: -1, TLSClientConfig: rest.TLSClientConfig{Insecure: true},
	}
	return s
}

func (s *standIn) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	switch {
	case r.Header.Get("Authorization") != "Bearer "+standInToken:
		w.WriteHeader(http.StatusTeapot)
	case r.Header.Get("Upgrade") != "":
		echo(w, r)
	case r.Method == http.MethodPost:
		s.created.Add(1)
		w.WriteHeader(http.StatusCreated)
		write(w, pod(0))
	case query.Get("watch") != "":
		s.watch(w, r)
	default:
		list := &corev1.PodList{TypeMeta: metav1.TypeMeta{Kind: "PodList", APIVersion: "v1"}, ListMeta: metav1.ListMeta{ResourceVersion: "100"}}
		for i := range s.items {
			list.Items = append(list.Items, *pod(i))
		}
		if query.Get("limit") != "" {
			list.Items, list.Continue = list.Items[:2], "more"
		}
		write(w, list)
	}
}

func (s *standIn) watch(w http.ResponseWriter, r *http.Request) {
	event := func(kind string, p *corev1.Pod) {
		write(w, map[string]any{"type": kind, "object": p})
		_ = http.NewResponseController(w).Flush()
	}
	w.Header().Set("Content-Type", "application/json")
	_ = http.NewResponseController(w).Flush()
	if r.URL.Query().Get("sendInitialEvents") == "true" {
		for i := range s.items {
			event("ADDED", pod(i))
		}
		end := &corev1.Pod{TypeMeta: pod(0).TypeMeta}
		end.ResourceVersion, end.Annotations = "100", map[string]string{metav1.InitialEventsAnnotationKey: "true"}
		event("BOOKMARK", end)
	} else {
		event("MODIFIED", pod(0)) // to begin with
	}
	for {
		select {
		case <-s.more:
			event("MODIFIED", pod(0))
		case <-r.Context().Done():
			return
		}
	}
}

func pod(i int) *corev1.Pod {
	return &corev1.Pod{
		TypeMeta:   metav1.TypeMeta{Kind: "Pod", APIVersion: "v1"},
		ObjectMeta: metav1.ObjectMeta{Name: fmt.Sprintf("pod-%d", i), Namespace: "default", ResourceVersion: "100"},
	}
}

func write(w http.ResponseWriter, object any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(object)
}

// echo upgrades the connection to one that repeats what it is told.
func echo(w http.ResponseWriter, r *http.Request) {
	connection, buffered, err := http.NewResponseController(w).Hijack()
	if err != nil {
		w.WriteHeader(http.StatusInternalServerError)
		return
	}
	defer func() { _ = connection.Close() }()
	_, _ = io.WriteString(connection, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: "+r.Header.Get("Upgrade")+"\r\n\r\n")
	_, _ = io.Copy(connection, buffered)
}

// start starts a proxy that the end of the test stops.
func start(t *testing.T, target *rest.Config) *Proxy {
	t.Helper()
	p, err := Start(t.Context(), Options{Name: "proxy", Dir: t.TempDir(), Target: target, Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), 10*time.Second)
		defer cancel()
		if err := p.Stop(ctx); err != nil {
			t.Error(err)
		}
	})
	return p
}

// through is the configuration of a process that goes through the proxy.
func through(t *testing.T, p *Proxy) *rest.Config {
	t.Helper()
	config, err := clientcmd.BuildConfigFromFlags("", p.Kubeconfig())
	if err != nil {
		t.Fatal(err)
	}
	config.QPS = -1
	return config
}

func clientOf(t *testing.T, config *rest.Config) *kubernetes.Clientset {
	t.Helper()
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		t.Fatal(err)
	}
	return client
}

// request is one without the repetitions of client-go, by verb.
func request(client *kubernetes.Clientset, verb string) *rest.Request {
	return client.CoreV1().RESTClient().Verb(verb).Namespace("default").Resource("pods").MaxRetries(0)
}

// openWatch begins a watch and returns its lines; they end with the watch, the
// last being why if that is not the end of the stream.
func openWatch(t *testing.T, client *kubernetes.Clientset, parameters ...string) <-chan string {
	t.Helper()
	r := request(client, http.MethodGet).Param("watch", "true")
	for _, parameter := range parameters {
		name, value, _ := strings.Cut(parameter, "=")
		r.Param(name, value)
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	stream, err := r.Stream(ctx)
	if err != nil {
		cancel()
		t.Fatal(err)
	}
	lines := make(chan string, 100)
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer close(lines)
		scanner := bufio.NewScanner(stream)
		for scanner.Scan() {
			lines <- scanner.Text()
		}
		if err := scanner.Err(); err != nil {
			lines <- "broken: " + err.Error()
		}
	}()
	t.Cleanup(func() {
		cancel()
		_ = stream.Close()
		<-done
	})
	return lines
}

// next is the next line of a watch, or "end"; it fails the test if nothing comes.
func next(t *testing.T, lines <-chan string) string {
	t.Helper()
	select {
	case line, open := <-lines:
		if !open {
			return "end"
		}
		return line
	case <-time.After(5 * time.Second):
		t.Fatal("nothing comes from the watch")
		return ""
	}
}
