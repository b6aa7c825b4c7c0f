// Package console is what people read on a terminal: the lines of the log,
// aligned, and colours; and it makes text from strangers harmless there.
package console

import (
	"slices"
	"strings"
	"unicode/utf8"

	"go.uber.org/zap/buffer"
	"go.uber.org/zap/zapcore"
)

// Encoder writes an entry as one line: when, how bad, what, the fields with
// node first, and at the end the reason in its own words. An error of several
// lines stands below. It costs more than zap's encoders do. Make it with
// NewEncoder.
type Encoder struct {
	*zapcore.MapObjectEncoder // what Logger.With adds
	paint                     func(style, text string) string
}

var buffers = buffer.NewPool()

// NewEncoder makes an Encoder, with colours or without.
func NewEncoder(coloured bool) *Encoder {
	e := &Encoder{zapcore.NewMapObjectEncoder(), plain}
	if coloured {
		e.paint = paint
	}
	return e
}

// Clone implements zapcore.Encoder.
func (e *Encoder) Clone() zapcore.Encoder {
	clone := &Encoder{zapcore.NewMapObjectEncoder(), e.paint}
	for name, value := range e.Fields {
		clone.Fields[name] = value
	}
	return clone
}

// width of the message, which keeps the fields of most lines aligned.
const width = len("request failed")

// EncodeEntry implements zapcore.Encoder.
func (e *Encoder) EncodeEntry(entry zapcore.Entry, fields []zapcore.Field) (*buffer.Buffer, error) {
	all := e.read(fields)
	line := buffers.Get()
	line.AppendString(e.paint(dim, entry.Time.Format("2006-01-02 15:04:05.000")))
	level := entry.Level.CapitalString()
	line.AppendString("  " + e.paint(levelStyles[entry.Level], level) + padding(level, len("ERROR")))
	line.AppendString("  " + e.paint(bold, Printable(entry.Message)))
	if len(all.fields) > 0 || all.reason != "" {
		line.AppendString(padding(entry.Message, width))
	}
	for _, f := range all.fields {
		line.AppendString("  " + e.paint(dim, f.name+"=") + f.value)
	}
	if all.reason != "" {
		line.AppendString("  " + Printable(all.reason))
	}
	line.AppendByte('\n')
	for _, below := range all.below {
		line.AppendString("    " + Printable(below) + "\n")
	}
	return line, nil
}

// field is a field as it is shown.
type field struct{ name, value string }

// content are an entry's fields by where they are shown.
type content struct {
	fields []field
	reason string
	below  []string // lines
}

// read leaves out what says nothing: what is empty or false, and a preferred
// node that the client has.
func (e *Encoder) read(fields []zapcore.Field) (all content) {
	values := e.Clone().(*Encoder)
	names := make([]string, 0, len(fields))
	for name := range e.Fields {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, f := range fields {
		f.AddTo(values)
		names = append(names, f.Key)
	}
	if values.Fields["preferred"] == values.Fields["node"] {
		delete(values.Fields, "preferred")
	}
	for _, name := range names {
		if value, ok := values.Fields[name]; ok && value != false {
			all.add(name, text(value))
			delete(values.Fields, name)
		}
	}
	return all
}

func (all *content) add(name, value string) {
	switch {
	case value == "":
	case name == "reason":
		all.reason = value
	case name == "node":
		all.fields = slices.Insert(all.fields, 0, field{name, quoted(value)})
	case strings.Contains(value, "\n"):
		all.below = append(all.below, strings.Split(value, "\n")...)
	default:
		all.fields = append(all.fields, field{name, quoted(value)})
	}
}

// padding makes the text as wide as that.
func padding(text string, width int) string {
	return strings.Repeat(" ", max(0, width-utf8.RuneCountInString(text)))
}
