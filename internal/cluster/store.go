package cluster

import (
	"context"
	"errors"
	"time"
)

// Store is where members meet. Its methods may be called at the same time.
type Store interface {
	// Beat writes a member's report, unless that is nil, and reads what all have
	// written.
	Beat(ctx context.Context, id string, report []byte) (Heard, error)
	// Swap writes a state in the place of old, which is nil where there was none.
	// ErrConflict: there is another now, which it returns. With any other error it may
	// have been written, or still be.
	Swap(ctx context.Context, old, new []byte) (now []byte, err error)
	// Remove removes members' reports.
	Remove(ctx context.Context, ids ...string) error
	Close() error
}

// Heard is what a store has at a moment.
type Heard struct {
	Now     time.Time         // by the store's clock
	Reports map[string][]byte // by member id
	State   []byte            // nil: none
}

var (
	// ErrConflict is that somebody else was faster.
	ErrConflict = errors.New("another member has changed the state")
	// ErrAway is that a decision was not made, or not for all members: it may
	// be, if Redis was lost in the middle.
	ErrAway = errors.New("the cluster's Redis cannot be reached")
)
