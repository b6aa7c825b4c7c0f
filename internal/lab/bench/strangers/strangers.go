//go:build linux

// Package strangers is those whom a balancer must bear: thousands of connections that
// send the beginning of something, and then nothing.
package strangers

import (
	"cmp"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/netip"
	"time"
)

// Strangers holds the connections. Its methods are what the benchmark calls over
// net/rpc, one after the other.
type Strangers struct {
	conns []net.Conn
	hello []byte // a ClientHello
	sink  net.Listener
}

// New makes Strangers of which nobody has come.
func New() (*Strangers, error) {
	hello, err := clientHello()
	if err != nil {
		return nil, err
	}
	sink, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	s := &Strangers{hello: hello, sink: sink}
	go s.swallow()
	return s, nil
}

// swallow closes what comes to the sink. It ends with the process.
func (s *Strangers) swallow() {
	for {
		conn, err := s.sink.Accept()
		if err != nil {
			return
		}
		conn.Close()
	}
}

// clientHello is what a browser's handshake begins with, from one that gets no answer.
func clientHello() ([]byte, error) {
	var w wire
	tls.Client(&w, &tls.Config{InsecureSkipVerify: true}).Handshake()
	if len(w.sent) == 0 {
		return nil, errors.New("got no ClientHello")
	}
	return w.sent, nil
}

// wire keeps what is sent over it.
type wire struct {
	net.Conn
	sent []byte
}

func (w *wire) Write(b []byte) (int, error) {
	w.sent = append(w.sent, b...)
	return len(b), nil
}

func (w *wire) Read([]byte) (int, error) { return 0, io.EOF }
func (w *wire) Close() error             { return nil }

// Come is a number of strangers that come at a rate.
type Come struct {
	Address string // empty: one where they are closed, and which costs nobody else
	Number  int
	Rate    int // per second
}

// pace is how often some of them come.
const pace = time.Millisecond

// Come returns when all have come. Every other one sends the beginning of a PROXY
// header, from an address in 127.2.0.0/16. The others come from 127.1.0.0/16, and send
// the beginning of a ClientHello, or all of it and nothing more.
func (s *Strangers) Come(c Come, came *int) error {
	ticker := time.NewTicker(pace)
	defer ticker.Stop()
	begin := time.Now()
	address := cmp.Or(c.Address, s.sink.Addr().String())
	for *came < c.Number {
		due := min(c.Number, 1+int(time.Since(begin).Seconds()*float64(c.Rate)))
		for ; *came < due; *came++ {
			if err := s.one(address, *came); err != nil {
				return err
			}
		}
		<-ticker.C
	}
	return nil
}

// one has stranger number i come.
func (s *Strangers) one(address string, i int) error {
	from, text := byte(2), []byte("PROXY TCP4 203")
	switch i % 4 {
	case 1:
		from, text = 1, s.hello[:len(s.hello)/2]
	case 3:
		from, text = 1, s.hello
	}
	d := net.Dialer{Timeout: 10 * time.Second, LocalAddr: net.TCPAddrFromAddrPort(netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, from, byte(i % 200), 1}), 0))}
	conn, err := d.Dial("tcp", address)
	if err != nil {
		return err
	}
	if _, err := conn.Write(text); err != nil {
		conn.Close()
		return err
	}
	if address == s.sink.Addr().String() {
		return conn.Close()
	}
	s.conns = append(s.conns, conn)
	return nil
}

// Leave closes the connections of all that have come.
func (s *Strangers) Leave(_ int, left *int) error {
	for _, conn := range s.conns {
		conn.Close()
	}
	*left = len(s.conns)
	s.conns = nil
	return nil
}
