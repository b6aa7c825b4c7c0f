package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"fermata/internal/admin"
	"fermata/internal/app/apptest"
)

// apart is Fermata as a process whose output goes into a pipe, of which the
// test has the other end.
type apart struct {
	t         *testing.T
	pid       int
	listening []string // HOST:PORT of each listener, for serveApart
	output    *os.File
	from      *bufio.Reader
	exited    func() error
}

// startApart starts Fermata with these arguments, and kills it when the test
// ends. Whoever wants it to end well asks it to.
func startApart(t *testing.T, args ...string) *apart {
	t.Helper()
	return startApartAs(t, func(*exec.Cmd) {}, args...)
}

// startApartAs is startApart after prepare.
func startApartAs(t *testing.T, prepare func(*exec.Cmd), args ...string) *apart {
	t.Helper()
	output, into, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer into.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 2*apptest.Timeout)
	command := exec.CommandContext(ctx, os.Args[0], args...)
	command.Env = append(os.Environ(), asFermata+"=1")
	command.Stdout, command.Stderr = into, into
	prepare(command)
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	p := &apart{t: t, pid: command.Process.Pid, output: output, from: bufio.NewReader(output), exited: sync.OnceValue(command.Wait)}
	t.Cleanup(func() {
		cancel()
		p.exited()
		output.Close()
	})
	return p
}

// until reads its output up to what fits, and returns what that holds.
func (p *apart) until(pattern string) []string {
	p.t.Helper()
	p.output.SetReadDeadline(time.Now().Add(apptest.Timeout))
	all := ""
	for {
		line, err := p.from.ReadString('\n')
		if found := regexp.MustCompile(pattern).FindStringSubmatch(line); found != nil {
			return found
		}
		if all += line; err != nil {
			p.t.Fatalf("no %s in its output: %v\n%s", pattern, err, all)
		}
	}
}

func (p *apart) signal(s syscall.Signal) {
	p.t.Helper()
	if err := syscall.Kill(p.pid, s); err != nil {
		p.t.Fatal(err)
	}
}

// stop sends SIGTERM and wants it to end well, and by itself.
func (p *apart) stop() {
	p.t.Helper()
	p.signal(syscall.SIGTERM)
	if err := p.exited(); err != nil {
		p.t.Errorf("got %v, want exit 0", err)
	}
}

// serveApart is a stack whose Fermata is a process of its own, which has told
// that it serves.
func serveApart(t *testing.T, extra string) (*apptest.Stack, *apart) {
	t.Helper()
	if !strings.Contains(extra, "timeouts:") {
		extra += "timeouts: {close: 1s}\n"
	}
	nodes, urls := apptest.StartNodes(t, 2)
	s := apptest.Configured(t, urls, extra)
	s.Nodes = nodes
	p := startApart(t, "serve", "-c", s.File)
	for address := "-"; address != ""; {
		if address = p.until(`"listening","address":"([^"]+)"|"serving"`)[1]; address != "" {
			p.listening = append(p.listening, address)
		}
	}
	s.Address = p.listening[0]
	return s, p
}

// fillPipe has so many clients come and go that their log lines are more than a
// pipe takes.
func fillPipe(s *apptest.Stack) {
	s.T.Helper()
	const clients = 400 // whose lines have some 450 bytes; a pipe has 64 KiB
	for range clients {
		w := s.Wire(apptest.WireUpgrade + "\r\n")
		w.Answer()
		w.Close()
	}
	s.Eventually("all who came have gone", func() bool {
		return strings.Contains(s.Metrics(), "fermata_connection_seconds_count "+fmt.Sprint(clients)+"\n")
	})
}

func TestALogThatNobodyReadsHoldsUpNoClient(t *testing.T) {
	apptest.TakesSeconds(t)
	t.Parallel()
	s, p := serveApart(t, "")
	var live []*apptest.Peer
	for range 8 {
		live = append(live, s.Dial())
	}
	fillPipe(s)
	for _, peer := range live {
		peer.Answers()
	}
	if code, _, errOut := cli(s, "drain", "reverb-1", "--rate", "0", "--wait"); code != exitDone {
		t.Errorf("drain: got exit %d, %s", code, errOut)
	}
	p.stop()
}

func TestALogThatIsReadAgainIsWhole(t *testing.T) {
	t.Parallel()
	s, p := serveApart(t, "")
	fillPipe(s)
	closed := 0
	for range 400 {
		p.until(`"client closed"`)
		closed++
	}
	s.HasMetric("fermata_log_lines_dropped_total 0")
	p.stop()
	p.until(`"stopped"`)
}

func TestALogWhoseReaderIsGoneEndsNothing(t *testing.T) {
	apptest.TakesSeconds(t)
	t.Parallel()
	s, p := serveApart(t, "")
	live := s.Dial()
	p.output.Close()
	gone := s.Wire(apptest.WireUpgrade + "\r\n")
	gone.Answer()
	gone.Close()
	s.Eventually("lines are dropped", func() bool {
		return !strings.Contains(s.Metrics(), "fermata_log_lines_dropped_total 0\n")
	})
	live.Answers()
	p.stop()
}

func TestTheDemoOutlivesWhoReadsIt(t *testing.T) {
	t.Parallel()
	free := "127.0.0.1:0"
	p := startApart(t, "demo", "-v", "--page", free, "--tls", free, "--plain", free, "--admin", free)
	admin := p.until(`export FERMATA_ADMIN=(\S+)`)[1]
	p.output.Close()
	var out strings.Builder
	for _, command := range []string{"drain", "undrain"} { // which the log tells
		if code := run(t.Context(), []string{command, "reverb-1", "--admin", admin}, nil, io.Discard, &out); code != exitDone {
			t.Errorf("%s: got exit %d, %s", command, code, out.String())
		}
	}
	p.stop()
}

func TestAnErrorThatEndsServeIsPrintedOnce(t *testing.T) {
	got := serveAlone(t, "listen: [{address: \"192.0.2.1:1\"}]\n")
	if got.code != exitFailed || strings.Count(got.err, "fermata: listen[0]: ") != 1 {
		t.Errorf("got exit %d and %q, want 1 and the error once", got.code, got.err)
	}
	var line map[string]any
	if first, _, _ := strings.Cut(got.err, "\n"); json.Unmarshal([]byte(first), &line) == nil {
		t.Errorf("got %q, want the error for people", first)
	}
}

func TestAStateDirectoryIsForOneProcessAndFreeOnceThatIsKilled(t *testing.T) {
	t.Parallel()
	state := fmt.Sprintf("state_dir: %q\n", filepath.Join(t.TempDir(), "state"))
	s, p := serveApart(t, state)
	if code, _, errOut := cli(s, "drain", "reverb-1"); code != exitDone {
		t.Fatal(errOut)
	}
	got := serveAlone(t, "listen: [{address: \"127.0.0.1:0\"}]\n"+state)
	got.has(t, exitFailed, "", "another Fermata uses it: ")
	p.signal(syscall.SIGKILL)
	p.exited()
	again, p := serveApart(t, state)
	if got := again.NodesNow()["reverb-1"].State; got == admin.StateReady {
		t.Errorf("got %s, want reverb-1 to drain still", got)
	}
	p.stop()
}
