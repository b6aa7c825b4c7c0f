package screen

import (
	"strings"
	"unicode"

	"golang.org/x/text/width"
)

// style is how a span looks. Nothing is said by it alone, since there may be
// no colours.
type style string

const (
	plain    style = ""
	bold     style = "1"
	dim      style = "2"
	red      style = "31"
	green    style = "32"
	yellow   style = "33"
	selected style = "7"
)

// span is a piece of a line in one style.
type span struct {
	text  string
	style style
}

// line is one line of the screen.
type line []span

// clean makes text from elsewhere fit for a line: without what could steer the
// terminal, or draw over what stands before it.
func clean(text string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case unicode.Is(unicode.Mn, r) || unicode.Is(unicode.Me, r):
			return -1
		case unicode.IsPrint(r):
			return r
		case unicode.IsSpace(r):
			return ' '
		}
		return '?'
	}, text)
}

// columns is how many columns clean text takes, or more where terminals differ.
func columns(text string) int {
	n := 0
	for _, r := range text {
		n += columnsOf(r)
	}
	return n
}

func columnsOf(r rune) int {
	switch width.LookupRune(r).Kind() {
	case width.EastAsianWide, width.EastAsianFullwidth:
		return 2
	}
	return 1
}

// cut shortens clean text to at most room columns, and shows that it did.
func cut(text string, room int) string {
	if columns(text) <= room {
		return text
	}
	if room <= 0 {
		return ""
	}
	n := 0
	for i, r := range text {
		if n += columnsOf(r); n > room-1 {
			return text[:i] + "…"
		}
	}
	return text
}

// left is the text in exactly room columns, right likewise at their end.
func left(text string, room int) string {
	text = cut(clean(text), room)
	return text + strings.Repeat(" ", max(room-columns(text), 0))
}

func right(text string, room int) string {
	text = cut(clean(text), room)
	return strings.Repeat(" ", max(room-columns(text), 0)) + text
}

// fit is the line with clean text in at most room columns.
func (l line) fit(room int) line {
	var fitting line
	for _, s := range l {
		text := cut(clean(s.text), room)
		room -= columns(text)
		if text != "" {
			fitting = append(fitting, span{text, s.style})
		}
	}
	return fitting
}

func (l line) columns() int {
	n := 0
	for _, s := range l {
		n += columns(s.text)
	}
	return n
}

// String is the line without its styles.
func (l line) String() string {
	var b strings.Builder
	for _, s := range l {
		b.WriteString(s.text)
	}
	return b.String()
}

// painted is the line as a terminal takes it.
func (l line) painted(styled bool) string {
	if !styled {
		return l.String()
	}
	var b strings.Builder
	for _, s := range l {
		if s.style == plain {
			b.WriteString(s.text)
			continue
		}
		b.WriteString("\x1b[" + string(s.style) + "m" + s.text + "\x1b[0m")
	}
	return b.String()
}
