package proxy

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"

	"fermata/proxy/relay"
)

// conversation is what is said with a node that a session moves to, before the
// relay has its connection.
type conversation struct {
	conn net.Conn
	in   *bufio.Reader
	most int // bytes of a message that is looked at
}

// within has reads and writes fail once ctx ends. Done must be called, once at
// least, before somebody else gets the connection; it is false when ctx has ended.
func (c *conversation) within(ctx context.Context) (done func() bool) {
	interrupted := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(interrupted)
		c.conn.SetDeadline(time.Unix(1, 0))
	})
	return sync.OnceValue(func() bool {
		if stop() {
			return true
		}
		<-interrupted
		return false
	})
}

// say sends text messages.
func (c *conversation) say(messages [][]byte) error {
	var b []byte
	for _, text := range messages {
		b = relay.AppendToNode(b, opText, text)
	}
	_, err := c.conn.Write(b)
	return err
}

// hear is the next text message of the node, valid until the next call. Pings are
// answered; what is too large, or comes in fragments, is passed over.
func (c *conversation) hear() ([]byte, error) {
	for {
		f, err := c.frame()
		switch {
		case err != nil:
			return nil, err
		case f.opcode == opClose:
			return nil, fmt.Errorf("the node has sent a Close frame %d", f.status())
		case f.opcode == opPing:
			if _, err := c.conn.Write(relay.AppendToNode(nil, opPong, f.payload)); err != nil {
				return nil, err
			}
		case f.opcode == opText && f.final && f.payload != nil:
			return f.payload, nil
		}
	}
}

// The opcodes of RFC 6455 section 5.2 that are looked for.
const (
	opText  = 0x1
	opClose = 0x8
	opPing  = 0x9
	opPong  = 0xa
)

// nodeFrame is one frame of a node.
type nodeFrame struct {
	opcode  byte
	final   bool
	payload []byte // nil: it was too large
}

func (f nodeFrame) status() int {
	if len(f.payload) < 2 {
		return 1005 // there is none, RFC 6455 section 7.4.1
	}
	return int(binary.BigEndian.Uint16(f.payload))
}

var errMasked = errors.New("the node has sent a frame with a mask")

// frame reads the next frame.
func (c *conversation) frame() (f nodeFrame, err error) {
	var head [2]byte
	if _, err = io.ReadFull(c.in, head[:]); err != nil {
		return f, err
	}
	f.final, f.opcode = head[0]&0x80 != 0, head[0]&0x0f
	if head[1]&0x80 != 0 {
		return f, errMasked
	}
	size, err := c.length(head[1])
	switch {
	case err != nil:
		return f, err
	case size > uint64(c.most):
		_, err = io.CopyN(io.Discard, c.in, int64(size))
		return f, err
	}
	f.payload = make([]byte, size)
	_, err = io.ReadFull(c.in, f.payload)
	return f, err
}

// length reads the rest of a frame's length.
func (c *conversation) length(first byte) (uint64, error) {
	var b [8]byte
	switch first {
	case 126:
		_, err := io.ReadFull(c.in, b[6:])
		return binary.BigEndian.Uint64(b[:]), err
	case 127:
		_, err := io.ReadFull(c.in, b[:])
		size := binary.BigEndian.Uint64(b[:])
		if size>>63 != 0 {
			return 0, errors.New("the node has sent a length above 63 bits")
		}
		return size, err
	}
	return uint64(first), nil
}

// rest is what has come and was not heard.
func (c *conversation) rest() []byte {
	b := make([]byte, c.in.Buffered())
	c.in.Read(b)
	return b
}
