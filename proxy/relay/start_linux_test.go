package relay

import (
	"context"
	"io"
	"net"
	"testing"
)

// joining has a client join while others want something of its shard, which then does at
// once what is asked of the relay.
func joining(t *testing.T, ask func(Relay)) (client net.Conn, s *shard) {
	t.Helper()
	node, arrived := listening(t), make(chan bool, 1)
	var engine Engine
	l, engine := first(t, func(ctx context.Context, conn net.Conn) net.Conn {
		far, err := engine.Dial(ctx, node.Addr().String())
		if err != nil {
			t.Error(err)
			return conn
		}
		arrived <- true
		conn.Read(make([]byte, 1))
		Leave(ctx)
		ask(engine.Start(Pair{Client: conn, Node: far, Head: []byte("head "), Owner: new(owner), Options: Options{Stall: patience, Close: patience}}))
		return nil
	})
	accepting(l)
	client, s = dialTo(t, l), engine.(*Epoll).shards[0]
	within(t, "who comes", arrived)
	running, held := make(chan bool), make(chan bool)
	s.post(func() {
		running <- true
		<-held
	})
	within(t, "the shard", running)
	io.WriteString(client, "x")
	s.post(func() {})
	close(held)
	t.Cleanup(func() {
		client.Close()
		node.Close()
		l.Close()
		engine.Wait()
	})
	return client, s
}

func TestAClientThatIsHandedOverAsItJoinsIsRelayedByOneProcess(t *testing.T) {
	detached := make(chan *Detached, 1)
	client, s := joining(t, func(r Relay) {
		r.Detach(func(d *Detached, err error) {
			if err != nil {
				t.Errorf("got %v, want a relay that is at rest", err)
			}
			detached <- d
		})
	})
	d, relayed := within(t, "Detach", detached), make(chan int, 1)
	if d == nil {
		return
	}
	get(t, "client", client, []byte("head "))
	s.post(func() { relayed <- s.relays.len() })
	if got := within(t, "the shard", relayed); got != 0 {
		t.Errorf("got %d relays that go on, want none", got)
	}
	d.Gone()
}

func TestAClientThatIsMovedAsItJoinsGetsItsHeadFirst(t *testing.T) {
	client, _ := joining(t, func(r Relay) { r.Close(drainedClose) })
	get(t, "client", client, append([]byte("head "), AppendClose(nil, drainedClose.Code, drainedClose.Reason)...))
}
