package session

import (
	"sync/atomic"

	"fermata/internal/pusher"
)

// Counts are how many subscriptions sessions have, by kind of channel. The zero
// value is ready. Its methods may be called concurrently.
type Counts struct{ kinds [pusher.Kinds]atomic.Int64 }

// Of is how many subscriptions there are to channels of the kind.
func (c *Counts) Of(kind pusher.Kind) int64 { return c.kinds[kind].Load() }

// add counts a subscription, or one less with -1. A nil Counts counts nothing.
func (c *Counts) add(channel string, one int64) {
	if c != nil {
		c.kinds[pusher.KindOf(channel)].Add(one)
	}
}
