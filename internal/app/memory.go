package app

import (
	"context"
	"runtime/debug"
	"time"
)

// storm is how many clients have to come for their arrival to leave memory
// behind that is worth giving back.
const storm = 200

// tidyMemory gives memory back to the system after the start, and whenever a
// storm of clients has passed, until ctx ends. A client at rest needs a fraction
// of what its arrival took, and as nothing allocates then, no collection would
// come by itself.
func (a *App) tidyMemory(ctx context.Context) {
	debug.FreeOSMemory()
	ticker := time.NewTicker(time.Second)
	defer ticker.Stop()
	var before, came int64
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		now := a.handler.Admitted()
		latest := now - before
		before, came = now, came+latest
		if came >= storm && latest <= came/20 {
			debug.FreeOSMemory()
			came = 0
		}
	}
}
