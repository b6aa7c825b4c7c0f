package proxy

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/coder/websocket"

	"fermata/balancer"
	"fermata/internal/lab/devnode"
	"fermata/proxy/moves"
	"fermata/proxy/relay"
)

// ending is one way for clients to end.
type ending struct {
	name   string
	nodes  int
	before func(*scene) // serve; nil: nothing
	run    func(*scene)
	// closed are the clients that a relay had, panics those that a bug has ended.
	closed, panics int
}

// endings are all the ways in which a client can end.
func endings() (all []ending) {
	all = append(all, turnedAwayEndings()...)
	all = append(all, relayedEndings()...)
	all = append(all, panicEndings()...)
	return append(all, stopEndings()...)
}

func turnedAwayEndings() []ending {
	status := func(fields string, want int) func(*scene) {
		return func(s *scene) {
			conn := s.open(fields)
			var got int
			fmt.Fscanf(conn, "HTTP/1.1 %d ", &got)
			if got != want {
				s.Errorf("got status %d, want %d", got, want)
			}
		}
	}
	away := func(s *scene) { s.turnedAway() }
	return []ending{
		{name: "malformed", nodes: 1, run: status("Sec-WebSocket-Version: 8\r\n", http.StatusUpgradeRequired)},
		{name: "too many", nodes: 1, before: limited(func(l *Limits) { l.MaxClients = 1 }), run: func(s *scene) {
			first := s.in()
			s.turnedAway()
			first.CloseNow()
		}, closed: 1},
		{name: "no node", nodes: 0, run: away},
		{name: "no node, by 503", nodes: 0, before: func(s *scene) { s.change(func(o *Options) { o.NoUsableNode = NoNode503 }) },
			run: status(goodFields, http.StatusServiceUnavailable)},
		{name: "no node, and the client does not answer", nodes: 0, run: status(goodFields, http.StatusSwitchingProtocols)},
		{name: "no node, and hijacking fails", nodes: 0, before: unhijackable, run: status(goodFields, http.StatusOK)},
		{name: "all nodes refuse the connection", nodes: 2, before: func(s *scene) {
			s.engine.dial = func(context.Context, string) (net.Conn, error) { return nil, syscall.ECONNREFUSED }
		}, run: away},
		{name: "all nodes answer 500", nodes: 2, before: faulty(devnode.Faults{Refuse: 500, CloseRefused: true}), run: away},
		{name: "the node refuses", nodes: 1, before: faulty(devnode.Faults{Refuse: 404, CloseRefused: true}), run: status(goodFields, http.StatusNotFound)},
		{name: "the node does not answer", nodes: 1, before: func(s *scene) {
			s.change(func(o *Options) { o.Timeouts.Answer, o.Timeouts.Handshake = 20*time.Millisecond, 40*time.Millisecond })
			faulty(devnode.Faults{Hang: true})(s)
		}, run: away},
		{name: "the node is busy", nodes: 1, before: func(s *scene) {
			limited(func(l *Limits) { l.UpgradesPerSecond = 1 })(s)
			s.change(func(o *Options) { o.Timeouts.Handshake = 100 * time.Millisecond })
		}, run: func(s *scene) {
			first := s.in()
			s.turnedAway()
			first.CloseNow()
		}, closed: 1},
		{name: "the client goes while it waits", nodes: 1, before: faulty(devnode.Faults{Hang: true}), run: func(s *scene) {
			conn := s.open(goodFields)
			s.until("the node is asked", func() bool { return s.nodes[0].Stats().Open == 1 })
			conn.Close()
			s.until("the client is none any more", func() bool { now, _ := s.h.Clients(); return now == 0 })
		}},
		{name: "hijacking fails", nodes: 1, before: unhijackable, run: status(goodFields, http.StatusOK)},
	}
}

func relayedEndings() []ending {
	ends := func(end func(*scene, *websocket.Conn)) func(*scene) {
		return func(s *scene) { end(s, s.in()) }
	}
	return []ending{
		{name: "the client closes", nodes: 1, run: ends(func(s *scene, c *websocket.Conn) { c.Close(1000, "") }), closed: 1},
		{name: "the client is cut", nodes: 1, run: ends(func(s *scene, c *websocket.Conn) { c.CloseNow() }), closed: 1},
		{name: "the node closes", nodes: 1, run: ends(func(s *scene, c *websocket.Conn) {
			s.nodes[0].CloseClients(4200, "bye")
			s.closed(c)
		}), closed: 1},
		{name: "the node is lost", nodes: 1, run: ends(func(s *scene, c *websocket.Conn) {
			s.nodes[0].Kill()
			s.closed(c)
		}), closed: 1},
		{name: "it is drained", nodes: 2, run: ends(func(s *scene, c *websocket.Conn) {
			for _, n := range s.pool.Nodes() {
				s.moves.Move(n.Node, moves.Move{By: relay.ByDrain, Code: 4200, Alone: true}, nil)
			}
			s.closed(c)
		}), closed: 1},
		{name: "it is silent for too long", nodes: 1, before: limited(func(l *Limits) { l.MaxSilence = 20 * time.Millisecond }),
			run: ends(func(s *scene, c *websocket.Conn) { s.closed(c) }), closed: 1},
		{name: "its message is too large", nodes: 1, before: limited(func(l *Limits) { l.MaxMessageBytes = 1 }), run: ends(func(s *scene, c *websocket.Conn) {
			c.Write(context.Background(), websocket.MessageText, []byte("hello"))
			s.closed(c)
		}), closed: 1},
		{name: "its first node fails", nodes: 2, before: func(s *scene) {
			var tried atomic.Bool
			s.engine.dial = func(ctx context.Context, address string) (net.Conn, error) {
				if !tried.Swap(true) {
					return nil, syscall.ECONNREFUSED
				}
				return s.engine.Engine.Dial(ctx, address)
			}
		}, run: ends(func(s *scene, c *websocket.Conn) { c.CloseNow() }), closed: 1},
		{name: "the engine cannot take it", nodes: 1, before: func(s *scene) {
			s.engine.start = func(p relay.Pair) relay.Relay {
				p.Client.Close() // as a server does that is closed
				return s.engine.Engine.Start(p)
			}
		}, run: func(s *scene) {
			if c, err := s.dial(); err == nil {
				s.closed(c)
			}
		}, closed: 1},
		{name: "it was given another node, and its own again", nodes: 2, before: movable, run: ends(func(s *scene, c *websocket.Conn) {
			s.giveAnother(c)
			s.giveAnother(c)
			c.CloseNow()
		}), closed: 1},
		{name: "it was given another node, and is drained there", nodes: 2, before: movable, run: ends(func(s *scene, c *websocket.Conn) {
			at := s.giveAnother(c)
			s.moves.Move(at, moves.Move{By: relay.ByDrain, Code: 4200}, nil)
			s.closed(c)
		}), closed: 1},
	}
}

func panicEndings() []ending {
	cut := func(s *scene) {
		if c, err := s.dial(); err == nil {
			s.closed(c)
		}
	}
	return []ending{
		{name: "a panic in the dial", nodes: 1, before: func(s *scene) {
			s.engine.dial = func(context.Context, string) (net.Conn, error) { panic(errHook) }
		}, run: cut, panics: 1},
		{name: "a panic behind the dial", nodes: 1, before: func(s *scene) {
			s.engine.dial = func(ctx context.Context, address string) (net.Conn, error) {
				conn, err := s.engine.Engine.Dial(ctx, address)
				return panicky{conn}, err
			}
		}, run: cut, panics: 1},
		{name: "a panic when a node has not answered", nodes: 1, before: func(s *scene) {
			faulty(devnode.Faults{Hang: true})(s)
			s.change(func(o *Options) { o.Timeouts.Answer = 20 * time.Millisecond })
			s.h.unanswered = func(string) { panic(errHook) }
		}, run: cut, panics: 1},
		{name: "a panic in the hijack", nodes: 1, before: func(s *scene) {
			s.writer = func(w http.ResponseWriter) http.ResponseWriter { return hijackPanics{w} }
		}, run: cut, panics: 1},
		{name: "a panic in the hijack of a client that is turned away", nodes: 0, before: func(s *scene) {
			s.writer = func(w http.ResponseWriter) http.ResponseWriter { return hijackPanics{w} }
		}, run: cut, panics: 1},
		{name: "a panic in Start", nodes: 1, before: func(s *scene) {
			s.engine.start = func(relay.Pair) relay.Relay { panic(errHook) }
		}, run: cut, panics: 1},
		{name: "a panic in Start, which has ended the client", nodes: 1, before: func(s *scene) {
			s.engine.start = func(p relay.Pair) relay.Relay {
				p.Client.Close()
				p.Node.Close()
				p.Owner.Ended(relay.End{By: relay.ByLimit})
				panic(errHook)
			}
		}, run: cut, panics: 1, closed: 1},
		{name: "a panic between Start and Moves", nodes: 1, before: func(s *scene) {
			s.moves.Stop(moves.Move{By: relay.ByShutdown, Code: 4100}) // so that it closes whoever is added
			s.engine.start = func(p relay.Pair) relay.Relay { return &panicsOnce{Relay: s.engine.Engine.Start(p)} }
		}, run: cut, panics: 1, closed: 1},
		{name: "a panic in the relay", nodes: 1, before: func(s *scene) {
			s.engine.start = func(p relay.Pair) relay.Relay {
				p.Owner = notablePanics{p.Owner}
				return s.engine.Engine.Start(p)
			}
		}, run: cut, panics: 1, closed: 1},
	}
}

func stopEndings() []ending {
	waiting := func(s *scene, what string, holds func() bool) {
		gone := make(chan struct{})
		go func() {
			defer close(gone)
			s.turnedAway()
		}()
		s.until(what, holds)
		s.stop()
		<-gone
	}
	asked := func(s *scene) {
		waiting(s, "the node is asked", func() bool { return s.nodes[0].Stats().Open == 1 })
	}
	return []ending{
		{name: "a stop during the dial", nodes: 1, before: func(s *scene) {
			s.engine.dial = func(context.Context, string) (net.Conn, error) {
				<-s.h.stopping.Done()
				return nil, syscall.ECONNREFUSED
			}
		}, run: func(s *scene) {
			waiting(s, "it has its node", func() bool { return s.pool.Nodes()[0].Connections == 1 })
		}},
		{name: "a stop while it waits for the answer", nodes: 1, before: faulty(devnode.Faults{Hang: true}), run: asked},
		{name: "a stop while it waits for the greeting", nodes: 1, before: faulty(devnode.Faults{Mute: true}), run: asked},
		{name: "a stop while it waits for its turn", nodes: 1, before: limited(func(l *Limits) { l.UpgradesPerSecond = 1 }), run: func(s *scene) {
			first := s.in()
			waiting(s, "both are clients", func() bool { now, _ := s.h.Clients(); return now == 2 })
			s.closed(first)
		}, closed: 1},
		{name: "a stop while it is turned away", nodes: 0, before: func(s *scene) { s.change(func(o *Options) { o.Timeouts.Close = time.Hour }) }, run: func(s *scene) {
			conn := s.open(goodFields)
			conn.Read(make([]byte, 1))
			if now, _ := s.h.Clients(); now != 0 {
				s.Errorf("got %d clients while one is turned away, want none", now)
			}
			s.stop()
		}},
		{name: "a stop between Start and Moves", nodes: 1, before: func(s *scene) {
			s.engine.start = func(p relay.Pair) relay.Relay {
				defer func() {
					s.stop()
					<-s.h.stopping.Done()
				}()
				return s.engine.Engine.Start(p)
			}
		}, run: func(s *scene) {
			if c, err := s.dial(); err == nil {
				s.closed(c)
			}
		}, closed: 1},
		{name: "a stop of one that is relayed", nodes: 1, run: func(s *scene) {
			c := s.in()
			s.stop()
			s.closed(c)
		}, closed: 1},
		{name: "a stop, and it does not answer", nodes: 1, run: func(s *scene) {
			s.in()
			s.stop()
		}, closed: 1},
		{name: "it comes after a stop", nodes: 1, run: func(s *scene) {
			s.stop()
			<-s.h.stopping.Done()
			s.turnedAway()
		}},
	}
}

func TestHoweverAClientEndsItIsCountedNowhere(t *testing.T) {
	for _, e := range endings() {
		t.Run(e.name, func(t *testing.T) {
			t.Parallel()
			s := newScene(t, e.nodes)
			if e.before != nil {
				e.before(s)
			}
			s.serve()
			e.run(s)
			s.wantNothingLeft(e.closed, e.panics)
		})
	}
}

// movable has clients counted at another node whenever their node answers a ping, as
// when that is where they are relayed to.
func movable(s *scene) {
	s.engine.start = func(p relay.Pair) relay.Relay {
		p.Owner = &resettled{p.Owner.(*client), s.resettled}
		return s.engine.Engine.Start(p)
	}
}

type resettled struct {
	*client
	at chan<- *balancer.Node
}

func (r *resettled) Notable(frames []byte) bool {
	if !bytes.Contains(frames, []byte("pusher:pong")) {
		return false
	}
	pick, err := r.handler.pool.Acquire(balancer.Key{Tried: []*balancer.Node{r.pick.Node}})
	if err != nil {
		panic(err)
	}
	r.resettle(pick)
	r.at <- pick.Node
	return false
}

// giveAnother has the only client counted at its other node, and returns that.
func (s *scene) giveAnother(c *websocket.Conn) *balancer.Node {
	s.Helper()
	if err := c.Write(s.Context(), websocket.MessageText, []byte(`{"event":"pusher:ping"}`)); err != nil {
		s.Fatal(err)
	}
	at := <-s.resettled
	for _, n := range s.pool.Nodes() {
		want := 0
		if n.Node == at {
			want = 1
		}
		if n.Connections != want {
			s.Errorf("%s: got %d connections in the pool, want %d", n.Name, n.Connections, want)
		}
		wantMetric(s.T, s.registry, fmt.Sprintf("fermata_connections{node=%q} %d\n", n.Name, want))
	}
	wantMetric(s.T, s.registry, fmt.Sprintf("fermata_app_connections{app=%q,node=%q} 1\n", devnode.DefaultAppKey, at.Name()))
	if got := s.moves.Clients(); got != 1 {
		s.Errorf("got %d clients that can be moved, want one", got)
	}
	return at
}

func limited(change func(*Limits)) func(*scene) {
	return func(s *scene) { s.change(func(o *Options) { change(&o.Limits) }) }
}

func faulty(f devnode.Faults) func(*scene) {
	return func(s *scene) {
		for _, n := range s.nodes {
			n.SetFaults(f)
		}
	}
}

// unhijackable has connections that cannot be taken from the server.
func unhijackable(s *scene) {
	s.writer = func(w http.ResponseWriter) http.ResponseWriter { return struct{ http.ResponseWriter }{w} }
}

type hijackPanics struct{ http.ResponseWriter }

func (hijackPanics) FlushError() error { return nil }

func (hijackPanics) Unwrap() http.ResponseWriter { panic(errHook) }

type panicky struct{ net.Conn }

func (panicky) Write([]byte) (int, error) { panic(errHook) }

// panicsOnce is a relay that cannot be closed the first time.
type panicsOnce struct {
	relay.Relay
	once sync.Once
}

func (r *panicsOnce) Close(how relay.Close) {
	r.once.Do(func() { panic(errHook) })
	r.Relay.Close(how)
}

type notablePanics struct{ relay.Owner }

func (notablePanics) Notable([]byte) bool { panic(errHook) }

// Each count is undone once, whoever ends the client and how often.
func TestACountIsUndoneOnceHoweverOftenAClientEnds(t *testing.T) {
	h := handlerOf(poolOf(1))
	var ending sync.WaitGroup
	for range 100 {
		c := &client{handler: h}
		pick, err := h.pool.Acquire(balancer.Key{})
		if err != nil {
			t.Fatal(err)
		}
		c.settle(pick)
		h.clients.Add(1)
		c.stay.enter(asClient)
		c.tally, c.app = h.tallies.enter(pick.Node.Name(), "chat")
		c.stay.enter(inTally)
		for range 3 {
			ending.Go(func() {
				c.leave(count(rand.Uint32()) & everywhere)
				c.leave(everywhere)
			})
		}
	}
	ending.Wait()
	if now, _ := h.Clients(); now != 0 || h.pool.Nodes()[0].Connections != 0 || len(h.tallies.apps) != 0 {
		t.Errorf("got %d clients, %d at the node, %d apps, want none", now, h.pool.Nodes()[0].Connections, len(h.tallies.apps))
	}
}
