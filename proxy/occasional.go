package proxy

import (
	"sync"
	"time"
)

// occasional counts what happens too often for a log line each. Its zero value
// is ready. It may be used concurrently.
type occasional struct {
	mu    sync.Mutex
	said  time.Time
	count int
}

// add counts one more, and returns how many the log is to tell of: all since
// the last time, once in so long, and otherwise 0.
func (o *occasional) add(now time.Time, every time.Duration) int {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.count++
	if now.Sub(o.said) < every {
		return 0
	}
	count := o.count
	o.said, o.count = now, 0
	return count
}
