package cluster

import (
	"bytes"
	"context"
	"errors"
	"maps"
	"sync"
	"time"
)

// simStore is a store in memory, of which several members have a link each.
type simStore struct {
	mu       sync.Mutex
	reports  map[string][]byte
	state    []byte
	before   [][]byte // states that were there, the oldest first
	old      []oldReport
	ahead    time.Duration // its clock − the machine's
	latency  time.Duration // of links, one way; not to be changed
	beats    int
	swaps    int
	swapped  func(state []byte) // nil: nobody is told
	inFlight sync.WaitGroup     // late writes
}

type oldReport struct {
	id  string
	raw []byte
}

func newSimStore() *simStore { return &simStore{reports: make(map[string][]byte)} }

func (s *simStore) beat(id string, report []byte) Heard {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.beats++
	if report != nil {
		s.reports[id] = report
		s.old = append(s.old, oldReport{id, report})
	}
	return Heard{Now: time.Now().Add(s.ahead), Reports: maps.Clone(s.reports), State: bytes.Clone(s.state)}
}

func (s *simStore) swap(old, new []byte) (now []byte, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !sameBytes(s.state, old) {
		return bytes.Clone(s.state), ErrConflict
	}
	s.swaps++
	s.before = append(s.before, s.state)
	s.state = bytes.Clone(new)
	if s.swapped != nil {
		s.swapped(s.state)
	}
	return new, nil
}

// change is what somebody does to the store who is no member.
func (s *simStore) change(f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f()
}

// fault is what goes wrong with what a member asks of the store.
type fault int

const (
	none       fault = iota
	cut              // nothing arrives, and that is known at once
	hang             // nothing arrives, and nothing comes back
	lostAnswer       // it is done, and nothing comes back
	late             // it is done after a while, long after it was given up
	doubled          // it is done, and once more after a while
	faults
)

// lateBy is how long a late write takes.
const lateBy = 700 * time.Millisecond

var errCut = errors.New("the link is cut")

// link is a member's.
type link struct {
	store *simStore

	mu    sync.Mutex
	fault fault
	until time.Time // of fault
	swap  fault     // of the next write of a state; none: as all else
	first func()    // called before the next write of a state; nil: nothing is
}

// overtake has something happen just before the next write of a state.
func (l *link) overtake(first func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.first = first
}

// breakSwap is for the next write of a state alone.
func (l *link) breakSwap(f fault) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.swap = f
}

func (l *link) breaks(f fault, d time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.fault, l.until = f, time.Now().Add(d)
}

func (l *link) now() fault {
	l.mu.Lock()
	defer l.mu.Unlock()
	if time.Now().After(l.until) {
		return none
	}
	return l.fault
}

// pass does something in the store, or not, and is an error if no answer comes.
func pass[T any](ctx context.Context, l *link, do func() (T, error)) (answer T, err error) {
	f := l.now()
	if f == cut {
		return *new(T), errCut
	}
	<-time.After(l.store.latency)
	if f == none || f == lostAnswer || f == doubled {
		answer, err = do()
	}
	if f == late || f == doubled {
		l.store.inFlight.Go(func() {
			<-time.After(lateBy)
			do()
		})
	}
	if f == none || f == doubled {
		<-time.After(l.store.latency)
		return answer, err
	}
	select {
	case <-ctx.Done():
	case <-time.After(300 * time.Millisecond): // as a read is bounded
	}
	return *new(T), errCut
}

func (l *link) Beat(ctx context.Context, id string, report []byte) (Heard, error) {
	return pass(ctx, l, func() (Heard, error) { return l.store.beat(id, report), nil })
}

func (l *link) Swap(ctx context.Context, old, new []byte) (now []byte, err error) {
	l.mu.Lock()
	if l.swap != none {
		l.fault, l.until, l.swap = l.swap, time.Now(), none
	}
	first := l.first
	l.first = nil
	l.mu.Unlock()
	if first != nil {
		first()
	}
	return pass(ctx, l, func() ([]byte, error) { return l.store.swap(old, new) })
}

func (l *link) Remove(ctx context.Context, ids ...string) error {
	_, err := pass(ctx, l, func() (struct{}, error) {
		l.store.change(func() {
			for _, id := range ids {
				delete(l.store.reports, id)
			}
		})
		return struct{}{}, nil
	})
	return err
}

func (l *link) Close() error {
	l.breaks(cut, 24*time.Hour)
	return nil
}

// counts are how many beats there were, and how many writes of the state.
func (s *simStore) counts() (beats, swaps int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.beats, s.swaps
}
