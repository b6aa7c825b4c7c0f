package arrival

import (
	"context"
	"crypto/tls"
	"errors"
	"time"

	"fermata/proxy/relay"
)

// Handshakes lets so many TLS handshakes compute at the same time, so that a storm
// of them leaves the processor to those who are connected. A handshake that waits
// for its client has no place: it takes one when the ClientHello has come, and
// gives it back when it next writes or reads, which is when the signature and the
// keys are made. Its methods may be called concurrently.
type Handshakes struct {
	places chan struct{}
	within time.Duration
}

// NewHandshakes returns Handshakes of so many places, for which a client waits no
// longer than that.
func NewHandshakes(places int, within time.Duration) *Handshakes {
	return &Handshakes{make(chan struct{}, places), within}
}

// Limit has the handshakes by this configuration take places. They must be those of
// connections that have come in by an Entry; others are not limited.
func (h *Handshakes) Limit(c *tls.Config) {
	next := c.GetConfigForClient
	c.GetConfigForClient = func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
		if conn := of(hello.Conn); conn != nil {
			if err := h.take(hello.Context(), conn); err != nil {
				return nil, err
			}
		}
		if next == nil {
			return nil, nil
		}
		return next(hello)
	}
}

var errBusy = errors.New("too many TLS handshakes at the same time")

// take waits for a place.
func (h *Handshakes) take(ctx context.Context, c *Conn) error {
	relay.Aside(ctx)
	select {
	case h.places <- struct{}{}:
	default:
		if err := h.wait(ctx); err != nil {
			return err
		}
	}
	c.place.Store(h)
	return nil
}

func (h *Handshakes) wait(ctx context.Context) error {
	late := time.NewTimer(h.within)
	defer late.Stop()
	select {
	case h.places <- struct{}{}:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-late.C:
		return errBusy
	}
}

// yield gives the place back that the connection's handshake has, if it has one.
func (c *Conn) yield() {
	if c.place.Load() == nil {
		return
	}
	if h := c.place.Swap(nil); h != nil {
		<-h.places
	}
}

// Write implements net.Conn.
func (c *Conn) Write(b []byte) (int, error) {
	c.yield()
	return c.Conn.Write(b)
}

// Close implements net.Conn.
func (c *Conn) Close() error {
	c.yield()
	return c.Conn.Close()
}
