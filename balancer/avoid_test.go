package balancer

import (
	"slices"
	"testing"

	"pgregory.net/rapid"
)

func TestAnAvoidedNodeKeepsItsOwnAndTakesNobodyElse(t *testing.T) {
	p := New(nodes("a", "b", "c"), unbounded())
	byHash := clientOf(t, p, "a")
	byCookie := pinned(t, p, byHash, "a")
	ofB := pinned(t, p, byHash, "b")
	p.Avoid([]string{"a", "nobody"})
	wantPick(t, p, byCookie, "a", "a", ReasonCookie)
	pick, err := p.Explain(byHash)
	if err != nil || pick.Node.Name() == "a" || pick.Preferred.Name() != "a" || pick.Reason != ReasonAvoided {
		t.Errorf("got %+v and %v, want another node than a, because that is avoided", pick, err)
	}
	if got, want := pick.Explain(false), "by the hash of its address it would be a, which is still to be drained in a roll; "; len(got) < len(want) || got[:len(want)] != want {
		t.Errorf("got %q, want %q…", got, want)
	}
	drain(t, p, "b")
	wantPick(t, p, ofB, "c", "b", ReasonDraining)
	p.SetCheck("c", Check{Reason: "dial refused"})
	wantPick(t, p, ofB, "a", "b", ReasonDraining) // nobody else can
	wantPick(t, p, byHash, "a", "a", ReasonHash)
	p.SetCheck("c", Check{Up: true, Passed: true, Reason: "ok"})
	p.Avoid(nil)
	wantPick(t, p, byHash, "a", "a", ReasonHash)
}

func TestAnAvoidedNodeTakesWhoFailedEverywhereElse(t *testing.T) {
	p := New(nodes("a", "b"), unbounded())
	p.Avoid([]string{"a"})
	key := clientOf(t, p, "b")
	key.Tried = []*Node{node(t, p, "b")}
	wantPick(t, p, key, "a", "b", ReasonRetry)
}

func TestANodeThatIsNotAvoidedTakesClientsAboveTheBound(t *testing.T) {
	p := New(nodes("a", "b", "c"), DefaultSticky())
	p.Avoid([]string{"a", "b"})
	for i := range 100 {
		if pick, _ := acquire(t, p, client(i)); pick.Node.Name() != "c" {
			t.Fatalf("client %d: got %s, want c", i, pick.Node.Name())
		}
	}
}

// A roll over all nodes moves the clients of its first node at most twice, and
// everybody else once.
func TestInARollEachClientMovesOnceAndTheFirstNodesAtMostTwice(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		all := rapid.SampledFrom([][]string{{"a", "b"}, {"a", "b", "c"}, {"a", "b", "c", "d", "e"}}).Draw(t, "nodes")
		spare := rapid.Bool().Draw(t, "with a spare node")
		o := DefaultSticky()
		o.BoundedLoad = rapid.SampledFrom([]float64{0, 1, 1.25}).Draw(t, "bound")
		configured := slices.Clone(all)
		if spare {
			configured = append(configured, "spare")
		}
		p := New(nodes(configured...), o)
		var clients []*roller
		for i := range rapid.IntRange(1, 60).Draw(t, "clients") {
			r := &roller{key: client(rapid.IntRange(0, 500).Draw(t, "address") + i)}
			r.connect(t, p)
			r.first = r.node.Name()
			clients = append(clients, r)
		}
		for i, name := range all {
			p.Avoid(all[i:])
			drainIt(t, p, name)
			for _, r := range clients {
				switch {
				case r.node.Name() == name:
					r.release()
					r.connect(t, p)
					r.moves++
				case rapid.IntRange(0, 9).Draw(t, "blinks") == 0: // comes again by itself, to the same node
					before := r.node
					r.release()
					r.connect(t, p)
					if r.node != before {
						t.Fatalf("got %s, want the cookie's %s", r.node.Name(), before.Name())
					}
				}
			}
			p.Undrain(name)
		}
		for _, r := range clients {
			most := 1
			if r.first == all[0] && !spare {
				most = 2
			}
			if r.first == "spare" {
				most = 0
			}
			if r.moves > most {
				t.Errorf("a client of %s was moved %d times, want at most %d", r.first, r.moves, most)
			}
		}
	})
}

// roller is a client with its cookie.
type roller struct {
	key     Key
	first   string
	node    *Node
	release func()
	moves   int
}

func (r *roller) connect(t *rapid.T, p *Pool) {
	pick, err := p.Acquire(r.key)
	if err != nil {
		t.Fatal(err)
	}
	r.node, r.release = pick.Node, pick.Release
	r.key.Pins = []string{p.Pin(pick.Node)}
}

func drainIt(t *rapid.T, p *Pool, name string) {
	if _, err := p.Drain(name, Drain{}); err != nil {
		t.Fatal(err)
	}
}

func TestARollGoesOnOverAReload(t *testing.T) {
	p := New(nodes("a", "b"), unbounded())
	p.Avoid([]string{"b", "c"})
	p.Replace(nodes("a", "b", "c"), unbounded())
	for _, n := range p.Nodes() {
		if want := n.Name != "a"; n.Avoided != want {
			t.Errorf("%s: got avoided %v, want %v", n.Name, n.Avoided, want)
		}
	}
	if got := p.Avoided(); !slices.Equal(got, []string{"b", "c"}) {
		t.Errorf("got %v, want b and c", got)
	}
}
