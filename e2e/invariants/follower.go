package invariants

import (
	"context"
	"errors"
	"sync"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/dynamic"

	"github.com/spillway-io/spillway/e2e/playground"
)

// follower tells a Witness of all objects of one kind in a cluster.
type follower struct {
	cluster, kind string
	objects       dynamic.ResourceInterface
	sees          *Witness
	// listed is closed when everything was listed once.
	listed chan struct{}
	// version is where the next watch begins; empty: list first.
	version string
}

// follow lists once and watches from there until ctx ends. A watch that ended goes
// on where it was, and at once: an informer would wait for up to a minute after an
// outage. Only when the API server no longer knows that place does it list again.
func (f *follower) follow(ctx context.Context) {
	first := sync.OnceFunc(func() { close(f.listed) })
	_ = playground.Eventually(ctx, "the witness is stopped", func(ctx context.Context) error {
		if f.version == "" {
			if err := f.list(ctx); err != nil {
				return err
			}
			first()
		}
		return f.watch(ctx)
	})
}

func (f *follower) list(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, listTimeout)
	defer cancel()
	list, err := f.objects.List(ctx, metav1.ListOptions{})
	if err != nil {
		return err
	}
	f.sees.lists(f.cluster, f.kind, list.Items)
	f.version = list.GetResourceVersion()
	return nil
}

// watch returns when the watch ended, always with an error.
func (f *follower) watch(ctx context.Context) error {
	events, err := f.objects.Watch(ctx, metav1.ListOptions{ResourceVersion: f.version, AllowWatchBookmarks: true})
	if err != nil {
		if apierrors.IsResourceExpired(err) || apierrors.IsGone(err) {
			f.version = ""
		}
		return err
	}
	defer events.Stop()
	for event := range events.ResultChan() {
		o, isObject := event.Object.(*unstructured.Unstructured)
		switch {
		case event.Type == watch.Error || !isObject:
			f.version = "" // whatever it was, a list is always right
			return errors.New("the watch broke")
		case event.Type != watch.Bookmark:
			f.sees.sees(f.cluster, o, event.Type == watch.Deleted)
		}
		f.version = o.GetResourceVersion()
	}
	return errors.New("the watch ended")
}
