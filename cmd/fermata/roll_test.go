package main

import (
	"bufio"
	"context"
	"encoding/json"
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
	"fermata/internal/app/apptest"
)

// operator restarts the stack's nodes for a command that asks for it, as a
// Supervisor would.
type operator struct {
	command string // for --exec
	mu      sync.Mutex
	asked   []string // the nodes, in order
}

func operate(s *apptest.Stack) *operator {
	s.T.Helper()
	dir := s.T.TempDir()
	ask, answer := fifo(s.T, filepath.Join(dir, "ask")), fifo(s.T, filepath.Join(dir, "answer"))
	o := &operator{command: fmt.Sprintf("echo {node} > %s && read text < %s && echo $text; echo $FERMATA_HOST:{port} >&2", ask.Name(), answer.Name())}
	var working sync.WaitGroup
	working.Go(func() {
		for lines := bufio.NewScanner(ask); lines.Scan(); {
			o.mu.Lock()
			o.asked = append(o.asked, lines.Text())
			o.mu.Unlock()
			s.RestartNode(lines.Text())
			fmt.Fprintln(answer, "restarted", lines.Text())
		}
	})
	s.T.Cleanup(func() {
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

func (o *operator) wantAsked(t *testing.T, want ...string) {
	t.Helper()
	o.mu.Lock()
	defer o.mu.Unlock()
	if !slices.Equal(o.asked, want) {
		t.Errorf("got the nodes %v restarted, want %v", o.asked, want)
	}
}

const quickChecks = apptest.Even + "health: {interval: 100ms}\n"

// wantRoll looks at what Fermata remembers.
func wantRoll(s *apptest.Stack, nodes ...string) {
	s.T.Helper()
	_, body := s.AdminGet("/v1/roll")
	var got admin.Roll
	if err := json.Unmarshal([]byte(body), &got); err != nil || !slices.Equal(got.Nodes, nodes) || got.Runner != "" {
		s.T.Errorf("got the roll %s, want %v, and that nobody runs it", body, nodes)
	}
	for name, n := range s.NodesNow() {
		if n.Avoided != slices.Contains(nodes, name) {
			s.T.Errorf("%s: got avoided %v, want %v", name, n.Avoided, !n.Avoided)
		}
	}
}

func TestARollRestartsEveryNodeAndMovesEachClientOnce(t *testing.T) {
	apptest.TakesSeconds(t)
	t.Parallel()
	s := apptest.New(t, 3, quickChecks)
	clients := s.Visit(30)
	o := operate(s)
	code, out, errOut := cli(s, "roll", "--exec", o.command, "--rate", "200")
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
	if want := "reverb-2: " + strings.TrimPrefix(s.URLs[1], "http://") + "\n"; !strings.Contains(errOut, want) {
		t.Errorf("got\n%swant %s", errOut, want)
	}
	clients.Wait("all clients on nodes that were restarted", apptest.None("reverb-3"))
	clients.WantMoves(func(first string) int {
		if first == "reverb-1" {
			return 2
		}
		return 1
	}, 4200)
	wantRoll(s)
	for name, n := range s.NodesNow() {
		if n.State != admin.StateReady || n.Health != admin.HealthUp || n.Checked.IsZero() {
			t.Errorf("%s: got %+v, want it ready and up", name, n)
		}
	}
}

func TestWithASpareNodeARollMovesEveryClientOnce(t *testing.T) {
	apptest.TakesSeconds(t)
	t.Parallel()
	s := apptest.New(t, 3, quickChecks)
	clients := s.Visit(12)
	o := operate(s)
	code, out, errOut := cli(s, "roll", "reverb-2", "reverb-1", "--exec", o.command)
	if code != exitDone || strings.Contains(out, "move twice") {
		t.Fatalf("got exit %d\n%s%s", code, out, errOut)
	}
	o.wantAsked(t, "reverb-2", "reverb-1")
	clients.Wait("all clients back", apptest.None())
	clients.WantMoves(func(first string) int {
		if first == "reverb-3" {
			return 0
		}
		return 1
	}, 4200)
}

func TestARollStopsAtTheFirstFailureAndGoesOnFromThere(t *testing.T) {
	apptest.TakesSeconds(t)
	t.Parallel()
	s := apptest.New(t, 3, quickChecks+fmt.Sprintf("state_dir: %q\n", filepath.Join(t.TempDir(), "state")))
	failing := "case {node} in reverb-2) echo out of memory >&2; exit 7;; esac"
	code, out, errOut := cli(s, "roll", "--exec", failing, "--rate", "50")
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
	want = fmt.Sprintf("\n  go on with it: fermata roll --resume --admin %s --rate 50 --exec '%s'\n", s.Admin, failing) +
		"  or give it up: fermata undrain reverb-2 && fermata roll --cancel\n"
	if !strings.HasSuffix(errOut, want) {
		t.Errorf("got\n%s\nwant\n%s", errOut, want)
	}
	wantRoll(s, "reverb-2", "reverb-3")
	wantCLI(s, exitRefused, "", "another roll is under way, or stopped, and has still to do reverb-2, reverb-3", "roll", "--exec", "true")
	wantCLI(s, exitRefused, "", "a roll is under way (still to be drained: reverb-2, reverb-3)", "rebalance")
	s.Reload()
	wantRoll(s, "reverb-2", "reverb-3")
	s.Restart()
	wantRoll(s, "reverb-2", "reverb-3")

	wantCLI(s, exitDone, "reverb-3: done, 2 of 2\n", "", "roll", "--resume", "--exec", "true")
	wantRoll(s)
	if got := s.NodesNow()["reverb-2"].State; got != admin.StateReady {
		t.Errorf("reverb-2: got %s, want ready", got)
	}
	wantCLI(s, exitUsage, "", "got --resume, and no roll has stopped", "roll", "--resume", "--exec", "true")
}

func TestANodeThatIsNotHealthyAfterItsRestartStopsTheRoll(t *testing.T) {
	s := apptest.New(t, 2, quickChecks)
	s.Node("reverb-1").Kill()
	s.Logs.Wait(t, "node down")
	code, out, errOut := cli(s, "roll", "--exec", "true", "--timeout", "300ms")
	if code != exitNotInTime || !strings.HasSuffix(out, "reverb-1: waiting for its check\n") {
		t.Errorf("got exit %d\n%s", code, out)
	}
	for _, want := range []string{
		"roll stopped at reverb-1: reverb-1: not healthy after 300ms: down: dial",
		"\n  to do: reverb-1, reverb-2\n  reverb-1 is drained, with 0 clients, health down (dial ",
	} {
		if !strings.Contains(errOut, want) {
			t.Errorf("got\n%swant %s", errOut, want)
		}
	}
	wantRoll(s, "reverb-1", "reverb-2")
	wantCLI(s, exitDone, "", "", "roll", "--cancel")
	wantRoll(s)
	if got := s.NodesNow()["reverb-1"].State; got != admin.StateDrained {
		t.Errorf("after --cancel: got %s, want it as it was", got)
	}
	wantCLI(s, exitRefused, "reverb-1 is left out, it is drained already (name it to have it in)\n", "it is the last usable node; nothing was done", "roll", "--exec", "true")
	wantRoll(s)
}

func TestAnInterruptedRollStopsItsCommandAndSaysHowToGoOn(t *testing.T) {
	s := apptest.New(t, 2, quickChecks)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	out := writerFunc(func(text string) {
		if strings.Contains(text, "reverb-1: it runs") {
			cancel()
		}
	})
	var errOut strings.Builder
	code := run(ctx, []string{"roll", "--exec", "echo it runs; exec sleep 1000", "--admin", s.Admin}, strings.NewReader(""), out, &errOut)
	if code != exitNotInTime || !strings.Contains(errOut.String(), "roll stopped at reverb-1: interrupted\n  to do: reverb-1, reverb-2\n  reverb-1 is drained") {
		t.Errorf("got exit %d, %s", code, errOut.String())
	}
	wantRoll(s, "reverb-1", "reverb-2")
}

func TestAPlanSaysWhatWouldBeRunAndWhoWouldMoveTwice(t *testing.T) {
	s := apptest.New(t, 2, apptest.Even)
	s.Visit(4)
	wantCLI(s, exitDone, "1. reverb-2: drain 2 clients, run ssh 127.0.0.1 restart reverb-2, wait for its check, undrain\n   now: reverb-1 2→4\n"+
		"2. reverb-1: drain 2 clients, run ssh 127.0.0.1 restart reverb-1, wait for its check, undrain\n   now: reverb-2 2→4\n"+
		"every usable node is in this roll: the clients of reverb-2 go to", "", "roll", "reverb-2", "reverb-1", "--exec", "ssh {host} restart {node}", "--dry-run")
	wantRoll(s)
	wantCLI(s, exitDone, "", "", "drain", "reverb-1", "--wait")
	wantCLI(s, exitRefused, "1. reverb-2: drain 4 clients", "it is the last usable node", "roll", "--exec", "true", "--dry-run")
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

func TestARollThatIsToCloseTellsHowToGoOnAndWhatItDid(t *testing.T) {
	control := threeNodes()
	control.Step = 30
	outcomesAre(control, some)
	running(t, control, "")
	fermata(t.Context(), "roll", "reverb-1", "--close", "--exec", "false").
		has(t, 1, "reverb-1: 22 moved, 8 closed: 6 without a session, 2 timed out\n", "go on with it: fermata roll --resume --exec false --close=true")
	if last := control.Requests()[1]; last.Close == nil || !*last.Close {
		t.Errorf("got %+v, want sessions closed", last)
	}
}

func TestARollCompletesTheNodesThatAreNotNamedYet(t *testing.T) {
	running(t, threeNodes(), "")
	fermata(t.Context(), "__complete", "roll", "reverb-1", "reverb-").
		has(t, 0, "reverb-2\tup, ready\nreverb-3\tdown, ready\n:4\n", "")
}

func TestARollGoesOnWhenFermataIsRestartedMeanwhile(t *testing.T) {
	apptest.TakesSeconds(t)
	t.Parallel()
	s := apptest.New(t, 2, quickChecks+fmt.Sprintf("state_dir: %q\n", filepath.Join(t.TempDir(), "state")))
	var out strings.Builder
	watched := writerFunc(func(text string) {
		out.WriteString(text)
		if strings.HasPrefix(text, "reverb-1: running") {
			s.Restart()
		}
	})
	var errOut strings.Builder
	code := run(t.Context(), []string{"roll", "--exec", "true", "--admin", s.Admin}, strings.NewReader(""), watched, &errOut)
	if code != exitDone || !strings.Contains(out.String(), "reverb-2: done, 2 of 2\n") {
		t.Errorf("got exit %d\n%s%s, want the roll to be done", code, out.String(), errOut.String())
	}
	wantRoll(s)
}
