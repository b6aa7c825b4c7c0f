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
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Family is a process and its children, oldest first.
func Family(pid int) ([]int, error) {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil, err
	}
	family := []int{pid}
	for _, e := range entries {
		child, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", child))
		if err != nil {
			continue // it has ended meanwhile
		}
		if parent, err := parseParent(stat); err == nil && parent == pid {
			family = append(family, child)
		}
	}
	return family, nil
}

// parseParent takes the parent's pid from /proc/PID/stat. The name before it
// is in parentheses and may hold any byte, parentheses too.
func parseParent(stat []byte) (int, error) {
	fields := bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+1:])
	if len(fields) < 2 {
		return 0, fmt.Errorf("got stat %q, want a parent", stat)
	}
	return strconv.Atoi(string(fields[1]))
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
