package session

import (
	"bytes"
	"encoding/json"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

// maxDepth is how deep PHP reads JSON.
const maxDepth = 512

// readable is whether Go and PHP read the same JSON here. PHP refuses some that
// encoding/json repairs: text that is no UTF-8, and half a surrogate pair. It
// takes some that encoding/json refuses, like TRUE: that is not readable either.
func readable(text []byte) bool {
	return utf8.Valid(text) && json.Valid(text) && soundInside(text)
}

// soundInside looks at the depth and the escapes of valid JSON.
func soundInside(text []byte) bool {
	depth, quoted := 0, false
	for i := 0; i < len(text); {
		width, size := unit(text[i:])
		switch c := text[i]; {
		case size == 0:
			return false
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '{' || c == '[':
			depth++
		case c == '}' || c == ']':
			depth--
		}
		if depth > maxDepth {
			return false
		}
		i += width
	}
	return true
}

// unit is the next character, or byte of one, of a string in JSON: how many bytes
// it is wide there, and how many the text has for it. None for half a pair.
func unit(raw []byte) (width, size int) {
	switch {
	case raw[0] != '\\':
		return 1, 1
	case raw[1] != 'u':
		return 2, 1
	}
	r := escaped(raw)
	if !utf16.IsSurrogate(r) {
		return 6, utf8.RuneLen(r)
	}
	if len(raw) < 12 || raw[6] != '\\' || raw[7] != 'u' || utf16.DecodeRune(r, escaped(raw[6:])) == utf8.RuneError {
		return 6, 0
	}
	return 12, utf8.UTFMax
}

// escaped is the code of \u0000.
func escaped(raw []byte) rune {
	r, _ := strconv.ParseUint(string(raw[2:6]), 16, 16)
	return rune(r)
}

// space is where the white space at i ends.
func space(text []byte, i int) int {
	for text[i] == ' ' || text[i] == '\n' || text[i] == '\t' || text[i] == '\r' {
		i++
	}
	return i
}

// valueEnd is where the value ends that begins at i, in an object.
func valueEnd(text []byte, i int) int {
	for depth := 0; ; {
		switch text[i] {
		case '"':
			i = stringEnd(text, i)
		case '{', '[':
			depth, i = depth+1, i+1
		case '}', ']':
			depth, i = depth-1, i+1
		default:
			i++
		}
		if depth == 0 && bytes.IndexByte([]byte(", \n\t\r}"), text[i]) >= 0 {
			return i
		}
	}
}

// stringEnd is where the string ends that begins at i.
func stringEnd(text []byte, i int) int {
	for i++; text[i] != '"'; i++ {
		if text[i] == '\\' {
			i++
		}
	}
	return i + 1
}

// rawOffset is where the nth byte of a string's text is in its JSON.
func rawOffset(raw []byte, n int) int {
	i := 1
	for n > 0 {
		width, size := unit(raw[i:])
		i += width
		n -= size
	}
	return i
}
