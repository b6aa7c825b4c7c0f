package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"

	"fermata/internal/admin"
	"fermata/internal/admin/admintest"
	"fermata/internal/lab/devnode"
)

// operator restarts the stack's nodes for a command that asks for it, as a
// Supervisor would.
type operator struct {
	command string // for --exec
	mu      sync.Mutex
	asked   []string // the nodes, in order
}

func (s *stack) operator() *operator {
	s.t.Helper()
	dir := s.t.TempDir()
	ask, answer := fifo(s.t, filepath.Join(dir, "ask")), fifo(s.t, filepath.Join(dir, "answer"))
	o := &operator{command: fmt.Sprintf("echo {node} > %s && read text < %s && echo $text; echo $FERMATA_HOST:{port} >&2", ask.Name(), answer.Name())}
	var working sync.WaitGroup
	working.Go(func() {
		for lines := bufio.NewScanner(ask); lines.Scan(); {
			o.mu.Lock()
			o.asked = append(o.asked, lines.Text())
			o.mu.Unlock()
			s.restartNode(lines.Text())
			fmt.Fprintln(answer, "restarted", lines.Text())
		}
	})
	s.t.Cleanup(func() {
		ask.Close()
		answer.Close()
		working.Wait()
	})
	return o
}

// fifo is a named pipe that is open at both ends.
func fifo(t *testing.T, path string) *os.File {
	t.Helper()
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// restartNode replaces a node by a new one at its address.
func (s *stack) restartNode(name string) {
	for i := range s.nodes {
		if name != fmt.Sprintf("reverb-%d", i+1) {
			continue
		}
		address := s.nodes[i].Addr().String()
		s.nodes[i].Stop()
		n, err := devnode.Start(address, devnode.Options{Name: name})
		if err != nil {
			s.t.Errorf("restart %s: %v", name, err)
			return
		}
		s.t.Cleanup(n.Kill)
		s.nodes[i] = n
	}
}

func (o *operator) wantAsked(t *testing.T, want ...string) {
	t.Helper()
	o.mu.Lock()
	defer o.mu.Unlock()
	if !slices.Equal(o.asked, want) {
		t.Errorf("got the nodes %v restarted, want %v", o.asked, want)
	}
}

const quickChecks = even + "health: {interval: 100ms}\n"

// wantRoll looks at what Fermata remembers.
func (s *stack) wantRoll(nodes ...string) {
	s.t.Helper()
	if _, got := s.adminGet("/v1/roll"); strings.Join(strings.Fields(got), "") != fmt.Sprintf(`{"nodes":[%s]}`, quoted(nodes)) {
		s.t.Errorf("got the roll %s, want %v", got, nodes)
	}
	for name, n := range s.nodesNow() {
		if n.Avoided != slices.Contains(nodes, name) {
			s.t.Errorf("%s: got avoided %v, want %v", name, n.Avoided, !n.Avoided)
		}
	}
}

func quoted(names []string) string {
	var all []string
	for _, name := range names {
		all = append(all, fmt.Sprintf("%q", name))
	}
	return strings.Join(all, ",")
}

func TestARollRestartsEveryNodeAndMovesEachClientOnce(t *testing.T) {
	s := newStack(t, 3, quickChecks)
	clients := s.visit(30)
	o := s.operator()
	code, out, errOut := s.cli("roll", "--exec", o.command, "--rate", "200")
	if code != exitDone {
		t.Fatalf("got exit %d\n%s%s", code, out, errOut)
	}
	o.wantAsked(t, "reverb-1", "reverb-2", "reverb-3")
	for _, want := range []string{
		"every usable node is in this roll: the clients of reverb-1 go to nodes that are drained after it, and move twice; all others move once\n",
		"reverb-1: draining 10 clients; then reverb-2 10→15, reverb-3 10→15\n", "reverb-1: restarted reverb-1\n",
		"reverb-2: draining 15 clients; then reverb-1 0→15, reverb-3 15→15\n", "reverb-3: done, 3 of 3\n",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("got\n%swant %s", out, want)
		}
	}
	if want := "reverb-2: " + strings.TrimPrefix(s.urls[1], "http://") + "\n"; !strings.Contains(errOut, want) {
		t.Errorf("got\n%swant %s", errOut, want)
	}
	clients.wait("all clients on nodes that were restarted", none("reverb-3"))
	clients.wantMoves(func(first string) int {
		if first == "reverb-1" {
			return 2
		}
		return 1
	}, 4200)
	s.wantRoll()
	for name, n := range s.nodesNow() {
		if n.State != admin.StateReady || n.Health != admin.HealthUp || n.Checked.IsZero() {
			t.Errorf("%s: got %+v, want it ready and up", name, n)
		}
	}
}

func TestWithASpareNodeARollMovesEveryClientOnce(t *testing.T) {
	s := newStack(t, 3, quickChecks)
	clients := s.visit(12)
	o := s.operator()
	code, out, errOut := s.cli("roll", "reverb-2", "reverb-1", "--exec", o.command)
	if code != exitDone || strings.Contains(out, "move twice") {
		t.Fatalf("got exit %d\n%s%s", code, out, errOut)
	}
	o.wantAsked(t, "reverb-2", "reverb-1")
	clients.wait("all clients back", none())
	clients.wantMoves(func(first string) int {
		if first == "reverb-3" {
			return 0
		}
		return 1
	}, 4200)
}

func TestARollStopsAtTheFirstFailureAndGoesOnFromThere(t *testing.T) {
	s := newStack(t, 3, quickChecks+fmt.Sprintf("state_dir: %q\n", filepath.Join(t.TempDir(), "state")))
	failing := "case {node} in reverb-2) echo out of memory >&2; exit 7;; esac"
	code, out, errOut := s.cli("roll", "--exec", failing, "--rate", "50")
	if code != exitFailed || !strings.Contains(out, "reverb-1: done, 1 of 3\n") {
		t.Errorf("got exit %d\n%s%s", code, out, errOut)
	}
	want := "reverb-2: out of memory\n" +
		"fermata: roll stopped at reverb-2: its command failed: exit status 7\n" +
		"  done: reverb-1\n" +
		"  to do: reverb-2, reverb-3\n" +
		"  reverb-2 is drained, with 0 clients, health up ("
	if !strings.HasPrefix(errOut, want) {
		t.Errorf("got\n%s\nwant\n%s", errOut, want)
	}
	want = fmt.Sprintf("\n  go on with it: fermata roll --resume --admin %s --rate 50 --exec '%s'\n", s.admin, failing) +
		"  or give it up: fermata undrain reverb-2 && fermata roll --cancel\n"
	if !strings.HasSuffix(errOut, want) {
		t.Errorf("got\n%s\nwant\n%s", errOut, want)
	}
	s.wantRoll("reverb-2", "reverb-3")
	s.wantCLI(exitRefused, "", "another roll is under way, or stopped, and has still to do reverb-2, reverb-3", "roll", "--exec", "true")
	s.wantCLI(exitRefused, "", "a roll is under way (still to be drained: reverb-2, reverb-3)", "rebalance")
	s.reload()
	s.wantRoll("reverb-2", "reverb-3")
	s.restart()
	s.wantRoll("reverb-2", "reverb-3")

	s.wantCLI(exitDone, "reverb-3: done, 2 of 2\n", "", "roll", "--resume", "--exec", "true")
	s.wantRoll()
	if got := s.nodesNow()["reverb-2"].State; got != admin.StateReady {
		t.Errorf("reverb-2: got %s, want ready", got)
	}
	s.wantCLI(exitUsage, "", "got --resume, and no roll has stopped", "roll", "--resume", "--exec", "true")
}

func TestANodeThatIsNotHealthyAfterItsRestartStopsTheRoll(t *testing.T) {
	s := newStack(t, 2, quickChecks)
	s.node("reverb-1").Kill()
	s.wantCLI(exitNotInTime, "reverb-1: waiting for its check\n", "roll stopped at reverb-1: reverb-1: not healthy after 300ms\n  to do: reverb-1, reverb-2\n  reverb-1 is drained, with 0 clients, health down (dial refused)",
		"roll", "--exec", "true", "--timeout", "300ms")
	s.wantRoll("reverb-1", "reverb-2")
	s.wantCLI(exitDone, "", "", "roll", "--cancel")
	s.wantRoll()
	if got := s.nodesNow()["reverb-1"].State; got != admin.StateDrained {
		t.Errorf("after --cancel: got %s, want it as it was", got)
	}
	s.wantCLI(exitRefused, "reverb-1 is left out, it is drained already (name it to have it in)\n", "it is the last usable node; nothing was done", "roll", "--exec", "true")
	s.wantRoll()
}

func TestAnInterruptedRollStopsItsCommandAndSaysHowToGoOn(t *testing.T) {
	s := newStack(t, 2, quickChecks)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	out := writerFunc(func(text string) {
		if strings.Contains(text, "reverb-1: it runs") {
			cancel()
		}
	})
	var errOut strings.Builder
	code := run(ctx, []string{"roll", "--exec", "echo it runs; exec sleep 1000", "--admin", s.admin}, strings.NewReader(""), out, &errOut)
	if code != exitNotInTime || !strings.Contains(errOut.String(), "roll stopped at reverb-1: interrupted\n  to do: reverb-1, reverb-2\n  reverb-1 is drained") {
		t.Errorf("got exit %d, %s", code, errOut.String())
	}
	s.wantRoll("reverb-1", "reverb-2")
}

func TestAPlanSaysWhatWouldBeRunAndWhoWouldMoveTwice(t *testing.T) {
	s := newStack(t, 2, even)
	s.visit(4)
	s.wantCLI(exitDone, "1. reverb-2: drain 2 clients, run ssh 127.0.0.1 restart reverb-2, wait for its check, undrain\n   now: reverb-1 2→4\n"+
		"2. reverb-1: drain 2 clients, run ssh 127.0.0.1 restart reverb-1, wait for its check, undrain\n   now: reverb-2 2→4\n"+
		"every usable node is in this roll: the clients of reverb-2 go to", "", "roll", "reverb-2", "reverb-1", "--exec", "ssh {host} restart {node}", "--dry-run")
	s.wantRoll()
	s.wantCLI(exitDone, "", "", "drain", "reverb-1", "--wait")
	s.wantCLI(exitRefused, "1. reverb-2: drain 4 clients", "it is the last usable node", "roll", "--exec", "true", "--dry-run")
}

func TestRollUsageMistakes(t *testing.T) {
	running(t, threeNodes(), "")
	for _, args := range [][]string{
		{}, {"reverb-1"}, {"reverb-1", "reverb-1", "--exec", "true"}, {"nope", "--exec", "true"}, {"--resume", "reverb-1", "--exec", "true"},
		{"--resume", "--exec", "true"}, {"--exec", "true", "--timeout", "-1s"}, {"--cancel", "--exec", "true"}, {"--cancel", "reverb-1"},
	} {
		if got := fermata(t.Context(), append([]string{"roll"}, args...)...); got.code != 2 || got.out != "" {
			t.Errorf("%q: got exit %d, %q, %q, want 2 and a message", args, got.code, got.out, got.err)
		}
	}
}

func TestADrainThatTakesTooLongStopsTheRoll(t *testing.T) {
	running(t, threeNodes(), "") // nobody ever leaves
	fermata(t.Context(), "roll", "--exec", "echo never", "--timeout", "20ms").
		has(t, 3, "", "roll stopped at reverb-1: not empty after 20ms: reverb-1 still has 30 clients")
}

func TestTheCommandHasTheNodesNameAndAddress(t *testing.T) {
	check := func(url, command, want string) {
		t.Helper()
		r := &roller{command: command}
		got, variables, err := r.commandFor(admin.Node{Name: "reverb-1", URL: url})
		if got != want || (err == nil) != (want != "") {
			t.Errorf("%s of %s: got %q and %v, want %q", command, url, got, err, want)
		}
		if err == nil && !slices.Contains(variables, "FERMATA_URL="+url) {
			t.Errorf("got %q, want FERMATA_URL=%s", variables, url)
		}
	}
	check("http://10.0.0.1:8080", "ssh {host} -p 22 restart {node}:{port} {url} {other}", "ssh 10.0.0.1 -p 22 restart reverb-1:8080 http://10.0.0.1:8080 {other}")
	check("http://[fd00::1]:8080", "{host} {port}", "fd00::1 8080")
	check("http://a;reboot:80", "{node}", "")
}

func TestTheCommandsLinesCarryTheNodesName(t *testing.T) {
	var out strings.Builder
	p := newPrefixed(&out, "reverb-1: ")
	for _, part := range []string{"a", "b\nc\n\n", "d"} {
		io.WriteString(p, part)
	}
	p.flush()
	p.flush()
	if got, want := out.String(), "reverb-1: ab\nreverb-1: c\nreverb-1: \nreverb-1: d\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestTheLineThatGoesOnIsQuotedAndHasNoToken(t *testing.T) {
	control := admintest.New(admin.Node{Name: "a"}, admin.Node{Name: "b"})
	running(t, control, "a token that is long enough")
	fermata(t.Context(), "roll", "--exec", "echo 'it''s'; false", "--grace", "1s", "--token", "a token that is long enough").
		has(t, 1, "", `go on with it: fermata roll --resume --grace 1s --exec 'echo '\''it'\'''\''s'\''; false'`)
}

func TestARollCompletesTheNodesThatAreNotNamedYet(t *testing.T) {
	running(t, threeNodes(), "")
	fermata(t.Context(), "__complete", "roll", "reverb-1", "reverb-").
		has(t, 0, "reverb-2\tup, ready\nreverb-3\tdown, ready\n:4\n", "")
}
