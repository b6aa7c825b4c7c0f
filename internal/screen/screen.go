// Package screen is the screen of "fermata status --watch": the nodes of a
// running Fermata on a terminal, and keys to drain them.
package screen

import (
	"context"
	"os"
	"os/signal"
	"sync"

	"golang.org/x/sys/unix"

	"fermata/internal/admin"
)

// Options say where the screen is shown.
type Options struct {
	In, Out *os.File // of one terminal
	// Address is where Fermata is, for the title.
	Address string
	// Styled is whether there may be colours, bold and reverse text.
	Styled bool
	// Local is whether only this member of a cluster is looked at, and steered even
	// where the others cannot be told.
	Local bool
}

// Screen shows one Fermata. It can be run once.
type Screen struct {
	client   *admin.Client
	model    model
	terminal terminal

	changes chan change
	failed  chan error // what ends the screen
	work    sync.WaitGroup
}

// New makes a screen; it neither connects nor draws yet.
func New(o Options, client *admin.Client) *Screen {
	return &Screen{
		client:   client,
		model:    model{address: o.Address, local: o.Local},
		terminal: terminal{in: o.In, out: o.Out, styled: o.Styled},
		changes:  make(chan change, 64),
		failed:   make(chan error, 1),
	}
}

// Run takes the terminal as soon as the nodes are known, shows what goes on
// until the person quits or ctx ends, neither of which is an error, and gives
// the terminal back whatever happens. A Fermata that was there once may be
// away; one that never was is an error.
func (c *Screen) Run(ctx context.Context) (err error) {
	ctx, stop := signal.NotifyContext(ctx, unix.SIGHUP, unix.SIGQUIT)
	defer stop()
	ctx, cancel := context.WithCancel(ctx)
	defer c.work.Wait()
	defer cancel()
	defer func() {
		if given := c.terminal.give(); err == nil {
			err = given
		}
	}()
	c.begin(ctx, c.follow)
	if err := c.await(ctx); err != nil || ctx.Err() != nil {
		return ended(err)
	}
	return c.show(ctx)
}

// await comes back when there is something to steer, or ctx ends: events may
// be heard before the nodes, and without these a key would do nothing.
func (c *Screen) await(ctx context.Context) error {
	for c.model.look.Time.IsZero() && c.model.lost == "" {
		select {
		case <-ctx.Done():
			return nil
		case err := <-c.failed:
			return err
		case next := <-c.changes:
			next(&c.model)
		}
	}
	return nil
}

// show draws after every change until the end.
func (c *Screen) show(ctx context.Context) error {
	if err := c.terminal.take(); err != nil {
		return err
	}
	if err := c.listen(ctx); err != nil {
		return err
	}
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, unix.SIGWINCH, unix.SIGCONT)
	defer signal.Stop(signals)
	for !c.model.done {
		if err := c.draw(); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return nil
		case err := <-c.failed:
			return ended(err)
		case <-signals:
			c.model.repaint = true
		case next := <-c.changes:
			next(&c.model)
			for len(c.changes) > 0 {
				(<-c.changes)(&c.model)
			}
		}
	}
	return nil
}

func (c *Screen) draw() error {
	suspend, repaint := c.model.suspend, c.model.repaint
	c.model.suspend, c.model.repaint = false, false
	switch {
	case suspend:
		if err := c.terminal.suspend(); err != nil {
			return err
		}
	case repaint:
		if err := c.terminal.take(); err != nil {
			return err
		}
	}
	return c.terminal.draw(&c.model)
}

// listen begins to take keys, until ctx ends. When the terminal does, so does
// the screen.
func (c *Screen) listen(ctx context.Context) error {
	stop, stopped, err := os.Pipe()
	if err != nil {
		return err
	}
	context.AfterFunc(ctx, func() { stopped.Close() })
	c.begin(ctx, func(ctx context.Context) error {
		defer stop.Close()
		c.terminal.keys(stop, func(k key) {
			c.tell(ctx, func(m *model) { c.do(ctx, m.press(k)) })
		})
		c.tell(ctx, func(m *model) { m.done = true })
		return nil
	})
	return nil
}
