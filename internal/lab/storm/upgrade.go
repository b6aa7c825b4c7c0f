//go:build linux

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"fermata/internal/lab/bench/proc"
	"fermata/internal/lab/command"
)

const (
	// replacing bounds how long a new process takes until it serves.
	replacing = 20 * time.Second
	// lingering is how long we look at an old process, beyond the time in which Fermata's
	// has closed its clients.
	lingering = 5 * time.Second
)

// upgradeBalancer has a new process take the balancer's place, and watches the old
// one until it has ended, or for as long as Fermata's may take.
func upgradeBalancer(ctx context.Context, s *stage) error {
	s.strike("")
	old, err := s.running.upgrade(ctx, s.running)
	if err != nil {
		return err
	}
	at, until := s.running.at, time.Now().Add(s.running.at.Spread+lingering)
	for !allGone(old) && time.Now().Before(until) {
		if err := command.Pause(ctx, looking); err != nil {
			return err
		}
	}
	if allGone(old) {
		ended := time.Since(s.struck).Seconds()
		s.result.Upgrade.Ended = &ended
	}
	s.result.Upgrade.Left, err = proc.Connections(old, at.Address, at.Secure)
	return err
}

func allGone(pids []int) bool { return !slices.ContainsFunc(pids, proc.Runs) }

func upgradeFermata(ctx context.Context, r *running) (old []int, err error) {
	out, err := exec.CommandContext(ctx, r.program.Path(), "upgrade", "--json", "--admin", r.at.admin()).CombinedOutput()
	if err != nil {
		return nil, fmt.Errorf("fermata upgrade: %w: %s", err, out)
	}
	var upgraded struct{ PID int }
	if err := json.Unmarshal(out, &upgraded); err != nil || upgraded.PID == 0 {
		return nil, fmt.Errorf("fermata upgrade: got %s (%v), want the pid of the new process", out, err)
	}
	return []int{r.PID()}, nil
}

func nginxPID(at *place) string { return filepath.Join(at.Dir, "nginx.pid") }

// upgradeNginx starts a new master, and then has the old one end with its clients.
func upgradeNginx(ctx context.Context, r *running) (old []int, err error) {
	master, err := readPID(nginxPID(r.at))
	if err != nil {
		return nil, err
	}
	if old, err = proc.Family(master); err != nil {
		return nil, err
	}
	if err := syscall.Kill(master, syscall.SIGUSR2); err != nil {
		return nil, fmt.Errorf("SIGUSR2 to nginx: %w", err)
	}
	serves := func() bool {
		next, err := readPID(nginxPID(r.at))
		if err != nil || next == master {
			return false
		}
		family, err := proc.Family(next)
		return err == nil && len(family) == len(old)
	}
	if err := until(ctx, "the new nginx does not serve", serves); err != nil {
		return nil, err
	}
	return old, syscall.Kill(master, syscall.SIGQUIT)
}

func readPID(file string) (int, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(strings.TrimSpace(string(text)))
}

// upgradeHAProxy starts a new one that gets the sockets of the old one, and tells it to
// end with its clients.
func upgradeHAProxy(ctx context.Context, r *running) (old []int, err error) {
	next := r.program.As("haproxy-new", r.program.Config).With("-x", filepath.Join(r.at.Dir, "haproxy.sock"), "-sf", fmt.Sprint(r.PID()))
	if r.next, err = next.Start(configs, r.at.Dir, r.at); err != nil {
		return nil, err
	}
	serves := func() bool {
		info, err := r.askHAProxy(ctx, "show info")
		return err == nil && strings.Contains(info, fmt.Sprintf("\nPid: %d\n", r.next.PID()))
	}
	return []int{r.PID()}, until(ctx, "the new HAProxy does not serve", serves)
}

// until waits until something is so.
func until(ctx context.Context, otherwise string, is func() bool) error {
	ctx, cancel := context.WithTimeoutCause(ctx, replacing, errors.New(otherwise))
	defer cancel()
	for !is() {
		if err := command.Pause(ctx, looking); err != nil {
			return err
		}
	}
	return nil
}
