package nginxconf

import (
	"regexp"
	"strings"

	"fermata/internal/nginxconf/syntax"
)

var variable = regexp.MustCompile(`\$(?:\{(\w+)\}|(\w+))`)

// longestAddress is more than any address that can be connected to.
const longestAddress = 1000

// expand puts the values of variables in a text, those that are the same for
// all requests. It returns the directives that gave them, too.
func (s *scope) expand(text string) (expanded string, from []syntax.Directive) {
	for range 5 { // a value can have variables
		before := text
		text = variable.ReplaceAllStringFunc(text, func(name string) string {
			value, by := s.constant("$" + strings.Trim(name, "${}"))
			if by == nil {
				return name
			}
			from = append(from, *by)
			return value
		})
		if text == before || len(text) > longestAddress { // which a value in itself would soon be
			break
		}
	}
	return text, from
}

// constant is a variable's value and what gives it; nil: it is not known, or
// not the same for all requests.
func (s *scope) constant(name string) (value string, by *syntax.Directive) {
	for at := s; at != nil; at = at.outer {
		if by := giving(at.block, name); len(by) > 0 {
			return onlyValue(by)
		}
	}
	return "", nil
}

// giving are the directives of a block that give a variable its value, also
// under conditions.
func giving(block []syntax.Directive, name string) (by []syntax.Directive) {
	for _, d := range block {
		switch {
		case d.Name == "set" && arg(d, 0) == name, d.Name == "map" && arg(d, 1) == name:
			by = append(by, d)
		case d.Name == "if":
			if len(giving(d.Block, name)) > 0 {
				by = append(by, d)
			}
		}
	}
	return by
}

func onlyValue(by []syntax.Directive) (string, *syntax.Directive) {
	switch d := by[0]; {
	case len(by) > 1:
	case d.Name == "set":
		return arg(d, 1), &d
	case d.Name == "map" && isConstantMap(d.Block):
		return arg(d.Block[0], 0), &d
	}
	return "", nil
}

// isConstantMap tells whether a map has the same value for everything.
func isConstantMap(block []syntax.Directive) bool {
	for _, d := range block {
		if len(d.Args) != 1 || arg(d, 0) != arg(block[0], 0) {
			return false
		}
	}
	return len(named(block, "default")) > 0
}
