//go:build linux

package crowd

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"fermata/internal/lab/command"
	"fermata/internal/lab/storm/report"
)

const (
	// reporting bounds how long all clients take for a report.
	reporting = time.Minute
	// underWay is how long an event may take, at least, that was published last.
	underWay = time.Second
)

// Deliveries asks the clients what has come of the events that were published so
// many times to channels of each kind, since before the event. Those who are away
// have missed what they have not got.
func (c *Crowd) Deliveries(ctx context.Context, published []int) (all report.Deliveries, err error) {
	for {
		before := all
		if err := command.Pause(ctx, underWay); err != nil {
			return all, err
		}
		if err := c.gather(ctx); err != nil {
			return all, err
		}
		plain, secure := c.DeliveriesOf(published)
		if all = plain.Plus(secure); all == before || all.Missed == 0 {
			return all, nil
		}
	}
}

// DeliveriesOf are those of the plain clients and of those with TLS, as these have
// reported them last.
func (c *Crowd) DeliveriesOf(published []int) (plain, secure report.Deliveries) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for i := range c.clients {
		client := &c.clients[i]
		switch {
		case client.member && client.secure:
			client.deliveries(published, &secure)
		case client.member:
			client.deliveries(published, &plain)
		}
	}
	return plain, secure
}

// gather waits for a report of each client.
func (c *Crowd) gather(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, reporting, errors.New("the clients do not report"))
	defer cancel()
	c.mu.Lock()
	c.reports = 0
	c.mu.Unlock()
	for _, ask := range c.ask {
		if err := ask(); err != nil {
			return fmt.Errorf("ask the clients: %w", err)
		}
	}
	for !c.reported() {
		if err := command.Pause(ctx, 20*time.Millisecond); err != nil {
			return err
		}
	}
	return nil
}

func (c *Crowd) reported() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.reports >= len(c.clients)
}

func askForReports(w io.Writer, clients int) error {
	b := bufio.NewWriter(w)
	for i := range clients {
		fmt.Fprintf(b, "{\"do\":\"report\",\"client\":%d}\n", i)
	}
	return b.Flush()
}

// deliveries adds up what the client has got.
func (c *client) deliveries(published []int, to *report.Deliveries) {
	missed := 0
	for _, n := range published {
		missed += n
	}
	to.Due += missed
	for _, s := range c.sequences {
		missed -= s.Count - s.Twice
		to.Twice += s.Twice
		to.Late += s.Late
	}
	to.Missed += missed
	if missed > 0 {
		to.Clients++
	}
}
