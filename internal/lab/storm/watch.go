//go:build linux

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"syscall"
	"time"

	"fermata/internal/lab/command"
	"fermata/internal/lab/devnode"
	"fermata/internal/lab/storm/report"
)

// sampling is how often a node is asked.
const sampling = 200 * time.Millisecond

// watch asks each node again and again, until it is stopped.
type watch struct {
	nodes  *nodes
	began  time.Time
	stop   context.CancelFunc
	asking sync.WaitGroup

	mu       sync.Mutex
	upgrades int    // most that a node answered within a second
	now      []int  // subscribed clients of each node; 0: it is away
	loads    []load // oldest first
	most     int    // WebSocket connections of a node at any time, and
	mostOpen int    // its TCP connections
}

// load is how many clients each node has.
type load struct {
	at      time.Time
	clients []int
}

// startWatch begins; the caller ends it.
func startWatch(n *nodes) *watch {
	ctx, stop := context.WithCancel(context.Background())
	w := &watch{nodes: n, began: time.Now(), stop: stop, now: make([]int, nodeCount)}
	for i := range nodeCount {
		w.asking.Go(func() { w.follow(ctx, i) })
	}
	return w
}

func (w *watch) end() {
	w.stop()
	w.asking.Wait()
}

// strike counts the upgrades from now on.
func (w *watch) strike() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.upgrades = 0
}

// clients are those of a node now.
func (w *watch) clients(node int) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.now[node]
}

// follow follows one node, which may be away or frozen, or begin again at 0.
func (w *watch) follow(ctx context.Context, i int) {
	var window window
	for ; ctx.Err() == nil; command.Pause(ctx, sampling) {
		var stats devnode.Stats
		err := askJSON(ctx, w.nodes.node(i).URL()+"/devnode", &stats)
		switch {
		case err == nil:
			w.note(i, stats, window.add(sample{time.Now(), stats.Upgrades}))
		case errors.Is(err, syscall.ECONNREFUSED):
			w.note(i, stats, 0)
		}
	}
}

func (w *watch) note(i int, stats devnode.Stats, upgrades int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.upgrades = max(w.upgrades, upgrades)
	w.most, w.mostOpen = max(w.most, stats.Most), max(w.mostOpen, stats.MostOpen)
	w.now[i] = stats.Subscribed
	w.loads = append(w.loads, load{time.Now(), slices.Clone(w.now)})
}

// result fills in what was seen, in seconds from then on. Between two loads there
// is as much time as between two answers of one node.
func (w *watch) result(to *report.Case, from time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	to.PeakUpgrades = w.upgrades
	if to.Members == nil {
		return
	}
	to.Members.Most, to.Members.MostOpen = w.most, w.mostOpen
	var last time.Time
	for _, l := range w.loads {
		if l.at.Sub(last) >= sampling && !l.at.Before(from) {
			last = l.at
			to.Members.Loads = append(to.Members.Loads, report.Load{T: l.at.Sub(from).Seconds(), Clients: l.clients})
		}
	}
}

// askJSON gets what a URL answers within a second.
func askJSON(ctx context.Context, url string, answer any) error {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: got %s", url, response.Status)
	}
	return json.NewDecoder(response.Body).Decode(answer)
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
