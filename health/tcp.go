package health

import (
	"bufio"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	"fermata/internal/nodetls"
)

// tcpProbe connects and closes. The kernel accepts for a frozen node too, so
// this sees only a node that is gone. It is a connect with TLS, too.
func tcpProbe(at Place, o Options) probe {
	at.Secure = nil
	return func(ctx context.Context) (finding, error) {
		start := time.Now()
		link, err := dial(ctx, at, o.Timeout)
		if err != nil {
			return finding{}, err
		}
		took := time.Since(start)
		link.Close()
		return finding{said: fmt.Sprintf("connected in %v", short(took))}, nil
	}
}

// link is a check's connection to the node. It is closed when the check's time
// is up, which ends whatever waits for it, with net.ErrClosed.
type link struct {
	net.Conn
	in      *bufio.Reader
	release func() bool
	waited  time.Duration // from the request's last byte to the answer's first
}

// mostBytes is what a check reads at most; past it the node seems to hang up.
const mostBytes = 64 << 10

// dial connects to the node until ctx ends; limit is how long that is, for the
// error. The caller closes the link.
func dial(ctx context.Context, at Place, limit time.Duration) (*link, error) {
	conn, err := at.connect(ctx)
	if err != nil {
		return nil, dialError(err, limit)
	}
	return &link{
		Conn:    conn,
		in:      bufio.NewReader(io.LimitReader(conn, mostBytes)),
		release: context.AfterFunc(ctx, func() { conn.Close() }),
	}, nil
}

func (p Place) connect(ctx context.Context) (net.Conn, error) {
	conn, err := p.Dial(ctx, p.Address)
	if err != nil || p.Secure == nil {
		return conn, err
	}
	secure := tls.Client(conn, p.Secure)
	if err := nodetls.Handshake(ctx, secure); err != nil {
		conn.Close()
		return nil, err
	}
	return secure, nil
}

// Read continues behind what ask has read.
func (l *link) Read(p []byte) (int, error) { return l.in.Read(p) }

// Close may be called more than once.
func (l *link) Close() error {
	l.release()
	return l.Conn.Close()
}

// ask sends the request and reads the head of the answer.
func (l *link) ask(r *http.Request) (*http.Response, error) {
	if err := r.Write(l.Conn); err != nil {
		return nil, err
	}
	sent := time.Now()
	_, _ = l.in.Peek(1) // its error comes again
	l.waited = time.Since(sent)
	return http.ReadResponse(l.in, r)
}
