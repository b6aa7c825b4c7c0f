// Package syntax reads the syntax of nginx's configuration files, and the
// files that they include. What the directives mean is no concern of it.
package syntax

import (
	"fmt"
	"strings"
)

// Directive is one directive.
type Directive struct {
	Name  string
	Args  []string    // without their quotes; variables stand as they are
	Block []Directive // nil unless it has one
	File  string      // as it was opened
	Line  int         // where its name stands; 1 is the first
}

// maxDepth is far deeper than nginx's contexts can be nested.
const maxDepth = 50

// Parse takes the text of a file of that name, and leaves its includes alone.
// Its error begins with FILE:LINE.
func Parse(file string, text []byte) ([]Directive, error) {
	p := parser{scanner{file: file, text: string(text), line: 1}}
	return p.block(0)
}

type parser struct{ scanner }

// block reads directives up to the } that ends them, or, at depth 0, up to
// the end of the file. What it returns is never nil.
func (p *parser) block(depth int) ([]Directive, error) {
	directives := []Directive{}
	for {
		t, err := p.next()
		switch {
		case err != nil:
			return nil, err
		case t.kind == endOfFile && depth == 0, t.kind == '}' && depth > 0:
			return directives, nil
		case t.kind == endOfFile:
			return nil, p.mistake(t.line, `unexpected end of file, expecting "}"`)
		case t.kind != word:
			return nil, p.mistake(t.line, "unexpected %q", t.kind)
		}
		d, err := p.directive(t, depth)
		if err != nil {
			return nil, err
		}
		directives = append(directives, d)
	}
}

// directive reads what follows its name.
func (p *parser) directive(name token, depth int) (Directive, error) {
	d := Directive{Name: name.text, File: p.file, Line: name.line}
	for {
		t, err := p.next()
		switch {
		case err != nil:
			return d, err
		case t.kind == word:
			d.Args = append(d.Args, t.text)
		case t.kind == ';':
			return d, nil
		case t.kind == '{':
			return p.withBlock(d, depth+1)
		case t.kind == endOfFile:
			return d, p.mistake(t.line, `unexpected end of file, expecting ";" or "{" after %s`, short(d.Name))
		default:
			return d, p.mistake(t.line, `unexpected %q, expecting ";" after %s`, t.kind, short(d.Name))
		}
	}
}

func (p *parser) withBlock(d Directive, depth int) (Directive, error) {
	if depth > maxDepth {
		return d, p.mistake(d.Line, "got blocks in blocks, %d deep", depth)
	}
	if strings.HasSuffix(d.Name, "_by_lua_block") {
		return d, p.mistake(d.Line, "%s: got Lua, which is not read here; take it out for the import", d.Name)
	}
	block, err := p.block(depth)
	d.Block = block
	return d, err
}

func (s *scanner) mistake(line int, format string, args ...any) error {
	return fmt.Errorf("%s:%d: %s", s.file, line, fmt.Sprintf(format, args...))
}

// short keeps an error on its line, whatever the name is.
func short(name string) string { return fmt.Sprintf("%.40q", name) }
