package nginxconf

import (
	"slices"

	"fermata/internal/nginxconf/syntax"
)

// scope is a block and what it is in, from which nginx inherits.
type scope struct {
	directive syntax.Directive // whose block it is
	block     []syntax.Directive
	outer     *scope // nil for the whole file
}

func (s *scope) in(d syntax.Directive) *scope {
	return &scope{directive: d, block: d.Block, outer: s}
}

// all are the directives of that name in the innermost block that has any:
// nginx inherits them only where there are none.
func (s *scope) all(names ...string) []syntax.Directive {
	found, _ := s.nearest(names...)
	return found
}

// nearest is all, with the block that has them.
func (s *scope) nearest(names ...string) ([]syntax.Directive, *scope) {
	for ; s != nil; s = s.outer {
		if found := named(s.block, names...); len(found) > 0 {
			return found, s
		}
	}
	return nil, nil
}

func named(block []syntax.Directive, names ...string) []syntax.Directive {
	var found []syntax.Directive
	for _, d := range block {
		if slices.Contains(names, d.Name) {
			found = append(found, d)
		}
	}
	return found
}

// arg is an argument of a directive, or empty where it has none.
func arg(d syntax.Directive, i int) string {
	if i < 0 || i >= len(d.Args) {
		return ""
	}
	return d.Args[i]
}
