package smoke

import (
	"fmt"
	"io"
	"strings"
	"time"
	"unicode"
)

// WriteText writes a line per case. The mark of each goes through paint, with
// the SGR code of its colour; nil: there are no colours.
func (r Report) WriteText(w io.Writer, paint func(colour, text string) string) error {
	p := printer{w: w, paint: paint}
	for _, u := range r.URLs {
		p.printf("%s\n", u.URL)
		for _, c := range u.Cases {
			p.line(c)
		}
		p.printf("\n")
	}
	p.printf("%d passed, %d failed, %d skipped in %v\n",
		r.Count(Pass), r.Count(Fail), r.Count(Skipped), r.Took().Round(time.Millisecond))
	return p.err
}

// printer keeps the first error and writes nothing after it.
type printer struct {
	w     io.Writer
	paint func(colour, text string) string // nil: none
	err   error
}

func (p *printer) printf(format string, args ...any) {
	if p.err == nil {
		_, p.err = fmt.Fprintf(p.w, format, args...)
	}
}

func (p *printer) line(c Case) {
	p.printf("  %s %-22s  %8s  %s\n", p.mark(c.Result), c.Name, took(c), printable(c.Text()))
}

// printable replaces what could steer a terminal in text that came from the
// other side.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return '?'
	}, text)
}

func (p *printer) mark(result Result) string {
	mark, colour := "-", "33"
	switch result {
	case Pass:
		mark, colour = "✓", "32"
	case Fail:
		mark, colour = "✗", "31"
	}
	if p.paint == nil {
		return mark
	}
	return p.paint(colour, mark)
}

// took is empty for a case that was not tried.
func took(c Case) string {
	if c.Result == Skipped {
		return ""
	}
	return fmt.Sprintf("%d ms", c.Took.Milliseconds())
}
