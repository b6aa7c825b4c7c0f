package proxy

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"fermata/proxy/session"
)

// posts notes the requests, each of which takes a second.
type posts struct {
	mu  sync.Mutex
	all [][]string
	err error
}

func (p *posts) post(_ lane, channels []string) error {
	time.Sleep(time.Second)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.all = append(p.all, channels)
	return p.err
}

func TestMarkersThatComeDuringARequestShareTheNext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var m markers
		var p posts
		at := lane{poolOf(1).Nodes()[0].Node, &session.App{}}
		var all sync.WaitGroup
		for i := range 1 + mostMarkers + 3 {
			all.Go(func() {
				if err := m.publish(t.Context(), at, fmt.Sprint(i), p.post); err != nil {
					t.Error(err)
				}
			})
			synctest.Wait()
		}
		all.Wait()
		if len(p.all) != 3 || len(p.all[0]) != 1 || len(p.all[1]) != mostMarkers || len(p.all[2]) != 3 {
			t.Errorf("got %d requests, want one of 1, one of %d, one of 3 markers", len(p.all), mostMarkers)
		}
		m.running.Wait()
		if len(m.lanes) != 0 {
			t.Errorf("got %d lanes, want that they are forgotten", len(m.lanes))
		}
	})
}

func TestARequestThatFailsFailsAllItsMarkers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var m markers
		p := posts{err: errors.New("401")}
		at := lane{poolOf(1).Nodes()[0].Node, &session.App{}}
		var all sync.WaitGroup
		for i := range 5 {
			all.Go(func() {
				if err := m.publish(t.Context(), at, fmt.Sprint(i), p.post); err == nil {
					t.Error("got no error")
				}
			})
		}
		all.Wait()
		m.running.Wait()
	})
}

func TestAClientThatGivesUpLeavesItsMarkerToTheOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var m markers
		var p posts
		at := lane{poolOf(1).Nodes()[0].Node, &session.App{}}
		first, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		var all sync.WaitGroup
		all.Go(func() {
			if err := m.publish(first, at, "first", p.post); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("got %v, want that its time is over", err)
			}
		})
		all.Go(func() {
			if err := m.publish(t.Context(), at, "second", p.post); err != nil {
				t.Error(err)
			}
		})
		all.Wait()
		m.running.Wait()
	})
}
