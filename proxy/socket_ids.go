package proxy

import (
	"encoding/json"
	"net"
	"slices"
	"strings"
)

// socketIDs finds the socket ids in a body that publishes events, there where PHP
// finds them. It goes through the pieces as they are: nothing is copied, and nothing
// grows with the depth of the JSON. It is no judge of that: what it takes for JSON
// may be none, which the node refuses.
type socketIDs struct {
	cursor
	broken  bool   // the body is no JSON
	text    []byte // the last string, with its quotes
	present func(told string) (id string, moved bool)
	found   []edit
}

// longestText is more, in bytes, than any string has that is looked for.
const longestText = 512

// findSocketIDs returns what is to be put in the places of those that have moved:
// where a key is given twice, in both, of which PHP takes the last. A batch has
// events in a list. Nil: nothing, or the body is no JSON.
func findSocketIDs(pieces net.Buffers, batch bool, present func(told string) (id string, moved bool)) []edit {
	s := &socketIDs{cursor: cursor{rest: slices.Clone(pieces)}, present: present}
	if batch {
		s.batch()
	} else {
		s.event()
	}
	if s.space(); s.broken || len(s.rest) > 0 {
		return nil
	}
	return s.found
}

func (s *socketIDs) batch() {
	s.members(func(key string) {
		if key == "batch" {
			s.items(s.event)
		} else {
			s.skip()
		}
	})
}

func (s *socketIDs) event() {
	s.members(func(key string) {
		if key == "socket_id" && s.space() == '"' {
			s.socketID()
		} else {
			s.skip()
		}
	})
}

func (s *socketIDs) socketID() {
	start := s.at
	id, moved := s.present(s.string())
	if text, err := json.Marshal(id); moved && err == nil {
		s.found = append(s.found, edit{start, s.at, text})
	}
}

// members goes through an object. value has to read each value; anything but an
// object is skipped.
func (s *socketIDs) members(value func(key string)) {
	if s.space() != '{' {
		s.skip()
		return
	}
	for more := s.opens('}'); more; more = s.goesOn('}') {
		if s.space() != '"' {
			s.broken = true
			return
		}
		key := s.string()
		s.broken = s.broken || s.space() != ':'
		s.next()
		value(key)
	}
}

// items goes through a list, or through an object, which is the same for PHP.
func (s *socketIDs) items(item func()) {
	if s.space() != '[' {
		s.members(func(string) { item() })
		return
	}
	for more := s.opens(']'); more; more = s.goesOn(']') {
		item()
	}
}

// opens is whether there is anything between this bracket and its end.
func (s *socketIDs) opens(end byte) bool {
	s.next()
	if s.space() != end {
		return !s.broken
	}
	s.next()
	return false
}

// goesOn is whether there is another value after this one.
func (s *socketIDs) goesOn(end byte) bool {
	c := s.space()
	s.broken = s.broken || c != ',' && c != end
	s.next()
	return c == ',' && !s.broken
}

// skip reads a value of any kind.
func (s *socketIDs) skip() {
	for depth, first := 0, true; !s.broken && (first || depth > 0); first = false {
		switch s.space() {
		case '"':
			s.quoted()
		case '{', '[':
			depth++
			s.next()
		case '}', ']':
			depth--
			s.next()
		case ',', ':':
			s.broken = s.broken || depth == 0
			s.next()
		default:
			s.bare()
		}
	}
}

// bare reads a number, true, false or null.
func (s *socketIDs) bare() {
	for start := s.at; ; s.next() {
		if c := s.peek(); c == 0 || strings.IndexByte(" \t\r\n,:]}[{\"", c) >= 0 {
			s.broken = s.broken || s.at == start
			return
		}
	}
}

// string reads a string, and returns what it says; empty: too much.
func (s *socketIDs) string() (text string) {
	if s.quoted(); s.broken || len(s.text) == longestText {
		return ""
	}
	if err := json.Unmarshal(s.text, &text); err != nil {
		s.broken = true
	}
	return text
}

// quoted reads a string into text, up to its size.
func (s *socketIDs) quoted() {
	s.text = append(s.text[:0], s.next())
	escaped := false
	for !s.broken && s.peek() != 0 {
		var size int
		if size, escaped = endOfString(s.rest[0], escaped); size > 0 {
			s.keep(size)
			return
		}
		s.keep(len(s.rest[0]))
	}
	s.broken = true
}

// endOfString is behind the quote that ends a string; 0: it goes on in the next
// piece, where the first byte may be escaped.
func endOfString(piece []byte, escaped bool) (size int, escapes bool) {
	for i, c := range piece {
		switch {
		case escaped:
			escaped = false
		case c == '"':
			return i + 1, false
		case c == '\\':
			escaped = true
		}
	}
	return 0, escaped
}

// keep takes so many bytes of a piece, and keeps those for which text has room.
func (s *socketIDs) keep(size int) {
	s.text = append(s.text, s.rest[0][:min(size, longestText-len(s.text))]...)
	s.rest[0], s.at = s.rest[0][size:], s.at+int64(size)
}

// space skips white space, and returns the byte after it, which is next.
func (s *socketIDs) space() byte {
	for {
		switch c := s.peek(); c {
		case ' ', '\t', '\r', '\n':
			s.next()
		default:
			return c
		}
	}
}

// next reads a byte. At the end, where there should be one, and at a 0, which JSON
// has none of, the body is broken.
func (s *socketIDs) next() byte {
	c := s.peek()
	if c == 0 {
		s.broken = true
		return 0
	}
	s.advance()
	return c
}
