package app

import (
	"fmt"
	"strings"
	"time"

	"fermata/balancer"
	"fermata/internal/admin"
	"fermata/internal/cluster"
	"fermata/proxy/moves"
)

// clusterOf is the cluster as the API shows it; nil: there is none.
func (a *App) clusterOf(v cluster.View) *admin.Cluster {
	if !inCluster(v) || v.Processes {
		return nil
	}
	c := &admin.Cluster{Name: a.clusterName, Member: selfName(v), Members: []admin.Member{}}
	if v.Away != nil {
		c.Away, c.Since = v.Away.Error(), v.Since
	}
	for _, m := range v.Members {
		c.Members = append(c.Members, admin.Member{
			Name: m.Name, ID: m.ID, Version: m.Version, Clients: m.Clients, Ready: m.Ready, Stopping: m.Stopping,
			Started: m.Started.Add(-v.Offset), Self: m.ID == v.Self,
		})
	}
	return c
}

// selfName is what this Fermata is called; empty: it is alone.
func selfName(v cluster.View) string {
	for _, m := range v.Members {
		if m.ID == v.Self {
			return m.Name
		}
	}
	return ""
}

// stale warns that the others' numbers are old; empty: they are not.
func stale(v cluster.View) string {
	if v.Away == nil {
		return ""
	}
	return fmt.Sprintf("the cluster's Redis cannot be reached (%v): what other members have is as it was at %s", v.Away, v.Since.Format(time.TimeOnly))
}

// toldLater warns that the other members do not know yet what was decided here; empty:
// they do, or there are none.
func (a *App) toldLater() string {
	away := a.council.View().Away
	if away == nil {
		return ""
	}
	return fmt.Sprintf("the cluster's Redis cannot be reached (%v): the other members are told once it is back", away)
}

// noteRedis tells the followers of events that the cluster's Redis has gone, or is
// back. The cluster logs it. mu is held.
func (a *App) noteRedis(v cluster.View) {
	if (v.Away != nil) == a.applied.away {
		return
	}
	a.applied.away = v.Away != nil
	e := admin.Event{Time: time.Now(), Type: "redis_back", Message: "the cluster's Redis can be reached again"}
	if v.Away != nil {
		e.Type, e.Message = "redis_away", fmt.Sprintf("the cluster's Redis cannot be reached, going on with what is known (%v)", v.Away)
	}
	a.admin.Publish(e)
}

// viewOfAll is a node as the API shows it: with the numbers of all members.
func (a *App) viewOfAll(v cluster.View, n balancer.Status) admin.Node {
	node := a.view(n)
	if !inCluster(v) {
		return node
	}
	s := a.sum(v, n)
	node.Connections = s.connections
	if !v.Processes {
		node.Members, node.Checked = s.members, s.checked
		node.Health, node.Reason = s.health(n)
	}
	outcome := shownOutcome(s.outcome)
	if node.Moves != nil {
		node.Moves = &outcome
	}
	if node.Drain != nil {
		node.Drain.Remaining, node.Drain.Outcome = s.connections, outcome
		node.State = admin.StateDraining
		if s.connections == 0 && s.heard {
			node.State = admin.StateDrained
		}
	}
	return node
}

// sum is a node with all members.
type sum struct {
	connections int
	outcome     moves.Outcome
	checked     time.Time // the earliest of the members' last checks that passed
	members     []admin.MemberNode
	up, down    int
	downOn      []string
	heard       bool // all members have heard what is decided of the node, and are heard
}

func (a *App) sum(v cluster.View, n balancer.Status) sum {
	s := sum{heard: v.Away == nil, outcome: moves.Outcome{Closed: make(map[string]int)}}
	decided := v.State.Nodes[n.Name].Stamp
	for _, m := range v.Members {
		there, known := m.Nodes[n.Name]
		if m.ID == v.Self {
			there, known = a.reportNode(v, n), true
		} else if decided.After(m.Seen) {
			s.heard = false
		}
		if known {
			s.add(m, there, n.Drain != nil || n.Removed)
		}
	}
	return s
}

func (s *sum) add(m cluster.Report, n cluster.NodeReport, leaving bool) {
	shown := admin.MemberNode{
		Member: m.Name, ID: m.ID, Health: admin.HealthDown, Reason: n.Reason, State: admin.StateReady, Connections: n.Connections, Checked: n.Checked.Time(),
	}
	switch {
	case leaving && n.Connections == 0:
		shown.State = admin.StateDrained
	case leaving:
		shown.State = admin.StateDraining
	}
	if n.Up {
		shown.Health = admin.HealthUp
		s.up++
		if at := shown.Checked; !at.IsZero() && (s.checked.IsZero() || at.Before(s.checked)) {
			s.checked = at
		}
	} else {
		s.down++
		s.downOn = append(s.downOn, fmt.Sprintf("%s: %s", m.Name, n.Reason))
	}
	s.members = append(s.members, shown)
	s.connections += n.Connections
	s.outcome.Moved += n.Moved
	for why, count := range n.Closed {
		s.outcome.Closed[why] += count
	}
}

// health is that of at least half of the members. Where they differ, the reason
// says which cannot reach the node.
func (s sum) health(n balancer.Status) (health, reason string) {
	health, reason = admin.HealthDown, n.Reason
	if s.up >= s.down {
		health = admin.HealthUp
	}
	if s.up > 0 && s.down > 0 {
		reason = "down on " + strings.Join(s.downOn, "; ")
	}
	return health, reason
}

// connections are all members' clients at a node.
func connections(v cluster.View, n balancer.Status) (all int) {
	for _, m := range v.Members {
		if m.ID != v.Self {
			all += m.Nodes[n.Name].Connections
		}
	}
	return all + n.Connections
}
