//go:build linux

package main

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"fermata/internal/lab/bench/proc"
	"fermata/internal/lab/bench/report"
	"fermata/internal/lab/command"
	"fermata/internal/lab/rival"
	"fermata/internal/lab/sheet/sheettest"
)

func TestMain(m *testing.M) {
	become()
	goleak.VerifyTestMain(m)
}

// small are the flags of a run that takes seconds.
var small = []string{"-proxies", "fermata,direct", "-clients", "20", "-rounds", "1", "-rate", "500", "-duration", "200ms", "-settle", "20ms"}

func TestASmallRunMeasuresEveryRow(t *testing.T) {
	if testing.Short() {
		t.Skip("SKIPPED under -short, as it takes seconds")
	}
	file, chart := filepath.Join(t.TempDir(), "bench.json"), filepath.Join(t.TempDir(), "bench.svg")
	var table, progress strings.Builder
	if err := run(t.Context(), append(slices.Clone(small), "-json", file, "-svg", chart), &table, &progress); err != nil {
		t.Fatalf("%v\n%s", err, &progress)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var r report.Report
	if err := json.Unmarshal(text, &r); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"memory/plain/20", "memory/tls/2", "after16k/plain/2", "rest/plain", "rest/tls/switches", "rest/plain/threads", "rest/tls/threads",
		"rest/plain/memory-before", "rest/tls/memory-most", "rest/plain/memory-after", "trip/plain", "latency/tls/p99",
		"broadcast/plain", "new/plain", "new/tls", "new/x25519", "new/resumed",
		"usual/plain/calm-new", "usual/tls/calm-new-switches", "usual/tls/calm-new-x25519", "usual/tls/storm-x25519", "usual/tls/busy-trip", "usual/plain/storm", "usual/plain/calm-trip", "usual/tls/full-trip-p99", "edge/tls", "edge/plain", "flat/plain"} {
		if row := r.Row(name); row == nil || len(row.Values["fermata"]) != 1 {
			t.Errorf("got no value in row %s:\n%s", name, &table)
		}
	}
	for _, name := range []string{"memory", "unknown", "trip", "broadcast", "moves", "move", "still", "held"} {
		if row := r.Row("session/" + name); row == nil || len(row.Values[withSessions]) != 1 {
			t.Errorf("got no value in row session/%s:\n%s", name, &table)
		}
	}
	for _, name := range []string{"come/p99", "there/p99", "memory", "memory-after", "left"} {
		if row := r.Row("edge/strangers-" + name); row == nil || len(row.Values[withStrangers]) != 1 {
			t.Errorf("got no value in row edge/strangers-%s:\n%s", name, &table)
		}
	}
	for _, name := range []string{"lost", "twice", "astray", "p50", "p99", "max", "still", "clients", "took", "row", "new/plain", "failed/plain", "new/TLS", "failed/TLS"} {
		row := r.Row("upgrade/" + name)
		if row == nil || len(row.Values[withSessions]) != 1 {
			t.Errorf("got no value in row upgrade/%s:\n%s", name, &table)
		} else if value := row.Median(withSessions); slices.Contains([]string{"lost", "twice", "astray", "failed/plain", "failed/TLS"}, name) && value != 0 {
			t.Errorf("got %v %s in an upgrade, want none", value, name)
		}
	}
	if row := r.Row("latency/plain/p50"); row == nil || row.Median(direct) <= 0 {
		t.Errorf("got no round trip without a proxy:\n%s", &table)
	}
	if got := r.Exchanges["fermata"]; got != tls.X25519MLKEM768.String() {
		t.Errorf("got key exchange %q, want %v", got, tls.X25519MLKEM768)
	}
	drawn, err := os.ReadFile(chart)
	if err != nil {
		t.Fatal(err)
	}
	if bars := sheettest.Shapes(t, string(drawn), "bar"); bars != len(charted) || strings.Contains(string(drawn), "not measured") {
		t.Errorf("got %d bars, want one of Fermata in each of %d panels, and no other column:\n%s", bars, len(charted), drawn)
	}
}

// interrupter ends a run when it has got to a proxy.
type interrupter struct{ interrupt func() }

func (i interrupter) Write(p []byte) (int, error) {
	if strings.Contains(string(p), "fermata") {
		i.interrupt()
	}
	return len(p), nil
}

func TestAnInterruptedRunLeavesNobodyBehind(t *testing.T) {
	if testing.Short() {
		t.Skip("SKIPPED under -short, as it takes seconds")
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	if err := run(ctx, small, new(strings.Builder), interrupter{cancel}); err == nil {
		t.Error("got no error from an interrupted run")
	}
	if family, err := proc.Family(os.Getpid()); err != nil || len(family) != 1 {
		t.Errorf("got processes %v, %v, want this one alone", family, err)
	}
}

func TestPartsAreChosenByName(t *testing.T) {
	f := func(names, want string) {
		t.Helper()
		parts, err := partsNamed(command.List(names))
		if err != nil {
			t.Errorf("%q: %v", names, err)
		}
		var got []string
		for _, p := range parts {
			got = append(got, p.name)
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%q: got %q, want %q", names, got, want)
		}
	}
	f("", "idle/plain idle/tls traffic/plain traffic/tls new/plain new/tls rest/plain rest/tls usual/plain usual/tls edge/tls edge/proxy edge/strangers session/memory session/traffic session/moves upgrade/plain upgrade/new")
	f("new,idle/tls", "idle/tls new/plain new/tls")
	if _, err := partsNamed([]string{"idl"}); err == nil {
		t.Error("got no error for a part that does not exist")
	}
}

// Caddy adds a root certificate to the machine's trust store unless told not
// to, and would listen on every address.
func TestConfigurationsLeaveTheMachineAlone(t *testing.T) {
	for _, p := range append(allProxies(), rival.Named(rival.Fermata).As(withSessions, sessionsFile),
		rival.Named(rival.Fermata).As(withTLSNodes, tlsNodesFile), rival.Named(rival.Fermata).As(withProxyHeaders, proxyHeadersFile),
		rival.Named(rival.Fermata).As(withStrangers, strangersFile), rival.Named(rival.Fermata).As(withPace, pacedFile)) {
		if p.Config == "" {
			continue
		}
		at, err := withPorts(place{Dir: t.TempDir(), Nodes: []string{"127.0.0.2:1"}})
		if err != nil {
			t.Fatal(err)
		}
		file, err := p.Configure(configs, at.Dir, at)
		if err != nil {
			t.Fatal(err)
		}
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(string(text), "127.0.0.1") || strings.Contains(string(text), "<no value>") {
			t.Errorf("%s: got\n%s\nwant it on loopback", p.Name, text)
		}
		if p.Name == "caddy" && !strings.Contains(string(text), "skip_install_trust") {
			t.Errorf("got\n%s\nwant skip_install_trust", text)
		}
	}
}
