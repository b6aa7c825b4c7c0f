package balancer

import (
	"errors"
	"fmt"
	"math"
	"testing"

	"pgregory.net/rapid"
)

// loaded is a pool of these nodes with so many clients each.
func loaded(t testing.TB, options []NodeOptions, clients ...int) *Pool {
	t.Helper()
	p := New(options, unbounded())
	for i, count := range clients {
		for range count {
			acquire(t, p, pinned(t, p, client(1), options[i].Name))
		}
	}
	return p
}

// brief is loads as "b 3→5/10 c 0→2".
func brief(loads []Load) (text string) {
	for i, l := range loads {
		if i > 0 {
			text += " "
		}
		text += fmt.Sprintf("%s %d→%d", l.Node, l.Connections, l.After)
		if l.MaxConnections > 0 {
			text += fmt.Sprintf("/%d", l.MaxConnections)
		}
	}
	return text
}

func wantForecast(t *testing.T, p *Pool, name string, d Drain, want string, wantErr error) {
	t.Helper()
	loads, err := p.Forecast(name, d)
	if got := brief(loads); got != want || !errors.Is(err, wantErr) {
		t.Errorf("got %s and %v, want %s and %v", got, err, want, wantErr)
	}
	before, _ := p.Node(name)
	if before.Drain != nil {
		t.Errorf("got %s draining, want it left alone", name)
	}
}

func TestAForecastGivesTheClientsOutByWeight(t *testing.T) {
	all := nodes("a", "b", "c")
	all[2].Weight = 2
	p := loaded(t, all, 9, 1, 0)
	wantForecast(t, p, "a", Drain{}, "b 1→4 c 0→6", nil)
	if _, err := p.Forecast("nobody", Drain{Force: true}); !errors.Is(err, ErrUnknownNode) {
		t.Errorf("got %v, want %v", err, ErrUnknownNode)
	}
}

func TestAForecastHasTheClientsOfAllNodesThatLoseTheirs(t *testing.T) {
	p := loaded(t, nodes("a", "b", "c", "d", "e"), 2, 2, 2, 2, 0)
	drain(t, p, "b")
	p.SetCheck("c", Check{Reason: "dial refused"})
	wantForecast(t, p, "a", Drain{}, "d 2→5 e 0→3", nil)
}

func TestAForecastStopsAtTheCaps(t *testing.T) {
	all := nodes("a", "b", "c", "d")
	all[1].MaxConnections, all[2].MaxConnections = 3, 5
	p := loaded(t, all, 10, 2, 2, 0)
	wantForecast(t, p, "a", Drain{}, "b 2→3/3 c 2→5/5 d 0→6", nil)
	p.SetCheck("d", Check{Reason: "dial refused"})
	wantForecast(t, p, "a", Drain{Force: true}, "b 2→6/3 c 2→8/5", nil)
	wantForecast(t, p, "a", Drain{}, "b 2→6/3 c 2→8/5", ErrNoRoom)
	if _, err := p.Drain("a", Drain{}); !errors.Is(err, ErrNoRoom) {
		t.Errorf("drain: got %v, want %v", err, ErrNoRoom)
	}
	if _, err := p.Drain("a", Drain{Force: true}); err != nil {
		t.Errorf("forced: got %v", err)
	}
	if _, err := p.Drain("a", Drain{Rate: 5}); err != nil {
		t.Errorf("another rate while it drains: got %v", err)
	}
}

func TestADrainLeavesAsManyUsableNodesAsItMust(t *testing.T) {
	p := New(nodes("a", "b", "c"), DefaultSticky())
	wantForecast(t, p, "a", Drain{MinUsable: 2}, "b 0→0 c 0→0", nil)
	wantForecast(t, p, "a", Drain{MinUsable: 3}, "b 0→0 c 0→0", ErrTooFewNodes)
	wantForecast(t, p, "a", Drain{MinUsable: 3, Force: true}, "b 0→0 c 0→0", nil)
	drain(t, p, "b")
	wantForecast(t, p, "a", Drain{MinUsable: 2}, "c 0→0", ErrTooFewNodes)
	p.SetCheck("c", Check{Reason: "dial refused"})
	wantForecast(t, p, "a", Drain{MinUsable: 2}, "", ErrLastNode)
}

func TestAvoidedNodesGetOnlyWhatTheOthersHaveNoRoomFor(t *testing.T) {
	all := nodes("a", "b", "c")
	all[1].MaxConnections = 4
	p := loaded(t, all, 6, 0, 0)
	p.Avoid([]string{"a", "c"})
	wantForecast(t, p, "a", Drain{}, "b 0→4/4 c 0→2", nil)
	p.Avoid([]string{"a", "b", "c"})
	wantForecast(t, p, "a", Drain{}, "b 0→3/4 c 0→3", nil)
}

// No client is lost in a forecast, and no node passes its cap while there is
// room elsewhere.
func TestAForecastAddsUp(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var p Pool
		total, free, capped := 0, 0, true
		for i := range rapid.IntRange(1, 6).Draw(t, "nodes") {
			n := &Node{name: fmt.Sprint(i), up: rapid.IntRange(0, 4).Draw(t, "up") > 0, avoided: rapid.Bool().Draw(t, "avoided")}
			n.options = NodeOptions{Name: n.name, Weight: rapid.IntRange(1, 9).Draw(t, "weight"), MaxConnections: Cap(rapid.IntRange(0, 200).Draw(t, "cap"))}
			n.connections = rapid.IntRange(0, 100).Draw(t, "clients")
			p.nodes = append(p.nodes, n)
			total += n.connections
			switch {
			case i == 0 || !n.up:
			case n.options.MaxConnections == 0:
				capped = false
			default:
				free += max(0, int(n.options.MaxConnections)-n.connections)
			}
		}
		loads, homeless := p.forecast(p.nodes[0])
		after, kept := 0, 0
		for _, l := range loads {
			after += l.After
			kept += l.Connections
			if l.MaxConnections > 0 && l.After > max(l.MaxConnections, l.Connections) && homeless == 0 {
				t.Errorf("got %+v, want no more than the cap", l)
			}
		}
		if len(loads) > 0 && after != total {
			t.Errorf("got %d clients after it, want %d", after, total)
		}
		want := 0
		if capped {
			want = max(0, total-kept-free)
		}
		if homeless != want {
			t.Errorf("got %d without a place, want %d", homeless, want)
		}
	})
}

func clientsAfter(loads []Load) (sum int) {
	for _, l := range loads {
		sum += l.After
	}
	return sum
}

// The configuration bounds weights; the arithmetic must end without that.
func TestNoWeightMakesAForecastOrAPlanGoOnForEver(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := &Pool{sticky: DefaultSticky()}
		for i := range rapid.IntRange(2, 4).Draw(t, "nodes") {
			n := &Node{name: fmt.Sprint(i), up: true, connections: rapid.IntRange(0, 50).Draw(t, "clients")}
			n.options.Weight = rapid.SampledFrom([]int{1, 2, 0, -1, 1 << 60, math.MaxInt, math.MinInt}).Draw(t, "weight")
			n.options.MaxConnections = rapid.SampledFrom([]Cap{0, 20, math.MaxInt}).Draw(t, "cap")
			p.nodes = append(p.nodes, n)
		}
		all := 0
		for _, n := range p.nodes {
			all += n.connections
		}
		loads, err := p.Forecast("0", Drain{Force: true})
		if err != nil || clientsAfter(loads) != all {
			t.Errorf("got %v and %s, want all %d clients in it", err, brief(loads), all)
		}
		reliefs, loads := p.PlanRebalance(0.1)
		for _, r := range reliefs {
			if r.Clients < 1 || r.Clients > r.Node.connections {
				t.Errorf("got %d clients to move of the %d of node %s", r.Clients, r.Node.connections, r.Node.name)
			}
		}
		if clientsAfter(loads) != all {
			t.Errorf("got the plan %s, want all %d clients in it", brief(loads), all)
		}
		p.choose(client(1))
		p.Candidates(client(1))
	})
}

func TestAHugeWeightGetsAllClientsInAForecast(t *testing.T) {
	all := nodes("a", "b", "c")
	all[1].Weight = 1 << 60
	wantForecast(t, loaded(t, all, 40, 0, 0), "a", Drain{}, "b 0→40 c 0→0", nil)
}

func TestAWeightThatNobodyMayConfigureTakesNoClientsAway(t *testing.T) {
	all := nodes("a", "b", "c", "d")
	all[3].Weight = -1
	wantForecast(t, loaded(t, all, 10, 0, 0, 0), "a", Drain{}, "b 0→10 c 0→0 d 0→0", nil)
}
