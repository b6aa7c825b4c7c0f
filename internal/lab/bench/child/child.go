//go:build linux

// Package child runs parts of the benchmark as processes of their own, so that
// what they cost is not counted with what they measure. A program is its own
// child: main calls Become first. Parent and child talk net/rpc over the
// child's standard input and output.
package child

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/rpc"
	"os"
	"os/exec"
	"os/signal"
	"syscall"
)

// variable says which role a process has.
const variable = "FERMATA_BENCH"

// Become turns the process into the child that Start wanted, and never returns
// then. In any other process it does nothing. A role makes the receiver of the
// calls; its name stands before the method's in Call.
func Become(roles map[string]func() (any, error)) {
	role := os.Getenv(variable)
	if role == "" {
		return
	}
	signal.Ignore(os.Interrupt) // the parent stops us when it has heard it
	if err := serve(role, roles[role]); err != nil {
		fmt.Fprintf(os.Stderr, "%s: %v\n", role, err)
		os.Exit(1)
	}
	os.Exit(0)
}

func serve(role string, receiver func() (any, error)) error {
	if receiver == nil {
		return errors.New("got no such role")
	}
	r, err := receiver()
	if err != nil {
		return err
	}
	server := rpc.NewServer()
	if err := server.RegisterName(role, r); err != nil {
		return err
	}
	server.ServeConn(stdio{os.Stdin, os.Stdout}) // until the parent has gone
	return nil
}

type stdio struct {
	io.ReadCloser
	io.Writer
}

// Child is a running child.
type Child struct {
	role    string
	command *exec.Cmd
	client  *rpc.Client
}

// Start starts this program's own binary in a role. It is killed when ctx
// ends, and ends by itself when the parent does; the caller stops it.
func Start(ctx context.Context, role string) (*Child, error) {
	binary, err := os.Executable()
	if err != nil {
		return nil, err
	}
	c := &Child{role: role, command: exec.CommandContext(ctx, binary)}
	c.command.Env = append(os.Environ(), variable+"="+role)
	c.command.Stderr = os.Stderr
	c.command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // Ctrl-C is for the parent
	stdin, inErr := c.command.StdinPipe()
	stdout, outErr := c.command.StdoutPipe()
	if err := errors.Join(inErr, outErr); err != nil {
		return nil, err
	}
	if err := c.command.Start(); err != nil {
		return nil, err
	}
	c.client = rpc.NewClient(pipes{stdout, stdin})
	return c, nil
}

type pipes struct {
	io.ReadCloser
	stdin io.WriteCloser
}

func (p pipes) Write(b []byte) (int, error) { return p.stdin.Write(b) }
func (p pipes) Close() error                { return errors.Join(p.stdin.Close(), p.ReadCloser.Close()) }

// Call calls a method of the role's receiver, and returns early when ctx ends.
func (c *Child) Call(ctx context.Context, method string, args, reply any) error {
	call := c.client.Go(c.role+"."+method, args, reply, make(chan *rpc.Call, 1))
	select {
	case <-call.Done:
		if call.Error != nil {
			return fmt.Errorf("%s: %s: %w", c.role, method, call.Error)
		}
		return nil
	case <-ctx.Done():
		return fmt.Errorf("%s: %s: %w", c.role, method, context.Cause(ctx))
	}
}

// Stop kills the child, which has nothing to lose, and waits for its end.
func (c *Child) Stop() {
	c.command.Process.Kill()
	c.client.Close()
	c.command.Wait()
}

// PID is the child's.
func (c *Child) PID() int { return c.command.Process.Pid }
