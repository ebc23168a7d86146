package provider

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	typedcorev1 "k8s.io/client-go/kubernetes/typed/core/v1"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// others fails what is not for pods, so that it shows.
type others struct{ client.Client }

var errOthers = errors.New("deleted by the client of all other kinds")

func (others) Delete(context.Context, client.Object, ...client.DeleteOption) error { return errOthers }

// TestDeleting: a pod is deleted as asked, and nobody reads what the API server has to
// say about it unless it refuses; here, that is nothing that could be read.
func TestDeleting(t *testing.T) {
	type deletion struct {
		Method, Path string
		Options      metav1.DeleteOptions
	}
	var seen []deletion
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked := deletion{Method: r.Method, Path: r.URL.Path}
		body, err := io.ReadAll(r.Body)
		if err == nil {
			err = runtime.DecodeInto(clientgoscheme.Codecs.UniversalDeserializer(), body, &asked.Options)
		}
		if err != nil {
			t.Errorf("the request cannot be read: %v: %q", err, body)
		}
		seen = append(seen, asked)
		w.Header().Set("Content-Type", "application/json")
		if r.URL.Path == "/api/v1/namespaces/apps/pods/gone" {
			w.WriteHeader(http.StatusNotFound)
			_, _ = io.WriteString(w, `{"kind":"Status","apiVersion":"v1","status":"Failure","reason":"NotFound","code":404}`)
			return
		}
		_, _ = io.WriteString(w, "no pod")
	}))
	defer server.Close()
	core, err := typedcorev1.NewForConfig(&rest.Config{Host: server.URL})
	if err != nil {
		t.Fatal(err)
	}
	d := deleting{others{}, core}
	pod := func(name string) *corev1.Pod {
		return &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "apps", Name: name}}
	}

	uid := types.UID("one")
	if err := d.Delete(t.Context(), pod("web"), client.Preconditions{UID: &uid}, client.GracePeriodSeconds(0)); err != nil {
		t.Errorf("Delete() = %v", err)
	}
	if err := d.Delete(t.Context(), pod("gone")); !apierrors.IsNotFound(err) {
		t.Errorf("Delete() of a pod that is gone = %v, want not found", err)
	}
	if err := d.Delete(t.Context(), &corev1.ConfigMap{}); !errors.Is(err, errOthers) {
		t.Errorf("Delete() of a ConfigMap = %v, want %v", err, errOthers)
	}
	of := metav1.TypeMeta{Kind: "DeleteOptions", APIVersion: "v1"}
	if diff := cmp.Diff([]deletion{
		{http.MethodDelete, "/api/v1/namespaces/apps/pods/web", metav1.DeleteOptions{TypeMeta: of, GracePeriodSeconds: new(int64), Preconditions: &metav1.Preconditions{UID: &uid}}},
		{http.MethodDelete, "/api/v1/namespaces/apps/pods/gone", metav1.DeleteOptions{TypeMeta: of}},
	}, seen); diff != "" {
		t.Errorf("requests (-want +got):\n%s", diff)
	}
}
