package relay

import "testing"

// BenchmarkPass is what a shard does with a message of 100 bytes between two
// system calls: what a tap and a move cost those who have none, and what they
// cost those who do.
func BenchmarkPass(b *testing.B) {
	f := func(name string, mask bool, change func(*epollRelay)) {
		b.Run(name, func(b *testing.B) {
			s := newShard(newCount(), newPace(), newToken())
			c := newEpollRelay(s, Pair{Owner: new(owner), Options: Options{Stall: patience, Close: patience}})
			c.client.refuses, c.node.refuses = true, true // no system calls
			change(c)
			n := copy(s.space.buffer.room(), appendFrame(nil, bitFIN|opText, mask, make([]byte, 100)))
			b.ReportAllocs()
			for b.Loop() {
				if mask {
					c.fromClient(n)
				} else {
					c.fromNode(n)
				}
			}
		})
	}
	taps := func(c *epollRelay) { c.owner, c.taps = tapped{new(owner), deaf{}}, true }
	f("ToNode", masked, func(*epollRelay) {})
	f("ToNode/Tap", masked, taps)
	f("ToClient", unmasked, func(*epollRelay) {})
	f("ToClient/Tap", unmasked, taps)
	f("ToClient/Hearing", unmasked, func(c *epollRelay) {
		c.rarely().move = &move{mover: deaf{}, begun: true}
		c.beginHearing(bufferSize)
	})
}

// deaf looks at nothing.
type deaf struct{}

func (deaf) FromClient([]byte) []byte    { return nil }
func (deaf) Missed()                     {}
func (deaf) Begin() [][]byte             { return nil }
func (deaf) FromNode([]byte) (_, _ bool) { return true, false }
func (deaf) Aborted(error)               {}
