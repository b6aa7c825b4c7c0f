// Package screentest has a terminal for tests: a real one of the kernel's, and
// behind it what a person would see.
package screentest

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// modes are what a program has changed about a terminal. The zero value is how
// a shell wants it.
type modes struct {
	alternate    bool // the screen that leaves the shell's alone
	hiddenCursor bool
	noWrap       bool
	styled       bool // text would be drawn in some style
}

// screen understands what we write, and finds fault with all else. Its methods
// may not be called concurrently.
type screen struct {
	width, height int
	cells         [][]rune
	row, column   int
	modes         modes
	outdated      bool   // what comes may be meant for another size
	rest          []byte // an unfinished sequence
	faults        []string
}

func newScreen(width, height int) *screen {
	s := &screen{}
	s.resize(width, height)
	return s
}

// resize keeps nothing; a program that looks well draws all of it again.
func (s *screen) resize(width, height int) {
	s.width, s.height = width, height
	s.cells = make([][]rune, height)
	for row := range s.cells {
		s.clear(row)
	}
}

func (s *screen) clear(row int) {
	s.cells[row] = []rune(strings.Repeat(" ", s.width))
}

// text is the lines without the spaces at their ends.
func (s *screen) text() string {
	var b strings.Builder
	for _, row := range s.cells {
		b.WriteString(strings.TrimRight(string(row), " ") + "\n")
	}
	return b.String()
}

func (s *screen) write(p []byte) {
	s.rest = append(s.rest, p...)
	for len(s.rest) > 0 {
		size := s.take(s.rest)
		if size == 0 {
			return
		}
		s.rest = s.rest[size:]
	}
}

// take draws the first thing there; 0: it is not complete.
func (s *screen) take(p []byte) int {
	if p[0] != 0x1b {
		if !utf8.FullRune(p) {
			return 0
		}
		r, size := utf8.DecodeRune(p)
		s.put(r)
		return size
	}
	end := strings.IndexFunc(string(p), func(r rune) bool { return r >= '@' && r != '[' && r <= '~' })
	if end < 0 {
		return 0
	}
	s.obey(string(p[1:end]), p[end])
	return end + 1
}

// put counts every character as one column.
func (s *screen) put(r rune) {
	switch {
	case r == '\r':
		s.column = 0
	case r == '\n':
		s.row = min(s.row+1, s.height-1)
	case r < ' ' || r == utf8.RuneError:
		s.fault("the character %q", r)
	case s.column >= s.width && s.outdated:
	case s.column >= s.width:
		s.fault("the character %q beyond the end of line %d", r, s.row+1)
	default:
		s.cells[s.row][s.column] = r
		s.column++
	}
}

func (s *screen) obey(arguments string, command byte) {
	switch sequence := arguments + string(command); {
	case command == 'm':
		s.modes.styled = arguments != "[0"
	case command == 'H':
		s.move(strings.TrimPrefix(arguments, "["))
	case sequence == "[2J":
		s.outdated = false
		s.resize(s.width, s.height)
	case sequence == "[2K":
		s.clear(s.row)
	case command == 'h' || command == 'l':
		s.mode(arguments, command == 'h')
	default:
		s.fault("the sequence %q", sequence)
	}
}

func (s *screen) move(to string) {
	s.row, s.column = 0, 0
	if row, column, ok := strings.Cut(to, ";"); ok {
		s.row, _ = strconv.Atoi(row)
		s.column, _ = strconv.Atoi(column)
		s.row, s.column = s.row-1, s.column-1
	}
	if s.row >= s.height && !s.outdated {
		s.fault("line %d of %d", s.row+1, s.height)
	}
	s.row = min(s.row, s.height-1)
}

func (s *screen) mode(name string, on bool) {
	switch name {
	case "[?1049":
		s.modes.alternate = on
		s.resize(s.width, s.height)
	case "[?25":
		s.modes.hiddenCursor = !on
	case "[?7":
		s.modes.noWrap = !on
	case "[?2026":
	default:
		s.fault("the mode %q", name)
	}
}

func (s *screen) fault(format string, arguments ...any) {
	s.faults = append(s.faults, fmt.Sprintf(format, arguments...))
}
