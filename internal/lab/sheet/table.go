package sheet

import (
	"strings"
	"unicode/utf8"
)

// Table writes lines with their cells under each other: as many of the first
// columns as left says at the left, and the others, which are numbers, at the
// right. Every line has as many cells as the first one.
func Table(b *strings.Builder, lines [][]string, left int) {
	widths := make([]int, len(lines[0]))
	for _, line := range lines {
		for i, cell := range line {
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
		}
	}
	for _, line := range lines {
		cells := make([]string, len(line))
		for i, cell := range line {
			space := strings.Repeat(" ", widths[i]-utf8.RuneCountInString(cell))
			if i < left {
				cells[i] = cell + space
			} else {
				cells[i] = space + cell
			}
		}
		b.WriteString(strings.TrimRight(strings.Join(cells, "  "), " ") + "\n")
	}
}
