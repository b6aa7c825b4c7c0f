//go:build linux

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"slices"
	"time"

	"fermata/internal/lab/bench/load"
	"fermata/internal/lab/bench/report"
	"fermata/internal/lab/command"
	"fermata/internal/lab/rival"
)

// upgradeRate are the messages a second, of all clients together.
const upgradeRate = 2000

// replacement is a Fermata that is replaced while its clients, all of whom have a session
// and no TLS, send messages that come back.
type replacement struct {
	*bench
	*running
	program rival.Program
	clients int
}

// upgrade measures what messages notice when a new process takes over all clients.
func (b *bench) upgrade(ctx context.Context, part string) error {
	both := b.both()
	if len(both) == 0 {
		return nil
	}
	return b.oneByOne(ctx, part, both[1:], func(p rival.Program) error {
		return b.replaced(ctx, p, func(u *replacement) error { return u.measure(ctx) })
	})
}

// replaced starts a Fermata, has it replaced in work, and ends it.
func (b *bench) replaced(ctx context.Context, p rival.Program, work func(*replacement) error) (err error) {
	u := &replacement{bench: b, program: p, clients: max(1, b.clients*5/9)}
	at := b.at
	at.Admin = "unix:" + filepath.Join(at.Dir, "admin.sock")
	if u.running, err = start(p, at); err != nil {
		return err
	}
	within, cancel := context.WithTimeoutCause(ctx, 20*time.Second, errors.New("it did not answer within 20s"))
	defer cancel()
	err = errors.Join(u.untilAnswered(within, u.running, false), u.closeAll(ctx, u.running))
	if err == nil {
		err = work(u)
	}
	return b.end(ctx, u.running, err)
}

func (u *replacement) measure(ctx context.Context) error {
	if _, err := u.open(ctx, u.running, load.Open{Clients: u.clients, Secret: appSecret}); err != nil {
		return err
	}
	if err := command.Pause(ctx, u.settle/4); err != nil {
		return err
	}
	var tripped load.Tripped
	upgrading := max(time.Second, 3*u.settle) // and more: the last messages are of afterwards
	trips := load.Trips{App: u.name, Rate: upgradeRate, Number: int(upgradeRate * (u.settle + upgrading).Seconds()), Size: messageSize, Counted: true}
	done := make(chan error, 1)
	go func() { done <- u.load.Call(ctx, "Trip", trips, &tripped) }()
	err := command.Pause(ctx, u.settle)
	from := time.Now()
	handedOver, upgradeErr := u.replace(ctx)
	until := time.Now()
	if err := errors.Join(err, upgradeErr, <-done); err != nil {
		return err
	}
	u.tell(handedOver, tripped, from, until)
	return nil
}

// replace returns when a new process has all clients.
func (u *replacement) replace(ctx context.Context) (handedOver int, err error) {
	out, err := exec.CommandContext(ctx, u.program.Path(), "upgrade", "--json", "--admin", u.running.at.Admin).CombinedOutput()
	if err != nil {
		return 0, fmt.Errorf("fermata upgrade: %w: %s", err, out)
	}
	var upgraded struct {
		HandedOver int `json:"handed_over"`
	}
	return upgraded.HandedOver, json.Unmarshal(out, &upgraded)
}

func (u *replacement) tell(handedOver int, t load.Tripped, from, until time.Time) {
	during, still := slices.Sorted(slices.Values(t.Within(from, until))), slices.Sorted(slices.Values(t.Within(t.Start, from)))
	what := fmt.Sprintf("an upgrade with %d plain clients", u.clients)
	u.add("clients", what+": handed over (more is better)", "clients", float64(handedOver))
	u.add("took", "the same: until all are", "ms", milliseconds(until.Sub(from)))
	u.add("lost", fmt.Sprintf("the same: messages of %d, %d/s, lost", len(t.Each), upgradeRate), "", float64(t.Lost))
	u.add("twice", "the same: doubled", "", float64(t.Twice))
	u.add("astray", "the same: at another client", "", float64(t.Astray))
	u.add("still", "round trip p99 before the upgrade", "ms", milliseconds(report.Percentile(still, 0.99)))
	u.add("p50", "round trip p50 in the upgrade", "ms", milliseconds(report.Percentile(during, 0.5)))
	u.add("p99", "round trip p99 in the upgrade", "ms", milliseconds(report.Percentile(during, 0.99)))
	u.add("max", "longest round trip in the upgrade", "ms", milliseconds(report.Percentile(during, 1)))
}

func (u *replacement) add(name, title, unit string, value float64) {
	u.report.Add(report.Row{Name: "upgrade/" + name, Title: title, Unit: unit}, u.name, value)
}
