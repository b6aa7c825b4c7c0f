// Package handover is how two Fermatas on one machine talk while one takes the
// place of the other: over a unix socket that only their user can open, in messages
// of JSON that can carry descriptors. What they say is in message.go; what follows
// from it is the app's.
//
// The predecessor is the one that serves, the successor the one that takes over.
package handover

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Version is that of what the two say. Both must have the same; fields that only one
// of them knows do no harm.
const Version = 1

const (
	// mostBytes bounds a message.
	mostBytes = 64 << 20
	// MostFiles is how many descriptors one message can carry: the kernel's
	// SCM_MAX_FD is 253.
	MostFiles = 250
	// sendWithin is how long the other one may take nothing.
	sendWithin = 10 * time.Second
)

// Conn is a connection between the two. One goroutine may receive while others send.
type Conn struct {
	unix        *net.UnixConn
	sending     sync.Mutex
	last        atomic.Pointer[time.Time] // when sending ends for good; nil: never
	interrupted atomic.Bool
}

// Message is what one says to the other. Whoever has it closes its files: they are
// bare descriptors, since an os.File would have the runtime watch them.
type Message struct {
	Kind  string          `json:"kind"`
	Body  json.RawMessage `json:"body,omitempty"`
	Files []int           `json:"-"`
}

// Into reads the body.
func (m Message) Into(body any) error {
	if err := json.Unmarshal(m.Body, body); err != nil {
		return fmt.Errorf("message %q: %w", m.Kind, err)
	}
	return nil
}

// Close closes the files.
func (m Message) Close() {
	for _, file := range m.Files {
		_ = unix.Close(file)
	}
}

// Close ends the connection.
func (c *Conn) Close() error { return c.unix.Close() }

// IsTimeout is whether the other one has taken nothing for too long.
func IsTimeout(err error) bool { return errors.Is(err, os.ErrDeadlineExceeded) }

// Interrupt ends what is being received with io.EOF, behind what has come already.
// From then on the other one can send nothing.
func (c *Conn) Interrupt() {
	c.interrupted.Store(true)
	_ = c.unix.CloseRead()
}

// HasDied is whether an error of Receive is that the other one has ended, or has
// closed the connection: nobody has called Interrupt here.
func (c *Conn) HasDied(err error) bool {
	ended := errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, syscall.ECONNRESET)
	return ended && !c.interrupted.Load()
}

// EndWithin has sending fail after d, now and later.
func (c *Conn) EndWithin(d time.Duration) {
	last := time.Now().Add(d)
	c.last.Store(&last)
	_ = c.unix.SetWriteDeadline(last)
}

// sendUntil is when sending fails that begins now.
func (c *Conn) sendUntil() time.Time {
	until := time.Now().Add(sendWithin)
	if last := c.last.Load(); last != nil && last.Before(until) {
		return *last
	}
	return until
}

// Await waits for d at most until there is something to receive, be it the end.
func (c *Conn) Await(d time.Duration) bool {
	raw, err := c.unix.SyscallConn()
	if err != nil || c.unix.SetReadDeadline(time.Now().Add(d)) != nil {
		return false
	}
	return raw.Read(func(fd uintptr) bool {
		_, _, err := unix.Recvfrom(int(fd), make([]byte, 1), unix.MSG_PEEK|unix.MSG_DONTWAIT)
		return !errors.Is(err, unix.EAGAIN)
	}) == nil
}

// Send says something. The descriptors stay the caller's.
func (c *Conn) Send(kind string, body any, files ...int) error {
	text, err := encode(kind, body)
	if err != nil {
		return fmt.Errorf("message %q: %w", kind, err)
	}
	if len(files) > MostFiles {
		return fmt.Errorf("message %q: got %d descriptors, want at most %d", kind, len(files), MostFiles)
	}
	c.sending.Lock()
	defer c.sending.Unlock()
	if err := c.unix.SetWriteDeadline(c.sendUntil()); err != nil {
		return err
	}
	var rights []byte
	if len(files) > 0 {
		rights = unix.UnixRights(files...)
	}
	// The descriptors go with the length alone, which is never received in parts
	// with what follows: the kernel ends a read behind descriptors.
	head := binary.BigEndian.AppendUint32(nil, uint32(len(text)))
	if _, _, err := c.unix.WriteMsgUnix(head, rights, nil); err != nil {
		return err
	}
	_, err = c.unix.Write(text)
	return err
}

func encode(kind string, body any) ([]byte, error) {
	m := Message{Kind: kind}
	if body != nil {
		text, err := json.Marshal(body)
		if err != nil {
			return nil, err
		}
		m.Body = text
	}
	text, err := json.Marshal(m)
	if err == nil && len(text) > mostBytes {
		err = fmt.Errorf("got %d bytes, want at most %d", len(text), mostBytes)
	}
	return text, err
}

// Receive waits for the next message, until the deadline; the zero time: for ever.
// io.EOF: the other one has ended the connection, or has died.
func (c *Conn) Receive(deadline time.Time) (Message, error) {
	if err := c.unix.SetReadDeadline(deadline); err != nil {
		return Message{}, err
	}
	length, files, err := c.receiveHead()
	if err != nil {
		return Message{}, err
	}
	m := Message{Files: files}
	if length > mostBytes {
		m.Close()
		return Message{}, fmt.Errorf("message: got %d bytes, want at most %d", length, mostBytes)
	}
	text := make([]byte, length)
	if _, err = io.ReadFull(c.unix, text); err == nil {
		err = json.Unmarshal(text, &m)
	}
	if err != nil {
		m.Close()
		return Message{}, fmt.Errorf("message: %w", err)
	}
	return m, nil
}

func (c *Conn) receiveHead() (length uint32, files []int, err error) {
	head, rights := make([]byte, 4), make([]byte, unix.CmsgSpace(4*MostFiles))
	n, control, flags, _, err := c.unix.ReadMsgUnix(head, rights)
	if err == nil && n == 0 {
		err = io.EOF
	}
	if err != nil {
		return 0, nil, err
	}
	if files, err = filesOf(rights[:control]); err == nil && flags&unix.MSG_CTRUNC != 0 {
		err = errors.New("message: descriptors were lost, of which there may be too few")
	}
	if err == nil && n < len(head) {
		_, err = io.ReadFull(c.unix, head[n:])
	}
	if err != nil {
		Message{Files: files}.Close()
		return 0, nil, err
	}
	return binary.BigEndian.Uint32(head), files, nil
}

func filesOf(control []byte) (files []int, err error) {
	if len(control) == 0 {
		return nil, nil
	}
	messages, err := unix.ParseSocketControlMessage(control)
	if err != nil {
		return nil, fmt.Errorf("message: %w", err)
	}
	for _, m := range messages {
		fds, err := unix.ParseUnixRights(&m)
		if err != nil {
			return files, fmt.Errorf("message: %w", err)
		}
		files = append(files, fds...) // the net package has set FD_CLOEXEC
	}
	return files, nil
}
