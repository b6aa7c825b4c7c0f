//go:build linux

package load

import (
	"testing"
	"time"

	"fermata/internal/lab/bench/frame"
)

func TestEachMessageIsCountedThatIsLostOrComesTwiceOrToAnotherClient(t *testing.T) {
	g := newGenerator(t)
	r := newRun(g, &app{clients: []*client{{}, {}}}, Trips{Rate: 1000, Number: 4, Size: 100, Counted: true})
	r.start = time.Now()
	comes := func(number, to int) {
		f, _, _ := frame.Next(frame.Append(nil, frame.Text, make([]byte, 100)))
		text := r.frameOf(nil, r.due(number))[len(r.message)-100:]
		copy(f.Payload, text)
		frame.Mask(f.Payload, mask)
		r.back(r.order[to], f.Payload)
	}
	comes(0, 0)
	comes(1, 1)
	comes(1, 1)
	comes(2, 1) // which the first one had sent
	got := r.result()
	if got.Lost != 2 || got.Twice != 1 || got.Astray != 1 || len(got.Trips) != 2 {
		t.Errorf("got %+v, want two that are lost, one that came twice and one that went astray", got)
	}
}

func TestTripsAreThoseUnderWayAtTheTime(t *testing.T) {
	start := time.Now()
	c := Counts{Start: start, Each: []Trip{{0, 2}, {5, 10}, {12, 3}, {13, 0}, {30, 1}}}
	if got := c.Within(start.Add(10), start.Add(20)); len(got) != 2 || got[0] != 10 || got[1] != 3 {
		t.Errorf("got %v, want two", got)
	}
}

func TestAllMessagesOfAQuietNodeComeBackOnce(t *testing.T) {
	_, addresses := newNode(t)
	g := newGenerator(t)
	g.open(t, "a", 3, addresses...)
	var got Tripped
	if err := g.Trip(Trips{App: "a", Rate: 1000, Number: 100, Size: 100, Counted: true}, &got); err != nil {
		t.Fatal(err)
	}
	if len(got.Trips) != 100 || got.Lost+got.Twice+got.Astray != 0 || len(got.Within(got.Start, time.Now())) != 100 {
		t.Errorf("got %d trips and %+v, want 100 that came once", len(got.Trips), got.Counts)
	}
}
