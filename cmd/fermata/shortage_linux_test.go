package main

import (
	"net"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"fermata/internal/lab/devnode"
)

// silent opens connections that say nothing, and keeps them.
func silent(t *testing.T, network, address string, count int) {
	t.Helper()
	for range count {
		c, err := net.DialTimeout(network, address, testTimeout)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
	}
}

// checked waits for ten more checks of each node.
func (s *stack) checked() {
	s.t.Helper()
	count := func(node string) int {
		found := regexp.MustCompile(`fermata_health_check_seconds_count{node="` + node + `"} (\d+)`).FindStringSubmatch(s.metrics())
		if found == nil {
			return 0
		}
		n, _ := strconv.Atoi(found[1])
		return n
	}
	for _, node := range []string{"reverb-1", "reverb-2"} {
		want := count(node) + 10
		s.eventually("ten more checks of "+node, func() bool { return count(node) >= want })
	}
}

func TestSilentConnectionsCostNoClientItsNode(t *testing.T) {
	t.Setenv(files, "400")
	s, p := serveApart(t, "health: {interval: 100ms}\nlimits: {upgrades_per_second: 0}\n")
	var live []*peer
	for range 100 {
		live = append(live, s.dial())
	}
	socket, _ := strings.CutPrefix(s.admin, "unix:")
	silent(t, "unix", socket, 500)
	silent(t, "tcp", s.client, 500)
	s.checked()
	metrics := s.metrics()
	for _, want := range []string{
		`fermata_node_up{node="reverb-1"} 1`, `fermata_node_up{node="reverb-2"} 1`,
		"fermata_clients 100", `fermata_dial_shortages_total{resource="files"} 0`, "fermata_accept_failures_total 0",
	} {
		if !strings.Contains(metrics, want+"\n") {
			t.Errorf("want %s in the metrics", want)
		}
	}
	s.dial() // one more
	if code, _, errOut := s.cli("drain", "reverb-1", "--wait"); code != exitDone {
		t.Errorf("drain: got exit %d, %s", code, errOut)
	}
	for _, c := range live {
		if got := c.node; got == "reverb-1" && c.closed() != 4200 {
			t.Error("a client of the drained node was not moved")
		}
	}
	p.stop()
}

func TestWithHardlyAnyDescriptorsFermataSaysSoAndServes(t *testing.T) {
	t.Setenv(files, "40")
	s := &stack{t: t, urls: []string{startNode(t, devnode.Options{Name: "reverb-1"}).URL(), startNode(t, devnode.Options{Name: "reverb-2"}).URL()}}
	dir := t.TempDir()
	s.file, s.admin = filepath.Join(dir, "fermata.yaml"), "unix:"+filepath.Join(dir, "admin.sock")
	s.configure("health: {interval: 100ms}\n")
	p := startApart(t, "serve", "-c", s.file)
	s.client = p.until(`"listening","address":"([^"]+)"`)[1]
	p.until(`limit of open files is very low.*"open_files":40.*"open_files_wanted":\d+`)
	p.until(`"serving"`)
	socket, _ := strings.CutPrefix(s.admin, "unix:")
	silent(t, "unix", socket, 100)
	silent(t, "tcp", s.client, 100)
	s.checked()
	c := s.dial()
	if code, out, errOut := s.cli("status"); code != exitDone || strings.Contains(out, "down") {
		t.Errorf("status: got exit %d, %s%s, want nodes that are up", code, out, errOut)
	}
	c.CloseNow()
	p.stop()
}

// Nothing of Fermata's own arithmetic helps where others have the descriptors:
// here they are all gone until they are given back.
func TestServeOutlivesATimeWithoutDescriptors(t *testing.T) {
	s, p := serveApart(t, "health: {interval: 100ms}\n")
	kept := s.dial()
	restore := limitFiles(t, p.pid, 3)
	socket, _ := strings.CutPrefix(s.admin, "unix:")
	silent(t, "unix", socket, 3)
	silent(t, "tcp", s.client, 3)
	p.until(`"connection not accepted, trying again".*"short_of":"files"`)
	p.until(`"node not checked for want of something of our own, its state stays".*"short_of":"files"`)
	restore()
	s.checked()
	metrics := s.metrics()
	if !strings.Contains(metrics, `fermata_node_up{node="reverb-1"} 1`) || !strings.Contains(metrics, `fermata_node_up{node="reverb-2"} 1`) {
		t.Error("a node is down, want none for want of our own descriptors")
	}
	s.dial()
	p.stop()
	if code := kept.closed(); code != 4100 {
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
