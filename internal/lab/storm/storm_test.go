//go:build linux

package main

import (
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"fermata/internal/lab/devnode/process"
	"fermata/internal/lab/storm/report"
)

func TestMain(m *testing.M) {
	process.Become()
	goleak.VerifyTestMain(m)
}

// TestARestartOfAllNodesIsReported plays one case with real clients.
func TestARestartOfAllNodesIsReported(t *testing.T) {
	if testing.Short() {
		t.Skip("SKIPPED under -short: nothing shows that a case can be played")
	}
	t.Parallel()
	dir := t.TempDir()
	jsonFile, svgFile := filepath.Join(dir, "storm.json"), filepath.Join(dir, "storm.svg")
	var out, progress strings.Builder
	err := run(t.Context(), []string{
		"-clients", "20", "-balancers", "fermata,fermata-no-apps", "-only", "d", "-json", jsonFile, "-svg", svgFile,
	}, &out, &progress)
	if err != nil {
		t.Fatalf("%v\n%s", err, &progress)
	}
	t.Log(out.String())
	var r report.Report
	if text, err := os.ReadFile(jsonFile); err != nil || json.Unmarshal(text, &r) != nil {
		t.Fatalf("got %s (%v), want the report", text, err)
	}
	if len(r.Cases) != 2 || len(r.Remarks) != 0 {
		t.Fatalf("got %d cases and remarks %q, want two without", len(r.Cases), r.Remarks)
	}
	for _, c := range r.Cases {
		if c.Hit != 20 || len(c.Lost) != 0 || c.PeakUpgrades == 0 || len(c.Curve) == 0 {
			t.Errorf("got %+v, want 20 clients that were hit and came back", c)
		}
		if d := c.Deliveries; d.Due == 0 || d.Missed == d.Due || d.Twice != 0 {
			t.Errorf("got %+v, want deliveries, none of them doubled", d)
		}
	}
	if moved, closed := r.Cases[0], r.Cases[1]; moved.Kept != 20 || closed.Kept != 0 || closed.Reconnects < 20 {
		t.Errorf("got %d and %d clients that kept their connection and %d reconnects, want 20, none and at least 20", moved.Kept, closed.Kept, closed.Reconnects)
	}
	if _, err := os.Stat(svgFile); err != nil {
		t.Error(err)
	}
}

func TestFlagsThatMakeNoSenseAreRefused(t *testing.T) {
	f := func(want string, args ...string) {
		t.Helper()
		if _, err := parse(args, io.Discard); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want %q", args, err, want)
		}
	}
	f(`got scenario "j"`, "-only", "a,j")
	f(`got balancer "caddy"`, "-balancers", "fermata,caddy")
	f(`got library "socket.io"`, "-library", "socket.io")
	f("got no library", "-library", ",")
	f("makes no sense", "-clients", "0")
	f("makes no sense", "more")
}

func TestScenariosHaveLettersAndNames(t *testing.T) {
	s, err := parse([]string{"-only", "d,kill", "-balancers", "none"}, io.Discard)
	if err != nil || len(s.scenarios) != 2 || s.scenarios[0].Name != "restart" || s.scenarios[1].letter != "b" {
		t.Errorf("got %v (%v), want restart and kill", s.scenarios, err)
	}
}

// TestADrainByOneOfSeveralIsThatOfAll plays a case with and without a cluster.
func TestADrainByOneOfSeveralIsThatOfAll(t *testing.T) {
	if testing.Short() {
		t.Skip("SKIPPED under -short: nothing shows that a case of several Fermatas can be played")
	}
	t.Parallel()
	cluster := chosenAndFound(t, "cluster")
	apart := chosenAndFound(t, "apart")
	jsonFile := filepath.Join(t.TempDir(), "cluster.json")
	var out, progress strings.Builder
	if err := run(t.Context(), []string{"-clients", "60", "-balancers", cluster + "," + apart, "-only", "e", "-json", jsonFile}, &out, &progress); err != nil {
		t.Fatalf("%v\n%s", err, &progress)
	}
	t.Log(out.String())
	var r report.Report
	if text, err := os.ReadFile(jsonFile); err != nil || json.Unmarshal(text, &r) != nil {
		t.Fatalf("got %s (%v), want the report", text, err)
	}
	if len(r.Cases) != 2 || len(r.Remarks) != 0 {
		t.Fatalf("got %d cases and remarks %q, want two without", len(r.Cases), r.Remarks)
	}
	if c := r.Cases[0]; c.Members.Known == nil || c.Members.Undone == nil || c.Hit != 0 || len(c.Members.Traffic) != 2 {
		t.Errorf("a cluster: got %+v of %+v, want members that know of the drain, and clients that do not", c.Members, c)
	}
	if c := r.Cases[1]; c.Members.Known != nil || c.Members.Left == 0 || c.Hit == 0 {
		t.Errorf("apart: got %+v of %+v, want a drain that only one knows of, and clients that it leaves behind", c.Members, c)
	}
}

// chosenAndFound skips the test where HAProxy or Redis are not there.
func chosenAndFound(t *testing.T, name string) string {
	t.Helper()
	b, err := chosen([]string{name})
	if err != nil {
		t.Fatal(err)
	}
	if err := b[0].find(t.Context(), t.TempDir(), ""); err != nil {
		t.Skipf("SKIPPED, nothing shows that several Fermatas can be compared: %v", err)
	}
	return name
}

func TestWhoStandsAlonePlaysNoScenarioOfSeveral(t *testing.T) {
	f := func(only, balancers string, want int) {
		t.Helper()
		s, err := parse([]string{"-only", only, "-balancers", balancers}, io.Discard)
		if err != nil {
			t.Fatal(err)
		}
		got := 0
		for _, scenario := range s.scenarios {
			for _, b := range s.balancers {
				if scenario.plays(b) {
					got++
				}
			}
		}
		if got != want {
			t.Errorf("%s with %s: got %d cases, want %d", only, balancers, got, want)
		}
	}
	f("a,b,c,d", "fermata,none,cluster,one", 8)
	f("i", "fermata,nginx,haproxy,none,cluster", 3) // nothing is no process that could be replaced
	f("cluster", "fermata,nginx", 0)
	f("cluster", "cluster", 4)
	f("cluster", "apart", 3) // it has no Redis
	f("cluster", "one", 2)   // nor another one
}

func TestEveryConfigurationNamesEveryNode(t *testing.T) {
	at := &place{Dir: t.TempDir(), Address: "127.0.0.1:1", Nodes: []placeNode{{"reverb-1", "127.0.0.11:2", false}, {"reverb-2", "127.0.0.12:3", true}}}
	for _, b := range allBalancers() {
		if b.program.Config == "" {
			continue
		}
		file, err := b.program.Configure(configs, at.Dir, at)
		if err != nil {
			t.Fatal(err)
		}
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, want := range []string{at.Address, at.Nodes[0].Address, at.Nodes[1].Address} {
			if !strings.Contains(string(text), want) {
				t.Errorf("%s: got\n%s\nwant %s in it", b.Name, text, want)
			}
		}
		if b.Name == "nginx" && strings.Count(string(text), " down;") != 1 {
			t.Errorf("got\n%s\nwant one node down", text)
		}
	}
}

func TestThePeakIsThatOfAnySecond(t *testing.T) {
	start := time.Now()
	f := func(want int, counts ...int) { // every half second
		t.Helper()
		var w window
		most := 0
		for i, count := range counts {
			most = max(most, w.add(sample{start.Add(time.Duration(i) * time.Second / 2), count}))
		}
		if most != want {
			t.Errorf("%v: got %d, want %d", counts, most, want)
		}
	}
	f(0, 100, 100, 100)
	f(30, 100, 110, 130, 140)
	f(20, 100, 110, 5, 20) // restarted: 5 and 15
	f(15, 100, 110, 115)
}
