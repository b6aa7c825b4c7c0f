package app

import (
	"testing"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"fermata/internal/config"
)

func TestWhatHarmsClientsIsAWarningAndTheRestIsInformation(t *testing.T) {
	a, _ := resting(t)
	core, logs := observer.New(zap.DebugLevel)
	a.log = zap.New(core)
	f := func(kind, message string, want zapcore.Level) {
		t.Helper()
		a.tell(kind, "a", "as it is")
		got := logs.TakeAll()
		if len(got) != 1 || got[0].Level != want || got[0].Message != message || got[0].ContextMap()["node"] != "a" {
			t.Errorf("%s: got %v, want one line %q with level %s", kind, got, message, want)
		}
	}
	f("node_down", "node down", zap.WarnLevel)
	f("panic", "panic", zap.WarnLevel)
	f("no_delivery", "no delivery", zap.WarnLevel)
	f("node_up", "node up", zap.InfoLevel)
	f("panic_over", "panic over", zap.InfoLevel)
	f("drain", "drain", zap.InfoLevel)
}

func TestTheLogHasTheConfiguredLevel(t *testing.T) {
	for text, want := range map[string]zapcore.Level{"debug": zap.DebugLevel, "info": zap.InfoLevel, "warn": zap.WarnLevel, "error": zap.ErrorLevel, "none": zap.InfoLevel} {
		if got := logLevel(config.Log{Level: text}); got != want {
			t.Errorf("%s: got %s, want %s", text, got, want)
		}
	}
}
