package relay

import "time"

// What a node says right before it ends says why. That is looked for in a little,
// so that it costs nothing where much passes.
const (
	mostNotable = 512         // bytes
	rightBefore = time.Second // and a little more
)
