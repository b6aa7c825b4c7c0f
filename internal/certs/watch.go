package certs

import (
	"context"
	"errors"
	"time"
)

// Watch looks at the files in every interval until ctx is done. When they have
// changed it swaps the certificates and calls changed(nil). Where the new files
// are no good, or not complete yet, the certificates stay as they are and
// changed gets the reason, once for the same content. The same goes for one that
// clients would refuse, as it is not valid now, in place of one that they take.
// Watch reads the files instead of asking the system for events: that also sees
// a symlink swapped somewhere above them, and a network file system.
func (s *Store) Watch(ctx context.Context, every time.Duration, changed func(error)) {
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	w := watcher{store: s, changed: changed}
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			w.poll(time.Now())
		}
	}
}

type watcher struct {
	store   *Store
	changed func(error)
	told    digest // the bad content that changed knows about
}

func (w *watcher) poll(now time.Time) {
	running := w.store.current.Load()
	next, err := running.reread(now)
	switch {
	case next.digest == running.digest:
		w.told = digest{}
	case err != nil:
		w.tell(next.digest, err)
	case w.store.current.CompareAndSwap(running, next): // a Replace in between wins
		w.told = digest{}
		w.changed(nil)
	}
}

func (w *watcher) tell(bad digest, err error) {
	if w.told == bad {
		return
	}
	w.told = bad
	w.changed(err)
}

// reread makes the next generation from the files; only its digest counts when
// there is an error, or when it is the digest of the running one.
func (g *generation) reread(now time.Time) (*generation, error) {
	texts, digest, err := readAll(g.pairs)
	next := &generation{pairs: g.pairs, tickets: g.tickets, digest: digest, issued: g.issued}
	if err != nil || digest == g.digest {
		return next, err
	}
	if next.certs, err = parseAll(g.pairs, texts); err != nil {
		return next, err
	}
	return next, g.worse(next, now)
}

// worse says which of the next certificates clients would refuse that take
// those of today.
func (g *generation) worse(next *generation, now time.Time) error {
	var errs []error
	for i, p := range g.pairs {
		if checkValidity(p, g.certs[i].Leaf, now) == nil {
			errs = append(errs, checkValidity(p, next.certs[i].Leaf, now))
		}
	}
	return errors.Join(errs...)
}
