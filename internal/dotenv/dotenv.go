// Package dotenv reads the .env of a Laravel application, as phpdotenv does.
package dotenv

import (
	"fmt"
	"regexp"
	"strings"
	"unicode"
)

// Parse returns the variables of a .env. ${NAME} is one that stands before it, or
// one of the environment, which lookup knows; any other stays as it is written. The
// error has the line, and nothing of its value, which may be a secret.
func Parse(text string, lookup func(string) (string, bool)) (map[string]string, error) {
	p := parser{values: make(map[string]string), lookup: lookup}
	lines := strings.Split(strings.ReplaceAll(strings.TrimPrefix(text, "\ufeff"), "\r\n", "\n"), "\n")
	for i := 0; i < len(lines); i++ {
		first, line := i, lines[i]
		for goesOn(line) && i+1 < len(lines) {
			i++
			line += "\n" + lines[i]
		}
		if err := p.line(line); err != nil {
			return nil, fmt.Errorf("line %d: %w", first+1, err)
		}
	}
	return p.values, nil
}

type parser struct {
	values map[string]string
	lookup func(string) (string, bool)
}

// begun is a value in double quotes that has no end in its line.
var begun = regexp.MustCompile(`(?s)^\s*(?:export\s+)?[A-Za-z0-9_."' ]+=\s*"(?:[^"\\]|\\.)*$`)

func goesOn(line string) bool { return begun.MatchString(line) }

var variableName = regexp.MustCompile(`^[A-Za-z0-9_.]+$`)

func (p *parser) line(line string) error {
	line = strings.TrimSpace(line)
	if line == "" || line[0] == '#' {
		return nil
	}
	name, value, found := strings.Cut(line, "=")
	name = strings.TrimSpace(name)
	if exported, ok := strings.CutPrefix(name, "export"); ok && exported != strings.TrimSpace(exported) {
		name = strings.TrimSpace(exported)
	}
	name = strings.Trim(name, `"'`)
	if !variableName.MatchString(name) {
		return fmt.Errorf("got a line without a variable's name, want NAME=VALUE")
	}
	if !found {
		return nil // declared, without a value
	}
	value, err := p.value(strings.TrimSpace(value))
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	p.values[name] = value
	return nil
}

// value is what stands behind the =.
func (p *parser) value(text string) (string, error) {
	switch {
	case strings.HasPrefix(text, "'"):
		value, rest, closed := strings.Cut(text[1:], "'")
		if !closed {
			return "", errOpen
		}
		return value, onlyComment(rest)
	case strings.HasPrefix(text, `"`):
		return p.quoted(text[1:])
	}
	end := strings.IndexFunc(text, func(r rune) bool { return r == '#' || unicode.IsSpace(r) })
	if end < 0 {
		return p.filled(text), nil
	}
	return p.filled(text[:end]), onlyComment(text[end:])
}

var errOpen = fmt.Errorf("got a quote without its end")

func onlyComment(rest string) error {
	if rest = strings.TrimSpace(rest); rest != "" && rest[0] != '#' {
		return fmt.Errorf("got more after the value, want quotes around a value with spaces")
	}
	return nil
}

// escaped is what a character behind a backslash means in double quotes.
var escaped = map[byte]string{'"': `"`, '\\': `\`, '$': "$", 'n': "\n", 'r': "\r", 't': "\t", 'f': "\f", 'v': "\v"}

// quoted is a value in double quotes, without the first of them.
func (p *parser) quoted(text string) (string, error) {
	var out strings.Builder
	plain := 0 // where the part began that is not written yet
	for i := 0; i < len(text); i++ {
		switch text[i] {
		case '"':
			out.WriteString(p.filled(text[plain:i]))
			return out.String(), onlyComment(text[i+1:])
		case '\\':
			if i+1 == len(text) || escaped[text[i+1]] == "" {
				return "", fmt.Errorf("got a backslash before something else than one of \" \\ $ n r t f v")
			}
			out.WriteString(p.filled(text[plain:i]) + escaped[text[i+1]])
			i++
			plain = i + 1
		}
	}
	return "", errOpen
}

var reference = regexp.MustCompile(`\$\{[A-Za-z0-9_.]+\}`)

// filled has values in the place of ${NAME}.
func (p *parser) filled(text string) string {
	return reference.ReplaceAllStringFunc(text, func(all string) string {
		name := all[2 : len(all)-1]
		if value, ok := p.values[name]; ok {
			return value
		}
		if value, ok := p.lookup(name); ok {
			return value
		}
		return all
	})
}
