//go:build linux

// Package proc reads from the kernel what processes cost.
package proc

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Family is a process and its children, oldest first.
func Family(pid int) ([]int, error) {
	children, err := running(func(s stat) bool { return s.parent == pid })
	return append([]int{pid}, children...), err
}

// Group are the processes of a process group.
func Group(pgid int) ([]int, error) {
	return running(func(s stat) bool { return s.group == pgid })
}

// Runs is whether a process does. One that has ended may still have its number, until
// its parent asks how it ended.
func Runs(pid int) bool {
	s, err := readStat(pid)
	return err == nil && s.runs()
}

// running are the processes that run and are like that.
func running(are func(stat) bool) (pids []int, err error) {
	entries, err := os.ReadDir("/proc")
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		if s, err := readStat(pid); err == nil && s.runs() && are(s) {
			pids = append(pids, pid)
		} // else it may have ended meanwhile
	}
	return pids, err
}

// stat is what is needed of /proc/PID/stat.
type stat struct {
	state         byte // of the first thread
	parent, group int
	threads       int
}

// runs is whether one of the threads does: it is the last one that closes the files.
func (s stat) runs() bool { return s.threads > 1 || s.state != 'Z' && s.state != 'X' }

func readStat(pid int) (stat, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return stat{}, err
	}
	return parseStat(text)
}

// parseStat takes what is after the name, which is in parentheses and may hold any
// byte, parentheses too.
func parseStat(text []byte) (s stat, err error) {
	fields := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:]))
	if len(fields) < 18 {
		return s, fmt.Errorf("got stat %q, want a state, a parent, a group and threads", text)
	}
	s.state = fields[0][0]
	for i, to := range map[int]*int{1: &s.parent, 2: &s.group, 17: &s.threads} {
		n, convErr := strconv.Atoi(fields[i])
		*to, err = n, errors.Join(err, convErr)
	}
	return s, err
}

// CPU is the user and system time of processes since they started, all their
// threads and no children, to the nanosecond.
func CPU(pids []int) (time.Duration, error) {
	var sum time.Duration
	for _, pid := range pids {
		var t unix.Timespec
		if err := unix.ClockGettime(cpuClock(pid), &t); err != nil {
			return 0, fmt.Errorf("read the CPU time of process %d: %w", pid, err)
		}
		sum += time.Duration(t.Nano())
	}
	return sum, nil
}

// cpuClock is what clock_getcpuclockid(3) returns: the pid's complement, and
// CPUCLOCK_SCHED.
func cpuClock(pid int) int32 { return int32(^pid)<<3 | 2 }

// Descriptors is how many files and sockets processes have open.
func Descriptors(pids []int) (int, error) {
	sum := 0
	for _, pid := range pids {
		open, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", pid))
		if err != nil {
			return 0, err
		}
		sum += len(open)
	}
	return sum, nil
}

// Switches is how often the threads that processes have now were switched from, by
// themselves or by the kernel, since they started.
func Switches(pids []int) (int, error) {
	sum := 0
	for _, pid := range pids {
		threads, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/status", pid))
		if err != nil {
			return 0, err
		}
		for _, thread := range threads {
			text, err := os.ReadFile(thread)
			if err != nil {
				continue // it has ended meanwhile
			}
			n, err := parseSwitches(string(text))
			if err != nil {
				return 0, fmt.Errorf("process %d: %w", pid, err)
			}
			sum += n
		}
	}
	return sum, nil
}

// Threads is how many threads processes have together.
func Threads(pids []int) (int, error) {
	sum := 0
	for _, pid := range pids {
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
		if err != nil {
			return 0, err
		}
		n, err := parseThreads(string(text))
		if err != nil {
			return 0, fmt.Errorf("process %d: %w", pid, err)
		}
		sum += n
	}
	return sum, nil
}

func parseThreads(text string) (int, error) {
	for line := range strings.Lines(text) {
		if value, ok := strings.CutPrefix(line, "Threads:"); ok {
			return strconv.Atoi(strings.TrimSpace(value))
		}
	}
	return 0, errors.New("got no line of threads")
}

// parseSwitches adds up the two lines of a thread's status.
func parseSwitches(text string) (int, error) {
	sum, lines := 0, 0
	for line := range strings.Lines(text) {
		name, value, _ := strings.Cut(line, ":")
		if !strings.HasSuffix(name, "voluntary_ctxt_switches") {
			continue
		}
		n, err := strconv.Atoi(strings.TrimSpace(value))
		if err != nil {
			return 0, err
		}
		sum, lines = sum+n, lines+1
	}
	if lines != 2 {
		return 0, fmt.Errorf("got %d lines of context switches, want 2", lines)
	}
	return sum, nil
}

// PSS is the memory of processes in bytes, what they share with others divided
// by how many share it.
func PSS(pids []int) (int64, error) {
	var sum int64
	for _, pid := range pids {
		f, err := os.Open(fmt.Sprintf("/proc/%d/smaps_rollup", pid))
		if err != nil {
			return 0, err
		}
		pss, err := parsePSS(f)
		f.Close()
		if err != nil {
			return 0, fmt.Errorf("process %d: %w", pid, err)
		}
		sum += pss
	}
	return sum, nil
}

func parsePSS(r io.Reader) (int64, error) {
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		fields := strings.Fields(lines.Text())
		if len(fields) == 3 && fields[0] == "Pss:" && fields[2] == "kB" {
			kB, err := strconv.ParseInt(fields[1], 10, 64)
			return kB * 1024, err
		}
	}
	if err := lines.Err(); err != nil {
		return 0, err
	}
	return 0, errors.New("got no line of Pss")
}

// Machine is the CPU time that all processes of the machine have taken since
// it started, to the hundredth of a second.
func Machine() (time.Duration, error) {
	text, err := os.ReadFile("/proc/stat")
	if err != nil {
		return 0, err
	}
	return parseMachine(string(text))
}

// parseMachine adds up the first line of /proc/stat: user, nice and system
// time; then idle and waiting, which do not count; interrupts; and what is
// counted in user time already, or went to other machines.
func parseMachine(text string) (time.Duration, error) {
	fields := strings.Fields(text)
	if len(fields) < 8 || fields[0] != "cpu" {
		return 0, fmt.Errorf("got stat %.40q, want the time of all CPUs", text)
	}
	var ticks int64
	for _, i := range []int{1, 2, 3, 6, 7} {
		n, err := strconv.ParseInt(fields[i], 10, 64)
		if err != nil {
			return 0, err
		}
		ticks += n
	}
	return time.Duration(ticks) * (time.Second / 100), nil // USER_HZ is 100 everywhere
}
