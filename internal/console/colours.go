package console

import (
	"io"
	"os"

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

func paint(style, text string) string { return "\x1b[" + style + "m" + text + "\x1b[0m" }

func plain(_, text string) string { return text }
