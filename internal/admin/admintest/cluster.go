package admintest

import "fermata/internal/admin"

// ChangeCluster lets change have the cluster to itself.
func (c *Control) ChangeCluster(change func(*admin.Cluster)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	change(c.Cluster)
}

// cluster is a copy of it, nil without one. mu is held.
func (c *Control) cluster() *admin.Cluster {
	if c.Cluster == nil {
		return nil
	}
	return new(*c.Cluster)
}

// own leaves of a node what the member of a cluster has itself. All members know of
// its drain.
func own(n *admin.Node, member string) {
	for _, m := range n.Members {
		if m.Member == member {
			n.Health, n.Connections = m.Health, m.Connections
			if m.Reason != "" {
				n.Reason = m.Reason
			}
		}
	}
	n.Members = nil
}
