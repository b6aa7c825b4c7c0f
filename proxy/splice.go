package proxy

import (
	"crypto/md5"
	"net"
	"slices"
)

// edit is text in the place of a body's bytes from start to end.
type edit struct {
	start, end int64
	text       []byte
}

// splice makes edits, which are in the order of the body, before a node gets it.
// What they add counts for no budget: it is little.
func (b *body) splice(edits []edit) {
	old := cursor{rest: slices.Clone(b.pieces)}
	b.pieces = nil
	for _, e := range edits {
		b.pieces = append(b.pieces, old.take(e.start-old.at)...)
		b.pieces = append(b.pieces, e.text)
		old.take(e.end - old.at)
		b.size += int64(len(e.text)) - (e.end - e.start)
	}
	b.pieces = append(b.pieces, old.rest...)
}

// md5 is for the signature.
func (b *body) md5() [md5.Size]byte {
	sum := md5.New()
	for _, piece := range b.pieces {
		sum.Write(piece)
	}
	return [md5.Size]byte(sum.Sum(nil))
}

// cursor goes through the pieces of a body. They are left as they are; the list
// of them must be its own.
type cursor struct {
	rest net.Buffers
	at   int64 // of the next byte
}

// peek is the next byte; 0 at the end.
func (c *cursor) peek() byte {
	for len(c.rest) > 0 && len(c.rest[0]) == 0 {
		c.rest = c.rest[1:]
	}
	if len(c.rest) == 0 {
		return 0
	}
	return c.rest[0][0]
}

// advance passes the byte that peek has shown.
func (c *cursor) advance() {
	c.rest[0] = c.rest[0][1:]
	c.at++
}

// take returns the next so many bytes, which must be there. They have no capacity
// beyond, so that a part of a piece is not taken for the whole.
func (c *cursor) take(size int64) (taken net.Buffers) {
	for end := c.at + size; c.at < end; {
		n := min(end-c.at, int64(len(c.rest[0])))
		taken = append(taken, c.rest[0][:n:n])
		c.rest[0], c.at = c.rest[0][n:], c.at+n
		if len(c.rest[0]) == 0 {
			c.rest = c.rest[1:]
		}
	}
	return taken
}
