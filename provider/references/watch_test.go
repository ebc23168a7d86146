package references

import (
	"context"
	"encoding/json"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"github.com/spillway-io/spillway/provider/translate"
)

// TestWaitEndsWithTheWatch: a worker that waits for an API server's first answer
// about an object is let go when nobody uses the object any more. Else it would keep
// a pod of the same name waiting until its own time is up.
func TestWaitEndsWithTheWatch(t *testing.T) {
	silent, err := kubernetes.NewForConfig(&rest.Config{Host: "https://api.invalid", Dial: nobody})
	if err != nil {
		t.Fatal(err)
	}
	w := newWatches(silent, func(Key) {})
	want, o := watchKeys(t, w)
	w.end(want.Key)
	soon, late := context.WithTimeout(t.Context(), 5*time.Second)
	defer late()
	if err := o.wait(soon); err == nil || soon.Err() != nil {
		t.Errorf("the wait ends with %v (%v), want an error at once", err, soon.Err())
	}
}

// TestAPIServerThatStreamsNoLists: where WatchList is off, the first answer about an
// object is a refusal to stream it. The pod was warned of that, and waited for the next
// attempt, although the object could be listed all the time.
func TestAPIServerThatStreamsNoLists(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		query := r.URL.Query()
		var answer any
		switch {
		case query.Get("sendInitialEvents") != "":
			w.WriteHeader(http.StatusUnprocessableEntity)
			answer = apierrors.NewInvalid(metav1.Kind("ListOptions"), "", field.ErrorList{field.Forbidden(field.NewPath("sendInitialEvents"), "WatchList is off")}).Status()
		case query.Get("watch") != "":
			w.WriteHeader(http.StatusOK)
			w.(http.Flusher).Flush()
			<-r.Context().Done()
			return
		default:
			keys := corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "keys", UID: "1"}}
			answer = corev1.SecretList{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "SecretList"}, ListMeta: metav1.ListMeta{ResourceVersion: "1"}, Items: []corev1.Secret{keys}}
		}
		if err := json.NewEncoder(w).Encode(answer); err != nil {
			t.Error(err)
		}
	}))
	t.Cleanup(server.Close)
	upstream, err := kubernetes.NewForConfig(&rest.Config{Host: server.URL})
	if err != nil {
		t.Fatal(err)
	}
	_, o := watchKeys(t, newWatches(upstream, func(Key) {}))
	soon, late := context.WithTimeout(t.Context(), 5*time.Second)
	defer late()
	if err := o.wait(soon); err != nil || o.latest() == nil {
		t.Errorf("the first answer is %v and the object %v, want the object", err, o.latest())
	}
}

// watchKeys watches the Secret keys until the test ends.
func watchKeys(t *testing.T, w *watches) (Want, *watched) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- w.Start(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	want := Want{Key: Key{Kind: translate.Secret, Namespace: "up-shop", Name: "keys"}, Origin: Origin{Namespace: "shop", Name: "keys"}}
	for { // The watches start beside us.
		if o, err := w.ensure(want); err == nil {
			return want, o
		}
		<-time.After(time.Millisecond)
	}
}

// nobody answers.
func nobody(ctx context.Context, _, _ string) (net.Conn, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}
