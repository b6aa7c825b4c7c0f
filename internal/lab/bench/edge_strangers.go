//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"fermata/internal/lab/bench/load"
	"fermata/internal/lab/bench/proc"
	"fermata/internal/lab/bench/report"
	"fermata/internal/lab/bench/strangers"
	"fermata/internal/lab/child"
	"fermata/internal/lab/command"
	"fermata/internal/lab/rival"
)

const (
	// withStrangers is the column of the Fermata to which strangers come.
	withStrangers = "strangers"
	strangersFile = "strangers.yaml"
	// strangersTurns are the turns in which they come. So 2,000 come in a second, which
	// leaves the machine, that is theirs too, time for live clients.
	strangersTurns = 20
)

// edgeStrangers measures what live clients of a TLS listener notice of strangers, half
// of them slow handshakes, half slow headers of the PROXY protocol. Two Fermatas with the
// same clients have their turns, and strangers come to one of them.
func (b *bench) edgeStrangers(ctx context.Context, part string) error {
	fermata, ok := b.fermata()
	if !ok {
		return nil
	}
	b.report.Column(withStrangers)
	crowd, err := child.Start(ctx, withStrangers)
	if err != nil {
		return err
	}
	defer crowd.Stop()
	both := []rival.Program{fermata.As(rival.Fermata, strangersFile), fermata.As(withStrangers, strangersFile)}
	s := &siege{paired{bench: b, part: part, transport: "tls", proxies: both, clients: max(1, b.clients/45)}, crowd}
	defer s.endAll(ctx)
	if err := errors.Join(s.launchAll(ctx), command.Pause(ctx, b.settle)); err != nil {
		return err
	}
	return s.run(ctx)
}

// siege is two Fermatas with live clients, and strangers at one of them.
type siege struct {
	paired
	crowd *child.Child
}

func (s *siege) run(ctx context.Context) error {
	before, err := s.descriptors()
	if err != nil {
		return err
	}
	if err := s.turns(ctx, strangersTurns, func(c *contender) error { return s.come(ctx, c) }); err != nil {
		return err
	}
	s.addTrips("come", "while strangers come")
	if err := errors.Join(command.Pause(ctx, s.settle), s.memory("edge/strangers-memory", "memory of the process, and with strangers")); err != nil {
		return err
	}
	number, each := turnsOf(s.duration)
	if err := s.turns(ctx, number, func(c *contender) error { return s.live(ctx, c, each) }); err != nil {
		return err
	}
	s.addTrips("there", "while they are there")
	if err := errors.Join(s.crowd.Call(ctx, "Leave", 0, new(int)), command.Pause(ctx, s.settle)); err != nil {
		return err
	}
	after, err := s.descriptors()
	for name, n := range after {
		s.report.Add(report.Row{Name: "edge/strangers-left", Title: "descriptors left behind, and by strangers"}, name, float64(n-before[name]))
	}
	return errors.Join(err, s.memory("edge/strangers-memory-after", "memory of the process, and when strangers have gone"))
}

// come has some of the strangers come while live clients make round trips. Those that do
// not come to the contender come to nobody: what they cost the machine is not its cost.
func (s *siege) come(ctx context.Context, c *contender) error {
	const each = 5 * time.Second / strangersTurns
	number := max(4, s.bench.clients*10/9/strangersTurns)
	some := strangers.Come{Number: number, Rate: int(float64(number) / each.Seconds())}
	if c.name == withStrangers {
		some.Address = c.at.TLS
	}
	came := make(chan error, 1)
	go func() { came <- s.crowd.Call(ctx, "Come", some, new(int)) }()
	return errors.Join(s.live(ctx, c, each), <-came)
}

// live is a turn of live clients' round trips, at less than the usual rate, as strangers
// have the machine, too.
func (s *siege) live(ctx context.Context, c *contender, d time.Duration) error {
	rate := max(1, s.rate*2/5)
	var t load.Tripped
	err := s.load.Call(ctx, "Trip", load.Trips{App: c.name, Rate: rate, Number: max(1, int(d.Seconds()*float64(rate))), Size: messageSize}, &t)
	c.tripped = append(c.tripped, t)
	return err
}

// addTrips adds what the turns since the last time have given.
func (s *siege) addTrips(name, when string) {
	for _, c := range s.contenders {
		s.watchSchedule(c, "round trips "+when)
		for text, p := range map[string]float64{"p50": 0.5, "p99": 0.99} {
			s.report.Add(report.Row{
				Name: "edge/strangers-" + name + "/" + text, Title: fmt.Sprintf("round trip %s, TLS, and %s", text, when), Unit: "µs", Rivals: []string{rival.Fermata},
			}, c.name, c.percentile(p))
		}
		c.tripped = nil
	}
}

func (s *siege) descriptors() (map[string]int, error) {
	open := map[string]int{}
	for _, c := range s.contenders {
		n, err := proc.Descriptors(c.pids)
		if err != nil {
			return nil, err
		}
		open[c.name] = n
	}
	return open, nil
}

func (s *siege) memory(name, title string) error {
	for _, c := range s.contenders {
		bytes, err := proc.PSS(c.pids)
		if err != nil {
			return err
		}
		s.report.Add(report.Row{Name: name, Title: title, Unit: "MiB", Rivals: []string{rival.Fermata}}, c.name, float64(bytes)/(1<<20))
	}
	return nil
}
