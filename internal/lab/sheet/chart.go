package sheet

import (
	"fmt"
	"html"
	"io"
	"strings"
)

// Sizes of a chart, in its own units, which are pixels at full size.
const (
	Width  = 860
	Column = 440 // from one panel to the one beside it
)

// style is readable on white and on black, and makes text stronger where the
// reader's preference is known.
const style = `<style>
text { font: 12px system-ui, sans-serif; fill: #7a828c }
.title { font-weight: 600 }
%s@media (prefers-color-scheme: light) { .title, .own { fill: #1f2328 } text { fill: #59636e } }
@media (prefers-color-scheme: dark) { .title, .own { fill: #f0f6fc } text { fill: #9198a1 } }
</style>
`

// Chart is the frame of an SVG: panels, two a line.
type Chart struct {
	Title string // told to people who do not see the chart
	// Style has a line of CSS for each kind of shape. Text of the class title
	// or own stands out.
	Style  string
	Panels int
	Height int // of a panel
	// Legend stands above the panels, and is LegendHeight high; nil: nothing.
	Legend       func(b *strings.Builder)
	LegendHeight int
	// Panel draws the panel of that number, from 0, whose origin is at its upper
	// left.
	Panel func(b *strings.Builder, number int)
}

// SVG draws the chart.
func (c *Chart) SVG(w io.Writer) error {
	var b strings.Builder
	height := c.LegendHeight + (c.Panels+1)/2*c.Height
	fmt.Fprintf(&b, "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" width=\"%[1]d\" height=\"%d\" role=\"img\">\n", Width, height, height)
	fmt.Fprintf(&b, "<title>%s</title>\n"+style, html.EscapeString(c.Title), c.Style)
	if c.Legend != nil {
		c.Legend(&b)
	}
	for i := range c.Panels {
		fmt.Fprintf(&b, "<g transform=\"translate(%d,%d)\">\n", i%2*Column, c.LegendHeight+i/2*c.Height)
		c.Panel(&b, i)
		b.WriteString("</g>\n")
	}
	b.WriteString("</svg>\n")
	_, err := io.WriteString(w, b.String())
	return err
}

// PanelTitle writes a panel's title, in its first line.
func PanelTitle(b *strings.Builder, title string) {
	fmt.Fprintf(b, "<text class=\"title\" x=\"0\" y=\"16\">%s</text>\n", html.EscapeString(title))
}
