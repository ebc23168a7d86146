package orphans

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/cache"

	"github.com/spillway-io/spillway/provider/relist"
)

// apiServer serves an informer of pods. It says what a test has it say, lies included.
type apiServer struct {
	// streams says that it sends what there is as the beginning of a watch; otherwise
	// that has to be listed.
	streams bool
	events  chan event

	mu      sync.Mutex
	pods    []corev1.Pod
	expired bool // watches cannot go on from where they were
	// lists and initial are how often all pods were asked for, each way.
	lists, initial int
}

// event is one of a watch; without a type it ends the watch.
type event struct {
	Type   string     `json:"type"`
	Object corev1.Pod `json:"object"`
}

// announces waits until there is a watch to send the event to.
func (a *apiServer) announces(kind string, pod corev1.Pod) { a.events <- event{kind, pod} }

// cuts ends the watch.
func (a *apiServer) cuts() { a.events <- event{} }

// restored has all watches begin anew, from other pods.
func (a *apiServer) restored(pods []corev1.Pod) {
	a.mu.Lock()
	a.pods, a.expired = pods, true
	a.mu.Unlock()
	a.cuts()
}

func (a *apiServer) begun() (lists, initial int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.lists, a.initial
}

func (a *apiServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	watch, initial := r.FormValue("watch") != "", r.FormValue("sendInitialEvents") == "true"
	a.mu.Lock()
	pods := a.pods
	switch {
	case initial && a.streams:
		a.initial++
		a.expired = false
	case !watch:
		a.lists++
		a.expired = false
	}
	refusal := 0
	switch {
	case initial && !a.streams:
		refusal = http.StatusUnprocessableEntity
	case watch && a.expired:
		refusal = http.StatusGone
	}
	a.mu.Unlock()
	status := metav1.Status{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Status"}, Status: metav1.StatusFailure, Code: int32(refusal)}
	switch {
	case refusal == http.StatusGone: // API servers tell that in an event
		status.Reason = metav1.StatusReasonExpired
		_ = json.NewEncoder(w).Encode(map[string]any{"type": "ERROR", "object": status})
	case refusal != 0:
		status.Reason = metav1.StatusReasonInvalid
		w.WriteHeader(refusal)
		_ = json.NewEncoder(w).Encode(status)
	case watch:
		a.watch(w, r, initial, pods)
	default:
		_ = json.NewEncoder(w).Encode(corev1.PodList{
			TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "PodList"}, ListMeta: metav1.ListMeta{ResourceVersion: "10"}, Items: pods,
		})
	}
}

func (a *apiServer) watch(w http.ResponseWriter, r *http.Request, initial bool, pods []corev1.Pod) {
	send := func(e event) {
		e.Object.TypeMeta = metav1.TypeMeta{APIVersion: "v1", Kind: "Pod"}
		e.Object.ResourceVersion = "20"
		_ = json.NewEncoder(w).Encode(e)
		_ = http.NewResponseController(w).Flush()
	}
	w.WriteHeader(http.StatusOK)
	_ = http.NewResponseController(w).Flush()
	if initial {
		for _, pod := range pods {
			send(event{"ADDED", pod})
		}
		send(event{"BOOKMARK", corev1.Pod{ObjectMeta: metav1.ObjectMeta{Annotations: map[string]string{metav1.InitialEventsAnnotationKey: "true"}}}})
	}
	for {
		select {
		case <-r.Context().Done():
			return
		case e := <-a.events:
			if e.Type == "" {
				return
			}
			send(e)
		}
	}
}

// watched returns a witness that sees what an informer makes of it, client-go's or ours.
func (a *apiServer) watched(t *testing.T, ours bool) *witness {
	t.Helper()
	server := httptest.NewServer(a)
	t.Cleanup(server.Close)
	scheme := runtime.NewScheme()
	if err := corev1.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	mapper := meta.NewDefaultRESTMapper(nil)
	mapper.Add(corev1.SchemeGroupVersion.WithKind("Pod"), meta.RESTScopeNamespace)
	config := &rest.Config{Host: server.URL, ContentConfig: rest.ContentConfig{ContentType: runtime.ContentTypeJSON}}
	options := cache.Options{
		Scheme: scheme, Mapper: mapper, DefaultUnsafeDisableDeepCopy: new(true), DefaultTransform: cache.TransformStripManagedFields(),
	}
	if ours {
		options.NewInformer = new(relist.Informers).New
	}
	informers, err := cache.New(config, options)
	if err != nil {
		t.Fatal(err)
	}
	pods, err := informers.GetInformer(t.Context(), &corev1.Pod{}, cache.BlockUntilSynced(false))
	if err != nil {
		t.Fatal(err)
	}
	w := newWitness("east", clock.RealClock{})
	if _, err := pods.AddEventHandler(w); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() {
		if err := informers.Start(ctx); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(func() { stop(); running.Wait() })
	return w
}

// waitFor waits until the witness has seen a pod.
func waitFor(t *testing.T, w *witness, name string) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); <-time.After(5 * time.Millisecond) {
		if there, _ := w.testimony(); there[types.NamespacedName{Namespace: "shop", Name: name}] {
			return
		}
	}
	t.Fatalf("pod %s is not seen", name)
}
