package app_test

import (
	"context"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"fermata/internal/admin"
	"fermata/internal/app"
	"fermata/internal/app/apptest"
	"fermata/internal/config"
	"fermata/internal/console"
	"fermata/internal/handover"
)

// script is a process that a test plays in a take-over.
type script struct {
	t *testing.T
	*handover.Conn
}

func upgradeSocket(s *apptest.Stack) string {
	return strings.TrimSuffix(strings.TrimPrefix(s.Admin, "unix:"), ".sock") + ".upgrade"
}

// successor is one that says hello to the stack's Fermata.
func successor(s *apptest.Stack) *script {
	s.T.Helper()
	conn, err := handover.Dial(upgradeSocket(s))
	if err != nil {
		s.T.Fatal(err)
	}
	s.T.Cleanup(func() { conn.Close() })
	c := &script{s.T, conn}
	c.say(handover.KindTakeOver, handover.Hello{Protocol: handover.Version, Fermata: "scripted"})
	return c
}

func (c *script) say(kind string, body any, files ...int) {
	c.t.Helper()
	if err := c.Send(kind, body, files...); err != nil {
		c.t.Fatal(err)
	}
}

// until receives up to a message of that kind.
func (c *script) until(kind string, body any) handover.Message {
	c.t.Helper()
	for {
		m, err := c.Receive(time.Now().Add(apptest.Timeout))
		if err != nil {
			c.t.Fatalf("got %v, want %q", err, kind)
		}
		if m.Kind == kind {
			if err := m.Into(body); err != nil {
				c.t.Fatal(err)
			}
			return m
		}
		m.Close()
	}
}

// ready has it be the one that serves.
func (c *script) ready() handover.Yours {
	c.t.Helper()
	c.until(handover.KindWelcome, new(handover.Welcome)).Close()
	c.say(handover.KindReady, handover.Ready{})
	var yours handover.Yours
	c.until(handover.KindYours, &yours)
	return yours
}

// steps are how far a successor comes before it dies.
var steps = []struct {
	name string
	play func(*script)
}{
	{"after its hello", func(c *script) {}},
	{"after the welcome", func(c *script) { c.until(handover.KindWelcome, new(handover.Welcome)).Close() }},
	{"after it was ready", func(c *script) {
		c.until(handover.KindWelcome, new(handover.Welcome)).Close()
		c.say(handover.KindReady, handover.Ready{})
	}},
	{"after it has the place", func(c *script) { c.ready() }},
	{"with clients that it has not answered for", func(c *script) {
		c.ready()
		c.until(handover.KindClients, new(handover.Batch)).Close()
	}},
	{"with clients that it has answered for", func(c *script) {
		c.ready()
		var b handover.Batch
		m := c.until(handover.KindClients, &b)
		defer m.Close()
		c.Interrupt() // so that the others cannot say go
		c.say(handover.KindHave, handover.Have{Number: b.Number})
	}},
}

func TestWhenASuccessorDiesAnywhereItsPredecessorGoesOnWithAll(t *testing.T) {
	for _, step := range steps {
		t.Run(step.name, func(t *testing.T) {
			t.Parallel()
			s := apptest.New(t, 2, "timeouts: {close: 1s}\n")
			var clients []*apptest.Peer
			for range 5 {
				clients = append(clients, s.Dial())
			}
			for range 2 {
				c := successor(s)
				step.play(c)
				c.Close()
				for _, p := range clients {
					p.Answers()
				}
				s.DialInTime().Answers()
				s.Eventually("it can be asked again", func() bool {
					list, err := s.API().Nodes(t.Context(), false)
					return err == nil && list.Nodes[0].Connections+list.Nodes[1].Connections >= len(clients)
				})
			}
			if _, err := s.API().Drain(t.Context(), "reverb-1", admin.DrainRequest{}); err != nil {
				t.Errorf("drain: got %v, want it to decide again", err)
			}
		})
	}
}

func TestADrainWhileTheNewProcessStartsIsNotForgotten(t *testing.T) {
	t.Parallel()
	s := apptest.New(t, 2, "timeouts: {close: 1s}\n")
	c := successor(s)
	var welcome handover.Welcome
	c.until(handover.KindWelcome, &welcome).Close()
	if _, err := s.API().Drain(t.Context(), "reverb-1", admin.DrainRequest{}); err != nil {
		t.Fatal(err)
	}
	c.say(handover.KindReady, handover.Ready{})
	var yours handover.Yours
	c.until(handover.KindYours, &yours)
	if yours.State == nil || yours.State.Nodes["reverb-1"].Drain == nil || welcome.State.Nodes["reverb-1"].Drain != nil {
		t.Errorf("got %+v, want the drain that was decided since %+v", yours.State, welcome.State)
	}
}

func TestADrainThatComesToTheOldProcessIsRefused(t *testing.T) {
	t.Parallel()
	s := apptest.New(t, 2, "timeouts: {close: 1s}\n")
	s.Dial() // has the old process stay
	kept := &http.Transport{DialContext: func(context.Context, string, string) (net.Conn, error) {
		return net.Dial("unix", strings.TrimPrefix(s.Admin, "unix:"))
	}}
	defer kept.CloseIdleConnections()
	ask := func(method, path string) int {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), method, "http://localhost"+path, strings.NewReader("{}"))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", "application/json")
		answer, err := kept.RoundTrip(r)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, answer.Body)
		answer.Body.Close()
		return answer.StatusCode
	}
	ask("GET", "/v1/nodes")
	successor(s).ready()
	if got := ask("POST", "/v1/nodes/reverb-1/drain"); got != http.StatusConflict {
		t.Errorf("got %d, want %d: another process decides", got, http.StatusConflict)
	}
}

// take has a Fermata of the same configuration take over from whom the test plays at
// the socket.
func take(s *apptest.Stack, socket string) {
	s.T.Helper()
	out := console.StartQueue(s.Logs)
	a, err := app.New(func() (*config.Config, error) { return config.Load(s.File) }, out)
	if err != nil {
		s.T.Fatal(err)
	}
	a.TakeOver, a.Predecessor = true, socket
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() {
		err := a.Listen()
		if err == nil {
			err = a.Run(ctx)
		}
		done <- err
	}()
	s.T.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			s.T.Errorf("the successor: got %v, want no error", err)
		}
		out.Close()
	})
}

// predecessor is one that gives its place, with a listening socket, to a Fermata that
// takes over from it.
func predecessor(s *apptest.Stack) *script {
	s.T.Helper()
	socket := upgradeSocket(s) + ".played"
	gate, err := handover.Listen(socket)
	if err != nil {
		s.T.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		s.T.Fatal(err)
	}
	defer l.Close()
	s.Address = l.Addr().String()
	take(s, socket)
	conn, err := handover.AcceptPeer(gate)
	if err != nil {
		s.T.Fatal(err)
	}
	s.T.Cleanup(func() { conn.Close() })
	c := &script{s.T, conn}
	var hello handover.Hello
	c.until(handover.KindTakeOver, &hello)
	clients, err := l.(*net.TCPListener).File()
	if err != nil {
		s.T.Fatal(err)
	}
	defer clients.Close()
	own, err := gate.File()
	if err != nil {
		s.T.Fatal(err)
	}
	defer own.Close()
	defer gate.Close()
	gate.Keep(true)
	c.say(handover.KindWelcome, handover.Welcome{Hello: handover.Hello{Protocol: handover.Version, Fermata: "scripted", PID: os.Getpid()}, Sockets: []handover.Socket{
		{What: handover.Clients, Address: "127.0.0.1:0"}, {What: handover.Upgrade, Address: socket},
	}}, nonblocking(s.T, clients), int(own.Fd()))
	var ready handover.Ready
	c.until(handover.KindReady, &ready)
	if ready.Socket == socket {
		s.T.Errorf("got %s, want the socket that the configuration names", ready.Socket)
	}
	c.say(handover.KindYours, handover.Yours{})
	return c
}

func nonblocking(t *testing.T, f *os.File) int {
	t.Helper()
	fd := int(f.Fd())
	if err := unix.SetNonblock(fd, true); err != nil {
		t.Fatal(err)
	}
	return fd
}

// The clients come from a Fermata that has given them away, so that nobody but the
// successor can have them.
func TestClientsThatAPredecessorHadSentWhenItDiedGoOn(t *testing.T) {
	for _, named := range []struct {
		name  string
		end   func(c *script, number int)
		taken bool
	}{
		{"before it said go", func(c *script, _ int) { c.Close() }, true},
		{"with something unread", func(c *script, _ int) { c.until(handover.KindDecided, new(handover.Decided)); c.Close() }, true},
		{"after it said go", func(c *script, n int) { c.say(handover.KindGo, handover.Go{Number: n}); c.Close() }, true},
		{"but kept", func(c *script, n int) { c.say(handover.KindGo, handover.Go{Number: n, Kept: true}); c.Close() }, false},
	} {
		t.Run(named.name, func(t *testing.T) {
			t.Parallel()
			from := apptest.New(t, 2, "timeouts: {close: 1s}\n")
			live := from.Dial()
			giver := successor(from)
			giver.ready()
			var batch handover.Batch
			m := giver.until(handover.KindClients, &batch)
			defer m.Close()

			to := apptest.Configured(t, from.URLs, "timeouts: {close: 1s}\n")
			c := predecessor(to)
			c.say(handover.KindClients, batch, m.Files...)
			var have handover.Have
			c.until(handover.KindHave, &have)
			if have.Number != batch.Number || len(have.Refused) > 0 {
				t.Fatalf("got %+v, want all to be taken", have)
			}
			if named.taken {
				giver.say(handover.KindHave, handover.Have{Number: batch.Number})
				giver.until(handover.KindGo, new(handover.Go))
			}
			named.end(c, batch.Number)
			if !named.taken {
				giver.Close() // the one who has it goes on
			}
			live.Answers()
			live.Answers()
			to.DialInTime().Answers()
		})
	}
}
