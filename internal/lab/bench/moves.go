//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"time"

	"fermata/internal/lab/bench/load"
	"fermata/internal/lab/bench/report"
	"fermata/internal/lab/command"
	"fermata/internal/lab/devnode"
	"fermata/internal/lab/devnode/process"
	"fermata/internal/lab/rival"
)

// moving is Fermata and two nodes between which its clients move. Unlike the
// other parts' node these subscribe clients and deliver what is published.
type moving struct {
	*bench
	program rival.Program
	*running
	bus     *devnode.Bus
	nodes   []*process.Process
	clients int
}

// sessionMoves measures drains of a node that has all clients, each of whom has a
// session.
func (b *bench) sessionMoves(ctx context.Context, part string) error {
	both := b.both()
	if len(both) == 0 {
		return nil
	}
	return b.oneByOne(ctx, part, both[1:], func(p rival.Program) error {
		m := &moving{bench: b, program: p, clients: max(1, b.clients*2/9)}
		err := m.start(ctx)
		if err == nil {
			err = m.measureMoves(ctx)
		}
		return m.stop(ctx, err)
	})
}

// start has the clients connected. The caller calls stop, also upon an error.
func (m *moving) start(ctx context.Context) (err error) {
	if m.bus, err = devnode.StartBus("127.0.0.1:0"); err != nil {
		return err
	}
	at := m.bench.at
	at.Nodes = nil
	for i := range 2 {
		node, err := process.Start("-listen", fmt.Sprintf("127.0.0.%d:0", 2+i), "-bus", m.bus.Addr(),
			"-app-id", m.program.Name, "-app-key", m.program.Name, "-app-secret", appSecret)
		if err != nil {
			return err
		}
		m.nodes = append(m.nodes, node)
		at.Nodes = append(at.Nodes, node.Address)
	}
	at.Admin = "unix:" + filepath.Join(at.Dir, "admin.sock")
	if m.running, err = start(m.program, at); err != nil {
		return err
	}
	return m.connect(ctx)
}

func (m *moving) connect(ctx context.Context) error {
	within, cancel := context.WithTimeoutCause(ctx, 20*time.Second, errors.New("it did not answer within 20s"))
	defer cancel()
	if err := m.untilAnswered(within, m.running, false); err != nil {
		return err
	}
	if err := errors.Join(m.closeAll(ctx, m.running), m.findProcesses()); err != nil {
		return err
	}
	_, err := m.open(ctx, m.running, load.Open{Clients: m.clients, Secret: appSecret})
	return err
}

// stop adds to an error what Fermata said last.
func (m *moving) stop(ctx context.Context, err error) error {
	if m.running != nil {
		err = m.end(ctx, m.running, err)
	}
	for _, node := range m.nodes {
		node.Kill()
	}
	if m.bus != nil {
		m.bus.Stop()
	}
	return err
}

// measureMoves drains one node to have all clients on the other, then that one,
// with nothing else to do, and again, while clients ask for a sign of life.
func (m *moving) measureMoves(ctx context.Context) error {
	if err := m.empty(ctx, 0); err != nil {
		return err
	}
	c, err := m.measure(m.running, func() error { return m.drain(ctx, 1) })
	if err != nil {
		return err
	}
	m.add("moves", fmt.Sprintf("moves of %d clients at once (more is better)", m.clients), "1/s", float64(m.clients)/c.wall.Seconds())
	m.add("move", "CPU per move", "µs", microseconds(c.proxy)/float64(m.clients))
	if err := m.undrain(ctx, 1); err != nil {
		return err
	}
	still, err := m.longestPong(ctx, c.wall, func() error { return nil })
	if err != nil {
		return err
	}
	held, err := m.longestPong(ctx, c.wall, func() error { return m.drain(ctx, 0) })
	m.add("still", fmt.Sprintf("longest wait for a pong of %d/s, while nobody moves", m.pings()), "ms", milliseconds(still))
	m.add("held", "the same, while all clients move", "ms", milliseconds(held))
	return err
}

func (m *moving) add(name, title, unit string, value float64) {
	m.report.Add(report.Row{Name: "session/" + name, Title: title, Unit: unit}, m.name, value)
}

// pings are how many are sent a second: few, so that the nodes have time to move
// clients.
func (m *moving) pings() int { return max(1, m.rate/10) }

// longestPong is how long a client waited at the most for an answer, while work is
// done that takes about so long.
func (m *moving) longestPong(ctx context.Context, about time.Duration, work func() error) (time.Duration, error) {
	rate := m.pings()
	pings := load.Trips{App: m.name, Rate: rate, Number: max(1, int(1.5*about.Seconds()*float64(rate))), Size: messageSize, Ping: true}
	worked := make(chan error, 1)
	go func() { worked <- work() }()
	var t load.Tripped
	err := m.load.Call(ctx, "Trip", pings, &t)
	return report.Percentile(t.Trips, 1), errors.Join(err, <-worked)
}

// empty moves all clients off a node, which then is there for them again.
func (m *moving) empty(ctx context.Context, node int) error {
	return errors.Join(m.drain(ctx, node), m.undrain(ctx, node), command.Pause(ctx, m.settle/4))
}

func (m *moving) drain(ctx context.Context, node int) error {
	return m.fermata(ctx, "drain", node, "--wait", "--rate", "0")
}

func (m *moving) undrain(ctx context.Context, node int) error { return m.fermata(ctx, "undrain", node) }

func (m *moving) fermata(ctx context.Context, what string, node int, more ...string) error {
	args := append([]string{what, fmt.Sprintf("reverb-%d", node), "--admin", m.running.at.Admin}, more...)
	if out, err := exec.CommandContext(ctx, m.program.Path(), args...).CombinedOutput(); err != nil {
		return fmt.Errorf("fermata %s: %w: %s", what, err, out)
	}
	return nil
}
