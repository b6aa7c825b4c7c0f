package app

import (
	"context"
	"os"
	"runtime/debug"
	"time"
)

// storm is how many clients have to come for their arrival to leave memory
// behind that is worth giving back.
const storm = 200

// garbage is how much of it, in percent of what is in use, makes a collection
// worth its time: twice of what Go has, as most of it comes with new clients, in
// storms, behind which the memory is given back anyway. GOGC has precedence.
const garbage = 200

// perClient is the memory of bodies, in bytes, that counts as a client's arrival.
const perClient = 64 << 10

// tidyMemory gives memory back to the system after the start, and whenever a
// storm of clients or of large bodies has passed, until ctx ends. A client at rest needs a fraction
// of what its arrival took, and as nothing allocates then, no collection would
// come by itself.
func (a *App) tidyMemory(ctx context.Context) {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(garbage)
	}
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
		now := a.handler.Admitted() + a.handler.FreedBytes()/perClient
		latest := now - before
		before, came = now, came+latest
		if came >= storm && latest <= came/20 {
			debug.FreeOSMemory()
			came = 0
		}
	}
}
