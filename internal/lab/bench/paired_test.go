//go:build linux

package main

import (
	"context"
	"errors"
	"io"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"fermata/internal/lab/bench/load"
	"fermata/internal/lab/bench/proc"
)

// launched are Fermata and the nodes alone, with a few clients each.
func launched(t *testing.T, ctx context.Context) *paired {
	t.Helper()
	b, err := parse(small, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	stop, err := b.prepare(ctx, t.TempDir())
	t.Cleanup(stop)
	if err != nil {
		t.Fatal(err)
	}
	p := &paired{bench: b, part: "traffic/plain", transport: "plain", proxies: b.proxies, clients: 4}
	t.Cleanup(func() { p.endAll(ctx) })
	if err := p.launchAll(ctx); err != nil || len(p.contenders) != 2 {
		t.Fatalf("got %d contenders, %v, %q, want 2", len(p.contenders), err, b.report.Remarks)
	}
	return p
}

func (p *paired) find(name string) *contender {
	i := slices.IndexFunc(p.contenders, func(c *contender) bool { return c.name == name })
	return p.contenders[i]
}

func TestAContenderThatDiesIsLeftOutAlone(t *testing.T) {
	if testing.Short() {
		t.Skip("SKIPPED under -short, as it takes seconds")
	}
	p := launched(t, t.Context())
	dead := p.find("fermata")
	dead.Kill()
	// The other one's turn comes first, and is not spoilt.
	if err := p.tripTurn(t.Context(), p.find(direct), turn); err != nil {
		t.Errorf("got %v in the other's turn", err)
	}
	if err := p.turns(t.Context(), 1, func(c *contender) error { return p.tripTurn(t.Context(), c, turn) }); err != nil {
		t.Fatal(err)
	}
	p.addTrips()
	row := p.report.Row("latency/plain/p99")
	if row == nil || len(row.Values[direct]) != 1 || len(row.Values) != 1 {
		t.Errorf("got row %+v, want a value without a proxy, and no other", row)
	}
	if len(p.report.Remarks) == 0 || !strings.HasPrefix(p.report.Remarks[0], "traffic/plain, fermata: ") {
		t.Errorf("got remarks %q, want one on fermata", p.report.Remarks)
	}
}

func TestAnInterruptedTurnLeavesNobodyBehind(t *testing.T) {
	if testing.Short() {
		t.Skip("SKIPPED under -short, as it takes seconds")
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	defer cancel(nil)
	enough := errors.New("enough")
	t.Run("interrupted", func(t *testing.T) {
		p := launched(t, ctx)
		err := p.turns(ctx, 1000, func(c *contender) error {
			cancel(enough)
			return p.tripTurn(ctx, c, turn)
		})
		if !errors.Is(err, enough) || len(p.contenders) != 2 || len(p.report.Remarks) > 0 {
			t.Errorf("got %v, %d contenders, remarks %q, want an end without blame", err, len(p.contenders), p.report.Remarks)
		}
	})
	if family, err := proc.Family(os.Getpid()); err != nil || len(family) != 1 {
		t.Errorf("got processes %v, %v, want this one alone", family, err)
	}
}

func TestEveryContenderHasTheSameTurns(t *testing.T) {
	p := &paired{contenders: []*contender{{running: &running{name: "a"}}, {running: &running{name: "b"}}, {running: &running{name: "c"}}}}
	var order []string
	err := p.turns(t.Context(), 12, func(c *contender) error {
		order = append(order, c.name)
		return nil
	})
	if err != nil || len(order) != 3*12 {
		t.Errorf("got %v, order %v, want 12 turns for each", err, order)
	}
	for round := range slices.Chunk(order, 3) {
		if len(slices.Compact(slices.Sorted(slices.Values(round)))) != 3 {
			t.Errorf("got order %v, want everybody once before anybody is next", order)
		}
	}
}

func TestTurnsMakeUpTheWholeTime(t *testing.T) {
	f := func(total time.Duration, want int) {
		t.Helper()
		if number, each := turnsOf(total); number != want || each > turn || total-each*time.Duration(number) >= time.Duration(number) {
			t.Errorf("%v: got %d turns of %v, want %d that make it up", total, number, each, want)
		}
	}
	f(100*time.Millisecond, 1)
	f(turn, 1)
	f(turn+1, 2)
	f(3*time.Second, 12)
}

func TestOneBadTurnShowsOnlyInTheHighestPercentile(t *testing.T) {
	good, bad := make([]time.Duration, 1000), make([]time.Duration, 1000)
	for i := range good {
		good[i], bad[i] = time.Duration(i)*time.Microsecond, time.Second
	}
	c := &contender{tripped: []load.Tripped{{Trips: good}, {Trips: bad}, {Trips: good}}}
	if p50, p99 := c.percentile(0.5), c.percentile(0.99); p50 != microseconds(good[499]) || p99 != microseconds(good[989]) {
		t.Errorf("got p50 %v µs and p99 %v µs, want those of a good turn", p50, p99)
	}
	if p999 := c.pooled(0.999); p999 != microseconds(time.Second) {
		t.Errorf("got p99.9 %v µs, want the bad turn's", p999)
	}
}
