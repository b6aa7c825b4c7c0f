package balancer

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"testing"
)

func names(all []Status) (names []string) {
	for _, s := range all {
		names = append(names, s.Name)
	}
	return names
}

func TestANewNodeIsUpUntilACheckSaysOtherwise(t *testing.T) {
	all := nodes("a")
	all[0].MaxConnections = 900
	p := New(all, DefaultSticky())
	got, err := p.Node("a")
	want := Status{
		Node: got.Node, Name: "a", URL: URL{Host: "10.0.0.0:8080"}, Weight: 1, MaxConnections: 900, Quota: 900,
		Up: true, Reason: "not checked yet",
	}
	if err != nil || got != want {
		t.Errorf("got %+v and %v, want %+v", got, err, want)
	}
	if got := p.Addresses(got.Node); fmt.Sprint(got) != "["+want.URL.Host+"]" {
		t.Errorf("got addresses %s, want %s alone", got, want.URL.Host)
	}
}

func TestANameIsAtTheAddressesThatItWasFoundAt(t *testing.T) {
	named := func(host string) []NodeOptions { return []NodeOptions{{Name: "a", URL: URL{Host: host}, Weight: 1}} }
	p := New(named("one.test:8080"), DefaultSticky())
	a := node(t, p, "a")
	want := func(when, want string) {
		t.Helper()
		if got := fmt.Sprint(p.Addresses(a)); got != want {
			t.Errorf("%s: got %s, want %s", when, got, want)
		}
	}
	set := func(host string, addresses ...string) {
		var all []netip.AddrPort
		for _, address := range addresses {
			all = append(all, netip.MustParseAddrPort(address))
		}
		p.SetAddresses("a", host, all)
	}
	want("before the first look-up", "[]")
	set("one.test:8080", "10.0.0.1:8080", "10.0.0.2:8080", "10.0.0.3:8080")
	want("found", "[10.0.0.1:8080 10.0.0.2:8080 10.0.0.3:8080]")
	before := p.Addresses(a)
	p.Prefer(a, netip.MustParseAddrPort("10.0.0.2:8080"))
	want("the second took a connection", "[10.0.0.2:8080 10.0.0.1:8080 10.0.0.3:8080]")
	if fmt.Sprint(before) != "[10.0.0.1:8080 10.0.0.2:8080 10.0.0.3:8080]" {
		t.Errorf("got %s for whoever had them before, want them as they were", before)
	}
	first := p.Addresses(a)
	p.Prefer(a, first[0])
	if again := p.Addresses(a); &again[0] != &first[0] {
		t.Error("got another list when the first one took a connection, want it left alone")
	}
	p.Prefer(a, netip.MustParseAddrPort("10.0.0.9:8080"))
	p.Replace(named("one.test:8080"), DefaultSticky())
	want("after a reload", "[10.0.0.2:8080 10.0.0.1:8080 10.0.0.3:8080]")
	p.Replace(named("two.test:8080"), DefaultSticky())
	want("with another name", "[]")
	set("one.test:8080", "10.0.0.1:8080")
	want("a late answer for the old name", "[]")
	p.Replace(named("10.0.0.4:8080"), DefaultSticky())
	want("without a name", "[10.0.0.4:8080]")
}

func TestTheCookieHasTheAttributesOfTheConfiguration(t *testing.T) {
	o := DefaultSticky()
	o.Cookie.Name = "pin"
	if got := New(nodes("a"), o).Cookie(); got.Name != "pin" || got.Path != "/" {
		t.Errorf("got %+v, want the name pin and the path /", got)
	}
}

func TestReleasingTwiceCountsOnce(t *testing.T) {
	p := New(nodes("a"), DefaultSticky())
	acquire(t, p, client(1))
	pick, release := acquire(t, p, client(2))
	release()
	release()
	wantConnections(t, p, pick.Node, 1)
}

func TestANodeThatKeepsItsNameKeepsItsState(t *testing.T) {
	p := New(nodes("a", "b", "c"), unbounded())
	before := node(t, p, "a")
	_, release := acquire(t, p, pinned(t, p, client(1), "a"))
	drain(t, p, "a")
	p.SetCheck("a", Check{Reason: "dial refused"})

	next := nodes("b", "a")
	next[1].Weight, next[1].MaxConnections = 7, 3
	p.Replace(next, unbounded())
	got, err := p.Node("a")
	if err != nil {
		t.Fatal(err)
	}
	if got.Node != before {
		t.Error("got another node, want the one of before")
	}
	if got.Connections != 1 || got.Up || got.Reason != "dial refused" || got.Drain == nil || got.Removed {
		t.Errorf("got %+v, want its client, health and drain kept", got)
	}
	if got.Weight != 7 || got.MaxConnections != 3 || got.URL.Host != "10.0.0.1:8080" {
		t.Errorf("got %+v, want the new weight, cap and address", got)
	}
	if got := names(p.Nodes()); !slices.Equal(got, []string{"b", "a"}) {
		t.Errorf("got nodes %v, want b and a", got)
	}
	release()
	wantConnections(t, p, before, 0)
}

func TestARemovedNodeTakesNoClientsAndGoesWithItsLast(t *testing.T) {
	p := New(nodes("a", "b"), unbounded())
	key := pinned(t, p, clientOf(t, p, "a"), "a")
	pick, release := acquire(t, p, key)
	_, releaseLast := acquire(t, p, key)
	p.Replace(nodes("b"), unbounded())

	if got, err := p.Node("a"); err != nil || !got.Removed || got.Connections != 2 {
		t.Fatalf("got %+v and %v, want a removed node with 2 clients", got, err)
	}
	wantPick(t, p, key, "b", "b", ReasonHash)
	for range 4 {
		if n, err := p.Next(Demand{}); err != nil || n.Name() != "b" {
			t.Fatalf("next: got %v and %v, want b", n, err)
		}
	}
	p.SetCheck("b", Check{Reason: "dial refused"})
	if n, err := p.Next(Demand{}); !errors.Is(err, ErrNoUsableNode) {
		t.Errorf("next: got %v and %v, want %v", n, err, ErrNoUsableNode)
	}
	release()
	if got := names(p.Nodes()); !slices.Equal(got, []string{"b", "a"}) {
		t.Errorf("got nodes %v, want b and a", got)
	}
	releaseLast()
	if _, err := p.Node("a"); !errors.Is(err, ErrUnknownNode) {
		t.Errorf("got %v, want %v", err, ErrUnknownNode)
	}
	if got := p.Status(pick.Node); got.Connections != 0 || !got.Removed {
		t.Errorf("got %+v, want a removed node without clients", got)
	}
	p.SetCheck("a", Check{Reason: "a late check is ignored"})
}

func TestARemovedNodeWithoutClientsGoesAtOnce(t *testing.T) {
	p := New(nodes("a", "b"), unbounded())
	a := node(t, p, "a")
	p.Replace(nodes("b"), unbounded())
	if got := names(p.Nodes()); !slices.Equal(got, []string{"b"}) {
		t.Errorf("got nodes %v, want b", got)
	}
	if !p.Status(a).Removed {
		t.Error("got a node that is not removed, want it removed")
	}
}

func TestANodeThatComesBackWhileItHasClientsIsTheSame(t *testing.T) {
	p := New(nodes("a", "b"), unbounded())
	key := pinned(t, p, client(1), "a")
	pick, release := acquire(t, p, key)
	p.Replace(nodes("b"), unbounded())
	p.Replace(nodes("b"), unbounded()) // nothing changes for it
	p.Replace(nodes("a", "b"), unbounded())
	if node(t, p, "a") != pick.Node || p.Status(pick.Node).Removed {
		t.Fatalf("got %+v, want the node of before, not removed", p.Status(pick.Node))
	}
	wantPick(t, p, key, "a", "a", ReasonCookie)
	release()
	wantConnections(t, p, node(t, p, "a"), 0)
}

func TestANodeThatComesBackAfterItsLastClientIsANewOne(t *testing.T) {
	p := New(nodes("a", "b"), unbounded())
	before := node(t, p, "a")
	drain(t, p, "a")
	p.Replace(nodes("b"), unbounded())
	p.Replace(nodes("a", "b"), unbounded())
	if got, _ := p.Node("a"); got.Node == before || got.Drain != nil {
		t.Errorf("got %+v, want a new node that is ready", got)
	}
}

// turns are the nodes of so many plain requests.
func turns(t *testing.T, p *Pool, count int, tried ...*Node) (names []string) {
	t.Helper()
	for range count {
		n, err := p.Next(Demand{Tried: tried})
		if err != nil {
			t.Fatal(err)
		}
		n.Release(AnswerNothing)
		names = append(names, n.Name())
	}
	return names
}

func TestPlainRequestsGoToUsableNodesInTurn(t *testing.T) {
	p := New(nodes("a", "b", "c"), DefaultSticky())
	want := func(got []string, want ...string) {
		t.Helper()
		if !slices.Equal(got, want) {
			t.Errorf("got %v, want %v", got, want)
		}
	}
	want(turns(t, p, 4), "a", "b", "c", "a")
	want(turns(t, p, 2, node(t, p, "b")), "c", "a")
	p.SetCheck("b", Check{Reason: "dial refused"})
	want(turns(t, p, 4), "c", "a", "c", "a") // not c, a, a
	drain(t, p, "a")
	want(turns(t, p, 2), "c", "c")
	p.SetCheck("c", Check{Reason: "dial refused"})
	want(turns(t, p, 2), "a", "a") // draining, but it answers
	if n, err := p.Next(Demand{Tried: []*Node{node(t, p, "a")}}); !errors.Is(err, ErrNoUsableNode) {
		t.Errorf("got %v and %v, want %v", n, err, ErrNoUsableNode)
	}
}

func TestFullNodesAnswerPlainRequestsInTurnWhenNoOtherDoes(t *testing.T) {
	all := nodes("a", "b")
	all[0].MaxConnections, all[1].MaxConnections = 1, 1
	p := New(all, DefaultSticky())
	acquire(t, p, client(1))
	acquire(t, p, client(2))
	if got := turns(t, p, 3); !slices.Equal(got, []string{"a", "b", "a"}) {
		t.Errorf("got %v, want a, b, a", got)
	}
}

func TestAClientCanMoveWhileAnotherNodeIsUsable(t *testing.T) {
	p := New(nodes("a", "b"), DefaultSticky())
	a := node(t, p, "a")
	b := node(t, p, "b")
	can := func(want bool) {
		t.Helper()
		if got := p.CanMove(a); got != want {
			t.Errorf("got %v, want %v", got, want)
		}
		if got := p.UsableBeside(a); slices.Contains(got, a) || slices.Contains(got, b) != want {
			t.Errorf("got %d others that it could go to, want b among them: %v", len(got), want)
		}
	}
	can(true)
	drain(t, p, "b")
	can(false)
	p.Undrain("b")
	p.SetCheck("b", Check{Reason: "dial refused"})
	can(false)
	p.SetCheck("b", Check{Up: true, Passed: true, Reason: "ok"})
	can(true)
}

func TestThePoolIsUsableWhileANodeIs(t *testing.T) {
	p := New(nodes("a"), DefaultSticky())
	if !p.Usable() {
		t.Error("got a pool that is not usable, want usable")
	}
	p.SetCheck("a", Check{Reason: "dial refused"})
	if p.Usable() {
		t.Error("got a usable pool, want not usable")
	}
}

func TestAFullPoolWouldBeUsableWithMoreRoom(t *testing.T) {
	all := nodes("a", "b")
	all[0].MaxConnections = 1
	p := New(all, unbounded())
	is := func(usable, ifNotFull bool) {
		t.Helper()
		if p.Usable() != usable || p.UsableIfNotFull() != ifNotFull {
			t.Errorf("got usable %v, and %v if not full, want %v and %v", p.Usable(), p.UsableIfNotFull(), usable, ifNotFull)
		}
	}
	is(true, true)
	p.SetCheck("b", Check{Reason: "dial refused"})
	_, leave := acquire(t, p, clientOf(t, p, "a"))
	is(false, true)
	drain(t, p, "a")
	is(false, false)
	p.Undrain("a")
	p.SetCheck("a", Check{Reason: "dial refused"})
	is(false, false)
	leave()
	is(false, false)
}

func BenchmarkAcquire(b *testing.B) {
	for _, count := range []int{3, 10, 100} {
		b.Run(fmt.Sprintf("nodes=%d", count), func(b *testing.B) {
			var all []string
			for i := range count {
				all = append(all, fmt.Sprintf("reverb-%d", i))
			}
			p := New(nodes(all...), DefaultSticky())
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				_, release := acquire(b, p, client(i))
				release()
			}
		})
	}
}

func TestAFaultIsShownWhileTheNodeIsDown(t *testing.T) {
	p := New(nodes("a"), DefaultSticky())
	f := func(up bool, fault, want string) {
		t.Helper()
		p.SetCheck("a", Check{Up: up, Fault: fault, Reason: "as it is"})
		if got := p.Nodes()[0].Fault; got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	f(false, "refused", "refused")
	f(false, "no_answer", "no_answer")
	f(true, "", "")
	if got := p.SetCheck("nobody", Check{}); got != (Change{}) { // a check's last word after a reload
		t.Errorf("got %+v, want no change", got)
	}
}
