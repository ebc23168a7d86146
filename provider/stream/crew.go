package stream

import "sync"

// crew counts what is under way and can be waited for while more would begin,
// which a sync.WaitGroup alone must not.
type crew struct {
	mu        sync.Mutex
	dismissed bool
	working   sync.WaitGroup
}

// begin returns false when the crew was dismissed; otherwise done must follow.
func (c *crew) begin() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.dismissed {
		c.working.Add(1)
	}
	return !c.dismissed
}

func (c *crew) done() { c.working.Done() }

// dismiss lets nothing more begin, and waits.
func (c *crew) dismiss() {
	c.mu.Lock()
	c.dismissed = true
	c.mu.Unlock()
	c.working.Wait()
}
