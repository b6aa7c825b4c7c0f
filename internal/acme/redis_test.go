//go:build unix

package acme

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/certmagic"
	rfc8555 "github.com/mholt/acmez/v3/acme"
	"github.com/redis/go-redis/v9"

	"fermata/internal/cluster"
	"fermata/internal/lab/pebble"
	"fermata/internal/lab/redisserver"
	"fermata/internal/secret"
)

const clusterSecret = "0123456789abcdef"

// toRedis is as members have it.
func toRedis(t *testing.T, server *redisserver.Server) (Storage, redis.UniversalClient) {
	t.Helper()
	o := cluster.Options{Redis: secret.Text("redis://" + server.Address()), Name: "default", Secret: clusterSecret}
	store, err := cluster.OpenRedis(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { store.Close() })
	return NewShared(store.Client(), o.Key("acme"), o.Secret), store.Client()
}

func TestMembersShareOneCertificate(t *testing.T) {
	t.Parallel()
	server := redisserver.New(t, redisserver.Options{})
	storage, raw := toRedis(t, server)
	first := newSite(t, func(d *Deps) { d.Storage = storage })
	first.startCA(pebble.Options{})
	first.listen()
	other, _ := toRedis(t, server)
	second := newSite(t, func(d *Deps) { d.Storage = other })
	second.options, second.domain = first.options, first.domain
	first.order()
	second.order()
	one, two := first.next(first.served), second.next(second.served)
	if !first.Certificate(first.domain).Leaf.Equal(second.Certificate(first.domain).Leaf) || one.Issued == two.Issued {
		t.Errorf("got %+v and %+v, want one certificate, which one of them has ordered", one, two)
	}
	if got := strings.Count(first.ca.Log(), "Issued certificate serial"); got != 1 {
		t.Errorf("got %d orders, want 1", got)
	}
	values, err := raw.HGetAll(t.Context(), "fermata:{default}:acme").Result()
	if err != nil || len(values) < 5 {
		t.Fatalf("got %d values and %v, want those of an account and a certificate", len(values), err)
	}
	for key, value := range values {
		if strings.Contains(value, "KEY") || strings.Contains(value, "CERT") || strings.Contains(value, first.domain) {
			t.Errorf("%s: got it in plain text, want it encrypted", key)
		}
	}
}

func TestAnyMemberAnswersTheCA(t *testing.T) {
	t.Parallel()
	server := redisserver.New(t, redisserver.Options{})
	storage, _ := toRedis(t, server)
	s := newSite(t, func(d *Deps) { d.Storage, d.Pauses = storage, []time.Duration{time.Hour} })
	s.startCA(pebble.Options{Refused: []string{s.domain}}) // so that it orders nothing itself
	s.listen()
	s.order()
	s.next(s.failed)
	ordered, err := json.Marshal(rfc8555.Challenge{
		Type: "http-01", Token: "token", KeyAuthorization: "token.of-another-member", Identifier: rfc8555.Identifier{Type: "dns", Value: s.domain},
	})
	if err != nil {
		t.Fatal(err)
	}
	others, _ := toRedis(t, server) // another member's
	issuer := (*s.running.Load())[s.domain].issuer.IssuerKey()
	if err := others.Store(t.Context(), "acme/"+certmagic.StorageKeys.Safe(issuer)+"/challenge_tokens/"+s.domain+".json", ordered); err != nil {
		t.Fatal(err)
	}
	r, err := http.NewRequest(http.MethodGet, "http://"+s.ports.HTTP+challengePath+"token", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Host = s.domain
	answer, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if text, err := io.ReadAll(answer.Body); err != nil || string(text) != "token.of-another-member" {
		t.Errorf("got %d %q and %v, want the other member's answer", answer.StatusCode, text, err)
	}
}

// TestRedisNeedsTheRightsThatAreDocumented also is the test of all that a storage does.
func TestRedisNeedsTheRightsThatAreDocumented(t *testing.T) {
	t.Parallel()
	server := redisserver.New(t, redisserver.Options{})
	_, admin := toRedis(t, server)
	text, err := os.ReadFile("../../docs/cluster.md")
	if err != nil {
		t.Fatal(err)
	}
	rights := regexp.MustCompile("`(~fermata:[^`]+)`").FindStringSubmatch(strings.ReplaceAll(string(text), "\n", " "))
	args := []any{"ACL", "SETUSER", "fermata", "reset", "on", ">hush"}
	for _, right := range strings.Fields(rights[1]) {
		args = append(args, right)
	}
	if err := admin.Do(t.Context(), args...).Err(); err != nil {
		t.Fatal(err)
	}
	c := redis.NewClient(&redis.Options{Addr: server.Address(), Username: "fermata", Password: "hush", ContextTimeoutEnabled: true})
	t.Cleanup(func() { c.Close() })
	keepsAsFoldersDo(t, NewShared(c, "fermata:{default}:acme", clusterSecret))
}

func TestAFolderKeepsAsStoragesDo(t *testing.T) {
	t.Parallel()
	keepsAsFoldersDo(t, NewFolder(t.TempDir()))
}

func keepsAsFoldersDo(t *testing.T, s Storage) {
	t.Helper()
	ctx := t.Context()
	if _, err := s.Load(ctx, "a/b"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v, want that it is not there", err)
	}
	for _, key := range []string{"a/b", "a/c/d", "ab/c"} {
		if err := s.Store(ctx, key, []byte(key)); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := s.Load(ctx, "a/c/d"); err != nil || string(got) != "a/c/d" {
		t.Errorf("got %q and %v, want what was stored", got, err)
	}
	list := func(recursive bool, want ...string) {
		t.Helper()
		got, err := s.List(ctx, "a", recursive)
		slices.Sort(got)
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("list: got %q and %v, want %q", got, err, want)
		}
	}
	list(false, "a/b", "a/c")
	if info, err := s.Stat(ctx, "a/b"); err != nil || !info.IsTerminal || info.Size != 3 || time.Since(info.Modified).Abs() > time.Minute {
		t.Errorf("got %+v and %v, want a file of 3 bytes of now", info, err)
	}
	if info, err := s.Stat(ctx, "a"); err != nil || info.IsTerminal {
		t.Errorf("got %+v and %v, want a folder", info, err)
	}
	if !s.Exists(ctx, "a/c") || s.Exists(ctx, "b") {
		t.Error("got wrong answers to what exists")
	}
	if err := s.Delete(ctx, "a"); err != nil {
		t.Error(err)
	}
	if s.Exists(ctx, "a/c/d") || !s.Exists(ctx, "ab/c") {
		t.Error("got another folder deleted than the one")
	}
	locksOnce(t, s)
}

func locksOnce(t *testing.T, s Storage) {
	t.Helper()
	if err := s.Lock(t.Context(), "order"); err != nil {
		t.Fatal(err)
	}
	short, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if err := s.Lock(short, "order"); err == nil {
		t.Error("got the lock twice, want it once")
	}
	second := make(chan error, 1)
	go func() { second <- s.Lock(t.Context(), "order") }()
	if err := s.Unlock(t.Context(), "order"); err != nil {
		t.Error(err)
	}
	select {
	case err := <-second:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(waiting):
		t.Fatal("got no lock that was given back")
	}
	if err := s.Unlock(t.Context(), "order"); err != nil {
		t.Error(err)
	}
}

func TestALockOfAMemberThatIsGoneEnds(t *testing.T) {
	t.Parallel()
	server := redisserver.New(t, redisserver.Options{})
	gone, raw := toRedis(t, server)
	s, _ := toRedis(t, server)
	if err := gone.Lock(t.Context(), "order"); err != nil {
		t.Fatal(err)
	}
	key := "fermata:{default}:acme:lock:order"
	if left := raw.PTTL(t.Context(), key).Val(); left <= attemptWithin || left > leaseFor {
		t.Errorf("got a lock for %v, want it longer than an attempt, and not for ever", left)
	}
	if err := raw.PExpire(t.Context(), key, time.Millisecond).Err(); err != nil {
		t.Fatal(err)
	}
	if err := s.Lock(t.Context(), "order"); err != nil {
		t.Fatal(err)
	}
	if err := gone.Unlock(t.Context(), "order"); err != nil { // it was only slow
		t.Errorf("got %v, want nothing: the lock has ended already", err)
	}
	if raw.Exists(t.Context(), key).Val() != 1 {
		t.Error("got the other member's lock ended, want it to stay")
	}
}

func TestWhatRedisLosesIsWrittenAgain(t *testing.T) {
	t.Parallel()
	server := redisserver.New(t, redisserver.Options{})
	s, raw := toRedis(t, server)
	for _, key := range []string{"certificates/ca/a/a.key", "challenges/a"} {
		if err := s.Store(t.Context(), key, []byte("value")); err != nil {
			t.Fatal(err)
		}
	}
	if err := raw.FlushAll(t.Context()).Err(); err != nil {
		t.Fatal(err)
	}
	if got, err := s.Load(t.Context(), "certificates/ca/a/a.key"); err != nil || string(got) != "value" {
		t.Errorf("got %q and %v, want what this member knows", got, err)
	}
	other, _ := toRedis(t, server)
	if got, err := other.Load(t.Context(), "certificates/ca/a/a.key"); err != nil || string(got) != "value" {
		t.Errorf("got %q and %v at another member, want it written again", got, err)
	}
	if _, err := s.Load(t.Context(), "challenges/a"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v, want a challenge forgotten", err)
	}
}

func TestWhatOthersWriteToRedisIsNotTaken(t *testing.T) {
	t.Parallel()
	server := redisserver.New(t, redisserver.Options{})
	s, raw := toRedis(t, server)
	stranger := NewShared(raw, "fermata:{default}:acme", "another-secret-of-16")
	if err := stranger.Store(t.Context(), "certificates/a", []byte("forged")); err != nil {
		t.Fatal(err)
	}
	if err := s.Store(t.Context(), "certificates/b", []byte("moved")); err != nil {
		t.Fatal(err)
	}
	moved := raw.HGet(t.Context(), "fermata:{default}:acme", "certificates/b").Val()
	if err := raw.HSet(t.Context(), "fermata:{default}:acme", "certificates/c", moved, "certificates/d", "plain text").Err(); err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{"certificates/a", "certificates/c", "certificates/d"} {
		if got, err := s.Load(t.Context(), key); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: got %q and %v, want nothing", key, got, err)
		}
	}
}

func TestMembersServeWhatTheyHaveWithoutRedis(t *testing.T) {
	t.Parallel()
	server := redisserver.New(t, redisserver.Options{})
	storage, _ := toRedis(t, server)
	s := newSite(t, func(d *Deps) { d.Storage = storage })
	s.startCA(pebble.Options{})
	s.listen()
	s.order()
	s.next(s.served)
	server.Kill()
	failed := s.next(s.failed)
	if failed.NotAfter.IsZero() || s.leaf() == nil {
		t.Errorf("got %+v, want the certificate served", failed)
	}
	if err := server.Restart(); err != nil {
		t.Fatal(err)
	}
	s.until(func(now State) bool { return now.Failures == 0 })
	if got := strings.Count(s.ca.Log(), "Issued certificate serial"); got != 1 {
		t.Errorf("got %d orders, want the certificate written again instead of ordered", got)
	}
}
