package relay

import "time"

// What a node says right before it ends says why. That is looked for in a little,
// so that it costs nothing where much passes.
const (
	mostNotable = 512 // bytes
	rightBefore = time.Second
)

// words are what a node has said that may turn out to be its last.
type words struct {
	frames string
	at     time.Time
}

// note looks at what a node has said, and returns the words to remember instead of
// those before; nil: there is nothing notable.
func note(o Owner, b []byte) *words {
	if len(b) > mostNotable || !o.Notable(b) {
		return nil
	}
	return &words{string(b), time.Now()}
}

// last are the words of a node that has just ended. Words may be nil.
func (w *words) last() string {
	if w == nil || time.Since(w.at) > rightBefore {
		return ""
	}
	return w.frames
}
