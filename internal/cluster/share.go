package cluster

// Share is this member's part of the rate at which a node is drained: by its
// clients there.
func (v View) Share(node string) float64 {
	own, all, members := 0, 0, 0
	for _, r := range v.Members {
		n, has := r.Nodes[node]
		if !has {
			continue
		}
		members++
		all += n.Connections
		if r.ID == v.Self {
			own = n.Connections
		}
	}
	switch {
	case all > 0:
		return float64(own) / float64(all)
	case members > 0:
		return 1 / float64(members)
	}
	return 1
}

// UpgradeShare is this member's part of a node's upgrades_per_second: by how
// many of them wanted the node at each member lately. All of them have some.
func (v View) UpgradeShare(node string) float64 {
	if share, known := v.upgrades[node]; known {
		return share
	}
	return 1 / float64(max(1, len(v.Members)))
}
