package cluster

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"fermata/internal/certs"
	"fermata/internal/lab/redisserver"
	"fermata/internal/secret"
)

const testSecret = "correct horse battery staple"

func options(url string) Options {
	return Options{Redis: secret.Text(url), Name: "test", Secret: testSecret}
}

func openRedis(t *testing.T, url string) *RedisStore {
	t.Helper()
	store, err := OpenRedis(options(url))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { store.Close() })
	return store
}

func TestMembersMeetInEveryKindOfRedis(t *testing.T) {
	t.Run("a server", func(t *testing.T) {
		server := redisserver.New(t, redisserver.Options{})
		meet(t, "redis://"+server.Address()+"/3")
	})
	t.Run("with a password", func(t *testing.T) {
		server := redisserver.New(t, redisserver.Options{Password: "hush"})
		meet(t, "redis://:hush@"+server.Address())
		wantRefused(t, "redis://:wrong@"+server.Address())
	})
	t.Run("with no more rights than the documentation says", func(t *testing.T) {
		server := redisserver.New(t, redisserver.Options{})
		admin := openRedis(t, "redis://"+server.Address()).Client()
		user := []any{"acl", "setuser", "fermata", "on", ">hush"}
		for _, rule := range documentedRights(t) {
			user = append(user, rule)
		}
		if err := admin.Do(t.Context(), user...).Err(); err != nil {
			t.Fatal(err)
		}
		meet(t, "redis://fermata:hush@"+server.Address())
	})
	t.Run("over TLS", func(t *testing.T) {
		pair, err := certs.WriteSelfSigned(t.TempDir(), []string{"127.0.0.1"}, time.Now())
		if err != nil {
			t.Fatal(err)
		}
		server := redisserver.New(t, redisserver.Options{TLS: pair})
		meet(t, "rediss://"+server.Address()+"?skip_verify=true")
		wantRefused(t, "rediss://"+server.Address())
	})
	t.Run("behind sentinels", func(t *testing.T) {
		server := redisserver.New(t, redisserver.Options{})
		sentinel := redisserver.New(t, redisserver.Options{Monitors: server.Address()})
		meet(t, "redis+sentinel://"+sentinel.Address()+"?master_name="+redisserver.Master)
		wantRefused(t, "redis+sentinel://"+sentinel.Address()+"?master_name=another")
	})
	t.Run("a Redis cluster", func(t *testing.T) {
		server := redisserver.New(t, redisserver.Options{Cluster: true})
		meet(t, "redis+cluster://"+server.Address())
	})
}

func documentedRights(t *testing.T) []string {
	t.Helper()
	text, err := os.ReadFile("../../docs/cluster.md")
	if err != nil {
		t.Fatal(err)
	}
	match := regexp.MustCompile("`(~fermata:[^`]+)`").FindStringSubmatch(strings.ReplaceAll(string(text), "\n", " "))
	if match == nil {
		t.Fatal("got no rights in the documentation, want them")
	}
	return strings.Fields(match[1])
}

// meet does with the store all that there is to do.
func meet(t *testing.T, url string) {
	t.Helper()
	ctx := t.Context()
	a, b := openRedis(t, url), openRedis(t, url)
	beat := func(s *RedisStore, id, report string) Heard {
		t.Helper()
		heard, err := s.Beat(ctx, id, []byte(report))
		if err != nil {
			t.Fatalf("%s: got %v, want a beat", url, err)
		}
		return heard
	}
	if got := beat(a, "a", "one"); got.State != nil || time.Since(got.Now).Abs() > time.Minute {
		t.Errorf("got %+v, want no state, and the time", got)
	}
	wantSwap(t, a, nil, "first")
	for _, old := range [][]byte{nil, []byte("other")} {
		if now, err := b.Swap(ctx, old, []byte("second")); !errors.Is(err, ErrConflict) || string(now) != "first" {
			t.Errorf("in the place of %q: got %q (%v), want a conflict with what is there", old, now, err)
		}
	}
	wantSwap(t, b, []byte("first"), "second")
	got := beat(b, "b", "two")
	if string(got.State) != "second" || len(got.Reports) != 2 || string(got.Reports["a"]) != "one" {
		t.Errorf("got %+v, want what both have written", got)
	}
	if err := a.Remove(ctx, "b", "c"); err != nil {
		t.Error(err)
	}
	if got := beat(a, "a", "three"); len(got.Reports) != 1 || string(got.Reports["a"]) != "three" {
		t.Errorf("got %+v, want one report", got)
	}
}

func wantSwap(t *testing.T, s Store, old []byte, new string) {
	t.Helper()
	if _, err := s.Swap(t.Context(), old, []byte(new)); err != nil {
		t.Errorf("%q for %q: got %v, want it written", new, old, err)
	}
}

func wantRefused(t *testing.T, url string) {
	t.Helper()
	if _, err := openRedis(t, url).Beat(t.Context(), "a", []byte("one")); err == nil {
		t.Errorf("%s: got a beat, want an error", url)
	}
}

func TestARedisThatIsNotThereIsFoundOutLater(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	store := openRedis(t, "redis://"+l.Addr().String())
	if _, err := store.Beat(t.Context(), "a", []byte("one")); err == nil {
		t.Error("got a beat, want an error")
	}
}

func TestAFrozenRedisHoldsUpAnExchangeNoLongerThanItsTime(t *testing.T) {
	server := redisserver.New(t, redisserver.Options{})
	store := openRedis(t, "redis://"+server.Address())
	if _, err := store.Beat(t.Context(), "a", []byte("one")); err != nil {
		t.Fatal(err)
	}
	if err := server.Freeze(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if _, err := store.Beat(ctx, "a", []byte("one")); err == nil {
		t.Error("got a beat, want an error")
	}
	if err := server.Thaw(); err != nil {
		t.Fatal(err)
	}
	if _, err := store.Beat(t.Context(), "a", []byte("one")); err != nil {
		t.Errorf("got %v, want a beat once it goes on", err)
	}
}

func TestARedisThatWasStartedAgainIsReached(t *testing.T) {
	server := redisserver.New(t, redisserver.Options{AppendOnly: true})
	store := openRedis(t, "redis://"+server.Address())
	wantSwap(t, store, nil, "kept")
	server.Kill()
	if _, err := store.Swap(t.Context(), []byte("kept"), []byte("lost")); err == nil || errors.Is(err, ErrConflict) {
		t.Errorf("got %v, want an error of the connection", err)
	}
	if err := server.Restart(); err != nil {
		t.Fatal(err)
	}
	wantSwap(t, store, []byte("kept"), "new")
}

func TestAWrongURLIsNamedWithoutItsPassword(t *testing.T) {
	mistake := func(url, want string) {
		t.Helper()
		err := options(url).CheckRedis()
		if got := fmt.Sprint(err); !strings.Contains(got, want) || err == nil && want != "<nil>" {
			t.Errorf("%s: got %q, want %q", url, got, want)
		}
		if err != nil && strings.Contains(err.Error(), "hush") {
			t.Errorf("%s: got %q, want no password", url, err)
		}
	}
	mistake("redis://", "<nil>")
	mistake("redis://user:hush@[::1]:6379/2?pool_size=3", "<nil>")
	mistake("unix:///run/redis.sock", "<nil>")
	mistake("redis+sentinel://10.0.0.1?addr=10.0.0.2:26379&master_name=m", "<nil>")
	mistake("rediss+cluster://u:hush@10.0.0.1?addr=10.0.0.2:6379", "<nil>")
	mistake("", "scheme")
	mistake("10.0.0.1:6379", "scheme")
	mistake("http://10.0.0.1", "scheme")
	mistake("redis+other://10.0.0.1", "scheme")
	mistake("redis+sentinel://10.0.0.1", "master_name")
	mistake("redis://:hu/hush@10.0.0.1", "not a URL")
	mistake("redis://:12/hush@10.0.0.1", "database")
	mistake("redis://:hush@10.0.0.1/0?colour=hush", "unexpected option")
}
