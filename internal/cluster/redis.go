package cluster

import (
	"context"
	"errors"

	"github.com/redis/go-redis/v9"
)

// RedisStore is a Store in Redis.
type RedisStore struct {
	client         redis.UniversalClient
	reports, state string // keys
}

// OpenRedis connects when it is used first, so that its only error is a URL
// that means nothing.
func OpenRedis(o Options) (*RedisStore, error) {
	connect, err := parseURL(o.Redis.Reveal())
	if err != nil {
		return nil, err
	}
	return &RedisStore{client: connect(), reports: o.key("reports"), state: o.key("state")}, nil
}

// Client is for other things in the same Redis. Close closes it.
func (s *RedisStore) Client() redis.UniversalClient { return s.client }

// Beat is Store's. It is one transaction, and so at one moment, and at one server
// of a Redis cluster, the time, too.
func (s *RedisStore) Beat(ctx context.Context, id string, report []byte) (h Heard, err error) {
	var (
		now     *redis.TimeCmd
		reports *redis.MapStringStringCmd
		state   *redis.StringCmd
	)
	_, err = s.client.TxPipelined(ctx, func(p redis.Pipeliner) error {
		if report != nil {
			p.HSet(ctx, s.reports, id, report)
		}
		reports, state, now = p.HGetAll(ctx, s.reports), p.Get(ctx, s.state), p.Time(ctx)
		return nil
	})
	switch {
	case errors.Is(state.Err(), redis.Nil), err == nil:
		return heard(now, reports, state)
	case errors.Is(err, redis.Nil): // of another question than ours
		return Heard{}, errMasterUnknown
	}
	return Heard{}, err
}

var errMasterUnknown = errors.New("the sentinels know no server of this master_name")

func heard(now *redis.TimeCmd, reports *redis.MapStringStringCmd, state *redis.StringCmd) (h Heard, err error) {
	if h.Now, err = now.Result(); err != nil {
		return Heard{}, err
	}
	if h.State, err = found(state); err != nil {
		return Heard{}, err
	}
	h.Reports = make(map[string][]byte, len(reports.Val()))
	for id, report := range reports.Val() {
		h.Reports[id] = []byte(report)
	}
	return h, reports.Err()
}

// found is nil for a key that is not there.
func found(value *redis.StringCmd) ([]byte, error) {
	raw, err := value.Bytes()
	if errors.Is(err, redis.Nil) {
		return nil, nil
	}
	return raw, err
}

// Swap is Store's.
func (s *RedisStore) Swap(ctx context.Context, old, new []byte) (now []byte, err error) {
	for {
		now, err = s.swap(ctx, old, new)
		if !errors.Is(err, redis.TxFailedErr) {
			return now, err
		} // somebody was faster after now was read
	}
}

func (s *RedisStore) swap(ctx context.Context, old, new []byte) (now []byte, err error) {
	err = s.client.Watch(ctx, func(tx *redis.Tx) error {
		if now, err = found(tx.Get(ctx, s.state)); err != nil {
			return err
		}
		if !sameBytes(now, old) {
			return ErrConflict
		}
		_, err = tx.TxPipelined(ctx, func(p redis.Pipeliner) error { return p.Set(ctx, s.state, new, 0).Err() })
		return err
	}, s.state)
	return now, err
}

// Remove is Store's.
func (s *RedisStore) Remove(ctx context.Context, ids ...string) error {
	return s.client.HDel(ctx, s.reports, ids...).Err()
}

// Close closes the connections.
func (s *RedisStore) Close() error { return s.client.Close() }
