package main

import (
	"errors"
	"os"
	"strings"
	"syscall"
	"testing"

	"fermata/internal/app/apptest"
)

func TestAHangupReloads(t *testing.T) {
	s, p := serveApart(t, "")
	s.Bystander()
	s.Configure("drain: {rate: -1}\n")
	p.signal(syscall.SIGHUP)
	p.until("configuration not taken over, the old one stays")
	s.HasMetric("fermata_config_last_reload_successful 0")
	s.Configure("")
	p.signal(syscall.SIGHUP)
	p.until(`"msg":"reload"`)
	s.WaitMetric("fermata_config_last_reload_successful 1")
}

// Opening a pipe waits for somebody to write into it, and nobody does.
func TestAPipeInPlaceOfTheConfigurationHoldsUpNothing(t *testing.T) {
	s, p := serveApart(t, "")
	s.Bystander()
	if err := errors.Join(os.Remove(s.File), syscall.Mkfifo(s.File, 0o600)); err != nil {
		t.Fatal(err)
	}
	p.signal(syscall.SIGHUP)
	p.until("configuration not taken over, the old one stays.*got a named pipe, want a regular file")
	for _, command := range [][]string{{"drain", "reverb-1", "--grace", "1h", "--deadline", "2h"}, {"undrain", "reverb-1"}} {
		if code, _, errOut := cli(s, command...); code != exitDone {
			t.Errorf("%v: got exit %d, %s", command, code, errOut)
		}
	}
	fermata(t.Context(), "check", "-c", s.File).has(t, exitUsage, "", "got a named pipe, want a regular file")
}

func TestAWrongFileChangesNothingAndEveryMistakeIsNamed(t *testing.T) {
	s := apptest.New(t, 2, "")
	s.Bystander()
	s.HasMetric("fermata_config_last_reload_successful 1")
	s.Configure("drain: {rate: -1, close_code: 4001}\nnonsense: true\n")
	code, out, errOut := cli(s, "reload")
	if code != exitUsage || out != "" {
		t.Errorf("got exit %d and %q, want 2 and nothing", code, out)
	}
	for _, want := range []string{
		"fermata: not reloaded, nothing has changed:\n", s.File + ":6: drain.rate: got -1", s.File + ":6: drain.close_code: got 4001", s.File + ":7: nonsense: ",
	} {
		if !strings.Contains(errOut, want) {
			t.Errorf("got\n%swant %s", errOut, want)
		}
	}
	s.HasMetric("fermata_config_last_reload_successful 0")
	if line := s.Logs.Wait(t, "configuration not taken over, the old one stays"); line["level"] != "error" {
		t.Errorf("log line: got the level %v, want error", line["level"])
	}
	s.Dial().Answers()

	if err := os.Remove(s.File); err != nil {
		t.Fatal(err)
	}
	if code, _, errOut := cli(s, "reload"); code != exitUsage || !strings.Contains(errOut, "no such file") {
		t.Errorf("without a file: got exit %d, %s, want 2 and no such file", code, errOut)
	}
	s.Configure("")
	s.Reload()
	s.HasMetric("fermata_config_last_reload_successful 1")
}
