package admintest

import "fermata/internal/admin"

// own leaves of a node what the member of the cluster has that is asked.
func (c *Control) own(n *admin.Node) {
	if c.Cluster == nil {
		return
	}
	for _, m := range n.Members {
		if m.Member == c.Cluster.Member {
			n.Health, n.State, n.Connections = m.Health, m.State, m.Connections
			if m.Reason != "" {
				n.Reason = m.Reason
			}
		}
	}
	n.Members = nil
}
