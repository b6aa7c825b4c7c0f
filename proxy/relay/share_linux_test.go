package relay

import (
	"context"
	"net"
	"testing"
)

// As they do when there is no storm, on two cores.
func TestClientsWhoComeOneByOneAreSharedAmongTheShards(t *testing.T) {
	engine := New(2).(*Epoll)
	node := listening(t)
	relays := make(chan Relay, 1)
	l, err := engine.Listener(listening(t), Incoming{First: func(ctx context.Context, conn net.Conn) net.Conn {
		far, err := engine.Dial(ctx, node.Addr().String())
		if err != nil {
			t.Error(err)
			return conn
		}
		Leave(ctx)
		relays <- engine.Start(Pair{Client: conn, Node: far, Owner: new(owner), Options: Options{Stall: patience, Close: patience}})
		return nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	accepting(l)
	counts := make(map[*shard]int)
	for range 10 {
		dialTo(t, l)
		counts[within(t, "a client", relays).(*epollRelay).shard]++
	}
	for _, s := range engine.shards {
		if counts[s] != 5 {
			t.Errorf("got %d of 10 clients on a shard, want 5", counts[s])
		}
	}
}
