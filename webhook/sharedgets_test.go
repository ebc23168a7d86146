package webhook

import (
	"context"
	"errors"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"

	"sigs.k8s.io/controller-runtime/pkg/client"
)

// counted answers each Get with its number, when it is let go.
type counted struct {
	client.Reader
	gets  atomic.Int64
	begun chan struct{}
	letGo chan error
}

func (c *counted) Get(_ context.Context, _ client.ObjectKey, into client.Object, _ ...client.GetOption) error {
	into.SetName(strconv.FormatInt(c.gets.Add(1), 10))
	c.begun <- struct{}{}
	return <-c.letGo
}

// TestSharedGets: who asks while a read is under way gets the next one, and all of them
// the same.
func TestSharedGets(t *testing.T) {
	live := &counted{begun: make(chan struct{}), letGo: make(chan error)}
	shared := newSharedGets(live)
	key := client.ObjectKey{Name: "team"}
	get := func() (string, error) {
		found := namespaceMetadata()
		err := shared.Get(t.Context(), key, found)
		return found.Name, err
	}
	var first sync.WaitGroup
	first.Go(func() {
		if name, err := get(); name != "1" || err != nil {
			t.Errorf("the first gets read %s, error %v", name, err)
		}
	})
	<-live.begun
	var later sync.WaitGroup
	boom := errors.New("boom")
	const many = 20
	came := make(chan struct{}, many)
	for range many {
		later.Go(func() {
			came <- struct{}{}
			// Some may be so late that they get the third.
			if name, err := get(); name == "1" || name == "2" && !errors.Is(err, boom) {
				t.Errorf("who came while it was under way gets read %s, error %v", name, err)
			}
		})
	}
	for range many {
		<-came
	}
	live.letGo <- nil
	first.Wait()
	<-live.begun
	live.letGo <- boom
	done := make(chan struct{})
	go func() { later.Wait(); close(done) }()
	for ended := false; !ended; {
		select {
		case <-live.begun:
			live.letGo <- nil
		case <-done:
			ended = true
		}
	}
	if len(shared.running)+len(shared.next) > 0 {
		t.Errorf("reads are kept: %v %v", shared.running, shared.next)
	}
	if reads := live.gets.Load(); reads > many/2 {
		t.Errorf("%d reads for %d that asked", reads, 1+many)
	}
}

// TestSharedGetsWithoutPatience: who does not wait any longer keeps nobody else from
// an answer.
func TestSharedGetsWithoutPatience(t *testing.T) {
	live := &counted{begun: make(chan struct{}, 1), letGo: make(chan error, 1)}
	shared := newSharedGets(live)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	live.letGo <- nil
	if err := shared.Get(ctx, client.ObjectKey{Name: "team"}, namespaceMetadata()); err != nil && !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}
