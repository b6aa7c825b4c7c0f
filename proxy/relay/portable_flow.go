package relay

import (
	"net"
	"sync/atomic"
	"time"
)

// portableFlow is one direction of a relay. It belongs to one goroutine.
type portableFlow struct {
	from, to net.Conn // to is nil once it takes nothing any more
	early    []byte   // what was read ahead of the relay; goes first
	stall    time.Duration
	active   func(pong bool) // told when something has passed; pong: only one to us
	passes   func(open bool) // told when a part of a frame has passed; open: of a large one
	pings    *portablePings  // of the client that this comes from; nil: it gets none
	frames   gate

	buf       []byte
	held      int // bytes in buf
	ready     int // bytes at the front of buf that may leave
	completed int // messages in these

	bytes, messages           int64
	totalBytes, totalMessages *atomic.Int64
	counted                   func(bytes, messages int) // told what has passed
}

// read reads once and marks what may leave. Its error is the connection's or
// a *ProtocolError; what is ready may leave all the same.
func (s *portableFlow) read() error {
	n, readErr := s.readSome(s.buf[s.held:])
	ahead := s.frames.ahead()
	if n > 0 && !s.frames.atBoundary() {
		s.passes(s.frames.open)
	}
	var err error
	s.ready, s.completed, err = s.frames.pass(s.held, s.buf[s.held:s.held+n])
	s.held += n
	if n > 0 {
		s.active(s.takePongs(ahead))
	}
	if err != nil {
		return err
	}
	return readErr
}

// takePongs takes those to our pings out of what may leave, and reports
// whether nothing else was there.
func (s *portableFlow) takePongs(ahead uint64) bool {
	if s.pings == nil {
		return false
	}
	b, only := s.pings.heard(s.buf[:s.ready], ahead)
	s.held = len(b) + copy(s.buf[len(b):], s.buf[s.ready:s.held])
	s.ready = len(b)
	return only
}

func (s *portableFlow) readSome(b []byte) (int, error) {
	if len(s.early) > 0 {
		n := copy(b, s.early)
		s.early = s.early[n:]
		return n, nil
	}
	return s.from.Read(b)
}

// forward writes what may leave, and drops it when there is nowhere to go.
func (s *portableFlow) forward() error {
	if s.ready == 0 {
		return nil
	}
	defer s.drop()
	if s.to == nil {
		return nil
	}
	n, err := s.write(s.buf[:s.ready])
	s.bytes += int64(n)
	s.totalBytes.Add(int64(n))
	if err != nil {
		s.counted(n, 0)
		return err
	}
	s.active(false)
	s.messages += int64(s.completed)
	s.totalMessages.Add(int64(s.completed))
	s.counted(n, s.completed)
	return nil
}

// write writes b by parts, so that the progress of a slow reader is seen.
func (s *portableFlow) write(b []byte) (written int, err error) {
	for written < len(b) && err == nil {
		n := 0
		n, err = write(s.to, b[written:min(written+partSize, len(b))], s.stall)
		written += n
		s.passes(s.frames.open)
	}
	return written, err
}

const partSize = 4 << 10

// drop forgets what may leave.
func (s *portableFlow) drop() {
	s.held = copy(s.buf, s.buf[s.ready:s.held])
	s.ready, s.completed = 0, 0
}

// discard reads until the connection ends.
func (s *portableFlow) discard() {
	for {
		if _, err := s.from.Read(s.buf); err != nil {
			return
		}
	}
}

// write writes b, no more than a buffer, which must be taken within stall.
// The deadline does not stay, since crypto/tls writes on its own when the
// other end changes its key.
func write(conn net.Conn, b []byte, stall time.Duration) (int, error) {
	_ = conn.SetWriteDeadline(time.Now().Add(stall))
	defer conn.SetWriteDeadline(time.Time{})
	return conn.Write(b)
}
