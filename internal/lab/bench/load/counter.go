//go:build linux

package load

import "time"

// Counts are what is known of each of a number of messages that came back.
type Counts struct {
	Start  time.Time // what Due counts from
	Each   []Trip    // by their number; one that has not come back has Took zero
	Lost   int
	Twice  int
	Astray int // came to another client than the one that had sent them
}

// Trip is the round trip of one message.
type Trip struct{ Due, Took time.Duration }

// Within is how long the round trips took of messages that were under way at some
// time between two.
func (c *Counts) Within(from, until time.Time) (trips []time.Duration) {
	for _, t := range c.Each {
		sent := c.Start.Add(t.Due)
		if t.Took > 0 && sent.Before(until) && sent.Add(t.Took).After(from) {
			trips = append(trips, t.Took)
		}
	}
	return trips
}

// counter counts. The methods of nil count nothing.
type counter struct {
	Counts
	until time.Duration // when it stops listening, once all have come; 0: not yet
}

// onceMore is for how long a message may come once more when all have come.
const onceMore = 200 * time.Millisecond

func newCounter(number int) *counter { return &counter{Counts: Counts{Each: make([]Trip, number)}} }

// listens is whether a message might come once more now that all have come.
func (c *counter) listens(now time.Duration) bool {
	if c == nil {
		return false
	}
	if c.until == 0 {
		c.until = now + onceMore
	}
	return now < c.until
}

// take counts a message that has come, and tells whether that is the first time.
func (c *counter) take(number int, own bool, due, now time.Duration) bool {
	switch {
	case !own || number < 0 || number >= len(c.Each):
		c.Astray++
	case c.Each[number].Took > 0:
		c.Twice++
	default:
		c.Each[number] = Trip{due, max(1, now-due)}
		return true
	}
	return false
}

func (c *counter) counts(start time.Time) Counts {
	if c == nil {
		return Counts{}
	}
	c.Start = start
	for _, t := range c.Each {
		if t.Took == 0 {
			c.Lost++
		}
	}
	return c.Counts
}
