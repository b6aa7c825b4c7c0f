package app

import (
	"context"
	"math"
	"time"

	"fermata/balancer"
	"fermata/internal/cluster"
	"fermata/internal/metrics"
)

// council is where it is decided what all Fermatas do: which nodes drain, what a
// roll has still to do, and when clients are moved to even the nodes out. It is a
// cluster.Member or, without a cluster, a cluster.Alone. See there.
type council interface {
	Recall(cluster.State)
	Run(context.Context)
	First() <-chan struct{}
	View() cluster.View
	Decide(ctx context.Context, local bool, change func(cluster.View, *cluster.State) error) error
	Stamp() cluster.Stamp
	Now() time.Time
}

// newCouncil also returns the cluster's Redis, nil without a cluster.
func (a *App) newCouncil(o *cluster.Options) (council, *cluster.RedisStore, error) {
	if o == nil {
		a.alone = cluster.NewAlone(a.apply, a.report)
		return a.alone, nil, nil
	}
	store, err := cluster.OpenRedis(*o)
	if err != nil {
		return nil, nil, err
	}
	member := cluster.New(*o, cluster.Deps{
		Store: store, Report: a.report, Lower: a.pool.SetQuota, Changed: a.apply, Refused: a.refused,
		Log: a.log.Named("cluster"),
	})
	a.ids = a.newIDs(*o, store, member)
	return member, store, nil
}

// firstWord is how long a start waits for what the others have decided, and for its
// part of the nodes' max_connections.
const firstWord = 2 * time.Second

// heard returns when it is known what is decided, and clients can be let in, or when
// that takes too long. What is heard later is news.
func (a *App) heard(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, firstWord)
	defer cancel()
	select {
	case <-a.council.First():
	case <-ctx.Done():
	}
	a.mu.Lock()
	a.applied.serving = true
	alone := !inCluster(a.council.View())
	a.mu.Unlock()
	if alone {
		return
	}
	select {
	case <-a.ids.CaughtUp(): // otherwise the first events would come to their own senders
	case <-ctx.Done():
	}
	select {
	case <-a.hasPart: // otherwise the first clients of one that joins others would be turned away
	case <-ctx.Done():
	}
}

// inCluster is whether there are, or may be, other Fermatas to decide with.
func inCluster(v cluster.View) bool { return v.Self != "" }

// report is what the others hear of this Fermata.
func (a *App) report() cluster.Report {
	view := a.council.View()
	clients, _ := a.handler.Clients()
	r := cluster.Report{
		Version: a.Version, Clients: int(clients), Ready: a.Ready(), Room: a.hasRoom(), Stopping: a.isLeaving(), Nodes: make(map[string]cluster.NodeReport),
	}
	for _, n := range a.pool.Nodes() {
		r.Nodes[n.Name] = a.reportNode(view, n)
	}
	return r
}

func (a *App) reportNode(v cluster.View, n balancer.Status) cluster.NodeReport {
	outcome := a.moves.Outcome(n.Node)
	r := cluster.NodeReport{
		Connections: n.Connections, Requests: n.Requests, Up: n.Up, Cap: n.MaxConnections,
		Asked: a.handler.Share(n.Node, v.UpgradeShare(n.Name)) + n.Missed, Moved: outcome.Moved, Closed: outcome.Closed,
		Checked: cluster.MomentOf(n.Checked),
	}
	if !n.Up {
		r.Reason = n.Reason
	}
	return r
}

// shareNodes takes in what the other Fermatas have. mu is held.
func (a *App) shareNodes(v cluster.View) {
	if !inCluster(v) {
		a.shareNoMore()
		return
	}
	a.applied.shared = true
	a.pool.SetPeers(peers(v))
	ofEach := true
	for _, n := range a.pool.Nodes() {
		if n.MaxConnections > 0 && a.pool.SetQuota(n.Name, quota(v, n)) == 0 {
			ofEach = false
		}
	}
	if ofEach && !a.applied.part {
		a.applied.part = true
		close(a.hasPart)
	}
	a.settleChecked()
}

// shareNoMore is for a Fermata that is alone again, after the last of its predecessors
// has gone. mu is held.
func (a *App) shareNoMore() {
	if !a.applied.shared {
		return
	}
	a.applied.shared = false
	a.pool.SetPeers(nil)
	for _, n := range a.pool.Nodes() {
		a.pool.SetQuota(n.Name, math.MaxInt)
		a.handler.Share(n.Node, 1)
	}
	a.settleChecked()
}

// peers are the members beside this one.
func peers(v cluster.View) (all []balancer.Peer) {
	for _, m := range v.Members {
		if m.ID == v.Self {
			continue
		}
		p := balancer.Peer{Name: m.Name, Nodes: make(map[string]balancer.PeerNode, len(m.Nodes))}
		for name, n := range m.Nodes {
			p.Nodes[name] = balancer.PeerNode{Connections: n.Connections, Up: n.Up}
		}
		all = append(all, p)
	}
	return all
}

// quota is what this Fermata may have of a node's max_connections. While it does
// not know, it takes half: most clusters have two members.
func quota(v cluster.View, n balancer.Status) int {
	if most, known := v.Quota(n.Name); known {
		return most
	}
	return (n.MaxConnections + 1) / 2
}

// clusterMetrics are read while Run runs.
func (a *App) clusterMetrics() metrics.Cluster {
	return metrics.Cluster{
		Members: func() int { return len(a.council.View().Members) },
		RedisUp: func() bool { return a.council.View().Away == nil },
		Connections: func() map[string]int {
			view, all := a.council.View(), make(map[string]int)
			for _, n := range a.pool.Nodes() {
				all[n.Name] = connections(view, n)
			}
			return all
		},
	}
}

// rateShare is this Fermata's part of the rate at which a node is emptied; nil: all.
func (a *App) rateShare(node string) func() float64 {
	if !inCluster(a.council.View()) {
		return nil
	}
	return func() float64 { return a.council.View().Share(node) }
}
