//go:build linux

package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"fermata/internal/cluster"
	"fermata/internal/secret"
)

// nodeClients is max_connections of every node.
const nodeClients = 950

// member is a real member of a cluster whose clients are numbers.
type member struct {
	*cluster.Member
	store *meter
	stop  context.CancelFunc
	done  chan struct{}
	storm *atomic.Bool // whether clients come and go
	beats atomic.Int64

	mu    sync.Mutex
	nodes []place
	wants cluster.Stamp // a decision that is looked for
	knows chan<- time.Time
}

// place is a node as a member has it.
type place struct {
	name               string
	used, quota, asked int
}

// join starts a member, which has its part of each node's clients: half of what
// that takes.
func join(url string, i int, s size, storm *atomic.Bool) (*member, error) {
	o := cluster.Options{Redis: secret.Text(url), Name: "default", Secret: "a secret of the laboratory", Member: fmt.Sprintf("edge-%d", i+1)}
	store, err := cluster.OpenRedis(o)
	if err != nil {
		return nil, err
	}
	m := &member{store: &meter{Store: store}, done: make(chan struct{}), storm: storm}
	if i >= s.Whole {
		m.store.Store = &partial{Store: store}
	}
	for n := range s.Nodes {
		m.nodes = append(m.nodes, place{name: fmt.Sprintf("reverb-%d", n+1), used: nodeClients / 2 / s.Members, asked: 100_000 + n})
	}
	m.Member = cluster.New(o, cluster.Deps{Store: m.store, Report: m.report, Lower: m.lower, Changed: m.changed, Log: zap.NewNop()})
	ctx, stop := context.WithCancel(context.Background())
	m.stop = stop
	go func() { defer close(m.done); m.Run(ctx) }()
	return m, nil
}

// report is what a member says of nodes that are all up.
func (m *member) report() cluster.Report {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.beats.Add(1)
	r := cluster.Report{Version: "1.0.0", Ready: true, Nodes: make(map[string]cluster.NodeReport, len(m.nodes))}
	now := cluster.MomentOf(time.Now())
	for i := range m.nodes {
		p := &m.nodes[i]
		p.pass(m.storm.Load())
		r.Clients += p.used
		r.Nodes[p.name] = cluster.NodeReport{Connections: p.used, Up: true, Checked: now, Asked: p.asked, Cap: nodeClients}
	}
	return r
}

// pass lets clients come and go: in a storm up to the quota or nobody.
func (p *place) pass(storm bool) {
	p.asked++
	if storm {
		p.used = rand.IntN(p.quota + 1)
	}
}

func (m *member) lower(node string, clients int) int {
	m.mu.Lock()
	defer m.mu.Unlock()
	for i := range m.nodes {
		if p := &m.nodes[i]; p.name == node {
			p.quota = max(clients, p.used)
			return p.quota
		}
	}
	return clients
}

func (m *member) changed(v cluster.View) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for i := range m.nodes {
		if clients, ok := v.Quota(m.nodes[i].name); ok {
			m.nodes[i].quota = clients
		}
	}
	if m.knows != nil && v.State.Rebalance.Stamp == m.wants {
		m.knows <- time.Now() // has room for all members
		m.knows = nil
	}
}

// look has the moment sent when this member knows a decision.
func (m *member) look(s cluster.Stamp, knows chan<- time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.wants, m.knows = s, knows
}
