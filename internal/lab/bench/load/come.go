//go:build linux

package load

import (
	"slices"
	"sync"
	"time"
)

// Come is a number of clients that come at a fixed rate, whether or not those before
// them are served. Each subscribes and goes.
type Come struct {
	App, Secret  string
	Address      string
	TLS          bool
	Rate, Number int
}

// Came is what came of them.
type Came struct {
	Took   []time.Duration // from when each was due until it was subscribed, sorted
	Failed int
	Why    string // the first one's error
}

// Come returns when all have gone.
func (g *Generator) Come(c Come, came *Came) error {
	addresses, err := parseAll([]string{c.Address})
	if err != nil {
		return err
	}
	o := Open{App: c.App, Secret: c.Secret, TLS: c.TLS}
	config := g.config(o)
	var clients sync.WaitGroup
	var mu sync.Mutex
	note := func(err error, took time.Duration) {
		mu.Lock()
		defer mu.Unlock()
		if err == nil {
			came.Took = append(came.Took, took)
			return
		}
		if came.Failed++; came.Why == "" {
			came.Why = err.Error()
		}
	}
	start := time.Now()
	for i := range c.Number {
		due := start.Add(time.Duration(i) * time.Second / time.Duration(c.Rate))
		time.Sleep(time.Until(due))
		clients.Go(func() {
			one, err := open(i, addresses[0], config, o)
			note(err, time.Since(due))
			if err == nil {
				one.socket.Close()
			}
		})
	}
	clients.Wait()
	slices.Sort(came.Took)
	return nil
}
