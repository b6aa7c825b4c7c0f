package syntax

import "strings"

// The kinds of tokens, beside ; { and }.
const (
	endOfFile rune = 0
	word      rune = 'w'
)

type token struct {
	kind rune
	text string // of a word, without quotes and escapes
	line int    // where it begins
}

// scanner cuts a text into tokens as nginx does, whose rules are its own: a }
// ends a block only where a word could begin, and the { in ${name} begins none.
type scanner struct {
	file string
	text string
	at   int
	line int
}

const spaces = " \t\r\n"

func (s *scanner) next() (token, error) {
	s.skip()
	if s.at == len(s.text) {
		return token{kind: endOfFile, line: s.line}, nil
	}
	switch c := s.text[s.at]; c {
	case ';', '{', '}':
		s.at++
		return token{kind: rune(c), line: s.line}, nil
	case '"', '\'':
		return s.quoted(c)
	}
	return s.word(), nil
}

// skip passes over white space and comments.
func (s *scanner) skip() {
	comment := false
	for ; s.at < len(s.text); s.at++ {
		c := s.text[s.at]
		switch {
		case c == '\n':
			s.line++
			comment = false
		case c == '#':
			comment = true
		case !comment && !strings.ContainsRune(spaces, rune(c)):
			return
		}
	}
}

func (s *scanner) word() token {
	t, start := token{kind: word, line: s.line}, s.at
	for variable := false; s.at < len(s.text); s.at++ {
		c := s.text[s.at]
		if strings.IndexByte(spaces+";", c) >= 0 || c == '{' && !variable {
			break
		}
		variable = c == '$'
		s.pass(c)
	}
	s.at = min(s.at, len(s.text))
	t.text = unescape(s.text[start:s.at])
	return t
}

// pass counts lines, and goes on to the byte that a backslash protects.
func (s *scanner) pass(c byte) {
	if c == '\\' {
		s.at++
	}
	if s.at < len(s.text) && s.text[s.at] == '\n' {
		s.line++
	}
}

func (s *scanner) quoted(quote byte) (token, error) {
	t := token{kind: word, line: s.line}
	s.at++
	start := s.at
	for s.at < len(s.text) && s.text[s.at] != quote {
		s.pass(s.text[s.at])
		s.at++
	}
	if s.at >= len(s.text) {
		s.at = len(s.text)
		return t, s.mistake(t.line, "got a %c without the one that ends it", quote)
	}
	t.text = unescape(s.text[start:s.at])
	s.at++
	if s.at < len(s.text) && strings.IndexByte(spaces+";{)", s.text[s.at]) < 0 {
		return t, s.mistake(s.line, "unexpected %q after a quoted word", s.text[s.at])
	}
	return t, nil
}

var escapes = strings.NewReplacer(`\"`, `"`, `\'`, `'`, `\\`, `\`, `\t`, "\t", `\r`, "\r", `\n`, "\n")

func unescape(text string) string { return escapes.Replace(text) }
