//go:build linux

package proc

import (
	"errors"
	"io"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"fermata/internal/lab/child"
)

// leaderless is a child whose first thread ends before the others.
const leaderless = "leaderless"

func init() { runtime.LockOSThread() } // TestMain is on the first thread

func TestMain(m *testing.M) {
	child.Become(map[string]func() error{leaderless: loseLeader})
	os.Exit(m.Run())
}

// loseLeader ends the first thread. Another one ends the process with its input.
func loseLeader() error {
	go func() {
		io.Copy(io.Discard, os.Stdin)
		os.Exit(0)
	}()
	unix.Syscall(unix.SYS_EXIT, 0, 0, 0)
	return errors.New("got a thread that goes on after its end")
}

func TestPSSIsReadInBytes(t *testing.T) {
	got, err := parsePSS(strings.NewReader("55d-7ff ---p 00000000 00:00 0  [rollup]\nRss:  900 kB\nPss:    123 kB\nPss_Dirty: 5 kB\n"))
	if err != nil || got != 123*1024 {
		t.Errorf("got %d, %v, want %d", got, err, 123*1024)
	}
	if _, err := parsePSS(strings.NewReader("Rss: 900 kB\n")); err == nil {
		t.Error("got no error without a line Pss:")
	}
}

func TestTheParentIsFoundWhateverTheName(t *testing.T) {
	f := func(line string, want stat) {
		t.Helper()
		if got, err := parseStat([]byte(line)); err != nil || got != want {
			t.Errorf("%q: got %+v, %v, want %+v", line, got, err, want)
		}
	}
	f("12 (nginx) S 7 12 12 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 99", stat{'S', 7, 12, 1})
	f("12 (a) R 1) b) Z 34 13 12 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 9 0 99", stat{'Z', 34, 13, 9})
	if _, err := parseStat([]byte("12 (nginx)")); err == nil {
		t.Error("got no error for a line that ends early")
	}
}

func TestAProcessThatNobodyHasWaitedForDoesNotRun(t *testing.T) {
	child := exec.Command("cat")
	child.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	stdin, err := child.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	defer child.Wait()
	pid := child.Process.Pid
	if group, err := Group(pid); err != nil || !Runs(pid) || !slices.Equal(group, []int{pid}) {
		t.Errorf("got %v, %v, want %d, which runs", group, err, pid)
	}
	stdin.Close()
	if err := unix.Waitid(unix.P_PID, pid, nil, unix.WEXITED|unix.WNOWAIT, nil); err != nil {
		t.Fatal(err)
	}
	if group, err := Group(pid); err != nil || Runs(pid) || len(group) > 0 {
		t.Errorf("got %v, %v, want none that runs", group, err)
	}
}

// The last thread of a process that is killed closes its files. A lock that it had is
// taken while thousands of sockets are closed before.
func TestAProcessRunsUntilItsLastThreadHasEnded(t *testing.T) {
	cmd, err := child.Command(t.Context(), leaderless)
	if err != nil {
		t.Fatal(err)
	}
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	awaitZombie(t, cmd.Process.Pid)
	if !Runs(cmd.Process.Pid) {
		t.Error("got a process that has ended, want one that runs, as a thread of it does")
	}
	stdin.Close()
	if err := cmd.Wait(); err != nil {
		t.Errorf("got %v, want no error of the child", err)
	}
}

// awaitZombie waits until the first thread of a process has ended.
func awaitZombie(t *testing.T, pid int) {
	t.Helper()
	for until := time.Now().Add(30 * time.Second); time.Now().Before(until); runtime.Gosched() {
		if s, err := readStat(pid); err != nil || s.state == 'Z' {
			return
		}
	}
	t.Fatal("got a first thread that runs after 30s, want its end")
}

func TestOnlySocketCachesCount(t *testing.T) {
	got, err := parseSlab(strings.NewReader("slabinfo - version: 2.1\n# name <active_objs>\n" +
		"TCP    10 12 2368 13 8 : tunables 0 0 0\ndentry 500 500 192 21 1 : x\nfilp 3 3 192 21 1 : x\n"))
	if want := int64(10*2368 + 3*192); err != nil || got != want {
		t.Errorf("got %d, %v, want %d", got, err, want)
	}
}

func TestQueuedPagesAreRead(t *testing.T) {
	got, err := parseSockstat(strings.NewReader("sockets: used 15\nTCP: inuse 1 orphan 0 tw 100 alloc 1 mem 42\nUDP: inuse 0 mem 9\n"))
	if err != nil || got != 42 {
		t.Errorf("got %d, %v, want 42", got, err)
	}
}

func TestIdleTimeOfTheMachineDoesNotCount(t *testing.T) {
	got, err := parseMachine("cpu  100 20 3 9999 9999 4 5 9999 0 0\ncpu0 1 2 3\n")
	if want := 1320 * time.Millisecond; err != nil || got != want {
		t.Errorf("got %v, %v, want %v", got, err, want)
	}
	if _, err := parseMachine("cpu0 1 2 3 4 5 6 7 8"); err == nil {
		t.Error("got no error without a line of all CPUs")
	}
}

func TestSwitchesOfBothKindsAreAddedUp(t *testing.T) {
	got, err := parseSwitches("Name:\ta\nvoluntary_ctxt_switches:\t150\nnonvoluntary_ctxt_switches:\t545\n")
	if err != nil || got != 695 {
		t.Errorf("got %d, %v, want 695", got, err)
	}
	if _, err := parseSwitches("voluntary_ctxt_switches:\t150\n"); err == nil {
		t.Error("got no error with one line of two")
	}
}

func TestThreadsOfProcessesAreCounted(t *testing.T) {
	var pids []int
	for range 2 {
		child := exec.Command("cat")
		stdin, err := child.StdinPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := child.Start(); err != nil {
			t.Fatal(err)
		}
		defer child.Wait()
		defer stdin.Close()
		pids = append(pids, child.Process.Pid)
	}
	if got, err := Threads(pids); err != nil || got != 2 {
		t.Errorf("got %d, %v, want one thread of each of 2 processes", got, err)
	}
	if _, err := parseThreads("Name:\ta\n"); err == nil {
		t.Error("got no error without a line of threads")
	}
}

func TestThisProcessCostsSomething(t *testing.T) {
	pids := []int{os.Getpid()}
	if cpu, err := CPU(pids); err != nil || cpu <= 0 {
		t.Errorf("got CPU time %v, %v, want some", cpu, err)
	}
	if pss, err := PSS(pids); err != nil || pss <= 0 {
		t.Errorf("got memory %d, %v, want some", pss, err)
	}
	if switches, err := Switches(pids); err != nil || switches <= 0 {
		t.Errorf("got %d context switches, %v, want some", switches, err)
	}
	family, err := Family(os.Getppid())
	if err != nil || !slices.Contains(family, os.Getpid()) {
		t.Errorf("got family %v, %v, want %d in it", family, err, os.Getpid())
	}
}
