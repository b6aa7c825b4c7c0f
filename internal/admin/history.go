package admin

import (
	"context"
	"net/http"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// SampleEvery is how far apart the samples of the history are.
const SampleEvery = 5 * time.Second

// keptSamples make fifteen minutes.
const keptSamples = 180

// Sample is how it was at a time, and what happened in the moments before, as
// /v1/history has it. What did not happen at all is left out of the maps.
type Sample struct {
	Time        time.Time          `json:"time"`
	Connections map[string]float64 `json:"connections"` // by node
	Opened      float64            `json:"opened"`      // clients connected per second
	Closed      map[string]float64 `json:"closed"`      // clients ended per second, by who ended them
	Checks      map[string]float64 `json:"checks"`      // seconds that a health check took on average, by node
	Messages    map[string]float64 `json:"messages"`    // relayed per second, by direction: to_node, to_client
	Bytes       map[string]float64 `json:"bytes"`       // likewise
}

// History is the answer of /v1/history.
type History struct {
	Samples []Sample `json:"samples"` // oldest first
}

// Record samples the metrics for the history, so often, until ctx ends; only
// the latest 180 samples are kept. The caller owns the goroutine. Without
// Record the history is empty.
func (s *Server) Record(ctx context.Context, metrics prometheus.Gatherer, every time.Duration) {
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	before := read(metrics, time.Now())
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-ticker.C:
			after := read(metrics, now)
			s.history.add(after.since(before))
			before = after
		}
	}
}

// history keeps the latest samples.
type history struct {
	mu      sync.Mutex
	samples []Sample // oldest first
}

func (h *history) add(sample Sample) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.samples) == keptSamples {
		h.samples = append(h.samples[:0], h.samples[1:]...)
	}
	h.samples = append(h.samples, sample)
}

// after returns the samples that are younger than that.
func (h *history) after(t time.Time) []Sample {
	h.mu.Lock()
	defer h.mu.Unlock()
	first := len(h.samples)
	for first > 0 && h.samples[first-1].Time.After(t) {
		first--
	}
	return append([]Sample{}, h.samples[first:]...)
}

func (s *Server) pastSamples(*http.Request) (any, error) {
	return History{Samples: s.history.after(time.Time{})}, nil
}
