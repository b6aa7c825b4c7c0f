package proxy

import (
	"net/http"
	"net/textproto"
	"strings"

	"golang.org/x/net/http/httpguts"
)

// field is a header field with one value. Without a name or a value it is none.
type field struct{ name, value string }

func (f field) isNone() bool { return f.name == "" || f.value == "" }

// size is how many bytes the field has in a head.
func (f field) size() int {
	if f.isNone() {
		return 0
	}
	return len(f.name) + len(": \r\n") + len(f.value)
}

// appendTo appends the field to a head.
func (f field) appendTo(b []byte) []byte {
	if f.isNone() {
		return b
	}
	return appendField(b, f.name, f.value)
}

func appendField(b []byte, name, value string) []byte {
	b = append(b, name...)
	b = append(b, ": "...)
	b = append(b, value...)
	return append(b, "\r\n"...)
}

// appendFields appends those fields of a head that may pass, and concern more than
// one connection. They were checked when they were read, so that they need neither the
// care nor the order that http.Header.Write takes time for.
func appendFields(b []byte, h http.Header, passes func(name string) bool) []byte {
	named := namedByConnection(h)
	for name, values := range h {
		if isHopByHop(name, named) || !passes(name) {
			continue
		}
		for _, value := range values {
			b = appendField(b, inRFC(name), value)
		}
	}
	return b
}

// readFields reads fields as almost everybody writes them: on one line each, which ends
// with CRLF. The names and values are pieces of the text. Nil: there is one in it that
// is different.
func readFields(text string) http.Header {
	most := strings.Count(text, "\n")
	h, all := make(http.Header, most), make([]string, 0, most) // one slice for all values
	for text != "" {
		line, rest, _ := strings.Cut(text, "\n")
		line, whole := strings.CutSuffix(line, "\r")
		name, value, found := strings.Cut(line, ":")
		if !whole || !found || !httpguts.ValidHeaderFieldName(name) || !httpguts.ValidHeaderFieldValue(value) {
			return nil
		}
		text, name, value = rest, canonical(name), textproto.TrimString(value)
		if values, again := h[name]; again {
			h[name] = append(values, value)
			continue
		}
		all = append(all, value)
		h[name] = all[len(all)-1 : len(all) : len(all)]
	}
	return h
}

// isUsual is whether the head is the whole message, and none of its fields is one that
// package net/http changes when it reads it.
func isUsual(h http.Header) bool {
	return !hasAny(h, "Content-Length", "Transfer-Encoding", "Trailer", "Expect") &&
		(!hasAny(h, "Pragma") || hasAny(h, "Cache-Control")) && !hasToken(h["Connection"], "close")
}

func hasAny(h http.Header, names ...string) bool {
	for _, name := range names {
		if _, ok := h[name]; ok {
			return true
		}
	}
	return false
}
