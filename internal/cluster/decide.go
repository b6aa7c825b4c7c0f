package cluster

import (
	"context"
	"errors"
	"fmt"
)

// decideTries is how often a decision is tried when others decide at the same
// time.
const decideTries = 10

// Decide changes the shared state. It reads the newest, calls Changed with it,
// lets change work on a copy, and writes that if nobody has written meanwhile;
// otherwise it does all of that again. change may refuse with an error, which
// Decide returns, and must not call Decide.
//
// It is ErrAway when Redis cannot be reached; with local the decision is then
// made here alone, and the others are told once Redis is back.
func (m *Member) Decide(ctx context.Context, local bool, change func(v View, s *State) error) error {
	release := m.take(ctx)
	if release == nil {
		return context.Cause(ctx)
	}
	defer release()
	for range decideTries {
		err := m.decide(ctx, change)
		switch {
		case errors.Is(err, ErrConflict):
			continue
		case errors.Is(err, ErrAway) && local:
			return m.decideAlone(err, change)
		}
		return err
	}
	return fmt.Errorf("%d times in a row: %w", decideTries, ErrConflict)
}

// decide is ErrConflict if somebody else was faster.
func (m *Member) decide(ctx context.Context, change func(View, *State) error) error {
	if err := m.read(ctx); err != nil {
		return err
	}
	s := m.known.Clone()
	if err := change(m.View(), &s); err != nil {
		return err
	}
	err := m.write(ctx, s)
	if err != nil && !errors.Is(err, ErrConflict) {
		err = m.sure(ctx, m.unsure.new)
	}
	if err == nil {
		m.obey()
		m.tell()
	}
	return err
}

// awayError is ErrAway with why.
type awayError struct{ error }

func (e awayError) Error() string        { return ErrAway.Error() + ": " + e.error.Error() }
func (e awayError) Is(target error) bool { return target == ErrAway }
func (e awayError) Unwrap() error        { return e.error }

// read takes in the newest from the store.
func (m *Member) read(ctx context.Context) error {
	if err := m.exchange(ctx); err != nil {
		return awayError{err}
	}
	m.obey()
	m.tell()
	return nil
}

// sure finds out what became of a write whose answer was lost. It is ErrConflict
// if it was not made.
func (m *Member) sure(ctx context.Context, wrote []byte) error {
	if err := m.read(ctx); err != nil {
		return err
	}
	if !sameBytes(m.stored, wrote) {
		return ErrConflict
	}
	return nil
}

// decideAlone is for a Redis that cannot be reached, which is known from then on.
func (m *Member) decideAlone(why error, change func(View, *State) error) error {
	s := m.known.Clone()
	if err := change(m.View(), &s); err != nil {
		return err
	}
	m.know(s.normal())
	var away awayError
	if errors.As(why, &away) {
		why = away.error
	}
	m.away(why)
	return nil
}
