package apptest

import (
	"context"
	"fmt"
	"testing"

	"fermata/internal/lab/devnode"
	"fermata/internal/lab/port"
)

// StartNodes starts nodes on a bus, reverb-1 and so on.
func StartNodes(t *testing.T, count int) (nodes []*devnode.Node, urls []string) {
	t.Helper()
	bus := StartBus(t)
	for i := range count {
		n := StartNode(t, devnode.Options{Name: fmt.Sprintf("reverb-%d", i+1), Bus: bus.Addr()})
		nodes, urls = append(nodes, n), append(urls, n.URL())
	}
	return nodes, urls
}

// StartBus starts a bus for nodes.
func StartBus(t *testing.T) *devnode.Bus {
	t.Helper()
	b, err := devnode.StartBus("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Stop)
	return b
}

// StartNode starts a node. While it is gone nobody else gets its address.
func StartNode(t *testing.T, o devnode.Options) *devnode.Node {
	t.Helper()
	n, err := devnode.Start(port.Reserve(t), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(n.Kill)
	return n
}

// WaitNode waits until that is so at the node.
func WaitNode(t *testing.T, n *devnode.Node, holds func(devnode.Stats) bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), Timeout)
	defer cancel()
	if err := n.Wait(ctx, holds); err != nil {
		t.Fatal(err)
	}
}

// RestartNode replaces a node by a new one at its address.
func (s *Stack) RestartNode(name string) {
	for i := range s.Nodes {
		if name != fmt.Sprintf("reverb-%d", i+1) {
			continue
		}
		address := s.Nodes[i].Addr().String()
		s.Nodes[i].Stop()
		n, err := devnode.Start(address, devnode.Options{Name: name, Bus: s.Nodes[i].Bus()})
		if err != nil {
			s.T.Errorf("restart %s: %v", name, err)
			return
		}
		s.T.Cleanup(n.Kill)
		s.Nodes[i] = n
	}
}

// Refusing is the URL of a node that is not there.
func Refusing(t *testing.T) string {
	t.Helper()
	return "http://" + port.Reserve(t)
}
