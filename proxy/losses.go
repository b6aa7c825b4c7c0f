package proxy

import (
	"sync"
	"time"

	"go.uber.org/zap"

	"fermata/balancer"
)

// How many clients a node has that ends for want of ext-uv: Reverb does at about
// 1,017 connections, of which some are requests, checks, or come another way.
const (
	fewestAtLimit = 900
	mostAtLimit   = 1024
)

// atOnce is how long the clients of a node that has ended take to be noticed.
const atOnce = 10 * time.Second

// losses are the clients whose node has vanished under them, by node. The zero
// value is ready. Its methods may be called concurrently.
type losses struct {
	mu    sync.Mutex
	nodes map[*balancer.Node]*loss
}

// loss is one node's, of the last moments.
type loss struct {
	began time.Time
	had   int // clients of the node when it began
	count int
	told  bool
}

// add counts one more. It returns how many clients the node had, once, when
// these were as many as Reverb does not survive, and nearly all are lost; else 0.
// clients is how many it has now.
func (l *losses) add(n *balancer.Node, now time.Time, clients int) (had int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	current := l.nodes[n]
	if current == nil || now.Sub(current.began) > atOnce {
		current = &loss{began: now, had: clients}
		if l.nodes == nil {
			l.nodes = make(map[*balancer.Node]*loss)
		}
		l.nodes[n] = current
	}
	current.count++
	if current.told || current.had < fewestAtLimit || current.had > mostAtLimit || 10*current.count < 9*current.had {
		return 0
	}
	current.told = true
	return current.had
}

// forget drops what is known of a node that is gone.
func (l *losses) forget(n *balancer.Node) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.nodes, n)
}

// noteLoss names the likely cause when a node has ended that had as many clients
// as Reverb does not survive without ext-uv: the node itself says nothing.
func (h *Handler) noteLoss(n *balancer.Node) {
	had := h.losses.add(n, time.Now(), h.pool.Status(n).Connections)
	if had == 0 {
		return
	}
	h.log.Warn("node ended at the limit of Reverb without ext-uv", zap.String("node", n.Name()), zap.Int("clients", had),
		zap.String("reason", "without ext-uv Reverb ends at about 1,017 connections: set max_connections: 950 for it, or install ext-uv there"))
}
