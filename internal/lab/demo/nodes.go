package demo

import (
	"fmt"

	"fermata/balancer"
	"fermata/internal/lab/devnode"
)

// The app of the demo's nodes.
const (
	AppID     = "demo"
	AppKey    = "demo-key"
	AppSecret = "demo-secret"
)

// Nodes are Reverb-like nodes in this process, which deliver each other's
// events.
type Nodes struct {
	bus   *devnode.Bus
	nodes []*devnode.Node
}

// StartNodes starts so many nodes on loopback. The caller stops them.
func StartNodes(count int) (*Nodes, error) {
	bus, err := devnode.StartBus("127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	all := &Nodes{bus: bus}
	for i := range count {
		n, err := devnode.Start("127.0.0.1:0", devnode.Options{
			Name: nodeName(i), AppID: AppID, AppKey: AppKey, AppSecret: AppSecret, Bus: bus.Addr(),
		})
		if err != nil {
			all.Stop()
			return nil, err
		}
		all.nodes = append(all.nodes, n)
	}
	return all, nil
}

func nodeName(i int) string { return fmt.Sprintf("reverb-%d", i+1) }

// Options are the nodes as a configuration has them.
func (all *Nodes) Options() []balancer.NodeOptions {
	var options []balancer.NodeOptions
	for i, n := range all.nodes {
		options = append(options, balancer.NodeOptions{
			Name: nodeName(i), URL: balancer.URL{Host: n.Addr().String()}, Weight: 1, MaxConnections: balancer.DefaultCap,
		})
	}
	return options
}

// Of is the node that has a client on the channel; empty: none has.
func (all *Nodes) Of(channel string) string {
	for i, n := range all.nodes {
		if n.Subscribers(channel) > 0 {
			return nodeName(i)
		}
	}
	return ""
}

// Stop stops the nodes and returns when they have ended.
func (all *Nodes) Stop() {
	for _, n := range all.nodes {
		n.Stop()
	}
	all.bus.Stop()
}
