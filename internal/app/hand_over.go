package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"go.uber.org/zap"

	"fermata/internal/handover"
	"fermata/proxy"
)

const (
	// batchSize is how many clients are handed over at once. They wait meanwhile, for a
	// few milliseconds; a message can carry the descriptors of 125.
	batchSize = 50
	// handOverAgain is when those are tried again that could not be handed over.
	handOverAgain = time.Second
	// batchBytes bounds what is known of the clients of a batch: a slow one may have a
	// megabyte queued for either side, and a message has an end.
	batchBytes = 8 << 20
	// batchWithin is how long the successor may take to answer for a batch.
	batchWithin = 5 * time.Second
)

// handOverAll hands over who can be, and from then on who can be later, until ctx ends.
func (f *following) handOverAll(ctx context.Context) {
	again := time.NewTicker(handOverAgain)
	defer again.Stop()
	defer f.once.Do(func() { close(f.first) })
	begun, all := time.Now(), 0
	for number := 1; ; {
		given, err := f.handOver(ctx, number)
		number++
		all += given
		f.given.Add(int64(given))
		if ctx.Err() != nil {
			return
		}
		if err != nil {
			f.log.Warn("clients not handed over, they stay", zap.NamedError("err", err))
			return
		}
		if given > 0 {
			continue
		}
		if all > 0 {
			f.tell("handed_over", "", fmt.Sprintf("%d clients have gone to the successor", all), zap.Duration("dur", time.Since(begun)))
			all = 0
			f.tellNow()
		}
		f.once.Do(func() { close(f.first) })
		select {
		case <-ctx.Done():
			return
		case <-again.C:
			begun = time.Now()
		}
	}
}

// tellNow has the successor hear at once what this process has: others may come in
// instead of those that have gone.
func (f *following) tellNow() {
	select {
	case f.news <- struct{}{}:
	default:
	}
}

// handOver hands over one batch. In between nobody relays its clients.
func (f *following) handOver(ctx context.Context, number int) (given int, err error) {
	leaving, left := f.handler.HandOver(ctx, batchSize)
	f.staying.Store(int64(left.Stay))
	if len(leaving) == 0 {
		return 0, ctx.Err()
	}
	b := handover.Batch{Number: number}
	var files, sizes []int
	for _, l := range leaving {
		sizes = append(sizes, len(l.State()))
	}
	some := fitting(sizes)
	resume(leaving[some:]) // until the next batch
	leaving = leaving[:some]
	for _, l := range leaving {
		b.States = append(b.States, json.RawMessage(l.State()))
		files = append(files, l.Client(), l.Node())
	}
	if err := f.conn.Send(handover.KindClients, b, files...); err != nil {
		resume(leaving) // a message that is not whole counts for nothing
		f.conn.Interrupt()
		return 0, err
	}
	have, err := f.awaitHave(ctx, number)
	if err != nil {
		return 0, errors.Join(err, f.keep(leaving, number))
	}
	if err := f.conn.Send(handover.KindGo, handover.Go{Number: number}); err != nil {
		return 0, errors.Join(err, f.keep(leaving, number))
	}
	for i, l := range leaving {
		if reason, refused := have.Refused[i]; refused {
			f.log.Debug("client not taken by the successor, it stays", zap.String("reason", reason))
			l.Stay()
			continue
		}
		l.Gone()
		given++
	}
	return given, nil
}

// fitting is how many clients of these sizes are in a batch, one at least.
func fitting(sizes []int) (some int) {
	for all := 0; some < len(sizes); some++ {
		if all += sizes[some]; all > batchBytes && some > 0 {
			break
		}
	}
	return some
}

func (f *following) awaitHave(ctx context.Context, number int) (handover.Have, error) {
	limit := time.NewTimer(batchWithin)
	defer limit.Stop()
	for {
		select {
		case have := <-f.have:
			if have.Number == number {
				return have, nil
			}
		case <-ctx.Done():
			return handover.Have{}, ctx.Err()
		case <-limit.C:
			return handover.Have{}, fmt.Errorf("no answer within %s", batchWithin)
		}
	}
}

// keep has the clients of a batch go on here. A successor that lives must know that
// before; one that cannot be told, and lives, may relay them.
func (f *following) keep(leaving []*proxy.Leaving, number int) error {
	err := f.conn.Send(handover.KindGo, handover.Go{Number: number, Kept: true})
	if handover.IsTimeout(err) {
		for _, l := range leaving {
			l.Gone()
		}
		f.conn.Interrupt()
		return fmt.Errorf("%d clients lost: the successor is stuck: %w", len(leaving), err)
	}
	resume(leaving)
	return nil
}

func resume(leaving []*proxy.Leaving) {
	for _, l := range leaving {
		l.Resume()
	}
}

// arrivals are the clients of one batch, which nobody relays until its end.
type arrivals struct {
	number  int
	clients []*proxy.Arriving
}

// receiveBatch takes clients over. The descriptors of those that are refused are closed.
func (a *App) receiveBatch(p *predecessor, m *handover.Message) error {
	var b handover.Batch
	if err := m.Into(&b); err != nil {
		return err
	}
	if len(m.Files) != 2*len(b.States) || p.batches.clients != nil {
		return fmt.Errorf("got a batch of %d clients with %d descriptors, want two for each, and one batch at a time", len(b.States), len(m.Files))
	}
	have := handover.Have{Number: b.Number, Refused: make(map[int]string)}
	p.batches = arrivals{number: b.Number}
	files := m.Files
	m.Files = nil // are the clients' from now on
	for i, state := range b.States {
		arriving, err := a.handler.Receive(files[2*i], files[2*i+1], state)
		if err != nil {
			have.Refused[i] = err.Error()
			continue
		}
		p.batches.clients = append(p.batches.clients, arriving)
	}
	return p.conn.Send(handover.KindHave, have)
}

// end begins to relay the clients of a batch, or leaves them to the predecessor.
func (b *arrivals) end(g handover.Go) {
	for _, c := range b.clients {
		if g.Kept || g.Number != b.number {
			c.Drop()
		} else {
			c.Start()
		}
	}
	b.clients = nil
}

// orphaned is the end of a predecessor in the middle of a batch. Nobody else relays the
// clients if it has died.
func (b *arrivals) orphaned(died bool) { b.end(handover.Go{Number: b.number, Kept: !died}) }
