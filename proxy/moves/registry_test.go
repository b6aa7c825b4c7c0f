package moves

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"fermata/balancer"
)

// listed makes clients of a node and enters them.
func listed(r *registry, n *balancer.Node, count int) (all []*Client) {
	for range count {
		c := &Client{Node: n}
		r.add(c)
		all = append(all, c)
	}
	return all
}

func TestTheRegistryHasWhoCameAndHasNotGone(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var r registry
		n := poolOf(1).Nodes()[0].Node
		in, told := make(map[*Client]bool), make(map[*Client]bool)
		var all []*Client
		draw := func(t *rapid.T) *Client {
			if len(all) == 0 {
				t.Skip("nobody has come yet")
			}
			return rapid.SampledFrom(all).Draw(t, "client")
		}
		leaves := func(t *rapid.T, c *Client) {
			if !in[c] {
				t.Fatal("got a client that was not in")
			}
			delete(in, c)
		}
		t.Repeat(map[string]func(*rapid.T){
			"": func(t *rapid.T) {
				for _, c := range r.sample(n, len(all)+1) {
					if !in[c] {
						t.Fatal("got a sample of a client that is not in")
					}
				}
				if got := len(r.clients[n]); got != len(in) {
					t.Fatalf("got %d clients, want %d", got, len(in))
				}
				if got := r.leaving(n); got != len(told) {
					t.Fatalf("got %d that are leaving, want %d", got, len(told))
				}
				want := 0
				for c := range in {
					if c.bound {
						want++
					}
				}
				if got, listed := r.countBound(), len(r.all(true)); got != want || listed != want {
					t.Fatalf("got %d bound and %d listed, want %d", got, listed, want)
				}
			},
			"come": func(*rapid.T) {
				c := listed(&r, n, 1)[0]
				all, in[c] = append(all, c), true
			},
			"end": func(t *rapid.T) {
				c := draw(t)
				r.remove(c)
				r.add(c) // it has ended already
				delete(in, c)
				delete(told, c)
			},
			"claim": func(t *rapid.T) {
				if c := draw(t); r.claim(c) != in[c] {
					t.Fatalf("got %v, want %v", !in[c], in[c])
				} else {
					delete(in, c)
				}
			},
			"tell": func(t *rapid.T) {
				c := draw(t)
				r.claim(c)
				r.tell(c)
				r.add(c) // it is to go
				delete(in, c)
				if c.place != hasEnded {
					told[c] = true
				}
			},
			"lend": func(t *rapid.T) {
				lent := r.lend(rapid.IntRange(0, 3).Draw(t, "count"))
				for _, c := range lent {
					leaves(t, c)
					if c.bound {
						t.Fatal("got a client lent that is bound")
					}
				}
				for _, c := range lent {
					if rapid.Bool().Draw(t, "bound") {
						r.bind(c)
					}
					r.add(c)
					in[c] = true
				}
			},
			"rehome": func(t *rapid.T) {
				if c := draw(t); c.place >= 0 {
					r.rehome(c, n)
					r.add(c)
					in[c] = true
				}
			},
			"take": func(t *rapid.T) {
				for _, c := range r.take(n, rapid.IntRange(0, 3).Draw(t, "count")) {
					leaves(t, c)
				}
			},
		})
	})
}

func TestClientsThatCameTogetherDoNotGoTogether(t *testing.T) {
	var r registry
	n := poolOf(1).Nodes()[0].Node
	const count, first = 4000, 400
	age := make(map[*Client]int)
	for i, c := range listed(&r, n, count) {
		age[c] = i
	}
	tenths := [10]int{}
	for _, c := range r.take(n, first) {
		tenths[age[c]*10/count]++
	}
	for i, got := range tenths { // 40 of each, give or take six standard deviations
		if got < 5 || got > 75 {
			t.Errorf("of the first %d to go, %d came as the %d. tenth, want about %d", first, got, i+1, first/10)
		}
	}
}

func TestAClientIsTooOldWhenItHasBeenThereForLonger(t *testing.T) {
	var r registry
	c := listed(&r, poolOf(1).Nodes()[0].Node, 1)[0]
	c.Since, c.extra = time.Now(), 0
	f := func(age time.Duration, want int) {
		t.Helper()
		if got := len(r.older(time.Hour, c.Since.Add(age))); got != want {
			t.Errorf("after %s: got %d that are too old, want %d", age, got, want)
		}
	}
	f(time.Hour, 0)
	f(time.Hour+time.Nanosecond, 1)
	c.extra = 1 << 15
	f(time.Hour+2*time.Minute, 0)
	f(time.Hour+4*time.Minute, 1)
}

func TestAClientThatIsAddedAgainIsInOnce(t *testing.T) {
	var r registry
	pool := poolOf(2)
	first, second := pool.Nodes()[0].Node, pool.Nodes()[1].Node
	c := listed(&r, first, 1)[0]
	if left, _ := r.rehome(c, second); left != first {
		t.Errorf("got from %s, want %s", left.Name(), first.Name())
	}
	for range 2 { // by its move, and by its start, which came late
		r.add(c)
	}
	if got := r.len(); got != 1 || len(r.clients[second]) != 1 {
		t.Errorf("got %d clients, %d of them at the second node, want one there", got, len(r.clients[second]))
	}
	r.remove(c)
	if got := r.len(); got != 0 {
		t.Errorf("got %d clients, want none", got)
	}
}
