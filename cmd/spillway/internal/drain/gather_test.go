package drain

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"k8s.io/client-go/rest"
)

// bare answers as an API server without WorkloadSpreads, with a virtual node and a
// pod on it.
func bare(w http.ResponseWriter, r *http.Request) {
	const none = `"metadata":{"resourceVersion":"1"},"items":[`
	bodies := map[string]string{
		"/api":                         `{"kind":"APIVersions","versions":["v1"]}`,
		"/apis":                        `{"kind":"APIGroupList","apiVersion":"v1","groups":[{"name":"apps","versions":[{"groupVersion":"apps/v1","version":"v1"}]},{"name":"batch","versions":[{"groupVersion":"batch/v1","version":"v1"}]}]}`,
		"/api/v1":                      `{"kind":"APIResourceList","groupVersion":"v1","resources":[{"name":"pods","kind":"Pod","namespaced":true,"verbs":["get","list","watch"]},{"name":"nodes","kind":"Node","verbs":["get","list","watch"]},{"name":"namespaces","kind":"Namespace","verbs":["get"]}]}`,
		"/apis/apps/v1":                `{"kind":"APIResourceList","groupVersion":"apps/v1","resources":[{"name":"deployments","kind":"Deployment","namespaced":true,"verbs":["get"]},{"name":"replicasets","kind":"ReplicaSet","namespaced":true,"verbs":["get"]},{"name":"statefulsets","kind":"StatefulSet","namespaced":true,"verbs":["get"]}]}`,
		"/apis/batch/v1":               `{"kind":"APIResourceList","groupVersion":"batch/v1","resources":[{"name":"jobs","kind":"Job","namespaced":true,"verbs":["get"]}]}`,
		"/api/v1/pods":                 `{"kind":"PodList","apiVersion":"v1",` + none + `{"metadata":{"name":"web","namespace":"shop","uid":"p"},"spec":{"nodeName":"east"}}]}`,
		"/api/v1/namespaces/shop":      `{"kind":"Namespace","apiVersion":"v1","metadata":{"name":"shop"}}`,
		"/api/v1/namespaces/shop/pods": `{"kind":"PodList","apiVersion":"v1",` + none + `]}`,
		"/api/v1/nodes":                `{"kind":"NodeList","apiVersion":"v1",` + none + `{"metadata":{"name":"east","labels":{"type":"virtual-kubelet"}}}]}`,
	}
	w.Header().Set("Content-Type", "application/json")
	switch body, has := bodies[r.URL.Path]; {
	case r.URL.Query().Get("watch") != "" && r.URL.Query().Get("sendInitialEvents") != "":
		w.WriteHeader(http.StatusUnprocessableEntity)
		_, _ = w.Write([]byte(`{"kind":"Status","apiVersion":"v1","status":"Failure","reason":"Invalid","code":422}`))
	case r.URL.Query().Get("watch") != "":
		w.WriteHeader(http.StatusOK)
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
	case !has:
		w.WriteHeader(http.StatusNotFound)
		_, _ = w.Write([]byte(`{"kind":"Status","apiVersion":"v1","status":"Failure","reason":"NotFound","code":404}`))
	default:
		_, _ = w.Write([]byte(body)) // whoever asked has gone
	}
}

// TestWatchWithoutWorkloadSpreads: where the kind is not there, what is read is there
// from the first look on.
func TestWatchWithoutWorkloadSpreads(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(bare))
	defer server.Close()
	config := &rest.Config{Host: server.URL, QPS: -1}
	live, err := newClient(config)
	if err != nil {
		t.Fatal(err)
	}
	w, err := watch(t.Context(), config, live, "east")
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	world, err := w.look(t.Context(), false)
	if err != nil {
		t.Fatal(err)
	}
	if len(world.Nodes) != 1 || len(world.Pods) != 1 {
		t.Errorf("it sees %d nodes and %d pods, want one of each", len(world.Nodes), len(world.Pods))
	}
}
