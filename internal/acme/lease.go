package acme

import (
	"context"
	"crypto/rand"
	"errors"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
)

// leases are locks in Redis that end by themselves, so that a member which is gone holds
// up none of the others.
type leases struct {
	client redis.UniversalClient
	key    string

	mu   sync.Mutex
	held map[string]string // by name: what proves that it is ours
}

const (
	// leaseFor is longer than an attempt, so that nobody else comes in between.
	leaseFor = attemptWithin + 20*time.Second
	// askEvery is how often a lock is asked for that somebody else has.
	askEvery = 500 * time.Millisecond
)

func (l *leases) at(name string) string { return l.key + ":lock:" + name }

// lock waits until nobody else has it.
func (l *leases) lock(ctx context.Context, name string) error {
	proof := rand.Text()
	tick := time.NewTicker(askEvery)
	defer tick.Stop()
	for {
		_, err := l.client.SetArgs(ctx, l.at(name), proof, redis.SetArgs{Mode: "NX", TTL: leaseFor}).Result()
		if err == nil {
			l.note(name, proof)
			return nil
		}
		if !errors.Is(err, redis.Nil) {
			return err
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

func (l *leases) note(name, proof string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.held == nil {
		l.held = make(map[string]string)
	}
	l.held[name] = proof
}

func (l *leases) take(name string) (proof string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	proof = l.held[name]
	delete(l.held, name)
	return proof
}

// unlock lets the lock end at once, if it is still ours.
func (l *leases) unlock(ctx context.Context, name string) error {
	key, proof := l.at(name), l.take(name)
	err := l.client.Watch(ctx, func(tx *redis.Tx) error {
		now, err := tx.Get(ctx, key).Result()
		if errors.Is(err, redis.Nil) || err == nil && now != proof {
			return nil // it has ended already, and may be another's
		}
		if err != nil {
			return err
		}
		_, err = tx.TxPipelined(ctx, func(p redis.Pipeliner) error { return p.Set(ctx, key, "", time.Millisecond).Err() })
		return err
	}, key)
	if errors.Is(err, redis.TxFailedErr) {
		return nil // somebody has it now
	}
	return err
}
