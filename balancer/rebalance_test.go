package balancer

import (
	"fmt"
	"testing"

	"pgregory.net/rapid"
)

func wantPlan(t *testing.T, p *Pool, skew float64, want, loads string) {
	t.Helper()
	reliefs, after := p.PlanRebalance(skew)
	got := ""
	for _, r := range reliefs {
		got += fmt.Sprintf("%s %d ", r.Node.Name(), r.Clients)
	}
	if got != want || brief(after) != loads {
		t.Errorf("got %s with %s, want %s with %s", got, brief(after), want, loads)
	}
}

func TestAPlanFillsTheNodeThatCameBack(t *testing.T) {
	p := loaded(t, nodes("a", "b", "c"), 45, 45, 0)
	wantPlan(t, p, 0.1, "a 15 b 15 ", "a 45→30 b 45→30 c 0→30")
	drain(t, p, "c")
	wantPlan(t, p, 0.1, "", "a 45→45 b 45→45")
}

func TestAPlanLeavesSmallDifferencesAlone(t *testing.T) {
	p := loaded(t, nodes("a", "b"), 11, 9)
	wantPlan(t, p, 0.1, "", "a 11→11 b 9→9")
	wantPlan(t, p, 0.09, "a 1 ", "a 11→10 b 9→10")
	wantPlan(t, New(nodes("a"), DefaultSticky()), 0, "", "a 0→0")
}

func TestAPlanGoesByWeightAndStopsAtTheCaps(t *testing.T) {
	all := nodes("a", "b", "c")
	all[1].Weight, all[2].MaxConnections = 3, 2
	p := loaded(t, all, 20, 0, 0)
	wantPlan(t, p, 0.1, "a 16 ", "a 20→4 b 0→14 c 0→2/2")
}

func TestAPlanMovesNobodyWhereTheNodesWouldOnlyChangePlaces(t *testing.T) {
	all := nodes("a", "b", "c")
	all[2].MaxConnections = 1
	wantPlan(t, loaded(t, all, 12, 11, 1), 0.4, "", "a 12→12 b 11→11 c 1→1/1")
}

func TestWhoComesBackToANodeThatShedsGetsTheEmptiest(t *testing.T) {
	p := loaded(t, nodes("a", "b", "c"), 10, 5, 0)
	a := node(t, p, "a")
	key := pinned(t, p, client(1), "a")
	p.Shed(a, 2)
	wantPick(t, p, key, "c", "a", ReasonShed)
	wantPick(t, p, key, "c", "a", ReasonShed) // to ask takes nothing
	pick, _ := acquire(t, p, key)
	if want := "by its cookie it would be a, which is to have fewer clients; the emptiest is c"; pick.Explain(true) != want {
		t.Errorf("got %q, want %q", pick.Explain(true), want)
	}
	acquire(t, p, clientWithout(t, p, "a"))
	wantPick(t, p, key, "a", "a", ReasonCookie)
	wantConnections(t, p, node(t, p, "c"), 2)
	if got := p.Status(a).Shed; got != 0 {
		t.Errorf("got %d to shed, want 0", got)
	}
}

// clientWithout is a client without a cookie that hashes to the node.
func clientWithout(t *testing.T, p *Pool, name string) Key {
	t.Helper()
	shed := p.Status(node(t, p, name)).Shed
	p.Shed(node(t, p, name), -shed)
	defer p.Shed(node(t, p, name), shed)
	return clientOf(t, p, name)
}

func TestANodeShedsNobodyToAFullerOne(t *testing.T) {
	p := loaded(t, nodes("a", "b", "c"), 2, 2, 0)
	p.Shed(node(t, p, "a"), 5)
	key := pinned(t, p, client(1), "a")
	p.Avoid([]string{"c"})
	wantPick(t, p, key, "a", "a", ReasonCookie)
	p.Avoid(nil)
	p.SetCheck("c", Check{Reason: "dial refused"})
	wantPick(t, p, key, "a", "a", ReasonCookie)
	p.SetCheck("c", Check{Up: true, Passed: true, Reason: "ok"})
	key.Tried = []*Node{node(t, p, "c")}
	wantPick(t, p, key, "a", "a", ReasonCookie) // no second attempt
	p.Shed(node(t, p, "a"), -9)
	if got := p.Status(node(t, p, "a")).Shed; got != 0 {
		t.Errorf("got %d to shed, want 0", got)
	}
}

// Whatever the plan, when its clients have come back the nodes are as it said,
// and none that has too many could give one more to an emptier one.
func TestAPlanComesTrue(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		o := drawNodes(t)
		p := New(o, unbounded())
		clients := make(map[*Node][]func())
		for _, s := range p.Nodes() {
			for range rapid.IntRange(0, 60).Draw(t, "clients") {
				pick, err := p.Acquire(Key{Pins: []string{p.Pin(s.Node)}})
				if err != nil {
					t.Fatal(err)
				}
				clients[pick.Node] = append(clients[pick.Node], pick.Release)
			}
		}
		skew := rapid.SampledFrom([]float64{0, 0.05, 0.1, 0.5}).Draw(t, "skew")
		reliefs, loads := p.PlanRebalance(skew)
		for _, r := range reliefs {
			for i := range r.Clients {
				clients[r.Node][i]()
				p.Shed(r.Node, 1)
				if _, err := p.Acquire(Key{Pins: []string{p.Pin(r.Node)}}); err != nil {
					t.Fatal(err)
				}
			}
		}
		total, weights := 0, 0
		for i, s := range p.Nodes() {
			total, weights = total+s.Connections, weights+s.Weight
			if s.Connections != loads[i].After {
				t.Errorf("node %s: got %d clients, want %d as planned", s.Name, s.Connections, loads[i].After)
			}
		}
		share := func(s Status) float64 { return float64(total*s.Weight) / float64(weights) }
		for _, s := range p.Nodes() {
			for _, o := range p.Nodes() {
				over, under := float64(s.Connections) > share(s)*(1+skew)+1, float64(o.Connections) <= share(o)
				if over && under && (o.Connections+1)*s.Weight < s.Connections*o.Weight {
					t.Errorf("node %s: got %d clients, its share is %.1f, and %s has %d only", s.Name, s.Connections, share(s), o.Name, o.Connections)
				}
			}
		}
	})
}

// lopsided is a pool of nodes of equal weight with so many clients each.
func lopsided(t *testing.T, sticky StickyOptions, clients ...int) *Pool {
	t.Helper()
	names := []string{"a", "b", "c", "d"}[:len(clients)]
	p := loaded(t, nodes(names...), clients...)
	p.Replace(nodes(names...), sticky)
	return p
}

func TestNobodyIsMovedUnaskedForASmallDifference(t *testing.T) {
	f := func(want int, clients ...int) {
		t.Helper()
		got := 0
		for _, r := range lopsided(t, DefaultSticky(), clients...).PlanUnasked(0.3, 10) {
			got += r.Clients
		}
		if got != want {
			t.Errorf("%v: got %d clients to move, want %d", clients, got, want)
		}
	}
	f(60, 135, 15)
	f(85, 135, 10, 5)
	f(0, 3, 1)
	f(0, 18, 0) // 9 clients are not worth it
	f(10, 20, 0)
	f(0, 129, 71) // the share is 100
	f(31, 131, 69)
	f(0, 50, 50)
	f(0, 100)
	f(0)
}

func TestNobodyIsMovedUnaskedWhileClientsMoveAnyway(t *testing.T) {
	f := func(what string, want bool, change func(*Pool)) {
		t.Helper()
		p := lopsided(t, DefaultSticky(), 90, 10, 2, 0)
		p.SetPanic(50, 0)
		change(p)
		if got := p.PlanUnasked(0.3, 10) != nil; got != want {
			t.Errorf("%s: got a plan %v, want %v", what, got, want)
		}
	}
	f("nothing", true, func(*Pool) {})
	f("a drain", false, func(p *Pool) { drain(t, p, "c") })
	f("a drain that is over", true, func(p *Pool) { drain(t, p, "d") })
	f("a lost node", false, func(p *Pool) { p.SetCheck("c", Check{Reason: "dial refused", Gone: true}) })
	f("a dead node without clients", true, func(p *Pool) { p.SetCheck("d", Check{Reason: "dial refused", Gone: true}) })
	f("a panic", false, func(p *Pool) {
		for _, name := range []string{"b", "c", "d"} {
			p.SetCheck(name, Check{Reason: "no answer"})
		}
	})
	f("a roll", false, func(p *Pool) { p.Avoid([]string{"d"}) })
	f("a removed node", false, func(p *Pool) { p.Replace(nodes("a", "b", "d"), DefaultSticky()) })
	f("a rebalance", false, func(p *Pool) { p.Shed(node(t, p, "a"), 1) })
}

func TestNobodyIsMovedUnaskedWhoWouldComeBack(t *testing.T) {
	f := func(what string, want bool, change func(*StickyOptions)) {
		t.Helper()
		o := DefaultSticky()
		change(&o)
		if got := lopsided(t, o, 135, 15).PlanUnasked(0.3, 10) != nil; got != want {
			t.Errorf("%s: got a plan %v, want %v", what, got, want)
		}
	}
	f("a cookie", true, func(*StickyOptions) {})
	f("the address", false, func(o *StickyOptions) { o.By = ByIP })
	f("a bound above the skew", false, func(o *StickyOptions) { o.BoundedLoad = 2 })
	f("no bound", true, func(o *StickyOptions) { o.BoundedLoad = 0 })
}
