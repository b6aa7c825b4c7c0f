//go:build linux

package main

import (
	"context"
	"encoding/json"
	"net/http"
	"sync"
	"time"

	"fermata/internal/lab/command"
	"fermata/internal/lab/devnode"
)

// sampling is how often a node is asked.
const sampling = 200 * time.Millisecond

// peaks ask each node for its upgrades, until ctx ends.
type peaks struct {
	nodes   *nodes
	reading sync.WaitGroup

	mu   sync.Mutex
	most int
}

// watchPeaks begins; the caller ends ctx and then takes the highest.
func watchPeaks(ctx context.Context, n *nodes) *peaks {
	p := &peaks{nodes: n}
	for i := range nodeCount {
		p.reading.Go(func() { p.watch(ctx, i) })
	}
	return p
}

// highest waits for the end, and is the most upgrades that a node answered
// within a second.
func (p *peaks) highest() int {
	p.reading.Wait()
	return p.most
}

// watch follows one node, which may be away or frozen, or begin again at 0.
func (p *peaks) watch(ctx context.Context, i int) {
	var window window
	for ; ctx.Err() == nil; command.Pause(ctx, sampling) {
		upgrades, err := askUpgrades(ctx, p.nodes.node(i).URL())
		if err != nil {
			continue
		}
		most := window.add(sample{time.Now(), upgrades})
		p.mu.Lock()
		p.most = max(p.most, most)
		p.mu.Unlock()
	}
}

func askUpgrades(ctx context.Context, url string) (int, error) {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url+"/devnode", nil)
	if err != nil {
		return 0, err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0, err
	}
	defer response.Body.Close()
	var stats devnode.Stats
	err = json.NewDecoder(response.Body).Decode(&stats)
	return stats.Upgrades, err
}

// sample is a node's count of upgrades at some time.
type sample struct {
	at    time.Time
	count int
}

// window has the samples of the last second and one before them, oldest first.
type window []sample

// add returns how many upgrades there were in the last second. A count that
// has gone down is that of a node that was restarted.
func (w *window) add(s sample) int {
	if len(*w) > 0 && s.count < (*w)[len(*w)-1].count {
		*w = window{{at: s.at}}
	}
	*w = append(*w, s)
	for len(*w) > 1 && s.at.Sub((*w)[1].at) >= time.Second {
		*w = (*w)[1:]
	}
	first := (*w)[0]
	return int(float64(s.count-first.count) / max(1, s.at.Sub(first.at).Seconds()))
}
