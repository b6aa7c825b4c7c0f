package console

import (
	"io"
	"os"
	"strings"
	"unicode"

	"go.uber.org/zap/zapcore"
	"golang.org/x/term"
)

// Coloured is whether colours belong into what is written to w: a person looks
// at it, on a terminal, who has not asked for none.
func Coloured(w io.Writer) bool {
	file, ok := w.(*os.File)
	return ok && term.IsTerminal(int(file.Fd())) && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"
}

// Styles of terminal text.
const (
	bold   = "1"
	dim    = "2"
	red    = "31"
	green  = "32"
	yellow = "33"
)

// levelStyles has no style for a level beyond error: nothing is logged there.
var levelStyles = map[zapcore.Level]string{
	zapcore.DebugLevel: dim, zapcore.InfoLevel: green, zapcore.WarnLevel: yellow, zapcore.ErrorLevel: red,
}

// Painter colours text for w, or leaves it alone where colours do not belong.
// No style leaves it alone, too.
func Painter(w io.Writer) func(style, text string) string {
	if Coloured(w) {
		return paint
	}
	return plain
}

func paint(style, text string) string {
	if style == "" {
		return text
	}
	return "\x1b[" + style + "m" + text + "\x1b[0m"
}

func plain(_, text string) string { return text }

// Printable replaces what could steer a terminal in text that came from
// elsewhere: strangers write into the log, and nodes into their reasons.
func Printable(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return '?'
	}, text)
}
