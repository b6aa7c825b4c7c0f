package app

import (
	"io"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"fermata/internal/config"
	"fermata/internal/console"
)

// newLog makes the log: one line an entry, none of them sampled away. The
// level can be changed while it is in use.
func newLog(o config.Log, w io.Writer) (*zap.Logger, zap.AtomicLevel) {
	level := zap.NewAtomicLevelAt(logLevel(o))
	encoding := zap.NewProductionEncoderConfig()
	encoding.EncodeTime = zapcore.ISO8601TimeEncoder
	var encoder zapcore.Encoder = zapcore.NewJSONEncoder(encoding)
	if o.Format == "console" {
		encoder = console.NewEncoder(console.Coloured(w))
	}
	return zap.New(zapcore.NewCore(encoder, zapcore.Lock(zapcore.AddSync(w)), level)), level
}

// logLevel is the configured level, which the configuration has checked.
func logLevel(o config.Log) zapcore.Level {
	level, err := zapcore.ParseLevel(o.Level)
	if err != nil {
		return zapcore.InfoLevel
	}
	return level
}
