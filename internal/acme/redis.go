package acme

import (
	"context"
	"encoding/binary"
	"errors"
	"io/fs"
	"path"
	"strings"
	"sync"
	"time"

	"github.com/caddyserver/certmagic"
	"github.com/redis/go-redis/v9"

	"fermata/internal/secret"
)

// shared is a Storage that the members of a cluster have together, in one hash of their
// Redis. All values are sealed.
type shared struct {
	client redis.UniversalClient
	hash   string // its key
	sealer sealer
	leases leases

	mu     sync.Mutex
	copies map[string][]byte // of what lasts, sealed: what Redis loses, we tell it
}

// NewShared is for members with the same Redis, key and secret. The key is the first part
// of all keys in Redis. The client is not closed.
func NewShared(client redis.UniversalClient, key string, s secret.Text) Storage {
	return &shared{
		client: client, hash: key, sealer: newSealer(s), leases: leases{client: client, key: key},
		copies: make(map[string][]byte),
	}
}

// lasts is whether a value is worth being told to a Redis that has lost it.
func lasts(key string) bool {
	return strings.HasPrefix(key, "certificates/") || strings.Contains(key, "/users/")
}

func (s *shared) keep(key string, sealed []byte) {
	if lasts(key) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.copies[key] = sealed
	}
}

func (s *shared) kept(key string) []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.copies[key]
}

// Store is certmagic.Storage's.
func (s *shared) Store(ctx context.Context, key string, value []byte) error {
	stamped := binary.BigEndian.AppendUint64(nil, uint64(time.Now().UnixNano()))
	sealed := s.sealer.seal(key, append(stamped, value...))
	s.keep(key, sealed)
	return s.client.HSet(ctx, s.hash, key, sealed).Err()
}

// Load is certmagic.Storage's.
func (s *shared) Load(ctx context.Context, key string) ([]byte, error) {
	value, _, err := s.read(ctx, key)
	return value, err
}

// read takes what is not sealed with our secret for nothing: the secret was changed, or
// somebody else has written it.
func (s *shared) read(ctx context.Context, key string) (value []byte, at time.Time, err error) {
	sealed, err := s.client.HGet(ctx, s.hash, key).Bytes()
	if err != nil && !errors.Is(err, redis.Nil) {
		return nil, at, err
	}
	opened, ok := s.sealer.open(key, sealed)
	if !ok {
		if sealed = s.kept(key); sealed == nil {
			return nil, at, fs.ErrNotExist
		}
		if err := s.client.HSet(ctx, s.hash, key, sealed).Err(); err != nil {
			return nil, at, err
		}
		opened, _ = s.sealer.open(key, sealed)
	}
	s.keep(key, sealed)
	return opened[8:], time.Unix(0, int64(binary.BigEndian.Uint64(opened))), nil
}

// Delete is certmagic.Storage's.
func (s *shared) Delete(ctx context.Context, key string) error {
	below, err := s.List(ctx, key, true)
	if err != nil {
		return err
	}
	all := append(below, key)
	s.mu.Lock()
	for _, one := range all {
		delete(s.copies, one)
	}
	s.mu.Unlock()
	return s.client.HDel(ctx, s.hash, all...).Err()
}

// Exists is certmagic.Storage's.
func (s *shared) Exists(ctx context.Context, key string) bool {
	_, err := s.Stat(ctx, key)
	return err == nil
}

// List is certmagic.Storage's.
func (s *shared) List(ctx context.Context, folder string, recursive bool) (all []string, err error) {
	keys, err := s.client.HKeys(ctx, s.hash).Result()
	if err != nil {
		return nil, err
	}
	seen := make(map[string]bool)
	for _, key := range keys {
		rest, below := strings.CutPrefix(key, strings.TrimSuffix(folder, "/")+"/")
		if !below && folder != "" {
			continue
		}
		if !below {
			rest = key
		}
		if !recursive {
			rest, _, _ = strings.Cut(rest, "/")
		}
		if one := path.Join(folder, rest); !seen[one] {
			seen[one] = true
			all = append(all, one)
		}
	}
	return all, nil
}

// Stat is certmagic.Storage's.
func (s *shared) Stat(ctx context.Context, key string) (certmagic.KeyInfo, error) {
	value, at, err := s.read(ctx, key)
	if err == nil {
		return certmagic.KeyInfo{Key: key, Modified: at, Size: int64(len(value)), IsTerminal: true}, nil
	}
	if below, err := s.List(ctx, key, true); err == nil && len(below) > 0 {
		return certmagic.KeyInfo{Key: key}, nil
	}
	return certmagic.KeyInfo{}, err
}

// Lock is certmagic.Storage's.
func (s *shared) Lock(ctx context.Context, name string) error { return s.leases.lock(ctx, name) }

// Unlock is certmagic.Storage's.
func (s *shared) Unlock(ctx context.Context, name string) error { return s.leases.unlock(ctx, name) }
