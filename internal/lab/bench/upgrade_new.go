//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"fermata/internal/lab/bench/load"
	"fermata/internal/lab/bench/report"
	"fermata/internal/lab/command"
	"fermata/internal/lab/rival"
)

const (
	inARow       = 10  // upgrades
	comingRate   = 100 // new clients a second without TLS, and as many with TLS
	comingAtOnce = 50  // for so many they are counted at once
)

// upgradeNew measures what new clients notice of upgrades in a row.
func (b *bench) upgradeNew(ctx context.Context, part string) error {
	both := b.both()
	if len(both) == 0 {
		return nil
	}
	return b.oneByOne(ctx, part, both[1:], func(p rival.Program) error {
		return b.replaced(ctx, p, func(u *replacement) error { return u.measureNew(ctx) })
	})
}

func (u *replacement) measureNew(ctx context.Context) error {
	coming, over := context.WithCancel(ctx)
	defer over()
	var plain, secure load.Came
	var errs [3]error
	var all sync.WaitGroup
	all.Go(func() { errs[0] = u.come(coming, u.running.at.Plain, false, &plain) })
	all.Go(func() { errs[1] = u.come(coming, u.running.at.TLS, true, &secure) })
	began, took := time.Now(), []time.Duration(nil)
	for range inARow {
		if _, errs[2] = u.replace(ctx); errs[2] != nil {
			break
		}
		took = append(took, time.Since(began))
		if errs[2] = command.Pause(ctx, u.settle/2); errs[2] != nil {
			break
		}
		began = time.Now()
	}
	over()
	all.Wait()
	if err := errors.Join(errs[:]...); err != nil {
		return err
	}
	u.add("row", fmt.Sprintf("%d upgrades in a row, with %d new clients a second: the longest", inARow, 2*comingRate), "ms", milliseconds(slices.Max(took)))
	u.tellNew("plain", plain)
	u.tellNew("TLS", secure)
	return nil
}

// come has clients come until ctx ends.
func (u *replacement) come(ctx context.Context, address string, tls bool, all *load.Came) error {
	c := load.Come{App: u.name, Secret: appSecret, Address: address, TLS: tls, Rate: comingRate, Number: comingAtOnce}
	for ctx.Err() == nil {
		var some load.Came
		if err := u.load.Call(context.WithoutCancel(ctx), "Come", c, &some); err != nil {
			return err
		}
		all.Took, all.Failed = append(all.Took, some.Took...), all.Failed+some.Failed
		if some.Failed > 0 {
			u.report.Remark("upgrades in a row: a new client has failed: %s", some.Why)
		}
	}
	slices.Sort(all.Took)
	return nil
}

func (u *replacement) tellNew(transport string, c load.Came) {
	what := fmt.Sprintf("the same: new clients, %s", transport)
	u.add("new/"+transport, what+" (more is better)", "clients", float64(len(c.Took)+c.Failed))
	u.add("failed/"+transport, what+", failed", "clients", float64(c.Failed))
	u.add("new-p99/"+transport, what+", p99 until subscribed", "ms", milliseconds(report.Percentile(c.Took, 0.99)))
}
