// Package admintest has a stand-in for the running Fermata, for tests of the
// API and of the commands that use it.
package admintest

import (
	"fmt"
	"net/netip"
	"slices"
	"sync"
	"time"

	"fermata/internal/admin"
)

// Control is an admin.Control over made-up nodes. Set its fields before use;
// its methods may be called concurrently.
type Control struct {
	// Step is how many clients leave a draining node at each look at it.
	Step int
	// ReloadError is what Reload returns.
	ReloadError error
	// Reloaded is what Reload returns without one.
	Reloaded admin.Reloaded
	// UpgradeError is what Upgrade returns, and Upgraded without one; UpgradeRequest is
	// what it was asked for last.
	UpgradeError   error
	Upgraded       admin.Upgraded
	UpgradeRequest admin.UpgradeRequest
	// Warning is in the answer to each drain, undrain and roll.
	Warning string
	// Unready makes Ready false.
	Unready bool
	// Looked, when set, is called after each look at the nodes.
	Looked func()
	// Cluster, when set, is the one that the nodes' Members are of. While it is
	// Away, nothing is decided but what is Local.
	Cluster *admin.Cluster
	// Certificates and Predecessors are shown with the nodes.
	Certificates []admin.Certificate
	Predecessors []admin.Predecessor
	// Lost, when set, is called when a step is refused because its roll is lost.
	Lost func()

	mu         sync.Mutex
	nodes      []admin.Node
	roll       admin.Roll
	fences     uint64 // given so far
	requests   []admin.DrainRequest
	rebalances []admin.RebalanceRequest
}

// New makes a Control with these nodes; what they leave out is that of a node
// that is up and ready.
func New(nodes ...admin.Node) *Control {
	for i := range nodes {
		n := &nodes[i]
		fill(&n.URL, "http://10.0.0.1:8080")
		fill(&n.Health, admin.HealthUp)
		fill(&n.Reason, "connected")
		fill(&n.State, admin.StateReady)
		n.Weight = max(n.Weight, 1)
	}
	return &Control{nodes: nodes}
}

func fill(field *string, value string) {
	if *field == "" {
		*field = value
	}
}

// Nodes moves every drain a Step on and returns what there is then.
func (c *Control) Nodes(local bool) admin.NodeList {
	c.mu.Lock()
	for i := range c.nodes {
		c.move(&c.nodes[i])
	}
	list := admin.NodeList{Nodes: slices.Clone(c.nodes), Cluster: c.cluster(), Certificates: c.Certificates, Predecessors: c.Predecessors}
	c.mu.Unlock()
	if local && list.Cluster != nil {
		for i := range list.Nodes {
			own(&list.Nodes[i], list.Cluster.Member)
		}
	}
	if c.Looked != nil {
		c.Looked()
	}
	return list
}

func (c *Control) move(n *admin.Node) {
	if n.State != admin.StateDraining || n.Drain == nil {
		return
	}
	n.Connections = max(n.Connections-c.Step, 0)
	drain := *n.Drain
	drain.Remaining = n.Connections
	n.Drain = &drain
	if n.Connections == 0 {
		n.State = admin.StateDrained
	}
}

// Drain refuses without force when no other node is ready and up.
func (c *Control) Drain(name string, request admin.DrainRequest) (admin.Node, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.requests = append(c.requests, request)
	n := c.find(name)
	if err := c.decides(request.Local || request.DryRun, request.Fence); err != nil {
		return admin.Node{}, err
	}
	switch {
	case n == nil:
		return admin.Node{}, fmt.Errorf("%w: %q", admin.ErrUnknownNode, name)
	case !request.Force && !c.usableWithout(name):
		return admin.Node{}, fmt.Errorf("%w: no usable node would be left", admin.ErrRefused)
	case request.DryRun:
		return c.withForecast(*n), nil
	case n.State != admin.StateReady:
		return *n, nil
	}
	n.State = admin.StateDraining
	n.Drain = newDrain(n.Connections, request)
	return c.warned(*n), nil
}

func (c *Control) warned(n admin.Node) admin.Node {
	n.Warning = c.Warning
	return n
}

// withForecast gives the node's clients to the first other node that is ready.
func (c *Control) withForecast(n admin.Node) admin.Node {
	clients := n.Connections
	for _, other := range c.nodes {
		if other.Name == n.Name || other.Health != admin.HealthUp || other.State != admin.StateReady {
			continue
		}
		n.Forecast = append(n.Forecast, admin.Load{
			Node: other.Name, Connections: other.Connections, After: other.Connections + clients, MaxConnections: other.MaxConnections,
		})
		clients = 0
	}
	return n
}

func newDrain(clients int, request admin.DrainRequest) *admin.Drain {
	drain := &admin.Drain{Started: time.Now(), Rate: 100, CloseCode: 4200, Initial: clients, Remaining: clients}
	drain.Deadline = drain.Started.Add(10 * time.Minute)
	if request.Rate != nil {
		drain.Rate = *request.Rate
	}
	if request.Deadline != nil {
		drain.Deadline = drain.Started.Add(time.Duration(*request.Deadline))
	}
	return drain
}

func (c *Control) usableWithout(name string) bool {
	return slices.ContainsFunc(c.nodes, func(n admin.Node) bool {
		return n.Name != name && n.Health == admin.HealthUp && n.State == admin.StateReady
	})
}

// Undrain makes the node ready.
func (c *Control) Undrain(name string, request admin.UndrainRequest) (admin.Node, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.decides(request.Local, request.Fence); err != nil {
		return admin.Node{}, err
	}
	n := c.find(name)
	if n == nil {
		return admin.Node{}, fmt.Errorf("%w: %q", admin.ErrUnknownNode, name)
	}
	n.State, n.Drain = admin.StateReady, nil
	return c.warned(*n), nil
}

// Change lets change have the named node to itself.
func (c *Control) Change(name string, change func(*admin.Node)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	change(c.find(name))
}

// Remove takes the named node away.
func (c *Control) Remove(name string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.nodes = slices.DeleteFunc(c.nodes, func(n admin.Node) bool { return n.Name == name })
}

func (c *Control) find(name string) *admin.Node {
	for i := range c.nodes {
		if c.nodes[i].Name == name {
			return &c.nodes[i]
		}
	}
	return nil
}

// Requests are the drains that were asked for.
func (c *Control) Requests() []admin.DrainRequest {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.requests)
}

// Reload returns Reloaded and ReloadError.
func (c *Control) Reload() (admin.Reloaded, error) { return c.Reloaded, c.ReloadError }

// Upgrade returns Upgraded and UpgradeError.
func (c *Control) Upgrade(r admin.UpgradeRequest) (admin.Upgraded, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.UpgradeRequest = r
	return c.Upgraded, c.UpgradeError
}

// Explain answers with the first node, and with what it was asked.
func (c *Control) Explain(ip netip.Addr, cookie string) admin.Explanation {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.nodes) == 0 {
		return admin.Explanation{Reason: "no usable node"}
	}
	return admin.Explanation{Node: c.nodes[0].Name, Reason: fmt.Sprintf("ip %s, cookie %q", ip, cookie)}
}

// Rebalance moves a tenth of the first node's clients to the second.
func (c *Control) Rebalance(request admin.RebalanceRequest) (admin.Rebalance, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.nodes) < 2 {
		return admin.Rebalance{}, fmt.Errorf("%w: there is one node only", admin.ErrRefused)
	}
	if err := c.decides(request.Local || request.DryRun, 0); err != nil {
		return admin.Rebalance{}, err
	}
	c.rebalances = append(c.rebalances, request)
	from, to := c.nodes[0], c.nodes[1]
	moved := from.Connections / 10
	answer := admin.Rebalance{Clients: moved, Rate: 20, Forecast: []admin.Load{
		{Node: from.Name, Connections: from.Connections, After: from.Connections - moved, MaxConnections: from.MaxConnections},
		{Node: to.Name, Connections: to.Connections, After: to.Connections + moved, MaxConnections: to.MaxConnections},
	}}
	if request.Rate != nil {
		answer.Rate = *request.Rate
	}
	return answer, nil
}

// Rebalances are those that were asked for.
func (c *Control) Rebalances() []admin.RebalanceRequest {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.rebalances)
}

// Ready is true unless Unready is.
func (c *Control) Ready() bool { return !c.Unready }
