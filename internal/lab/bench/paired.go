//go:build linux

package main

import (
	"context"
	"math/rand/v2"
	"slices"
	"time"

	"fermata/internal/lab/bench/load"
	"fermata/internal/lab/command"
	"fermata/internal/lab/rival"
)

// paired are proxies that run at the same time, each with clients of its own
// that are idle until it is the proxy's turn. A machine's speed changes within
// seconds: what it does to one of them it so does to all.
type paired struct {
	*bench
	part, transport string
	proxies         []rival.Program
	clients         int    // of each
	secret          string // with which they subscribe to channels; empty: they do not
	contenders      []*contender
}

// contender is one of the proxies, and what its turns gave.
type contender struct {
	*running
	trips, broadcasts, arrivals tally
	tripped                     []load.Tripped // of each turn
	resumed                     int            // TLS sessions of arrivals
}

// tally is what a number of events cost.
type tally struct {
	cost
	events int
}

const (
	// turn is how long a proxy works until it is another one's turn: far less
	// than the machine's changes of speed last, and enough for a percentile.
	turn = 250 * time.Millisecond
	// afterwards is for what a turn leaves a proxy to do, like the collection of
	// garbage: it belongs to what the turn cost.
	afterwards = 10 * time.Millisecond
)

// launchAll launches the proxies and opens their clients. The caller ends all
// contenders, also upon an error.
func (p *paired) launchAll(ctx context.Context) error {
	return p.oneByOne(ctx, p.part, p.proxies, func(one rival.Program) error {
		r, err := p.launch(ctx, one, p.transport == "tls")
		if err != nil {
			return err
		}
		if _, err := p.open(ctx, r, load.Open{Clients: p.clients, TLS: p.transport == "tls", Secret: p.secret}); err != nil {
			return p.end(ctx, r, err)
		}
		p.contenders = append(p.contenders, &contender{running: r})
		return nil
	})
}

func (p *paired) endAll(ctx context.Context) {
	for _, c := range p.contenders {
		p.end(ctx, c.running, nil)
	}
}

// turns has each contender do work in so many turns. The order is another one
// each time, so that nobody always follows the same one.
func (p *paired) turns(ctx context.Context, number int, work func(*contender) error) error {
	for range number {
		rand.Shuffle(len(p.contenders), func(i, j int) { p.contenders[i], p.contenders[j] = p.contenders[j], p.contenders[i] })
		if err := p.each(ctx, work); err != nil {
			return err
		}
	}
	return nil
}

// turnsOf is how many turns make up a time in all, and how long each is.
func turnsOf(total time.Duration) (number int, each time.Duration) {
	number = int((total + turn - 1) / turn)
	return number, total / time.Duration(number)
}

// each has the contenders work one after the other. One that fails is ended and
// left out; each itself fails when ctx ends.
func (p *paired) each(ctx context.Context, work func(*contender) error) error {
	p.contenders = slices.DeleteFunc(p.contenders, func(c *contender) bool {
		if ctx.Err() != nil {
			return false
		}
		err := work(c)
		if err == nil || ctx.Err() != nil {
			return false
		}
		p.leaveOut(p.part, c.name, p.end(ctx, c.running, err))
		return true
	})
	return context.Cause(ctx)
}

// add has a contender do work that is a number of events, and adds what it cost.
func (p *paired) add(ctx context.Context, c *contender, to *tally, events int, work func() error) error {
	spent, err := p.spend(c.running, func() error {
		if err := work(); err != nil {
			return err
		}
		return command.Pause(ctx, afterwards)
	})
	*to = tally{to.plus(spent), to.events + events}
	return err
}
