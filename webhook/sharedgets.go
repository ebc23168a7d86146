package webhook

import (
	"context"
	"fmt"
	"sync"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// sharedGetTimeout bounds a read that several wait for. It leaves an API server that
// waits for two of them within admissionTimeoutSeconds.
const sharedGetTimeout = 2 * time.Second

// sharedGets reads metadata from the API server once for all who ask at the same time:
// pods of a namespace come in bursts. Each gets what was read after they had asked, as
// if they had read it themselves.
type sharedGets struct {
	client.Reader

	mu sync.Mutex
	// running are reads under way, and next those that begin when these have ended.
	running, next map[client.ObjectKey]*sharedGet
}

// sharedGet is one read. What it found is set when done closes, and not modified.
type sharedGet struct {
	done  chan struct{}
	found *metav1.PartialObjectMetadata
	err   error
}

func newSharedGets(live client.Reader) *sharedGets {
	return &sharedGets{Reader: live, running: map[client.ObjectKey]*sharedGet{}, next: map[client.ObjectKey]*sharedGet{}}
}

// Get reads the metadata of an object, all of it of one kind.
func (s *sharedGets) Get(ctx context.Context, key client.ObjectKey, into client.Object, options ...client.GetOption) error {
	metadata, isMetadata := into.(*metav1.PartialObjectMetadata)
	if !isMetadata || len(options) > 0 {
		return s.Reader.Get(ctx, key, into, options...)
	}
	s.mu.Lock()
	before, get := s.running[key], s.next[key]
	leads := get == nil
	if leads {
		get = &sharedGet{done: make(chan struct{}), found: &metav1.PartialObjectMetadata{TypeMeta: metadata.TypeMeta}}
		s.next[key] = get
	}
	s.mu.Unlock()
	if leads {
		// It is that of others, too, who may have more time left.
		s.lead(context.WithoutCancel(ctx), key, before, get)
	}
	select {
	case <-get.done:
		*metadata = *get.found
		return get.err
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// lead reads when the read before has ended. Who asks from then on waits for another.
func (s *sharedGets) lead(ctx context.Context, key client.ObjectKey, before, get *sharedGet) {
	if before != nil {
		<-before.done
	}
	s.mu.Lock()
	delete(s.next, key)
	s.running[key] = get
	s.mu.Unlock()
	get.err = fmt.Errorf("reading %q ended early", key.Name)
	defer func() {
		s.mu.Lock()
		if s.running[key] == get {
			delete(s.running, key)
		}
		s.mu.Unlock()
		close(get.done)
	}()
	ctx, cancel := context.WithTimeout(ctx, sharedGetTimeout)
	defer cancel()
	get.err = s.Reader.Get(ctx, key, get.found)
}
