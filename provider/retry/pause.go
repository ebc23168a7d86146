package retry

import (
	"context"
	"time"
)

// Pause waits, and returns false if ctx ended before that time had passed.
func Pause(ctx context.Context, length time.Duration) bool {
	timer := time.NewTimer(length)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}
