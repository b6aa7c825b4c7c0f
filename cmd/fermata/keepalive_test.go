package main

import (
	"bufio"
	"net"
	"strings"
	"testing"

	"fermata/internal/lab/realclient"
)

func TestASilentClientThatAnswersPingsStays(t *testing.T) {
	s := newStack(t, 1, "keepalive: {ping: 1s}\n")
	silent := s.wire(wireUpgrade + "\r\n")
	silent.answer()
	silent.frame() // the greeting
	for range 4 {
		opcode, payload := silent.frame()
		if opcode != 9 || len(payload) != 8 {
			t.Fatalf("got the frame %d %q, want a ping of 8 bytes", opcode, payload)
		}
		silent.send("\x8a\x88\x00\x00\x00\x00" + payload)
	}
	silent.send(clientFrame(`{"event":"pusher:ping","data":{}}`))
	if opcode, payload := silent.frame(); opcode != 1 || !strings.Contains(payload, "pusher:pong") {
		t.Errorf("got the frame %d %q, want pusher:pong", opcode, payload)
	}
}

func TestAClientThatAnswersNoPingIsEnded(t *testing.T) {
	s := newStack(t, 1, "keepalive: {ping: 1s}\ntimeouts: {close: 200ms}\n")
	gone := s.wire(wireUpgrade + "\r\n")
	gone.answer()
	gone.frame() // the greeting
	for _, want := range []byte{9, 9, 8} {
		if opcode, payload := gone.frame(); opcode != want {
			t.Fatalf("got the frame %d %q, want %d", opcode, payload, want)
		}
	}
	gone.ended()
	line := s.logs.wait(t, "client closed")
	if line["by"] != "timeout" || line["code"] != 1001.0 || line["err"] != "client has not answered two pings" {
		t.Errorf("log line: got by %v, code %v, err %v, want timeout, 1001, no answer", line["by"], line["code"], line["err"])
	}
	s.hasMetric(`fermata_connections_closed_total{by="timeout",node="reverb-1"} 1`)
}

// The node is a bare one, which tells every frame that it gets.
func TestANodeSeesNothingOfThePings(t *testing.T) {
	saw := make(chan byte, 1)
	node := fakeNode(t, func(c net.Conn, head string) {
		says101("", "\x81\x02hi")(c, head)
		first, _ := bufio.NewReader(c).ReadByte()
		saw <- first
	})
	s := newFront(t, []string{node}, "keepalive: {ping: 1s}\n")
	client := s.wire(wireUpgrade + "\r\n")
	client.answer()
	client.frame()
	_, payload := client.frame()
	client.send("\x8a\x88\x00\x00\x00\x00" + payload)
	client.frame() // the next one: the pong to the first has come
	client.send(clientFrame("x"))
	if got := <-saw; got != 0x81 {
		t.Errorf("the node got a frame that begins with %#x, want the text frame", got)
	}
}

func TestAReloadChangesThePingsOfClientsToCome(t *testing.T) {
	s := newStack(t, 1, "")
	s.bystander()
	s.configure("keepalive: {ping: 1s}\n")
	s.reload()
	c := s.wire(wireUpgrade + "\r\n")
	c.answer()
	c.frame()
	if opcode, _ := c.frame(); opcode != 9 {
		t.Errorf("got the frame %d, want a ping", opcode)
	}
}

func TestAClientThatIsTooOldComesBack(t *testing.T) {
	s := newStack(t, 2, "limits: {max_age: 1s}\n")
	p := s.dial()
	if code := p.closed(); code != 4200 {
		t.Errorf("got the Close frame %d, want 4200", code)
	}
	if line := s.logs.wait(t, "client closed"); line["by"] != "max_age" || line["dur"].(float64) < 1 {
		t.Errorf("log line: got by %v after %vs, want max_age after a second", line["by"], line["dur"])
	}
	s.waitMetric(`fermata_connections_closed_total{by="max_age",node="` + p.node + `"} 1`)
	if again := s.dial(p.cookie); again.node != p.node || again.cookie != nil {
		t.Errorf("came back to %s with %v, want %s and the cookie that it had", again.node, again.cookie, p.node)
	}
}

func TestAReloadChangesTheAgeOfThoseWhoAreThere(t *testing.T) {
	s := newStack(t, 1, "")
	p := s.dial()
	s.configure("limits: {max_age: 1s}\n")
	s.reload()
	if code := p.closed(); code != 4200 {
		t.Errorf("got the Close frame %d, want 4200", code)
	}
	s.configure("")
	s.reload()
	s.dial().answers()
}

// pusher-js answers pings, and comes back by itself, subscribed, when it is
// too old.
func TestPusherIsPingedAndComesBackWhenItIsTooOld(t *testing.T) {
	t.Parallel()
	s := newStack(t, 2, secure(t)+"keepalive: {ping: 1s}\nlimits: {max_age: 5s}\n")
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
