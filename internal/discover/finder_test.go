package discover

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// search is a finder in fake time, whose answers the test gives.
type search struct {
	*Finder
	looks   []time.Duration // when they were, from the start
	reports []Report
}

// find runs a finder for so long.
func find(t *testing.T, every, long time.Duration, known Table, answer func(look int) ([]Node, error)) *search {
	t.Helper()
	s := new(search)
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), long)
		defer cancel()
		start := time.Now()
		s.Finder = New(known, func(context.Context) ([]Node, error) {
			s.looks = append(s.looks, time.Since(start))
			return answer(len(s.looks))
		}, every, func(r Report) { s.reports = append(s.reports, r) })
		var running sync.WaitGroup
		running.Go(func() { s.Run(ctx) })
		<-s.Looked()
		running.Wait()
	})
	return s
}

func TestALookThatFailsOrFindsNothingChangesNothing(t *testing.T) {
	broken := errors.New("broken")
	s := find(t, 5*time.Second, time.Minute, Table{}, func(look int) ([]Node, error) {
		switch {
		case look == 1:
			return nodesOf(1, 2), nil
		case look%2 == 0:
			return nil, nil
		}
		return nodesOf(3), broken
	})
	if len(s.reports) < 10 {
		t.Fatalf("got %d looks in a minute, want ten or more", len(s.reports))
	}
	for i, r := range s.reports {
		want := []error{broken, ErrNone}[i%2]
		if i == 0 {
			want = nil
		}
		if !errors.Is(r.Err, want) || (r.Err == nil) != (want == nil) || r.Any() != (i == 0) || r.Nodes != 2 {
			t.Errorf("look %d: got %+v, want %v, and two nodes", i+1, r, want)
		}
	}
}

func TestLooksComeSoonWhileThereIsNoNode(t *testing.T) {
	s := find(t, time.Hour, 61*time.Minute, Table{}, func(look int) ([]Node, error) {
		if look < 5 {
			return nil, nil
		}
		return nodesOf(1), nil
	})
	if fifth := s.looks[4]; fifth > 10*time.Second {
		t.Errorf("got the fifth look after %v, want one each second", fifth)
	}
	if len(s.looks) > 6 {
		t.Errorf("got %d looks, want the next one an hour later", len(s.looks))
	}
}

func TestAFinderInPlaceOfAnotherKnowsItsNodes(t *testing.T) {
	first := find(t, 5*time.Second, time.Second, Table{}, func(int) ([]Node, error) { return nodesOf(1, 2), nil })
	second := find(t, 5*time.Second, 4*time.Second, first.Known(), func(int) ([]Node, error) { return nodesOf(2, 3), nil })
	if got := len(second.Nodes()); got != 3 || len(first.Nodes()) != 2 {
		t.Errorf("got %v, want those of the first one until they are missed", second.Nodes())
	}
}
