package chaos

import (
	"context"
	"time"

	"github.com/spillway-io/spillway/e2e/playground"
)

// restartAfter is how long a process that ended stays away, about what a kubelet
// needs to start a container again.
const restartAfter = time.Second

// supervises has a process started again whenever it ended, whatever ended it, and
// stopped at the end.
func (s *Stage) supervises(p *playground.Process) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		for wait(ctx, p.Exited()) && pause(ctx, restartAfter) {
			if err := p.Start(); err != nil {
				s.say("   cannot start %s again: %v", p.Name(), err)
			}
		}
	}()
	s.stops = append(s.stops, func(stopping context.Context) error {
		cancel()
		<-done
		return p.Stop(stopping)
	})
}

// pause passes time that is part of a scenario, and says whether ctx is still alive.
func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	return wait(ctx, timer.C)
}

func wait[T any](ctx context.Context, c <-chan T) bool {
	select {
	case <-ctx.Done():
		return false
	case <-c:
		return ctx.Err() == nil
	}
}
