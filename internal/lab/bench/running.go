//go:build linux

package main

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"fermata/internal/lab/bench/proc"
)

// running is a proxy that runs, or the nodes alone.
type running struct {
	name    string
	at      place
	pids    []int // its processes, oldest first; none of the nodes alone
	command *exec.Cmd
	logFile string
	exited  chan struct{}
}

// start starts a proxy as a process group of its own, so that Ctrl-C is for us
// alone; it ends with us too if we die. The caller stops it.
func (p *proxy) start(at place) (*running, error) {
	r := &running{name: p.name, at: at, exited: make(chan struct{})}
	if p.name == direct {
		close(r.exited)
		return r, nil
	}
	var err error
	if r.at, err = withPorts(at); err != nil {
		return nil, err
	}
	config, err := p.configure(r.at)
	if err != nil {
		return nil, err
	}
	r.logFile = filepath.Join(at.Dir, p.name+".log")
	log, err := os.Create(r.logFile)
	if err != nil {
		return nil, err
	}
	defer log.Close()
	r.command = exec.Command(p.program, append(p.args[:len(p.args):len(p.args)], config)...)
	r.command.Stdout, r.command.Stderr = log, log
	r.command.Env = append(os.Environ(), "XDG_CONFIG_HOME="+at.Dir, "XDG_DATA_HOME="+at.Dir) // Caddy writes there
	r.command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM}
	if err := r.command.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", p.name, err)
	}
	go r.wait()
	return r, nil
}

func (r *running) wait() {
	r.command.Wait()
	close(r.exited)
}

// withPorts chooses two free ports for the proxy to listen on.
func withPorts(at place) (place, error) {
	var ports [2]string
	for i := range ports {
		l, err := net.Listen("tcp4", "127.0.0.1:0")
		if err != nil {
			return at, err
		}
		defer l.Close()
		ports[i] = l.Addr().String()
	}
	at.Plain, at.TLS = ports[0], ports[1]
	_, at.PlainPort, _ = net.SplitHostPort(at.Plain)
	_, at.TLSPort, _ = net.SplitHostPort(at.TLS)
	return at, nil
}

// findProcesses finds the processes, once the proxy has answered.
func (r *running) findProcesses() (err error) {
	if r.command != nil {
		r.pids, err = proc.Family(r.command.Process.Pid)
	}
	return err
}

// addresses are where clients connect.
func (r *running) addresses(tls bool) []string {
	switch {
	case r.command == nil:
		return r.at.Nodes
	case tls:
		return []string{r.at.TLS}
	}
	return []string{r.at.Plain}
}

// tls is whether the clients speak TLS; the nodes themselves do not.
func (r *running) tls(wanted bool) bool { return wanted && r.command != nil }

// stop ends the proxy's processes, all by their pids, and waits.
func (r *running) stop() {
	if r.command == nil {
		return
	}
	r.command.Process.Signal(syscall.SIGTERM)
	select {
	case <-r.exited:
	case <-time.After(2 * time.Second):
		r.kill()
	}
	<-r.exited
}

// kill also takes nginx's workers, who would outlive their master.
func (r *running) kill() {
	family, _ := proc.Family(r.command.Process.Pid)
	for _, pid := range family {
		syscall.Kill(pid, syscall.SIGKILL)
	}
}

// said is the end of the proxy's log, for errors.
func (r *running) said() string {
	text, _ := os.ReadFile(r.logFile)
	return strings.TrimSpace(string(text[max(0, len(text)-300):]))
}
