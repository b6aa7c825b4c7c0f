package cluster

import (
	"cmp"
	"hash/fnv"
	"sync"
	"time"
)

// Stamp orders decisions: a hybrid logical clock. No two decisions have the same
// one. The zero value is before all others.
type Stamp struct {
	At    int64  `json:"at"`          // ms since 1970, by Redis's clock
	Count uint32 `json:"n,omitempty"` // of those with the same At
	By    string `json:"by"`          // the member's id
}

// After tells whether s is the newer one.
func (s Stamp) After(o Stamp) bool {
	return cmp.Or(cmp.Compare(s.At, o.At), cmp.Compare(s.Count, o.Count), cmp.Compare(s.By, o.By)) > 0
}

// memberBits are the lowest of a fencing number, so that members that do not
// see each other do not give the same one. With the time it has 53 bits: as many
// as a number of JSON is sure to keep.
const memberBits = 11

// Fence is a fencing number: above last, and another than those that other
// members give, even if neither knows of the other's.
func (s Stamp) Fence(last uint64) uint64 {
	hash := fnv.New32a()
	hash.Write([]byte(s.By))
	return max(last+1, uint64(s.At)<<memberBits|uint64(hash.Sum32())%(1<<memberBits))
}

// clock is Redis's, as this member knows it, and gives stamps by it.
type clock struct {
	id string

	mu     sync.Mutex
	offset time.Duration // Redis's − this machine's
	newest Stamp         // given or seen
}

// adjust takes in what Redis answered to a question asked between two moments.
// An offset that may still be right stays, so that times which were reckoned by
// it do, too.
func (c *clock) adjust(redis, asked, answered time.Time) {
	half := answered.Sub(asked) / 2
	offset := redis.Sub(asked.Add(half)).Round(time.Millisecond)
	c.mu.Lock()
	defer c.mu.Unlock()
	if (offset - c.offset).Abs() > half+5*time.Millisecond {
		c.offset = offset
	}
}

func (c *clock) ahead() time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.offset
}

func (c *clock) now() time.Time { return time.Now().Add(c.ahead()) }

// see makes later stamps come after s.
func (c *clock) see(s Stamp) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if s.After(c.newest) {
		c.newest = s
	}
}

// next is the stamp of a decision made now.
func (c *clock) next() Stamp {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := Stamp{At: time.Now().Add(c.offset).UnixMilli(), By: c.id}
	if s.At <= c.newest.At {
		s.At, s.Count = c.newest.At, c.newest.Count+1
	}
	c.newest = s
	return s
}
