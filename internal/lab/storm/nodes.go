//go:build linux

package main

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"fermata/internal/lab/command"
	"fermata/internal/lab/devnode"
	"fermata/internal/lab/devnode/process"
)

const (
	nodeCount = 5
	// booting is how long a node's supervisor and Laravel take until the node
	// listens again.
	booting = time.Second
)

// nodes are the nodes of one case.
type nodes struct {
	bus       *devnode.Bus     // that they share
	publisher *process.Process // a node to which nothing happens, and that has no clients

	mu  sync.Mutex
	all []*process.Process
}

// startNodes starts them; the caller stops them, also upon an error. They have
// addresses of their own, since a port of 127.0.0.1 might be taken by a client
// while its node is away.
func startNodes() (*nodes, error) {
	n := new(nodes)
	var err error
	if n.bus, err = devnode.StartBus("127.0.0.1:0"); err != nil {
		return n, err
	}
	if n.publisher, err = n.start("publisher", "127.0.0.10:0"); err != nil {
		return n, err
	}
	for i := range nodeCount {
		p, err := n.start(nodeName(i), fmt.Sprintf("127.0.0.%d:0", 11+i))
		if err != nil {
			return n, err
		}
		n.all = append(n.all, p)
	}
	return n, nil
}

func (n *nodes) start(name, address string) (*process.Process, error) {
	return process.Start("-name", name, "-listen", address, "-bus", n.bus.Addr())
}

func nodeName(i int) string { return fmt.Sprintf("reverb-%d", i+1) }

// addresses are where they listen, HOST:PORT.
func (n *nodes) addresses() (addresses []string) {
	for _, p := range n.list() {
		addresses = append(addresses, p.Address)
	}
	return addresses
}

func (n *nodes) list() []*process.Process {
	n.mu.Lock()
	defer n.mu.Unlock()
	return slices.Clone(n.all)
}

func (n *nodes) node(i int) *process.Process { return n.list()[i] }

// restart ends a node with SIGTERM, as reverb:restart does, and has it back
// after a while at the same address.
func (n *nodes) restart(ctx context.Context, i int) error {
	old := n.node(i)
	if err := old.Terminate(); err != nil {
		return fmt.Errorf("restart %s: %w", nodeName(i), err)
	}
	if err := command.Pause(ctx, booting); err != nil {
		return err
	}
	return n.boot(i)
}

// boot starts a node again that has ended, at the same address.
func (n *nodes) boot(i int) error {
	p, err := n.start(nodeName(i), n.node(i).Address)
	if err != nil {
		return fmt.Errorf("restart %s: %w", nodeName(i), err)
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.all[i] = p
	return nil
}

// stop kills them, frozen or not.
func (n *nodes) stop() {
	for _, p := range append(n.list(), n.publisher) {
		if p != nil {
			p.Kill()
		}
	}
	if n.bus != nil {
		n.bus.Stop()
	}
}
