//go:build unix

package app

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/redis/go-redis/v9"

	"fermata/internal/admin"
	"fermata/internal/lab/redisserver"
)

// startMemberAt is startMember with a URL of its own.
func startMemberAt(t *testing.T, url, name, text string) *front {
	t.Helper()
	cluster := fmt.Sprintf("cluster: {redis: '%s', secret: 0123456789abcdef, member: %s}\n", url, name)
	return startFront(t, cluster+text, func(*App) {})
}

// someOn connects so many clients on that node.
func (f *front) someOn(node string, clients int) (all []client) {
	f.t.Helper()
	for range clients {
		all = append(all, f.connectOn(node))
	}
	return all
}

// redisDoes has the Redis do something.
func redisDoes(t *testing.T, client *redis.Client, command ...any) {
	t.Helper()
	if err := client.Do(t.Context(), command...).Err(); err != nil {
		t.Fatalf("%v: %v", command, err)
	}
}

func fewerThan(clients int) func(admin.Node) bool {
	return func(n admin.Node) bool { return n.Connections < clients }
}

// A member that dies cannot say that it goes: Redis has turned it out.
func TestADrainGoesOnWhenAMemberDiesInTheMiddle(t *testing.T) {
	t.Parallel()
	server, text := redisserver.New(t, redisserver.Options{}), twoReverbs(t)
	operator := redis.NewClient(&redis.Options{Addr: server.Address()})
	defer operator.Close()
	redisDoes(t, operator, "acl", "setuser", "edge-3", "on", ">secret", "~*", "&*", "+@all")
	first := startMembers(t, server, text, "edge-1", "edge-2")[0]
	first.untilUp("a")
	mine := first.someOn("a", 12)
	t.Run("until it dies", func(t *testing.T) {
		third := startMemberAt(t, "redis://edge-3:secret@"+server.Address(), "edge-3", text)
		first.untilMembers(3)
		third.untilUp("a")
		third.someOn("a", 6)
		first.until("a", "has all clients", func(n admin.Node) bool { return n.Connections >= 18 })
		if _, err := first.Drain("a", admin.DrainRequest{Rate: new(4)}); err != nil {
			t.Fatal(err)
		}
		first.until("a", "is emptied", fewerThan(17))
		redisDoes(t, operator, "acl", "setuser", "edge-3", "off")
		redisDoes(t, operator, "client", "kill", "user", "edge-3")
	})
	first.until("a", "is drained, as its other member is dead", isState(admin.StateDrained, 0))
	for _, c := range mine {
		if code := c.closed(); code != 4200 {
			t.Errorf("got the code %d, want 4200", code)
		}
	}
	first.untilMembers(2)
}

func TestADrainGoesOnWhenRedisIsKilledAndComesBackEmpty(t *testing.T) {
	t.Parallel()
	server := redisserver.New(t, redisserver.Options{})
	members := startMembers(t, server, twoReverbs(t), "edge-1", "edge-2")
	var leave, stay []client
	for _, f := range members {
		leave, stay = append(leave, f.someOn("a", 8)...), append(stay, f.someOn("b", 2)...)
	}
	members[0].until("a", "has the clients of both", func(n admin.Node) bool { return n.Connections >= 16 })
	if _, err := members[1].Drain("a", admin.DrainRequest{Rate: new(4)}); err != nil {
		t.Fatal(err)
	}
	members[0].until("a", "is emptied", fewerThan(15))
	server.Kill()
	for _, f := range members {
		f.eventually("that clients leave without Redis", func() (any, bool) {
			n, err := f.pool.Node("a")
			return n.Connections, err == nil && n.Connections < 5
		})
	}
	if err := server.Restart(); err != nil {
		t.Fatal(err)
	}
	for _, f := range members {
		f.until("a", "is drained", isState(admin.StateDrained, 0))
	}
	for _, c := range leave {
		if code := c.closed(); code != 4200 {
			t.Errorf("got the code %d, want 4200", code)
		}
	}
	for _, c := range stay {
		c.answers()
	}
}

// tries connects a client that may be turned away, and is whether it was not.
func (f *front) tries() bool {
	f.t.Helper()
	ctx, c := f.dial()
	_, _, err := c.Read(ctx)
	return err == nil
}

func TestThreeMembersTogetherKeepToMaxConnections(t *testing.T) {
	t.Parallel()
	const most = 30
	text := fmt.Sprintf("nodes: [{name: a, url: 'http://127.0.0.1:%s', max_connections: %d}]\n", startNode(t, "a", "127.0.0.1:0"), most)
	members := startMembers(t, redisserver.New(t, redisserver.Options{}), text, "edge-1", "edge-2", "edge-3")
	in := 0
	members[0].eventually("that all places are used, most of them by one member", func() (any, bool) {
		if f := members[max(0, rand.IntN(6)-3)]; f.tries() {
			in++
		}
		all := 0
		for _, f := range members {
			n, _ := f.pool.Node("a")
			all += n.Connections
		}
		if all > most || in > most {
			t.Fatalf("got %d clients at the node, and %d let in, want at most %d", all, in, most)
		}
		return in, in == most
	})
	for range 20 {
		for _, f := range members {
			if f.tries() {
				t.Fatalf("got a client let in, want none: there are %d", most)
			}
		}
	}
}
