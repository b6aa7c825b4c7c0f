package app_test

import (
	"bufio"
	"net"
	"strings"
	"testing"

	"fermata/internal/app/apptest"
	"fermata/internal/lab/realclient"
)

func TestASilentClientThatAnswersPingsStays(t *testing.T) {
	apptest.TakesSeconds(t)
	t.Parallel()
	s := apptest.New(t, 1, "keepalive: {ping: 1s}\n")
	silent := s.Wire(apptest.WireUpgrade + "\r\n")
	silent.Answer()
	silent.Frame() // the greeting
	for range 4 {
		opcode, payload := silent.Frame()
		if opcode != 9 || len(payload) != 8 {
			t.Fatalf("got the frame %d %q, want a ping of 8 bytes", opcode, payload)
		}
		silent.Send("\x8a\x88\x00\x00\x00\x00" + payload)
	}
	silent.Send(apptest.ClientFrame(`{"event":"pusher:ping","data":{}}`))
	if opcode, payload := silent.Frame(); opcode != 1 || !strings.Contains(payload, "pusher:pong") {
		t.Errorf("got the frame %d %q, want pusher:pong", opcode, payload)
	}
}

func TestAClientThatAnswersNoPingIsEnded(t *testing.T) {
	apptest.TakesSeconds(t)
	t.Parallel()
	s := apptest.New(t, 1, "keepalive: {ping: 1s}\ntimeouts: {close: 200ms}\n")
	gone := s.Wire(apptest.WireUpgrade + "\r\n")
	gone.Answer()
	gone.Frame() // the greeting
	for _, want := range []byte{9, 9, 8} {
		if opcode, payload := gone.Frame(); opcode != want {
			t.Fatalf("got the frame %d %q, want %d", opcode, payload, want)
		}
	}
	gone.Ended()
	line := s.Logs.Wait(t, "client closed")
	if line["by"] != "timeout" || line["code"] != 1001.0 || line["err"] != "client has not answered two pings" {
		t.Errorf("log line: got by %v, code %v, err %v, want timeout, 1001, no answer", line["by"], line["code"], line["err"])
	}
	s.HasMetric(`fermata_connections_closed_total{by="timeout",node="reverb-1"} 1`)
}

// The node is a bare one, which tells every frame that it gets.
func TestANodeSeesNothingOfThePings(t *testing.T) {
	apptest.TakesSeconds(t)
	t.Parallel()
	saw := make(chan byte, 1)
	node := apptest.FakeNode(t, func(c net.Conn, head string) {
		apptest.Says101("", "\x81\x02hi")(c, head)
		first, _ := bufio.NewReader(c).ReadByte()
		saw <- first
	})
	s := apptest.NewFront(t, []string{node}, "keepalive: {ping: 1s}\n")
	client := s.Wire(apptest.WireUpgrade + "\r\n")
	client.Answer()
	client.Frame()
	_, payload := client.Frame()
	client.Send("\x8a\x88\x00\x00\x00\x00" + payload)
	client.Frame() // the next one: the pong to the first has come
	client.Send(apptest.ClientFrame("x"))
	if got := <-saw; got != 0x81 {
		t.Errorf("the node got a frame that begins with %#x, want the text frame", got)
	}
}

func TestAReloadChangesThePingsOfClientsToCome(t *testing.T) {
	t.Parallel()
	s := apptest.New(t, 1, "")
	s.Bystander()
	s.Configure("keepalive: {ping: 1s}\n")
	s.Reload()
	c := s.Wire(apptest.WireUpgrade + "\r\n")
	c.Answer()
	c.Frame()
	if opcode, _ := c.Frame(); opcode != 9 {
		t.Errorf("got the frame %d, want a ping", opcode)
	}
}

func TestAClientThatIsTooOldComesBack(t *testing.T) {
	t.Parallel()
	s := apptest.New(t, 2, "limits: {max_age: 1s}\n")
	p := s.Dial()
	if code := p.Closed(); code != 4200 {
		t.Errorf("got the Close frame %d, want 4200", code)
	}
	if line := s.Logs.Wait(t, "client closed"); line["by"] != "max_age" || line["dur"].(float64) < 1 {
		t.Errorf("log line: got by %v after %vs, want max_age after a second", line["by"], line["dur"])
	}
	s.WaitMetric(`fermata_connections_closed_total{by="max_age",node="` + p.Node + `"} 1`)
	if again := s.Dial(p.Cookie); again.Node != p.Node || again.Cookie != nil {
		t.Errorf("came back to %s with %v, want %s and the cookie that it had", again.Node, again.Cookie, p.Node)
	}
}

func TestAReloadChangesTheAgeOfThoseWhoAreThere(t *testing.T) {
	t.Parallel()
	s := apptest.New(t, 1, "")
	p := s.Dial()
	s.Configure("limits: {max_age: 1s}\n")
	s.Reload()
	if code := p.Closed(); code != 4200 {
		t.Errorf("got the Close frame %d, want 4200", code)
	}
	s.Configure("")
	s.Reload()
	s.Dial().Answers()
}

// pusher-js answers pings, and comes back by itself, subscribed, when it is
// too old.
func TestPusherIsPingedAndComesBackWhenItIsTooOld(t *testing.T) {
	t.Parallel()
	s := apptest.New(t, 2, secure(t)+"keepalive: {ping: 1s}\nlimits: {max_age: 5s}\n")
	clients := realclient.Start(t, clientOptions(s, realclient.PusherJS, 5))
	all := clients.WaitAll(t, "each came back twice, and subscribed", func(c *realclient.Client) bool {
		return len(c.Nodes) >= 3 && settled(c)
	})
	for i, c := range all {
		for _, end := range c.Ended() {
			if end.Code != 4200 {
				t.Errorf("client %d: got the closes %v, want 4200 alone", i, c.Closes)
				break
			}
		}
		for _, node := range c.Nodes {
			if node != c.Nodes[0] {
				t.Errorf("client %d: got the nodes %v, want always the one that it is pinned to", i, c.Nodes)
				break
			}
		}
	}
}
