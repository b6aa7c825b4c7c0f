package main

import (
	"net"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"fermata/internal/app/apptest"
)

// silent opens connections that say nothing, and keeps them.
func silent(t *testing.T, network, address string, count int) {
	t.Helper()
	for range count {
		c, err := net.DialTimeout(network, address, apptest.Timeout)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
	}
}

// checked waits for ten more checks of each node.
func checked(s *apptest.Stack) {
	s.T.Helper()
	count := func(node string) int {
		found := regexp.MustCompile(`fermata_health_check_seconds_count{node="` + node + `"} (\d+)`).FindStringSubmatch(s.Metrics())
		if found == nil {
			return 0
		}
		n, _ := strconv.Atoi(found[1])
		return n
	}
	for _, node := range []string{"reverb-1", "reverb-2"} {
		want := count(node) + 10
		s.Eventually("ten more checks of "+node, func() bool { return count(node) >= want })
	}
}

func TestSilentConnectionsCostNoClientItsNode(t *testing.T) {
	apptest.TakesSeconds(t)
	t.Setenv(files, "400")
	s, p := serveApart(t, "health: {interval: 100ms}\nlimits: {upgrades_per_second: 0}\n")
	var live []*apptest.Peer
	for range 100 {
		live = append(live, s.Dial())
	}
	socket, _ := strings.CutPrefix(s.Admin, "unix:")
	silent(t, "unix", socket, 500)
	silent(t, "tcp", s.Address, 500)
	checked(s)
	metrics := s.Metrics()
	for _, want := range []string{
		`fermata_node_up{node="reverb-1"} 1`, `fermata_node_up{node="reverb-2"} 1`,
		"fermata_clients 100", `fermata_dial_shortages_total{resource="files"} 0`, "fermata_accept_failures_total 0",
	} {
		if !strings.Contains(metrics, want+"\n") {
			t.Errorf("want %s in the metrics", want)
		}
	}
	s.Dial() // one more
	if code, _, errOut := cli(s, "drain", "reverb-1", "--wait"); code != exitDone {
		t.Errorf("drain: got exit %d, %s", code, errOut)
	}
	for _, c := range live {
		if got := c.Node; got == "reverb-1" && c.Closed() != 4200 {
			t.Error("a client of the drained node was not moved")
		}
	}
	p.stop()
}

func TestWithHardlyAnyDescriptorsFermataSaysSoAndServes(t *testing.T) {
	apptest.TakesSeconds(t)
	t.Setenv(files, "40")
	_, urls := apptest.StartNodes(t, 2)
	s := apptest.Configured(t, urls, "health: {interval: 100ms}\n")
	p := startApart(t, "serve", "-c", s.File)
	s.Address = p.until(`"listening","address":"([^"]+)"`)[1]
	p.until(`limit of open files is very low.*"open_files":40.*"open_files_wanted":\d+`)
	p.until(`"serving"`)
	socket, _ := strings.CutPrefix(s.Admin, "unix:")
	silent(t, "unix", socket, 100)
	silent(t, "tcp", s.Address, 100)
	checked(s)
	c := s.Dial()
	if code, out, errOut := cli(s, "status"); code != exitDone || strings.Contains(out, "down") {
		t.Errorf("status: got exit %d, %s%s, want nodes that are up", code, out, errOut)
	}
	c.CloseNow()
	p.stop()
}

// Nothing of Fermata's own arithmetic helps where others have the descriptors:
// here they are all gone until they are given back.
func TestServeOutlivesATimeWithoutDescriptors(t *testing.T) {
	apptest.TakesSeconds(t)
	t.Parallel()
	s, p := serveApart(t, "health: {interval: 100ms}\n")
	kept := s.Dial()
	restore := limitFiles(t, p.pid, 3)
	socket, _ := strings.CutPrefix(s.Admin, "unix:")
	silent(t, "unix", socket, 3)
	silent(t, "tcp", s.Address, 3)
	lines := []string{"connection not accepted, trying again", "node not checked for want of something of our own, its state stays"}
	first := p.until(`"(` + strings.Join(lines, "|") + `)".*"short_of":"files"`)[1]
	rest := slices.DeleteFunc(lines, func(line string) bool { return line == first }) // each comes once, in either order
	p.until(`"` + rest[0] + `".*"short_of":"files"`)
	restore()
	checked(s)
	metrics := s.Metrics()
	if !strings.Contains(metrics, `fermata_node_up{node="reverb-1"} 1`) || !strings.Contains(metrics, `fermata_node_up{node="reverb-2"} 1`) {
		t.Error("a node is down, want none for want of our own descriptors")
	}
	s.Dial()
	p.stop()
	if code := kept.Closed(); code != 4100 {
		t.Errorf("the client that was there: got %d, want 4100 of the stop", code)
	}
}

// limitFiles sets another process's limit of open files, until restore.
func limitFiles(t *testing.T, pid int, n uint64) (restore func()) {
	t.Helper()
	var old unix.Rlimit
	if err := unix.Prlimit(pid, unix.RLIMIT_NOFILE, nil, &old); err != nil {
		t.Fatal(err)
	}
	set := func(limit unix.Rlimit) {
		if err := unix.Prlimit(pid, unix.RLIMIT_NOFILE, &limit, nil); err != nil {
			t.Error(err)
		}
	}
	set(unix.Rlimit{Cur: n, Max: old.Max})
	return func() { set(old) }
}
