package app

import (
	"context"
	"os"
	"runtime"
	"runtime/debug"
	"time"
)

// garbage is how much of it, in percent of what is in use, makes a collection
// worth its time: twice of what Go has, as most of it comes with new clients, in
// storms, after which the memory is given back anyway. GOGC has precedence.
const garbage = 200

// tidyMemory gives memory back to the system after the start, and whenever a
// storm of clients or of requests has passed, until ctx ends. A client at rest
// needs a fraction of what its arrival took, and one that has gone nothing; and as
// nothing allocates then, no collection would come by itself.
func (a *App) tidyMemory(ctx context.Context) {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(garbage)
	}
	debug.FreeOSMemory()
	ticker := time.NewTicker(time.Second)
	defer ticker.Stop()
	var storm storm
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		clients, _ := a.handler.Clients()
		if storm.passed(a.handler.Spent(), clients) {
			runtime.GC() // a sync.Pool keeps what it has over one collection
			debug.FreeOSMemory()
		}
	}
}

// leastStorm is how many clients have to come or go to leave memory behind that
// is worth giving back.
const leastStorm = 200

// storm is many clients that come or go. The zero value is ready.
type storm struct {
	spent, clients int64 // of a second ago
	size           int64 // so far
}

// passed is whether a storm is over, by all that ever left memory behind (see
// proxy.Handler.Spent) and by how many clients there are. It is to be asked once a
// second.
func (s *storm) passed(spent, clients int64) bool {
	gone := max(0, s.clients-clients) // beside those whose places others have taken, who count
	latest := spent - s.spent + gone
	s.spent, s.clients, s.size = spent, clients, s.size+latest
	over := s.size >= leastStorm && latest <= s.size/20
	if over {
		s.size = 0
	}
	return over
}
