package screen

import (
	"context"
	"errors"
	"fmt"
	"time"

	"fermata/internal/admin"
)

// retryAfter is how long we wait before we ask a Fermata that was away.
const retryAfter = 500 * time.Millisecond

// follow carries what Fermata tells into the model, and comes back when the
// stream has ended.
func (c *Screen) follow(ctx context.Context) error {
	heard, last := false, ""
	tell := func(next change) {
		heard = true
		c.tell(ctx, next)
	}
	watcher := admin.Watcher{
		Look:   func(look admin.Look) { tell(func(m *model) { m.looked(look) }) },
		Sample: func(sample admin.Sample) { tell(func(m *model) { m.sampled(sample) }) },
		Event:  func(event admin.Event) { tell(func(m *model) { m.happened(event) }) },
	}
	for {
		var err error
		last, err = c.client.Live(ctx, last, c.model.local, watcher)
		switch {
		case ctx.Err() != nil:
			return nil
		case err == nil:
			err = fmt.Errorf("%w %s: the stream has ended", admin.ErrUnreachable, c.model.address)
		}
		if !heard || !errors.Is(err, admin.ErrUnreachable) {
			return err
		}
		c.tell(ctx, func(m *model) { m.missed(err) })
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(retryAfter):
		}
	}
}
