package balancer

import (
	"errors"
	"fmt"
	"math"
	"net/netip"
	"testing"

	"pgregory.net/rapid"
)

// drawNodes draws two to eight nodes of any weight.
func drawNodes(t *rapid.T) []NodeOptions {
	names := rapid.SliceOfNDistinct(rapid.StringMatching(`[a-z0-9._-]{1,12}`), 2, 8, rapid.ID[string]).Draw(t, "names")
	all := nodes(names...)
	for i := range all {
		all[i].Weight = rapid.IntRange(1, 10).Draw(t, "weight")
	}
	return all
}

// hashed is where each of many clients goes.
func hashed(t *rapid.T, p *Pool) (names []string) {
	for i := range 200 {
		pick, err := p.Explain(client(i))
		if err != nil {
			t.Fatal(err)
		}
		names = append(names, pick.Node.Name())
	}
	return names
}

func TestTakingANodeAwayMovesOnlyItsOwnClients(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		all := drawNodes(t)
		p := New(all, unbounded())
		before := hashed(t, p)
		gone := rapid.IntRange(0, len(all)-1).Draw(t, "gone")
		name := all[gone].Name
		switch rapid.SampledFrom([]string{"down", "drain", "removed"}).Draw(t, "how") {
		case "down":
			p.SetCheck(name, Check{Reason: "dial refused"})
		case "drain":
			p.Drain(name, Drain{})
		case "removed":
			p.Replace(append(all[:gone:gone], all[gone+1:]...), unbounded())
		}
		for i, now := range hashed(t, p) {
			if now == name {
				t.Fatalf("client %d still goes to %s", i, name)
			}
			if before[i] != name && now != before[i] {
				t.Fatalf("client %d moved from %s to %s, but %s went away", i, before[i], now, name)
			}
		}
	})
}

func TestANewNodeTakesClientsOnlyForItself(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		all := drawNodes(t)
		last := len(all) - 1
		p := New(all[:last], unbounded())
		before := hashed(t, p)
		p.Replace(all, unbounded())
		for i, now := range hashed(t, p) {
			if now != before[i] && now != all[last].Name {
				t.Fatalf("client %d moved from %s to %s, but %s came", i, before[i], now, all[last].Name)
			}
		}
	})
}

func TestTheOrderOfTheNodesDoesNotMatterToTheHash(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		all := drawNodes(t)
		want := hashed(t, New(all, unbounded()))
		got := hashed(t, New(rapid.Permutation(all).Draw(t, "order"), unbounded()))
		for i := range want {
			if got[i] != want[i] {
				t.Fatalf("client %d: got %s, want %s", i, got[i], want[i])
			}
		}
	})
}

func TestClientsSpreadByWeight(t *testing.T) {
	const clients = 40_000
	all := nodes("a", "b", "c", "d")
	weights := []int{1, 1, 3, 5}
	for i, weight := range weights {
		all[i].Weight = weight
	}
	spread := func(kind string, ip func(i int) netip.Addr) {
		p := New(all, unbounded())
		count := map[string]int{}
		for i := range clients {
			pick, err := p.Explain(Key{IP: ip(i)})
			if err != nil {
				t.Fatal(err)
			}
			count[pick.Node.Name()]++
		}
		for _, n := range all {
			got, want := float64(count[n.Name])/clients, float64(n.Weight)/10
			if math.Abs(got-want) > 0.01 {
				t.Errorf("%s: node %s of weight %d: got a share of %.3f, want %.3f", kind, n.Name, n.Weight, got, want)
			}
		}
	}
	spread("IPv4", func(i int) netip.Addr { return client(i).IP })
	spread("IPv6", func(i int) netip.Addr {
		return netip.AddrFrom16([16]byte{0x20, 0x01, 0x0d, 0xb8, 0, byte(i >> 16), byte(i >> 8), byte(i), 15: 1})
	})
}

func TestScoresAreFiniteAndPositive(t *testing.T) {
	for _, hash := range []uint64{0, 1, math.MaxUint64 / 2, math.MaxUint64 - 1, math.MaxUint64} {
		if got := score(hash, 1); !(got > 0) || math.IsInf(got, 0) {
			t.Errorf("score of %#x: got %v, want a finite one above 0", hash, got)
		}
	}
}

func TestAnAddressCountsAsFarAsItsPrefix(t *testing.T) {
	all := nodes("a", "b", "c", "d", "e", "f", "g", "h")
	same := func(o IPOptions, format, otherFormat string, want bool) {
		t.Helper()
		sticky := unbounded()
		sticky.IP = o
		p := New(all, sticky)
		equal := true
		for i := range 50 {
			one, _ := p.Explain(Key{IP: netip.MustParseAddr(fmt.Sprintf(format, i))})
			other, _ := p.Explain(Key{IP: netip.MustParseAddr(fmt.Sprintf(otherFormat, i))})
			equal = equal && one.Node == other.Node
		}
		if equal != want {
			t.Errorf("%s and %s with %+v: got the same nodes %v, want %v", format, otherFormat, o, equal, want)
		}
	}
	byDefault := DefaultSticky().IP
	same(byDefault, "192.0.%d.1", "192.0.%d.200", false) // nginx takes these for one
	same(byDefault, "192.0.2.%d", "::ffff:192.0.2.%d", true)
	same(byDefault, "2001:db8:0:%d::1", "2001:db8:0:%d:ffff::2", true)
	same(byDefault, "2001:db8:0:%d::1", "2001:db8:1:%d::1", false)
	same(byDefault, "fe80::%d", "fe80::%d%%eth0", true)
	same(IPOptions{IPv4Prefix: 24, IPv6Prefix: 64}, "192.0.%d.1", "192.0.%d.200", true)
	same(IPOptions{IPv4Prefix: 24, IPv6Prefix: 64}, "192.0.%d.1", "::ffff:192.0.%d.200", true)
	same(IPOptions{IPv4Prefix: 32, IPv6Prefix: 128}, "2001:db8::%d:1", "2001:db8::%d:2", false)
	same(IPOptions{IPv4Prefix: 32, IPv6Prefix: 48}, "2001:db8:%d::1", "2001:db8:%d:7::1", true)
}

func TestAClientWithoutAnAddressGetsANode(t *testing.T) {
	p := New(nodes("a", "b", "c"), unbounded())
	first, _ := acquire(t, p, Key{})
	again, _ := acquire(t, p, Key{})
	if first.Node != again.Node || first.Reason != ReasonHash {
		t.Errorf("got %s then %s by %s, want one node by %s", first.Node.Name(), again.Node.Name(), first.Reason, ReasonHash)
	}
}

// hindrances are all that keeps a node from a client, but for load.
var hindrances = map[Reason]func(*testing.T, *Pool, *Key){
	ReasonDown:     func(_ *testing.T, p *Pool, _ *Key) { p.SetCheck("a", Check{Reason: "no pong in 1s"}) },
	ReasonDraining: func(t *testing.T, p *Pool, _ *Key) { drain(t, p, "a") },
	ReasonRetry:    func(t *testing.T, p *Pool, key *Key) { key.Tried = []*Node{node(t, p, "a")} },
	ReasonFull: func(t *testing.T, p *Pool, key *Key) {
		capped := nodes("a", "b")
		capped[0].MaxConnections = 1
		p.Replace(capped, unbounded())
		acquire(t, p, *key)
	},
}

func TestAClientWhoseNodeCannotTakeItGetsAnotherAndTheReason(t *testing.T) {
	for reason, hinder := range hindrances {
		t.Run("hash/"+string(reason), func(t *testing.T) {
			p := New(nodes("a", "b"), unbounded())
			key := clientOf(t, p, "a")
			wantPick(t, p, key, "a", "a", ReasonHash)
			hinder(t, p, &key)
			wantPick(t, p, key, "b", "a", reason)
		})
		t.Run("cookie/"+string(reason), func(t *testing.T) {
			p := New(nodes("a", "b"), unbounded())
			key := pinned(t, p, clientOf(t, p, "b"), "a")
			wantPick(t, p, key, "a", "a", ReasonCookie)
			hinder(t, p, &key)
			wantPick(t, p, key, "b", "a", reason)
		})
		t.Run("alone/"+string(reason), func(t *testing.T) {
			p := New(nodes("a", "b"), unbounded())
			key := pinned(t, p, client(1), "a")
			hinder(t, p, &key)
			p.SetCheck("b", Check{Reason: "dial refused"})
			if pick, err := p.Acquire(key); !errors.Is(err, ErrNoUsableNode) || pick != (Pick{}) {
				t.Errorf("acquire: got error %v and %+v, want %v and no pick", err, pick, ErrNoUsableNode)
			}
			if _, err := p.Explain(key); !errors.Is(err, ErrNoUsableNode) {
				t.Errorf("explain: got %v, want %v", err, ErrNoUsableNode)
			}
		})
	}
}

func TestAPoolWithoutNodesHasNoUsableNode(t *testing.T) {
	p := New(nil, DefaultSticky())
	if _, err := p.Acquire(client(1)); !errors.Is(err, ErrNoUsableNode) {
		t.Errorf("acquire: got %v, want %v", err, ErrNoUsableNode)
	}
	if _, err := p.Next(Demand{}); !errors.Is(err, ErrNoUsableNode) {
		t.Errorf("next: got %v, want %v", err, ErrNoUsableNode)
	}
	if p.Usable() {
		t.Error("got a usable pool, want none")
	}
}

func TestAFullNodeTakesClientsAgainWhenOneLeaves(t *testing.T) {
	capped := nodes("a")
	capped[0].MaxConnections = 2
	p := New(capped, DefaultSticky())
	acquire(t, p, client(1))
	_, leave := acquire(t, p, client(2))
	if _, err := p.Acquire(client(3)); !errors.Is(err, ErrNoUsableNode) {
		t.Fatalf("got %v, want %v", err, ErrNoUsableNode)
	}
	leave()
	acquire(t, p, client(3))
	wantConnections(t, p, node(t, p, "a"), 2)
}

func TestClientsOfOneAddressAreSpreadByTheBound(t *testing.T) {
	p := New(nodes("a", "b", "c", "d"), DefaultSticky())
	reasons := map[Reason]int{}
	for range 100 {
		pick, _ := acquire(t, p, client(1))
		reasons[pick.Reason]++
	}
	for _, n := range p.Nodes() {
		if n.Connections > 32 { // ceil(1.25 * 100 / 4)
			t.Errorf("node %s: got %d of 100 clients, want at most 32", n.Name, n.Connections)
		}
	}
	if reasons[ReasonHash] == 0 || reasons[ReasonLoad] == 0 || len(reasons) != 2 {
		t.Errorf("got reasons %v, want %s and %s", reasons, ReasonHash, ReasonLoad)
	}
}

func TestAPinnedClientIsNotSubjectToTheBound(t *testing.T) {
	p := New(nodes("a", "b", "c"), DefaultSticky())
	for range 20 {
		pick, _ := acquire(t, p, pinned(t, p, client(1), "b"))
		if pick.Node.Name() != "b" || pick.Reason != ReasonCookie || !pick.Pinned {
			t.Fatalf("got %s by %s, want b by %s", pick.Node.Name(), pick.Reason, ReasonCookie)
		}
	}
}

func TestTheBoundYieldsWhereOnlyOverloadedNodesAreLeftToTry(t *testing.T) {
	p := New(nodes("a", "b"), DefaultSticky())
	key := clientOf(t, p, "a")
	for range 10 {
		acquire(t, p, pinned(t, p, key, "a"))
	}
	key.Tried = []*Node{node(t, p, "b")}
	wantPick(t, p, key, "a", "a", ReasonHash)
}

func TestExplainTakesNoPlaceAndSaysWhatAcquireDoes(t *testing.T) {
	p := New(nodes("a", "b", "c"), DefaultSticky())
	for i := range 100 {
		want, err := p.Explain(client(i))
		if err != nil {
			t.Fatal(err)
		}
		got, _ := acquire(t, p, client(i))
		if want.holder = p; got != want {
			t.Fatalf("client %d: got %+v, want %+v", i, got, want)
		}
	}
	total := 0
	for _, n := range p.Nodes() {
		total += n.Connections
	}
	if total != 100 {
		t.Errorf("got %d clients, want 100", total)
	}
}
