// Package workloadtest gives tests and benchmarks a workload.Reader with caches
// that are filled the way they are in a cluster, from an API server that has a
// fixed set of objects and where nothing happens. What an API server does beyond
// that is told by stories on real ones.
package workloadtest

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/openkruise/kruise-api/apps/v1alpha1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/spillway-io/spillway/webhook/workload"
)

// Start returns a started reader of a cluster with these objects. They must have
// their kind set.
func Start(t testing.TB, objects ...client.Object) *workload.Reader {
	t.Helper()
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{clientgoscheme.AddToScheme, v1alpha1.AddToScheme} {
		if err := add(scheme); err != nil {
			t.Fatal(err)
		}
	}
	stop := make(chan struct{})
	server := httptest.NewServer(&apiServer{objects: objects, stop: stop})
	config, mapper := &rest.Config{Host: server.URL}, newMapper()
	caches, err := cache.New(config, cache.Options{Scheme: scheme, Mapper: mapper, ByObject: workload.CacheOptions()})
	if err != nil {
		t.Fatal(err)
	}
	live, err := client.New(config, client.Options{Scheme: scheme, Mapper: mapper})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	stopped := make(chan error, 1)
	go func() { stopped <- caches.Start(ctx) }()
	t.Cleanup(func() {
		cancel()
		close(stop)
		if err := <-stopped; err != nil {
			t.Error(err)
		}
		server.Close()
	})
	reader := workload.NewReader(caches, live, live)
	if err := reader.Start(ctx); err != nil {
		t.Fatal(err)
	}
	return reader
}

func newMapper() meta.RESTMapper {
	mapper := meta.NewDefaultRESTMapper(nil)
	for _, kind := range []schema.GroupVersionKind{
		{Version: "v1", Kind: "Pod"},
		{Group: "apps", Version: "v1", Kind: "Deployment"},
		{Group: "apps", Version: "v1", Kind: "ReplicaSet"},
		{Group: "apps", Version: "v1", Kind: "StatefulSet"},
		{Group: "batch", Version: "v1", Kind: "Job"},
		{Group: "apps.kruise.io", Version: "v1alpha1", Kind: "WorkloadSpread"},
		{Group: "apps.kruise.io", Version: "v1alpha1", Kind: "CloneSet"},
		{Group: "example.com", Version: "v1", Kind: "Farm"},
	} {
		mapper.Add(kind, meta.RESTScopeNamespace)
	}
	mapper.Add(schema.GroupVersionKind{Version: "v1", Kind: "Node"}, meta.RESTScopeRoot)
	return mapper
}

// apiServer answers GET, LIST and WATCH for objects that never change. Selectors
// of labels it does not know.
type apiServer struct {
	objects []client.Object
	stop    <-chan struct{}
}

// ServeHTTP answers one request.
func (s *apiServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	namespace, resource, name, rest := parse(r.URL.Path)
	var found []client.Object
	for _, object := range s.objects {
		plural := strings.ToLower(object.GetObjectKind().GroupVersionKind().Kind) + "s"
		if plural == resource && (name == "" || name == object.GetName()) && (namespace == "" || namespace == object.GetNamespace()) {
			found = append(found, object)
		}
	}
	switch {
	case rest == "scale" && len(found) > 0 && scaleOf(found[0]) != nil:
		respond(w, map[string]any{"kind": "Scale", "apiVersion": "autoscaling/v1", "spec": map[string]any{"replicas": scaleOf(found[0])}})
	case name != "" && (len(found) == 0 || rest != ""):
		w.WriteHeader(http.StatusNotFound)
		respond(w, metav1.Status{TypeMeta: metav1.TypeMeta{Kind: "Status", APIVersion: "v1"}, Status: metav1.StatusFailure, Reason: metav1.StatusReasonNotFound, Code: http.StatusNotFound})
	case name != "":
		respond(w, found[0])
	case r.URL.Query().Get("watch") == "":
		kind := kindAt(r.URL.Path)
		respond(w, map[string]any{"kind": kind.Kind + "List", "apiVersion": kind.GroupVersion().String(), "metadata": map[string]any{"resourceVersion": "1"}, "items": found})
	default:
		s.watch(w, r, found)
	}
}

// scaleOf is what the scale subresource of an object says. It has one if it has a
// field spec.scale.
func scaleOf(object client.Object) any {
	if other, ok := object.(*unstructured.Unstructured); ok {
		n, _, _ := unstructured.NestedFieldNoCopy(other.Object, "spec", "scale")
		return n
	}
	return nil
}

// watch sends what there is, if it was asked to, and then nothing more.
func (s *apiServer) watch(w http.ResponseWriter, r *http.Request, found []client.Object) {
	if r.URL.Query().Get("sendInitialEvents") == "true" {
		for _, object := range found {
			respond(w, map[string]any{"type": "ADDED", "object": object})
		}
		kind := kindAt(r.URL.Path)
		respond(w, map[string]any{"type": "BOOKMARK", "object": map[string]any{
			"kind": kind.Kind, "apiVersion": kind.GroupVersion().String(),
			"metadata": map[string]any{"resourceVersion": "1", "annotations": map[string]string{metav1.InitialEventsAnnotationKey: "true"}},
		}})
	}
	if flusher, ok := w.(http.Flusher); ok {
		flusher.Flush()
	}
	select {
	case <-s.stop:
	case <-r.Context().Done():
	}
}

// parse takes /apis/GROUP/VERSION/namespaces/NAMESPACE/RESOURCE/NAME/SUBRESOURCE
// and all shorter forms apart.
func parse(path string) (namespace, resource, name, rest string) {
	parts := strings.Split(strings.Trim(path, "/"), "/")
	if parts = parts[2:]; strings.HasPrefix(path, "/apis/") {
		parts = parts[1:]
	}
	if parts[0] == "namespaces" && len(parts) > 2 {
		namespace, parts = parts[1], parts[2:]
	}
	parts = append(parts, "", "")
	return namespace, parts[0], parts[1], parts[2]
}

// kindAt is the kind of the objects below a path.
func kindAt(path string) schema.GroupVersionKind {
	parts := strings.Split(strings.Trim(path, "/"), "/")
	resource := schema.GroupVersionResource{Group: parts[1], Version: parts[2]}
	if parts[0] == "api" {
		resource.Group, resource.Version = "", parts[1]
	}
	_, resource.Resource, _, _ = parse(path)
	kind, err := newMapper().KindFor(resource)
	if err != nil {
		panic(fmt.Sprintf("a kind that the test's cluster does not have: %v", err))
	}
	return kind
}

func respond(w http.ResponseWriter, v any) {
	if err := json.NewEncoder(w).Encode(v); err != nil {
		panic(fmt.Sprintf("an object of the test cannot be sent: %v", err))
	}
}
