package stats

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	clocktesting "k8s.io/utils/clock/testing"
)

// TestRounds: whoever asks while a round is made, and a little later, gets what
// it has got; afterwards there is another.
func TestRounds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var made atomic.Int32
		now := clocktesting.NewFakePassiveClock(time.Now())
		everybodyWaits := make(chan struct{})
		r := &rounds{clock: now, life: t.Context(), gather: func(context.Context) (snapshot, error) {
			<-everybodyWaits
			return snapshot{since: time.Unix(int64(made.Add(1)), 0)}, nil
		}}
		ask := func(want int64) {
			t.Helper()
			if got, err := r.get(t.Context()); err != nil || got.since.Unix() != want {
				t.Errorf("got round %d (%v), want %d", got.since.Unix(), err, want)
			}
		}
		var clients sync.WaitGroup
		for range 50 {
			clients.Go(func() { ask(1) })
		}
		synctest.Wait()
		close(everybodyWaits)
		clients.Wait()
		begun := now.Now()
		now.SetTime(begun.Add(freshFor - time.Second))
		ask(1)
		now.SetTime(begun.Add(freshFor))
		ask(2)
		if n := made.Load(); n != 2 {
			t.Errorf("%d rounds were made, want 2", n)
		}
	})
}

// TestRoundOutlivesItsClient: a round goes on when who began it goes, since others
// wait; who goes gets no answer; and one that failed is made again at once.
func TestRoundOutlivesItsClient(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		failure := errors.New("boom")
		answers := make(chan error)
		now := clocktesting.NewFakePassiveClock(time.Now())
		r := &rounds{clock: now, life: t.Context(), gather: func(ctx context.Context) (snapshot, error) {
			select {
			case err := <-answers:
				return snapshot{}, err
			case <-ctx.Done():
				return snapshot{}, ctx.Err()
			}
		}}
		impatient, leave := context.WithCancel(t.Context())
		first, second := make(chan error, 1), make(chan error, 1)
		go func() {
			_, err := r.get(impatient)
			first <- err
		}()
		synctest.Wait()
		go func() {
			_, err := r.get(t.Context())
			second <- err
		}()
		synctest.Wait()
		leave()
		if _, err := r.get(impatient); !errors.Is(err, context.Canceled) {
			t.Errorf("who goes got %v", err)
		}
		answers <- failure
		if err := <-second; !errors.Is(err, failure) {
			t.Errorf("who waits got %v", err)
		}
		if err := <-first; err == nil {
			t.Error("who left got figures")
		}
		go func() { answers <- nil }()
		if _, err := r.get(t.Context()); err != nil {
			t.Errorf("a round that failed was given again: %v", err)
		}
		now.SetTime(now.Now().Add(freshFor))
		begun := time.Now()
		if _, err := r.get(t.Context()); !errors.Is(err, context.DeadlineExceeded) || time.Since(begun) != roundTimeout {
			t.Errorf("a round without an answer ended after %s with %v", time.Since(begun), err)
		}
	})
}
