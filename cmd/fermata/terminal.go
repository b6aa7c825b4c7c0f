package main

import (
	"io"
	"os"
	"strings"
	"unicode/utf8"

	"golang.org/x/term"
)

// isTerminal is true when a person looks at what is written to w.
func isTerminal(w io.Writer) bool {
	file, ok := w.(*os.File)
	return ok && term.IsTerminal(int(file.Fd()))
}

// terminals are in and out when both are a person's, and can be drawn on; else
// nil.
func terminals(in io.Reader, out io.Writer) (*os.File, *os.File) {
	from, ok := in.(*os.File)
	if !ok || !term.IsTerminal(int(from.Fd())) || !isTerminal(out) || os.Getenv("TERM") == "dumb" {
		return nil, nil
	}
	return from, out.(*os.File)
}

// widthOf is the terminal's width in columns; 80 when it does not say.
func widthOf(w io.Writer) int {
	if file, ok := w.(*os.File); ok {
		if width, _, err := term.GetSize(int(file.Fd())); err == nil && width > 0 {
			return width
		}
	}
	return 80
}

// Styles of terminal text.
const (
	bold   = "1"
	red    = "31"
	green  = "32"
	yellow = "33"
)

// cell is one field of a table.
type cell struct {
	text  string
	style string
}

// table aligns rows in columns; the last column has any width.
func table(rows [][]cell, paint func(style, text string) string) string {
	var widths []int
	for _, row := range rows {
		for i, c := range row {
			if i == len(widths) {
				widths = append(widths, 0)
			}
			widths[i] = max(widths[i], utf8.RuneCountInString(c.text))
		}
	}
	var out strings.Builder
	for _, row := range rows {
		for i, c := range row[:len(row)-1] {
			padding := strings.Repeat(" ", widths[i]-utf8.RuneCountInString(c.text)+2)
			out.WriteString(paint(c.style, c.text) + padding)
		}
		last := row[len(row)-1]
		out.WriteString(paint(last.style, last.text) + "\n")
	}
	return out.String()
}

// cut shortens a text to so many columns, and shows that it did.
func cut(text string, columns int) string {
	if runes := []rune(text); len(runes) > columns {
		return string(runes[:columns-1]) + "…"
	}
	return text
}

// bar draws how much of one is done, for example [#####-----].
func bar(done float64, width int) string {
	filled := int(min(max(done, 0), 1) * float64(width))
	return "[" + strings.Repeat("#", filled) + strings.Repeat("-", width-filled) + "]"
}
