package proxy

import (
	"bufio"
	"bytes"
	"errors"
	"net"
	"strings"
	"testing"

	"fermata/proxy/relay"
)

// spoken is a connection to a node that notes what it is sent.
type spoken struct {
	net.Conn
	sent bytes.Buffer
}

func (s *spoken) Write(p []byte) (int, error) { return s.sent.Write(p) }

// talkWith is a conversation with a node that sends this, and then ends. Messages
// of up to 200 bytes are looked at.
func talkWith(node string) (*conversation, *spoken) {
	s := &spoken{}
	return &conversation{conn: s, in: bufio.NewReader(strings.NewReader(node)), most: 200}, s
}

func TestTheNextWholeMessageOfANodeIsHeard(t *testing.T) {
	f := func(what, node, want string) {
		t.Helper()
		c, _ := talkWith(node)
		if got, err := c.hear(); err != nil || string(got) != want {
			t.Errorf("%s: got %.20q and %v, want %.20q", what, got, err, want)
		}
	}
	next := frame("next")
	long := strings.Repeat("x", 200)
	f("a short one", frame("a")+next, "a")
	f("an empty one", frame("")+next, "")
	f("one of 125 bytes", frame(long[:125])+next, long[:125])
	f("one of 126 bytes", frame(long[:126])+next, long[:126])
	f("the largest that is looked at", frame(long)+next, long)
	f("a larger one before it", frame(long+"x")+next, "next")
	f("its length in eight bytes", "\x81\x7f\x00\x00\x00\x00\x00\x00\x00\x01a"+next, "a")
	f("fragments before it", "\x01\x01a\x80\x01b"+next, "next")
	f("a binary one before it", "\x82\x01a"+next, "next")
	f("a pong before it", "\x8a\x00"+next, "next")
}

func TestAConversationEndsWithWhatNoNodeMaySayOrItsEnd(t *testing.T) {
	f := func(what, node, want string) {
		t.Helper()
		c, _ := talkWith(node)
		if got, err := c.hear(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %q and %v, want an error with %q", what, got, err, want)
		}
	}
	f("a close", "\x88\x02\x10\x69", "Close frame 4201")
	f("a close with a reason", "\x88\x03\x10\x69x", "Close frame 4201")
	f("a close without a code", "\x88\x00", "Close frame 1005")
	f("a close with half a code", "\x88\x01\x10", "Close frame 1005")
	f("a mask", "\x81\x81\x00\x00\x00\x00a", errMasked.Error())
	f("a length of 64 bits", "\x81\x7f\x80\x00\x00\x00\x00\x00\x00\x00", "above 63 bits")
	f("its end", "", "EOF")
	f("its end in a head", "\x81", "EOF")
	f("its end in a length", "\x81\x7e\x00", "EOF")
	f("its end in a long length", "\x81\x7f\x00", "EOF")
	f("its end in a message", "\x81\x02a", "EOF")
	f("its end in a large message", frame(strings.Repeat("x", 300))[:100], "EOF")
}

func TestAPingInAConversationIsAnswered(t *testing.T) {
	c, s := talkWith("\x89\x02hi" + frame("a"))
	if got, err := c.hear(); err != nil || string(got) != "a" {
		t.Errorf("got %q and %v, want the message after the ping", got, err)
	}
	b := s.sent.Bytes()
	if want := relay.AppendToNode(nil, opPong, []byte("hi")); len(b) != len(want) || b[0] != want[0] || b[1] != want[1] {
		t.Errorf("got %x sent, want a pong such as %x", b, want)
	}
	c.conn = mute{}
	c.in.Reset(strings.NewReader("\x89\x00" + frame("a")))
	if _, err := c.hear(); !errors.Is(err, errHook) {
		t.Errorf("a node that takes no pong: got %v, want %v", err, errHook)
	}
}

// mute is a connection that nothing can be sent over.
type mute struct{ net.Conn }

func (mute) Write([]byte) (int, error) { return 0, errHook }

func TestTheFirstFrameOfANodeIsLookedAtAndStaysWhereItIs(t *testing.T) {
	for _, size := range []int{0, 1, 125, 126, 127, 1000, 65_535} {
		text := strings.Repeat("x", size)
		sent := frame(text) + frame("the next one")
		a := &answer{rest: bufio.NewReaderSize(strings.NewReader(sent), 1024)}
		got, err := a.peekFrame()
		if want := text[:min(size, 1024-len(frame(text))+size)]; err != nil || string(got) != want {
			t.Errorf("of %d bytes: got %d and %v, want %d", size, len(got), err, len(want))
		}
		if left, _ := a.rest.Peek(2); string(left) != sent[:2] {
			t.Errorf("of %d bytes: got %x left, want all of it", size, left)
		}
	}
	for _, short := range []string{"", "\x81", "\x81\x7e\x00", "\x81\x02a"} {
		a := &answer{rest: bufio.NewReader(strings.NewReader(short))}
		if got, err := a.peekFrame(); err == nil {
			t.Errorf("%q: got %q, want an error", short, got)
		}
	}
}
