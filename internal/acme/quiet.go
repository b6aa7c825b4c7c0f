package acme

import (
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// quiet makes all that certmagic logs debug lines: what an operator has to know, Served
// and Failed tell, once.
func quiet(log *zap.Logger) *zap.Logger {
	return log.WithOptions(zap.WrapCore(func(core zapcore.Core) zapcore.Core { return quietCore{core} }))
}

type quietCore struct{ zapcore.Core }

func (c quietCore) Enabled(zapcore.Level) bool { return c.Core.Enabled(zapcore.DebugLevel) }

func (c quietCore) With(fields []zapcore.Field) zapcore.Core { return quietCore{c.Core.With(fields)} }

func (c quietCore) Check(entry zapcore.Entry, checked *zapcore.CheckedEntry) *zapcore.CheckedEntry {
	if !c.Enabled(entry.Level) {
		return checked
	}
	return checked.AddCore(entry, c)
}

func (c quietCore) Write(entry zapcore.Entry, fields []zapcore.Field) error {
	entry.Level, entry.Stack = zapcore.DebugLevel, ""
	return c.Core.Write(entry, fields)
}
