package console

import (
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// written is what the encoder makes of an entry at a certain time.
func written(t *testing.T, e zapcore.Encoder, level zapcore.Level, message string, fields ...zap.Field) string {
	t.Helper()
	at := time.Date(2026, 3, 1, 9, 8, 7, 65_000_000, time.Local)
	line, err := e.EncodeEntry(zapcore.Entry{Level: level, Time: at, LoggerName: "proxy", Message: message}, fields)
	if err != nil {
		t.Fatal(err)
	}
	defer line.Free()
	return line.String()
}

func TestALineIsAlignedWithTheNodeFirstAndTheReasonLast(t *testing.T) {
	f := func(want string, level zapcore.Level, message string, fields ...zap.Field) {
		t.Helper()
		if got := written(t, NewEncoder(false), level, message, fields...); got != want {
			t.Errorf("got\n%swant\n%s", got, want)
		}
	}
	f("2026-03-01 09:08:07.065  WARN   node down       node=reverb-1  dur=12ms  dial refused\n", zap.WarnLevel, "node down",
		zap.Duration("dur", 12_345_678), zap.String("reason", "dial refused"), zap.String("node", "reverb-1"))
	f("2026-03-01 09:08:07.065  INFO   stopped\n", zap.InfoLevel, "stopped")
	f("2026-03-01 09:08:07.065  DEBUG  a message that is longer  tries=2\n", zap.DebugLevel, "a message that is longer", zap.Int("tries", 2))
	f("2026-03-01 09:08:07.065  INFO   drain           deadline=\"2026-03-01 09:18:07\"\n", zap.InfoLevel, "drain",
		zap.Time("deadline", time.Date(2026, 3, 1, 9, 18, 7, 0, time.Local)), zap.Bool("force", false))
	f("2026-03-01 09:08:07.065  INFO   client closed   node=a  secure=true\n", zap.InfoLevel, "client closed",
		zap.String("preferred", "a"), zap.String("node", "a"), zap.Bool("secure", true))
	f("2026-03-01 09:08:07.065  INFO   client closed   node=a  preferred=b\n", zap.InfoLevel, "client closed",
		zap.String("preferred", "b"), zap.String("node", "a"))
	f("2026-03-01 09:08:07.065  INFO   client closed   err=EOF\n", zap.InfoLevel, "client closed",
		zap.String("host", ""), zap.NamedError("err", io.EOF), zap.NamedError("cause", nil))
}

func TestAnErrorOfSeveralLinesStandsBelow(t *testing.T) {
	err := errors.New("f.yaml:3: nodes: got none\nf.yaml:9: drain.rate: got -1")
	got := written(t, NewEncoder(false), zap.ErrorLevel, "not taken over", zap.NamedError("err", err))
	want := "2026-03-01 09:08:07.065  ERROR  not taken over\n    f.yaml:3: nodes: got none\n    f.yaml:9: drain.rate: got -1\n"
	if got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
}

func TestNothingInALineCanSteerATerminal(t *testing.T) {
	const evil = "a\x1b[2J\r\x07b"
	for _, fields := range [][]zap.Field{
		{zap.String("path", evil)}, {zap.String("node", evil)}, {zap.String("reason", evil)}, {zap.String("err", "1\n"+evil)},
	} {
		got := written(t, NewEncoder(false), zap.InfoLevel, evil, fields...)
		if strings.ContainsAny(got, "\x1b\r\x07") {
			t.Errorf("%s: got %q, want nothing that does not print", fields[0].Key, got)
		}
	}
	got := written(t, NewEncoder(false), zap.InfoLevel, "x", zap.String("path", "/a node=b"), zap.String("host", `"`))
	if !strings.HasSuffix(got, `  path="/a node=b"  host="\""`+"\n") {
		t.Errorf("got %q, want values in quotes", got)
	}
}

func TestColoursAreForLevelsMessagesAndNames(t *testing.T) {
	got := written(t, NewEncoder(true), zap.WarnLevel, "node down", zap.String("node", "a"))
	want := "\x1b[2m2026-03-01 09:08:07.065\x1b[0m  \x1b[33mWARN\x1b[0m   \x1b[1mnode down\x1b[0m       \x1b[2mnode=\x1b[0ma\n"
	if got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	for level := zap.DebugLevel; level <= zap.ErrorLevel; level++ {
		if levelStyles[level] == "" {
			t.Errorf("%s: got no style", level)
		}
	}
}

func TestWhatALoggerHasBeenGivenStandsInEachLine(t *testing.T) {
	var out strings.Builder
	log := zap.New(zapcore.NewCore(NewEncoder(false), zapcore.AddSync(&out), zap.InfoLevel)).With(zap.String("b", "1"), zap.String("a", "2"))
	log.Info("once", zap.Int("c", 3))
	log.Info("again")
	for line := range strings.Lines(out.String()) {
		if !strings.Contains(line, "a=2  b=1") {
			t.Errorf("got %q, want a=2 and b=1 in it", line)
		}
	}
}

func TestDurationsHaveFewDigits(t *testing.T) {
	f := func(d time.Duration, want string) {
		t.Helper()
		if got := text(d); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
	f(0, "0s")
	f(1234, "1µs")
	f(1_234_567, "1ms")
	f(1_234_567_890, "1.235s")
	f(61_500_000_000, "1m2s")
}
