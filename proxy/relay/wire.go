package relay

import (
	"net"
	"time"
)

// wire is the net.Conn under the tls.Conns of a shard, which uses it for one
// after the other: what it has read from a socket goes in, what it is to write
// comes out, and nothing ever waits.
//
// crypto/tls resumes a read after os.ErrDeadlineExceeded, but not a write
// after anything; so Write takes all.
type wire struct {
	in  []byte
	end error // of Read, after in
	out []byte
}

// feed is what the next reads return; end comes after in.
func (w *wire) feed(in []byte, end error) { w.in, w.end = in, end }

// take returns what was written; it is valid until the next write.
func (w *wire) take() []byte {
	out := w.out
	w.out = w.out[:0]
	return out
}

// reset forgets everything.
func (w *wire) reset() { w.in, w.end, w.out = nil, nil, nil }

// Read implements net.Conn.
func (w *wire) Read(b []byte) (int, error) {
	if len(w.in) == 0 {
		return 0, w.end
	}
	n := copy(b, w.in)
	w.in = w.in[n:]
	return n, nil
}

// Write implements net.Conn.
func (w *wire) Write(b []byte) (int, error) {
	w.out = append(w.out, b...)
	return len(b), nil
}

// Close implements net.Conn. It does nothing: the socket is the shard's.
func (w *wire) Close() error { return nil }

// LocalAddr implements net.Conn. It knows none.
func (w *wire) LocalAddr() net.Addr { return &net.TCPAddr{} }

// RemoteAddr implements net.Conn. It knows none.
func (w *wire) RemoteAddr() net.Addr { return &net.TCPAddr{} }

// SetDeadline implements net.Conn. To all but the shard the connection is
// closed.
func (w *wire) SetDeadline(time.Time) error { return net.ErrClosed }

// SetReadDeadline implements net.Conn.
func (w *wire) SetReadDeadline(time.Time) error { return net.ErrClosed }

// SetWriteDeadline implements net.Conn.
func (w *wire) SetWriteDeadline(time.Time) error { return net.ErrClosed }
