package config

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"unicode"
)

// Mistake is one thing that is wrong in a configuration file, or, among
// Warnings, doubtful.
type Mistake struct {
	File    string
	Line    int    // 1 is the first; 0: it is about the file as a whole
	Path    string // such as nodes[1].url; empty where there is none
	Message string // got …, want …; never a secret
}

func (m Mistake) String() string {
	where := m.File
	if m.Line > 0 {
		where = fmt.Sprintf("%s:%d", m.File, m.Line)
	}
	if m.Path == "" {
		return where + ": " + m.Message
	}
	return where + ": " + m.Path + ": " + m.Message
}

// Mistakes is everything that is wrong in a file, in the order of its lines.
type Mistakes []Mistake

// Warnings is everything that is doubtful in a file, in the order of its lines.
type Warnings []Mistake

// Error is one line for each mistake: FILE:LINE: path: got …, want …
func (m Mistakes) Error() string {
	lines := make([]string, len(m))
	for i, mistake := range m {
		lines[i] = mistake.String()
	}
	return strings.Join(lines, "\n")
}

// orNil makes no mistakes no error.
func (m Mistakes) orNil() error {
	if len(m) == 0 {
		return nil
	}
	sortByLine(m)
	return m
}

func sortByLine(m []Mistake) {
	slices.SortStableFunc(m, func(a, b Mistake) int { return cmp.Compare(a.Line, b.Line) })
}

// report collects the mistakes of one file, and knows where its values stand.
type report struct {
	file     string
	holds    string         // what it should hold
	strict   bool           // see Check
	lines    map[string]int // by path: where it is given
	wrong    map[string]bool
	mistakes Mistakes
	beside   Mistakes // in files that it names
	warnings Warnings
}

func newReport(file string) *report {
	return &report{file: file, holds: "a configuration", lines: map[string]int{}, wrong: map[string]bool{}}
}

func (r *report) add(line int, path, format string, args ...any) {
	r.wrong[path] = true
	r.mistakes = append(r.mistakes, r.mistake(line, path, format, args...))
}

func (r *report) mistake(line int, path, format string, args ...any) Mistake {
	return Mistake{r.file, line, path, strings.Map(visible, fmt.Sprintf(format, args...))}
}

// visible keeps a mistake on its line: a file's name may hold anything.
func visible(char rune) rune {
	if unicode.IsControl(char) {
		return '\uFFFD'
	}
	return char
}

// want adds a mistake unless ok. A path that is wrong already, or lies in one
// that is, is left at that: its value is not what the file says.
func (r *report) want(ok bool, path, format string, args ...any) {
	if !ok && !r.isWrong(path) {
		r.add(r.line(path), path, format, args...)
	}
}

// prefer adds a warning unless ok, where want adds a mistake.
func (r *report) prefer(ok bool, path, format string, args ...any) {
	if !ok && !r.isWrong(path) {
		r.warnings = append(r.warnings, r.mistake(r.line(path), path, format, args...))
	}
}

func (r *report) isWrong(path string) bool {
	for ; path != ""; path = parent(path) {
		if r.wrong[path] {
			return true
		}
	}
	return false
}

// line is where the path is given, or else what it would be in.
func (r *report) line(path string) int {
	for ; path != ""; path = parent(path) {
		if line, given := r.lines[path]; given {
			return line
		}
	}
	return 1
}

// parent of nodes[1].url is nodes[1], and of that nodes.
func parent(path string) string {
	return path[:max(0, strings.LastIndexAny(path, ".["))]
}
