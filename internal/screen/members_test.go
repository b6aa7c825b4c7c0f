package screen

import (
	"testing"
	"time"

	"fermata/internal/admin"
)

// clustered is what the member edge-1 of three shows.
func clustered() *model {
	m := threeNodes()
	m.look.Cluster = &admin.Cluster{Name: "default", Member: "edge-1", Members: []admin.Member{
		{Name: "edge-1", Clients: 570, Ready: true, Self: true},
		{Name: "edge-2", Clients: 300},
		{Name: "edge-3", Clients: 270, Ready: true, Stopping: true},
	}}
	m.look.Nodes[1].Reason = "down on edge-2: connection refused"
	m.look.Nodes[1].Members = []admin.MemberNode{{Health: admin.HealthUp}, {Health: admin.HealthDown}, {Health: admin.HealthUp}}
	return m
}

func TestTheScreenOfAClusterHasItsMembers(t *testing.T) {
	wantScreen(t, clustered(), 80, 16, `
Fermata at unix:/run/fermata/admin.sock                                 12:00:00
1 of 3 nodes usable   1140 of 2850 clients   12.2 new/s, 22 closed/s
3 members   edge-1 570 (this one)   edge-2 300 not ready   edge-3 270 stopping

  NODE      HEALTH  STATE     CLIENTS                  REASON
> reverb-1  up      draining  190/950  [##----------]  pong in 2ms
    [##############----]   75%  190 of 760 left, about 10s, 20/s, until 12:08:00
  reverb-2  up 2/3  ready     950/950  [############]  down on edge-2: connecti…
  reverb-3  down    ready       0/950  [------------]  dial refused

EVENTS
11:59:20  drain        reverb-1: 760 clients to move
11:59:10  node down    reverb-3: dial refused


d drain   u undrain   ? help   q quit   j/k select
`)
}

func TestTheScreenSaysSinceWhenRedisIsAway(t *testing.T) {
	m := clustered()
	m.look.Cluster.Away, m.look.Cluster.Since = "connection refused", noon.Add(-time.Minute)
	wantText(t, m, "\nRedis is away since 11:59:00, other members' numbers are from then: connection …\n")
}

func TestTheScreenOfOneMemberSaysThatItIsAlone(t *testing.T) {
	m := clustered()
	m.local = true
	wantText(t, m, "\nThis is edge-1 alone, of the cluster default\n")
}

func TestALocalDrainIsAskedOfThisMember(t *testing.T) {
	p := newPerson(t, admin.Node{Name: "reverb-1", Connections: 1}, admin.Node{Name: "reverb-2"})
	p.control.Cluster = &admin.Cluster{Member: "edge-1", Away: "connection refused"}
	p.presses("dy")
	p.wantState("reverb-1", admin.StateReady)
	if !p.notice.bad {
		t.Errorf("got the notice %q, want that Redis is away", p.notice.text)
	}
	p.local = true
	p.presses("dy")
	p.wantState("reverb-1", admin.StateDraining)
	p.presses("u")
	p.wantState("reverb-1", admin.StateReady)
}
