package relay

import "sync"

// count counts what runs. Unlike with a sync.WaitGroup something may begin
// while others wait for all to end.
type count struct {
	mu   sync.Mutex
	n    int
	none sync.Cond // n is 0; its L is mu
}

func newCount() *count {
	c := &count{}
	c.none.L = &c.mu
	return c
}

func (c *count) begin() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.n++
}

func (c *count) end() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.n--; c.n == 0 {
		c.none.Broadcast()
	}
}

// wait returns when nothing runs.
func (c *count) wait() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for c.n > 0 {
		c.none.Wait()
	}
}
