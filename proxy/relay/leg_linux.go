package relay

import (
	"crypto/tls"
	"slices"
)

// maxQueue is how much may wait for a leg that is still read. Only crypto/tls
// adds to a leg's queue on that leg's own account, as it answers key updates.
const maxQueue = 128 << 10

// leg is one of the two sockets of a relay.
type leg struct {
	fd      int32  // -1: closed
	watched uint32 // events
	secure  *tls.Conn
	out     []byte // what the socket has not taken yet
	stallBy ticks  // 0: nothing waits
	moved   bool   // the socket has taken something since stallBy was set
	over    bool   // no more is read
	refuses bool   // takes nothing more
	fin     bool   // its writing side is to be closed after out
}

func (l *leg) closed() bool  { return l.fd < 0 }
func (l *leg) flushed() bool { return len(l.out) == 0 }

// write sends b, or queues what the socket does not take. The first error is
// also the last; from then on the leg refuses, and what is written is dropped.
func (l *leg) write(w *wire, b []byte) error {
	if l.refuses || l.secure == nil {
		return l.send(b)
	}
	_, err := l.secure.Write(b)
	if sendErr := l.send(w.take()); sendErr != nil || err == nil {
		return sendErr
	}
	l.refuse()
	return err
}

// queue has b go out with the next flush, before all that is written until
// then. Nothing may have been written yet; b is the leg's from then on.
func (l *leg) queue(w *wire, b []byte) {
	if l.secure != nil && len(b) > 0 {
		_, _ = l.secure.Write(b) // a wire takes all
		b = slices.Clone(w.take())
	}
	l.out = b
}

func (l *leg) send(b []byte) error {
	if l.refuses || len(b) == 0 {
		return nil
	}
	if l.flushed() {
		n, err := sendto(l.fd, b)
		if err != nil {
			l.refuse()
			return err
		}
		b = b[n:]
	}
	l.out = append(l.out, b...)
	return nil
}

// flush sends what is queued.
func (l *leg) flush() error {
	if l.flushed() {
		return nil
	}
	n, err := sendto(l.fd, l.out)
	if err != nil {
		l.refuse()
		return err
	}
	l.moved = l.moved || n > 0
	if l.out = l.out[n:]; l.flushed() {
		l.out = nil
		l.sendFIN()
	}
	return nil
}

func (l *leg) refuse() { l.refuses, l.out = true, nil }

// closeWrite closes the writing side, after what is queued.
func (l *leg) closeWrite(w *wire) error {
	if l.refuses {
		return nil
	}
	if l.secure != nil {
		_ = l.secure.CloseWrite()
		if err := l.send(w.take()); err != nil {
			return err
		}
	}
	l.fin = true
	l.sendFIN()
	return nil
}

func (l *leg) sendFIN() {
	if l.fin && l.flushed() && !l.refuses {
		l.fin = false
		_ = shutdown(l.fd)
	}
}

// close ends the leg, which has nothing queued. What has come and was not
// read is read, as the kernel would else reset the connection, and the other
// end might lose what was just sent.
func (l *leg) close(w *wire) {
	if l.closed() {
		return
	}
	discard(l.fd)
	if l.secure != nil && !l.refuses {
		_ = l.secure.Close()
		_ = l.send(w.take())
	}
	l.cut()
}

// cut ends the leg as it is.
func (l *leg) cut() {
	if l.closed() {
		return
	}
	_ = closeFD(l.fd)
	l.fd, l.over = -1, true
	l.refuse()
}
