package cluster

import (
	"slices"
	"sync"
	"time"
)

// speakers are the other members, as far as they say ids. Its methods may be called
// concurrently.
type speakers struct {
	mu     sync.Mutex
	all    map[string]*speaker
	second bool // what is read now may have been read before
}

// speaker is one of them.
type speaker struct {
	last   uint64    // number of its last announcement
	since  uint64    // since that one all were read
	swept  time.Time // when Oldest was passed on last
	heard  time.Time
	forgot bool // what it has said
}

const (
	// strangerFor is how long one is listened to that is not known to live: its
	// report may come after its first ids.
	strangerFor = 10 * time.Second
	// sweepEvery is how often it is looked for clients that have gone unsaid.
	sweepEvery = 30 * time.Second

	// reasonReread is not counted.
	reasonReread = "reread"
)

// hear takes note of an announcement. It is refused if it is not newer than what its
// member has said before. Oldest is 0 unless it can be relied on, and is to be acted on.
func (o *speakers) hear(a announcement, now time.Time) (oldest uint64, reason string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.all == nil {
		o.all = make(map[string]*speaker)
	}
	s := o.all[a.Member]
	if s == nil {
		s = &speaker{swept: now}
		o.all[a.Member] = s
	}
	switch {
	case a.Number <= s.last && o.second:
		return 0, reasonReread
	case a.Number <= s.last:
		return 0, RefusedRepeated
	case a.Number != s.last+1 || s.forgot:
		s.since = a.Number
	}
	s.last, s.heard, s.forgot = a.Number, now, false
	if a.Oldest < s.since || now.Sub(s.swept) < sweepEvery {
		return 0, ""
	}
	s.swept = now
	return a.Oldest, ""
}

// part forgets those that do not live, and returns whose ids are to be forgotten. How
// far they had come is kept for as long as what they said could be written again.
func (o *speakers) part(living []string, now time.Time) (gone []string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for id, s := range o.all {
		silent := now.Sub(s.heard)
		if slices.Contains(living, id) || silent < strangerFor {
			continue
		}
		if !s.forgot {
			s.forgot = true
			gone = append(gone, id)
		}
		if silent > 2*idsKept {
			delete(o.all, id)
		}
	}
	return gone
}

// reread is for a stream that is read from its beginning again.
func (o *speakers) reread() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.second = true
}

// upToDate is for having read all of it.
func (o *speakers) upToDate() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.second = false
}
