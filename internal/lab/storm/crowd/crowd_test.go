//go:build linux

package crowd

import (
	"slices"
	"testing"
	"time"

	"fermata/internal/lab/realclient"
	"fermata/internal/lab/storm/report"
)

// stageplay has clients report things at some seconds after the event.
type stageplay struct {
	*Crowd
	t     *testing.T
	event time.Time
}

// newPlay has four clients on two nodes, the third with a library of its
// own, and a fifth that never came in.
func newPlay(t *testing.T, struck string) *stageplay {
	s := &stageplay{newCrowd([]group{{library: "new", clients: 2}, {library: "old", secure: true, clients: 1}, {library: "new", clients: 2}}, 1), t, time.Now()}
	for i, node := range []string{"one", "one", "two", "two"} {
		s.comes(i, node, -1)
	}
	if got := s.Strike(struck, s.event); got != 4 {
		t.Fatalf("got %d clients at the event, want 4", got)
	}
	return s
}

func (s *stageplay) says(i int, l realclient.Line, after float64) {
	s.take(i, l, s.event.Add(time.Duration(after*float64(time.Second))))
}

func (s *stageplay) comes(i int, node string, after float64) {
	s.says(i, realclient.Line{Type: "open"}, after)
	s.says(i, realclient.Line{Type: "established", Node: node}, after)
	s.says(i, realclient.Line{Type: "subscribed"}, after)
}

func (s *stageplay) result(after float64) *report.Case {
	c := new(report.Case)
	s.Result(c, s.event.Add(time.Duration(after*float64(time.Second))))
	return c
}

func (s *stageplay) waits(want int) {
	s.t.Helper()
	if got, _ := s.Waiting(); got != want {
		s.t.Errorf("got %d clients that wait, want %d", got, want)
	}
}

func TestClientsThatCloseAndComeBackWereAwayBetween(t *testing.T) {
	s := newPlay(t, "")
	s.says(0, realclient.Line{Type: "closed", Code: 4200}, 1)
	s.says(0, realclient.Line{Type: "closed", Code: 1006}, 1.25) // of an attempt
	s.waits(1)
	s.comes(0, "two", 1.5)
	s.says(0, realclient.Line{Type: "closed", Code: 4100}, 3)
	s.comes(0, "two", 4)
	s.waits(0)
	c := s.result(10)
	if c.Hit != 1 || *c.Back[2] != 4 || *c.Away[2] != 1.5 || c.AwayAtOnce != 1 {
		t.Errorf("got %d hit, back after %v, away for %v, %d at once; want 1, 4, 1.5, 1", c.Hit, *c.Back[2], *c.Away[2], c.AwayAtOnce)
	}
	if c.Refused != 1 || len(c.Closes) != 2 || c.Closes[4200] != 1 || c.Closes[4100] != 1 {
		t.Errorf("got %d refused and closes %v, want 1, and 4200 and 4100 once", c.Refused, c.Closes)
	}
}

func TestClientsOfAStruckNodeAreAwayBeforeTheyKnow(t *testing.T) {
	s := newPlay(t, "one")
	s.waits(2)
	s.says(0, realclient.Line{Type: "closed", Code: 1006}, 60)
	s.comes(0, "two", 61)
	c := s.result(75)
	if c.Hit != 2 || *c.Back[0] != 61 || *c.Away[0] != 61 || c.Back[2] != nil {
		t.Errorf("got %d hit and back after %v, want 2, one of them after 61 s", c.Hit, c.Back)
	}
	if c.Lost["new"] != 1 || len(c.Failed) != 0 {
		t.Errorf("got lost %v and failed %v, want one lost", c.Lost, c.Failed)
	}
	if first := c.Curve[0]; first != (report.Point{T: 0, Share: 0.5}) {
		t.Errorf("got a curve from %v, want half of the clients at once", first)
	}
}

func TestClientsThatKeepTheirConnectionAreAwayUntilTheyAreSubscribedElsewhere(t *testing.T) {
	s := newPlay(t, "")
	at := func(after float64) time.Time { return s.event.Add(time.Duration(after * float64(time.Second))) }
	again := realclient.Line{Type: "subscribed", Node: "three"}
	s.Lose("two", at(1))
	s.waits(2)
	s.says(2, again, 2)
	s.says(3, again, 3)
	s.Lose("three", at(4))
	s.says(2, again, 5)
	s.waits(1)
	s.says(3, again, 7)
	s.says(0, again, 8) // it was moved, and we do not know from when on
	s.waits(0)
	c := s.result(10)
	if c.Hit != 3 || c.Kept != 3 || c.Reconnects != 0 || *c.Back[2] != 8 || *c.Away[2] != 5 || c.AwayAtOnce != 2 {
		t.Errorf("got %+v, back after %v and away for %v, want 3 hit and kept, back after 8 s, away for 5 s", c, *c.Back[2], *c.Away[2])
	}
}

func TestAClientIsBackWhenItHasAllItsChannels(t *testing.T) {
	s := &stageplay{newCrowd([]group{{library: "new", clients: 1}}, 2), t, time.Now()}
	s.comes(0, "one", -1)
	if got := s.Strike("", s.event); got != 0 {
		t.Errorf("got %d clients that are there with one of two channels, want none", got)
	}
	s.says(0, realclient.Line{Type: "subscribed"}, 1)
	if got := s.Strike("", s.event); got != 1 {
		t.Errorf("got %d clients that are there, want 1", got)
	}
}

func TestDeliveriesAreCountedAgainstWhatWasPublished(t *testing.T) {
	s := newPlay(t, "")
	s.says(0, realclient.Line{Type: "report", Sequences: []realclient.Sequence{{Count: 3}, {Count: 2}}}, 1)
	s.says(1, realclient.Line{Type: "report", Sequences: []realclient.Sequence{{Count: 4, Twice: 1, Late: 1}, {Count: 1}}}, 1)
	plain, secure := s.DeliveriesOf([]int{3, 2}) // the third and the fourth have got nothing
	if want := (report.Deliveries{Due: 15, Missed: 6, Twice: 1, Late: 1, Clients: 2}); plain != want {
		t.Errorf("plain: got %+v, want %+v", plain, want)
	}
	if want := (report.Deliveries{Due: 5, Missed: 5, Clients: 1}); secure != want { // the third one
		t.Errorf("with TLS: got %+v, want %+v", secure, want)
	}
	if got, want := plain.Plus(secure), (report.Deliveries{Due: 20, Missed: 11, Twice: 1, Late: 1, Clients: 3}); got != want {
		t.Errorf("all: got %+v, want %+v", got, want)
	}
}

func TestEachClientHasAChannelOfEachKind(t *testing.T) {
	kinds := Options{Clients: 45, Libraries: []string{"a", "b"}}.Kinds()
	if len(kinds) != 3 || len(kinds[2]) != 4 || kinds[2][1] != "presence-a.1" || kinds[2][3] != "presence-b.1" {
		t.Errorf("got %v, want a public and a private channel, and two presence channels for 23 and for 22 clients", kinds)
	}
}

func TestNobodyWaitsForClientsThatGaveUp(t *testing.T) {
	s := newPlay(t, "")
	s.says(2, realclient.Line{Type: "closed", Code: 1006}, 1)
	s.says(2, realclient.Line{Type: "state", State: "failed"}, 2)
	s.waits(0)
	if c := s.result(9); c.Lost["old"] != 1 || c.Failed["old"] != 1 {
		t.Errorf("got lost %v and failed %v, want the client with the old library", c.Lost, c.Failed)
	}
}

func TestWhoComesAfterTheEventIsNotCounted(t *testing.T) {
	s := newPlay(t, "")
	s.comes(4, "one", 1)
	s.says(4, realclient.Line{Type: "closed", Code: 1006}, 2)
	s.waits(0)
	if c := s.result(9); c.Hit != 0 || len(c.Curve) != 0 {
		t.Errorf("got %d hit and curve %v, want none", c.Hit, c.Curve)
	}
}

func TestACurveKeepsTheLastOfEachTenth(t *testing.T) {
	ms := time.Millisecond
	points, away := shares([]change{{10 * ms, 3}, {20 * ms, 1}, {90 * ms, 2}, {100 * ms, 4}}, 4)
	if len(points) != 2 || points[0] != (report.Point{T: 0.01, Share: 0.5}) || points[1].Share != 1 || away != 3 {
		t.Errorf("got %v and %d away at once, want two points and 3", points, away)
	}
}

func TestLibrariesShareTheClients(t *testing.T) {
	o := Options{Clients: 5, Libraries: []string{"a", "b"}}
	if got, want := o.groups(), []group{{"a", "a", false, 3}, {"b", "b", false, 2}}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	o.Secure = "127.0.0.1:443"
	if got, want := o.groups(), []group{{"a", "a", false, 2}, {"a", "a-tls", true, 1}, {"b", "b", false, 1}, {"b", "b-tls", true, 1}}; !slices.Equal(got, want) {
		t.Errorf("half of them with TLS: got %v, want %v", got, want)
	}
}

func TestPlainClientsAndThoseWithTLSAreToldApart(t *testing.T) {
	s := newPlay(t, "")
	s.says(2, realclient.Line{Type: "closed", Code: 4200}, 1)
	s.comes(2, "two", 1.25)
	s.says(0, realclient.Line{Type: "closed", Code: 1006}, 1)
	c := &report.Case{Upgrade: new(report.Upgrade)}
	s.Result(c, s.event.Add(10*time.Second))
	plain, secure := c.Upgrade.Plain, c.Upgrade.TLS
	if plain.Clients != 3 || plain.Closes[1006] != 1 || plain.Lost != 1 || plain.Away[2] != nil {
		t.Errorf("got %+v, want three plain clients, one of them closed and away", plain)
	}
	if secure.Clients != 1 || secure.Closes[4200] != 1 || secure.Lost != 0 || *secure.Away[2] != 0.25 {
		t.Errorf("got %+v, want one client with TLS that was away for 0.25 s", secure)
	}
}
