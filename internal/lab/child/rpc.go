//go:build linux

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

// receiver is the name of what a child's calls go to.
const receiver = "Child"

// Serve is a role that answers the calls of Child.Call with the methods of
// what create returns, as net/rpc does, until the parent has gone. They talk
// over the child's standard input and output.
func Serve[T any](create func() (T, error)) error {
	signal.Ignore(os.Interrupt) // the parent stops us when it is interrupted
	r, err := create()
	if err != nil {
		return err
	}
	server := rpc.NewServer()
	if err := server.RegisterName(receiver, r); err != nil {
		return err
	}
	server.ServeConn(stdio{os.Stdin, os.Stdout})
	return nil
}

type stdio struct {
	io.ReadCloser
	io.Writer
}

// Child is a running child that answers calls.
type Child struct {
	role    string
	command *exec.Cmd
	client  *rpc.Client
}

// Start starts a child whose role is Serve. It is killed when ctx ends, and
// ends by itself when the parent does; the caller stops it.
func Start(ctx context.Context, role string) (*Child, error) {
	command, err := Command(ctx, role)
	if err != nil {
		return nil, err
	}
	c := &Child{role: role, command: command}
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

// Call calls a method of what the child serves, and returns early when ctx ends.
func (c *Child) Call(ctx context.Context, method string, args, reply any) error {
	call := c.client.Go(receiver+"."+method, args, reply, make(chan *rpc.Call, 1))
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
