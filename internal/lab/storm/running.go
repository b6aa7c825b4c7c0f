//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// running is a balancer that runs; none is one without a process.
type running struct {
	*balancer
	at      *place
	command *exec.Cmd // nil: none
	exited  chan struct{}
}

// start starts a balancer and waits until it listens. It is in a process group
// of its own, so that Ctrl-C is for us alone; it ends with us too if we die.
// The caller stops it.
func (b *balancer) start(ctx context.Context, at *place) (*running, error) {
	r := &running{balancer: b, at: at, exited: make(chan struct{})}
	if b.config == "" {
		return r, nil
	}
	config, err := b.configure(at)
	if err != nil {
		return nil, err
	}
	log, err := os.Create(r.logFile())
	if err != nil {
		return nil, err
	}
	defer log.Close()
	r.command = exec.Command(b.program, append(b.args[:len(b.args):len(b.args)], config)...)
	r.command.Stdout, r.command.Stderr = log, log
	r.command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM}
	if err := r.command.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", b.Name, err)
	}
	go func() {
		r.command.Wait()
		close(r.exited)
	}()
	if err := r.listens(ctx); err != nil {
		r.stop()
		return nil, fmt.Errorf("%s: %w: %s", b.Name, err, r.said())
	}
	return r, nil
}

func (r *running) listens(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, 10*time.Second, errors.New("it does not listen after 10s"))
	defer cancel()
	for {
		conn, err := new(net.Dialer).DialContext(ctx, "tcp", r.at.Address)
		if err == nil {
			return conn.Close()
		}
		select {
		case <-r.exited:
			return errors.New("it has ended")
		default:
		}
		if err := pause(ctx, 20*time.Millisecond); err != nil {
			return err
		}
	}
}

// hosts are where clients connect, HOST:PORT.
func (r *running) hosts() (hosts []string) {
	if r.command != nil {
		return []string{r.at.Address}
	}
	for _, node := range r.at.Nodes {
		hosts = append(hosts, node.Address)
	}
	return hosts
}

// stop ends the balancer's processes and waits.
func (r *running) stop() {
	if r.command == nil {
		return
	}
	r.command.Process.Signal(syscall.SIGTERM)
	select {
	case <-r.exited:
	case <-time.After(3 * time.Second):
		// The group: nginx's workers would outlive their master.
		syscall.Kill(-r.command.Process.Pid, syscall.SIGKILL)
	}
	<-r.exited
}

func (r *running) logFile() string { return filepath.Join(r.at.Dir, r.Name+".log") }

// said is the end of the balancer's log, for errors.
func (r *running) said() string {
	text, _ := os.ReadFile(r.logFile())
	return strings.TrimSpace(string(text[max(0, len(text)-1000):]))
}
