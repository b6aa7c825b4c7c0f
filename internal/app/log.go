package app

import (
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"fermata/internal/config"
	"fermata/internal/console"
)

// newLog makes the log: one line an entry, none of them sampled away. The
// level can be changed while it is in use. What is dropped as nobody reads it is
// told in a line of its own.
func newLog(o config.Log, out *console.Queue) (*zap.Logger, zap.AtomicLevel) {
	level := zap.NewAtomicLevelAt(logLevel(o))
	encoding := zap.NewProductionEncoderConfig()
	encoding.EncodeTime = zapcore.ISO8601TimeEncoder
	var encoder zapcore.Encoder = zapcore.NewJSONEncoder(encoding)
	if o.Format == "console" {
		encoder = console.NewEncoder(out.Coloured())
	}
	log := zap.New(zapcore.NewCore(encoder, out, level), zap.ErrorOutput(out))
	out.OnDrop(func(count int) { log.Warn("log lines dropped", zap.Int("count", count)) })
	return log, level
}

// logLevel is the configured level, which the configuration has checked.
func logLevel(o config.Log) zapcore.Level {
	level, err := zapcore.ParseLevel(o.Level)
	if err != nil {
		return zapcore.InfoLevel
	}
	return level
}
