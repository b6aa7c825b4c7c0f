package balancer

import (
	"errors"
	"strings"
	"testing"
	"time"
)

// peer has so many clients at each of its nodes, all of which it can reach but those
// that begin with an exclamation mark.
func peer(name string, clients int, nodes ...string) Peer {
	p := Peer{Name: name, Nodes: make(map[string]PeerNode)}
	for _, n := range nodes {
		reached, down := strings.CutPrefix(n, "!")
		p.Nodes[reached] = PeerNode{Connections: clients, Up: !down}
	}
	return p
}

func TestAForecastCountsTheClientsOfAllFermatas(t *testing.T) {
	p := New(nodes("a", "b", "c"), unbounded())
	acquire(t, p, clientOf(t, p, "a"))
	third := peer("edge-3", 0, "a", "b", "c")
	third.Nodes["a"] = PeerNode{Connections: 20, Up: true}
	p.SetPeers([]Peer{peer("edge-2", 10, "a", "b", "c"), third})
	loads, err := p.Forecast("a", Drain{})
	if err != nil || len(loads) != 2 || loads[0].Connections != 10 || loads[0].After+loads[1].After != 10+10+31 {
		t.Errorf("got %v and %v, want the 31 clients of a spread over 10 and 10", loads, err)
	}
	if s, err := p.Drain("a", Drain{}); err != nil || s.Drain.Initial != 31 {
		t.Errorf("got %+v and %v, want a drain of 31 clients", s.Drain, err)
	}
}

func TestADrainThatAnotherFermataHasNoRoomForIsRefused(t *testing.T) {
	all := nodes("a", "b")
	all[1].MaxConnections = 100
	p := New(all, unbounded())
	p.SetPeers([]Peer{peer("edge-2", 60, "a", "b")})
	if _, err := p.Drain("a", Drain{}); !errors.Is(err, ErrNoRoom) {
		t.Errorf("got %v, want that there is no room: 120 clients for a cap of 100", err)
	}
}

func TestADrainIsRefusedThatLeavesAnotherFermataWithoutANode(t *testing.T) {
	p := New(nodes("a", "b", "c"), unbounded())
	refused := func(name, want string, peers ...Peer) {
		t.Helper()
		p.SetPeers(peers)
		_, err := p.Forecast(name, Drain{MinUsable: 2})
		if got := errorText(err); !strings.Contains(got, want) || want == "" && got != "" {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	refused("a", "")
	refused("a", "", peer("edge-2", 1, "a", "b", "c"))
	refused("a", "too few usable nodes would be left: 1 on edge-2, want at least 2", peer("edge-2", 1, "a", "b", "!c"))
	refused("a", "", peer("edge-2", 1, "!a", "b", "!c")) // it loses nothing
	refused("a", "0 on edge-3", peer("edge-2", 1, "a", "b", "c"), peer("edge-3", 1, "a"))
	drain(t, p, "b")
	refused("a", "1, want at least 2", peer("edge-2", 1, "a", "b", "c"))
}

func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

func TestADrainOfANodeThatOnlyAnotherFermataReachesAsksThatOne(t *testing.T) {
	p := New(nodes("a", "b"), unbounded())
	p.SetCheck("a", Check{Reason: "dial refused"})
	p.SetPeers([]Peer{peer("edge-2", 1, "a", "!b")})
	if _, err := p.Drain("a", Drain{}); !errors.Is(err, ErrTooFewNodes) {
		t.Errorf("got %v, want that edge-2 would have no node", err)
	}
	p.SetPeers(nil)
	if _, err := p.Drain("a", Drain{}); err != nil {
		t.Errorf("got %v, want a drain of a node that is down", err)
	}
}

func TestWhoAloneCannotReachTheNodesBelievesItsOwnChecks(t *testing.T) {
	p := New(nodes("a", "b", "c"), unbounded())
	p.SetPanic(50, time.Second)
	down := func() {
		for _, name := range []string{"a", "b", "c"} {
			p.SetCheck(name, Check{Reason: "timeout"})
		}
	}
	p.SetPeers([]Peer{peer("edge-2", 1, "a", "b", "c"), peer("edge-3", 1, "a", "b", "c")})
	down()
	if p.Panicking() || p.Usable() {
		t.Errorf("got panic %v and usable %v, want neither: the others reach all nodes", p.Panicking(), p.Usable())
	}
	p.SetPeers([]Peer{peer("edge-2", 1, "!a", "!b", "c")})
	if !p.Panicking() {
		t.Error("got no panic, want one: five of six checks fail")
	}
	p.SetPeers(nil)
	if !p.Panicking() {
		t.Error("got no panic, want one: all our nodes are down")
	}
}

func TestPeersCountOverAReload(t *testing.T) {
	p := New(nodes("a", "b"), unbounded())
	p.SetPeers([]Peer{peer("edge-2", 7, "a", "b", "c")})
	p.Replace(nodes("a", "b", "c"), unbounded())
	loads, _ := p.Forecast("a", Drain{})
	if len(loads) != 2 || loads[1].Node != "c" || loads[1].Connections != 7 {
		t.Errorf("got %v, want the 7 clients that edge-2 has at c", loads)
	}
}

func TestARebalanceIsPlannedForAllFermatas(t *testing.T) {
	p := New(nodes("a", "b"), unbounded())
	p.SetPeers([]Peer{peer("edge-2", 100, "a"), peer("edge-3", 20, "b")})
	reliefs, _ := p.PlanRebalance(0.1)
	if len(reliefs) != 1 || reliefs[0].Node.Name() != "a" || reliefs[0].Clients != 40 {
		t.Errorf("got %v, want 40 clients from a to b", reliefs)
	}
}
