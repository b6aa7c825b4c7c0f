// Package process runs devnodes as processes of their own, for tests that kill
// and stop them. A test binary is its own node: TestMain calls Become first.
package process

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"

	"fermata/internal/lab/child"
	"fermata/internal/lab/devnode"
)

// Role is the one that such a process has, see package child.
const Role = "devnode"

// Become turns the process into a node, and never returns, if Start has
// started it for that. In any other process it does nothing.
func Become() {
	child.Become(map[string]func() error{Role: Main})
}

// Main is what a process in the role does. It is for programs with other roles
// beside this one.
func Main() error { return devnode.Main(os.Args[1:], os.Stdout) }

// Process is a running node.
type Process struct {
	// Address is where it listens, HOST:PORT.
	Address string

	command *exec.Cmd
	exited  chan struct{}
	err     error // of exited
}

// Start runs this program's own binary as a node with the flags of
// devnode.Main, and returns when it listens. The caller ends it with Kill or
// Terminate.
func Start(flags ...string) (*Process, error) {
	command, err := child.Command(context.Background(), Role, flags...)
	if err != nil {
		return nil, err
	}
	stdout, err := command.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := command.Start(); err != nil {
		return nil, err
	}
	p := &Process{command: command, exited: make(chan struct{})}
	line, readErr := bufio.NewReader(stdout).ReadString('\n')
	go p.wait()
	address, ok := strings.CutPrefix(strings.TrimSpace(line), "listening ")
	if !ok {
		p.Kill()
		return nil, errors.Join(fmt.Errorf("the node said %q instead of where it listens", line), readErr)
	}
	p.Address = address
	return p, nil
}

func (p *Process) wait() {
	p.err = p.command.Wait()
	close(p.exited)
}

// URL is the node's address as http://HOST:PORT.
func (p *Process) URL() string { return "http://" + p.Address }

// Exited is closed when the process is gone.
func (p *Process) Exited() <-chan struct{} { return p.exited }

// Kill is SIGKILL; it waits until the process is gone, and may come twice.
func (p *Process) Kill() {
	p.command.Process.Kill()
	<-p.exited
}

// Terminate is SIGTERM; it waits and returns an error if the node's status is
// not 0.
func (p *Process) Terminate() error {
	if err := p.command.Process.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	<-p.exited
	return p.err
}

// Freeze is SIGSTOP; it returns when the process stands still, which is sure
// on Linux only.
func (p *Process) Freeze() error {
	if err := p.command.Process.Signal(syscall.SIGSTOP); err != nil {
		return err
	}
	return untilStopped(p.command.Process.Pid)
}

// Thaw is SIGCONT: a frozen process runs on.
func (p *Process) Thaw() error { return p.command.Process.Signal(syscall.SIGCONT) }
