package references

import (
	"context"
	"net"
	"testing"
	"time"

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
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- w.Start(ctx) }()
	defer func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}()
	want := Want{Key: Key{Kind: translate.Secret, Namespace: "up-shop", Name: "keys"}, Origin: Origin{Namespace: "shop", Name: "keys"}}
	var o *watched
	for o == nil { // The watches start beside us.
		if o, err = w.ensure(want); err != nil {
			<-time.After(time.Millisecond)
		}
	}
	w.end(want.Key)
	soon, late := context.WithTimeout(t.Context(), 5*time.Second)
	defer late()
	if err := o.wait(soon); err == nil || soon.Err() != nil {
		t.Errorf("the wait ends with %v (%v), want an error at once", err, soon.Err())
	}
}

// nobody answers.
func nobody(ctx context.Context, _, _ string) (net.Conn, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}
