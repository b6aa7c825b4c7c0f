package nginxconf

import (
	"bytes"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"fermata/internal/nginxconf/syntax"
)

// The sections of the configuration, in the order of config.example.yaml. The
// first and the last two have only comments.
var sections = []string{
	first, "listen", "nodes", "path_prefix", "sticky", "health", "timeouts", "limits", "trusted_proxies", "headers", other, harmless,
}

const (
	first    = "first" // what needs a decision
	other    = "other"
	harmless = "harmless" // what nobody will miss
)

// draft is a configuration that is being written.
type draft struct {
	prefix string // of nginx
	front  front
	head   []string // lines of the comment at the top
	parts  map[string]*part
	noted  map[string]bool // the notes that there are
	account
}

// part is a section: what stands at its key or below it, and what to say about
// it.
type part struct {
	value string
	lines []string
	notes []note
}

// note says why something was not taken over as it is. Those with the same
// reason become one comment.
type note struct {
	places []string
	why    string
}

func newDraft(prefix string) *draft {
	d := &draft{prefix: prefix, parts: map[string]*part{}, noted: map[string]bool{}, account: newAccount()}
	for _, name := range sections {
		d.parts[name] = &part{}
	}
	return d
}

// add writes a line below a section's key; it has its indentation already.
func (d *draft) add(section, format string, args ...any) {
	p := d.parts[section]
	p.lines = append(p.lines, fmt.Sprintf(format, args...))
}

// note puts a comment above a section. A directive that several servers
// include has it once.
func (d *draft) note(section string, about syntax.Directive, why string, args ...any) {
	d.settle(about)
	place, text := d.place(about), fmt.Sprintf(why, args...)
	if d.noted[place+text] {
		return
	}
	d.noted[place+text] = true
	d.remark(section, place, text)
}

// hint is a comment above a section that is about no directive.
func (d *draft) hint(section, text string) {
	p := d.parts[section]
	p.notes = append(p.notes, note{why: text})
}

func (d *draft) remark(section, place, why string) {
	p := d.parts[section]
	for i := range p.notes {
		if p.notes[i].why == why {
			p.notes[i].places = append(p.notes[i].places, place)
			return
		}
	}
	p.notes = append(p.notes, note{[]string{place}, why})
}

// place is a directive as a comment has it: gzip on (nginx.conf:12).
func (d *draft) place(about syntax.Directive) string {
	return fmt.Sprintf("%s (%s)", label(about), d.where(about))
}

func (d *draft) where(about syntax.Directive) string {
	return fmt.Sprintf("%s:%d", visible(d.short(about.File)), about.Line)
}

// short leaves out nginx's own folder.
func (d *draft) short(file string) string {
	absolute, err := filepath.Abs(file)
	if err != nil {
		return file
	}
	if inside, err := filepath.Rel(d.prefix, absolute); err == nil && filepath.IsLocal(inside) {
		return inside
	}
	return file
}

// text is the whole file.
func (d *draft) text(file, upstream string) []byte {
	var b bytes.Buffer
	wrap(&b, "", fmt.Sprintf("Made by fermata import, from upstream %s in %s. Comments with a place in "+
		"brackets say what was not taken over, or not as it was.",
		visible(upstream), visible(file)))
	b.WriteString("# Relative paths in it are taken from " + visible(d.prefix) + "; --prefix names another folder.\n")
	for _, line := range d.head {
		b.WriteString(strings.TrimRight("# "+line, " ") + "\n")
	}
	for _, name := range sections {
		d.parts[name].write(&b, name)
	}
	return b.Bytes()
}

// notes are the comments about directives, each on a line; those that need a
// decision come last, where a terminal shows them, with what to change in nginx.
func (d *draft) notes() (all []string) {
	for _, name := range slices.Backward(sections) {
		for _, n := range d.parts[name].notes {
			if len(n.places) > 0 || name == first {
				all = append(all, n.String())
			}
		}
	}
	return append(all, d.head...)
}

func (n note) String() string {
	if len(n.places) == 0 {
		return n.why
	}
	return strings.Join(n.places, ", ") + ": " + n.why
}

func (p *part) write(b *bytes.Buffer, name string) {
	if len(p.lines)+len(p.notes) == 0 && p.value == "" {
		return
	}
	b.WriteByte('\n')
	if name == first {
		b.WriteString("# LOOK AT THIS FIRST:\n")
	}
	for _, n := range p.notes {
		wrap(b, "  ", n.String())
	}
	switch {
	case p.value != "":
		fmt.Fprintf(b, "%s: %s\n", name, p.value)
	case len(p.lines) > 0:
		fmt.Fprintf(b, "%s:\n%s\n", name, strings.Join(p.lines, "\n"))
	}
}
