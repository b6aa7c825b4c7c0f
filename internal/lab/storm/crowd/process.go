//go:build linux

package crowd

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"syscall"
	"time"

	"fermata/internal/lab/realclient"
)

// Options say who the clients are. Each has a network of its own, as far as
// its address can tell, and keeps cookies.
type Options struct {
	Clients int
	// Libraries are pusher-js and pusher-js-8-1, one or both. Each runs in a
	// process of its own.
	Libraries []string
	// Hosts take turns, HOST:PORT.
	Hosts []string
	// Secure is where half of each library's clients connect, with TLS,
	// HOST:PORT; empty: nobody does.
	Secure      string
	Key, Secret string // of the app
	// Numbered is what the events are called that are counted, see Take.
	Numbered string
	// Failed is called, once or more, when clients end before they are
	// stopped; nil: nothing is.
	Failed func(error)
}

// Start starts the clients, which connect at once. stop, which is never nil,
// ends them and waits.
func Start(ctx context.Context, o Options) (c *Crowd, stop func(), err error) {
	c = newCrowd(o.groups(), len(shared)+1)
	ctx, cancel := context.WithCancel(ctx)
	var all []*process
	stop = func() {
		cancel()
		for _, p := range all {
			<-p.done
		}
	}
	first := 0
	for _, g := range o.groups() {
		p, err := c.start(ctx, o, g, first)
		if err != nil {
			return nil, stop, err
		}
		all = append(all, p)
		first += g.clients
	}
	return c, stop, nil
}

// process is one node process with clients.
type process struct {
	command *exec.Cmd
	stderr  bytes.Buffer
	done    chan struct{}
}

func (c *Crowd) start(ctx context.Context, o Options, g group, first int) (*process, error) {
	url, hosts := o.where(g)
	command, err := realclient.Command(ctx, realclient.Options{
		URL: url, Hosts: hosts, Insecure: g.secure, Network: &first, Key: o.Key, Secret: o.Secret,
		Library: g.library, Clients: g.clients, Name: g.name, Channels: shared, Room: room, Cookies: true,
		Numbered: []string{o.Numbered}, Untold: []string{"here", "joining", "leaving", "cookie"},
	})
	if err != nil {
		return nil, err
	}
	p := &process{done: make(chan struct{}), command: command}
	// Ctrl-C is for us alone, and the clients end with us too if we die.
	p.command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	p.command.Stderr = &p.stderr
	stdin, inErr := p.command.StdinPipe() // its end would end the clients
	stdout, outErr := p.command.StdoutPipe()
	if err := errors.Join(inErr, outErr); err != nil {
		return nil, err
	}
	if err := p.command.Start(); err != nil {
		return nil, fmt.Errorf("start node: %w", err)
	}
	c.ask = append(c.ask, func() error { return askForReports(stdin, g.clients) })
	go func() {
		defer close(p.done)
		if err := c.follow(ctx, p, stdout, first, g.clients); err != nil && o.Failed != nil {
			o.Failed(err)
		}
	}()
	return p, nil
}

// follow reads until the process ends, which is an error before ctx does.
func (c *Crowd) follow(ctx context.Context, p *process, stdout io.Reader, first, count int) error {
	err := realclient.ReadLines(stdout, count, func(l realclient.Line) { c.take(first+l.Client, l, time.Now()) })
	early := ctx.Err() == nil
	if err != nil {
		p.command.Process.Kill()
	}
	if waitErr := p.command.Wait(); early {
		return fmt.Errorf("the clients ended: %w: %s", cmp.Or(err, waitErr), p.stderr.Bytes())
	}
	return nil
}
