package session

import (
	"encoding/binary"
	"iter"
	"slices"
)

// subscription is one that the node has accepted, or is about to.
type subscription struct {
	channel string
	data    string // the channel_data
}

// list is subscriptions in one piece of memory: for each the lengths of its texts,
// and then these. Most clients have few and short ones, for which two strings each
// cost more than their bytes. Texts that many clients share are not kept once
// (package unique): that costs more for the others than it saves.
type list []byte

// add appends a subscription.
func (l list) add(s subscription) list {
	var room [2 * binary.MaxVarintLen64]byte
	lengths := binary.AppendUvarint(room[:0], uint64(len(s.channel)))
	lengths = binary.AppendUvarint(lengths, uint64(len(s.data)))
	l = l.roomy(len(lengths) + len(s.channel) + len(s.data))
	return append(append(append(l, lengths...), s.channel...), s.data...)
}

// roomy has room for so much more. What many clients have is small: append alone
// would leave room that most never use.
func (l list) roomy(more int) list {
	if len(l)+more <= cap(l) || len(l) > 512 {
		return l
	}
	return append(slices.Grow(list(nil), len(l)+more), l...)
}

// entry is where a subscription is in a list.
type entry struct{ start, channel, data, end int }

func (l list) entry(start int) entry {
	channel, n := binary.Uvarint(l[start:])
	data, m := binary.Uvarint(l[start+n:])
	e := entry{start: start, channel: start + n + m}
	e.data = e.channel + int(channel)
	e.end = e.data + int(data)
	return e
}

// find finds the subscription to a channel.
func (l list) find(channel string) (e entry, ok bool) {
	for at := 0; at < len(l); at = e.end {
		if e = l.entry(at); string(l[e.channel:e.data]) == channel {
			return e, true
		}
	}
	return e, false
}

// size is how many bytes of text it has.
func (e entry) size() int { return e.end - e.channel }

// drop removes a subscription.
func (l list) drop(e entry) list { return slices.Delete(l, e.start, e.end) }

// all are the subscriptions as they are now.
func (l list) all() iter.Seq[subscription] {
	return func(yield func(subscription) bool) {
		text := string(l)
		for at := 0; at < len(text); {
			e := l.entry(at)
			if !yield(subscription{text[e.channel:e.data], text[e.data:e.end]}) {
				return
			}
			at = e.end
		}
	}
}
