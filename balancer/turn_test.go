package balancer

import (
	"errors"
	"testing"
)

// takes takes places until the nodes are busy, and returns how many it got.
func takes(t *testing.T, p *Pool, d Demand) (turns []Turn) {
	t.Helper()
	for len(turns) < 10_000 {
		turn, err := p.Next(d)
		if errors.Is(err, ErrBusy) {
			return turns
		}
		if err != nil {
			t.Fatalf("got %v, want a place or %v", err, ErrBusy)
		}
		turns = append(turns, turn)
	}
	t.Fatalf("got 10000 places, want some bound")
	return nil
}

func release(turns []Turn, a Answer) {
	for i := range turns {
		turns[i].Release(a)
	}
}

// wantPlaces looks at how many places there are, and gives them back.
func wantPlaces(t *testing.T, p *Pool, what string, d Demand, want int) {
	t.Helper()
	turns := takes(t, p, d)
	release(turns, AnswerNothing)
	if len(turns) != want {
		t.Errorf("%s: got %d places, want %d", what, len(turns), want)
	}
}

func TestANodeHasABoundedNumberOfRequestsAtOnce(t *testing.T) {
	p := New(nodes("a", "b"), DefaultSticky())
	wantPlaces(t, p, "two nodes", Demand{Most: 8, Signed: true}, 16)
	wantPlaces(t, p, "strangers", Demand{Most: 8}, 8)
	wantPlaces(t, p, "strangers, with one place", Demand{Most: 1}, 2)
	strangers := takes(t, p, Demand{Most: 8})
	wantPlaces(t, p, "beside a flood of strangers", Demand{Most: 8, Signed: true}, 8)
	strangers[0].Release(AnswerNothing)
	strangers[0].Release(AnswerNothing)
	wantPlaces(t, p, "after one, released twice", Demand{Most: 8}, 1)
}

func TestANodeWhosePlacesAreTakenIsPassedOver(t *testing.T) {
	p := New(nodes("a", "b"), DefaultSticky())
	d := Demand{Most: 2, Signed: true}
	held := takes(t, p, d) // a, b, a, b
	held[1].Release(AnswerNothing)
	held[3].Release(AnswerNothing)
	for range 2 {
		if turn, err := p.Next(d); err != nil || turn.Name() != "b" {
			t.Errorf("got %v and %v, want b", turn.Node, err)
		}
	}
	drain(t, p, "b")
	if turn, err := p.Next(d); !errors.Is(err, ErrBusy) {
		t.Errorf("got %v and %v, want to wait for a, as b drains", turn.Node, err)
	}
}

// Reverb dies of its connections, whatever they are for.
func TestRequestsAndClientsTogetherStayWithinMaxConnections(t *testing.T) {
	all := nodes("a")
	all[0].MaxConnections = 20
	p := New(all, DefaultSticky())
	d := Demand{Most: 64, Signed: true}
	takesAndReleases(t, p, d)
	wantPlaces(t, p, "without clients", d, 20)
	for i := range 15 {
		acquire(t, p, client(i))
	}
	held := takes(t, p, d)
	if len(held) != 5 {
		t.Errorf("with 15 clients: got %d places, want 5", len(held))
	}
	if pick, err := p.Acquire(client(99)); err == nil {
		t.Errorf("with 15 clients and 5 requests: got %s for a client, want none", pick.Node.Name())
	}
	release(held, AnswerPrompt)
	for i := range 5 {
		acquire(t, p, client(100+i))
	}
	wantPlaces(t, p, "full of clients", d, 1) // events are published there
	wantPlaces(t, p, "full of clients, for a stranger", Demand{Most: 64}, 1)
}

func TestALargeNodeThatIsFullOfClientsStillTakesAFewRequests(t *testing.T) {
	all := nodes("a")
	all[0].MaxConnections = 256
	p := loaded(t, all, 256)
	wantPlaces(t, p, "full of clients", Demand{Most: 64, Signed: true}, 5)
}

func TestANodeThatAnswersSlowlyGetsFewerRequestsAtOnce(t *testing.T) {
	p := New(nodes("a"), DefaultSticky())
	d := Demand{Most: 64, Signed: true}
	wantPlaces(t, p, "to begin with", d, 16)
	takesAndReleases(t, p, d)
	wantPlaces(t, p, "after one prompt round", d, 32)
	takesAndReleases(t, p, d)
	release(takes(t, p, d), AnswerSlow) // all had been sent before the first answer
	wantPlaces(t, p, "after one slow round", d, 32)
	for range 20 {
		release(takes(t, p, d), AnswerSlow)
	}
	wantPlaces(t, p, "of a node that hardly answers", d, 2)
	wantPlaces(t, p, "of that, for a stranger", Demand{Most: 64}, 1)
	rounds := 0
	for len(takesAndReleases(t, p, d)) < 64 && rounds < 100 {
		rounds++
	}
	if rounds < 30 || rounds > 70 {
		t.Errorf("got all places back after %d prompt rounds, want about 62: one more with each", rounds)
	}
	wantPlaces(t, p, "after a reload that allows fewer", Demand{Most: 4, Signed: true}, 4)
}

func takesAndReleases(t *testing.T, p *Pool, d Demand) []Turn {
	t.Helper()
	turns := takes(t, p, d)
	release(turns, AnswerPrompt)
	return turns
}

func TestARequestGetsTheNodeThatItPrefers(t *testing.T) {
	p := New(nodes("a", "b", "c"), DefaultSticky())
	d := Demand{Prefer: node(t, p, "b"), Most: 2, Signed: true}
	wants := func(what string, d Demand, want string) {
		t.Helper()
		turn, err := p.Next(d)
		defer turn.Release(AnswerNothing)
		if err != nil || turn.Name() != want {
			t.Errorf("%s: got %v and %v, want %s", what, turn.Node, err, want)
		}
	}
	wants("up", d, "b")
	wants("one without a wish", Demand{}, "a")
	wants("again", d, "b")
	wants("one whose turn has not changed", Demand{}, "b")
	drain(t, p, "b")
	wants("draining", d, "b")
	if _, err := p.Undrain("b"); err != nil {
		t.Fatal(err)
	}
	wants("just tried", Demand{Prefer: d.Prefer, Tried: []*Node{d.Prefer}}, "c")
	one, _ := p.Next(d)
	two, _ := p.Next(d)
	wants("without a place", d, "a")
	release([]Turn{one, two}, AnswerNothing)
	d.Prefer.up = false
	wants("down", d, "c")
	d.Prefer.up = true
	p.Replace(nodes("a", "c"), DefaultSticky())
	wants("removed", d, "c")
}
