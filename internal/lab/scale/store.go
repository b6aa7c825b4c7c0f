//go:build linux

package main

import (
	"context"
	"errors"
	"sync/atomic"

	"fermata/internal/cluster"
)

// meter is a store that counts.
type meter struct {
	cluster.Store
	swaps, conflicts, report, state atomic.Int64
}

func (m *meter) Beat(ctx context.Context, id string, report []byte) (cluster.Heard, error) {
	heard, err := m.Store.Beat(ctx, id, report)
	m.report.Store(int64(len(report)))
	m.state.Store(int64(len(heard.State)))
	return heard, err
}

func (m *meter) Swap(ctx context.Context, old, new []byte) (now []byte, err error) {
	now, err = m.Store.Swap(ctx, old, new)
	m.swaps.Add(1)
	if errors.Is(err, cluster.ErrConflict) {
		m.conflicts.Add(1)
	}
	return now, err
}

// partial has its member exchange everything with Redis, and hear nothing but itself:
// for the others it is as any member, and it costs this machine little.
type partial struct {
	cluster.Store
	state []byte
}

func (p *partial) Beat(ctx context.Context, id string, report []byte) (cluster.Heard, error) {
	heard, err := p.Store.Beat(ctx, id, report)
	if err == nil {
		heard.Reports, heard.State = map[string][]byte{id: heard.Reports[id]}, p.state
	}
	return heard, err
}

func (p *partial) Swap(_ context.Context, _, new []byte) ([]byte, error) {
	p.state = new
	return new, nil
}
