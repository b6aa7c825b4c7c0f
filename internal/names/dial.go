package names

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"syscall"
	"time"

	"fermata/internal/shortage"
)

// ErrNoAddress is what a dial to a name fails with of which no address is known.
var ErrNoAddress = errors.New("no address is known")

// Dial dials one address after the other until one takes the connection, and
// returns the place of that in the list. Each gets its share of the time that ctx
// leaves. The error is that of an address which did not refuse, if there is one;
// or ErrNoAddress.
func Dial(ctx context.Context, addresses []netip.AddrPort, dial func(context.Context, string) (net.Conn, error)) (conn net.Conn, at int, err error) {
	err = ErrNoAddress
	for at, address := range addresses {
		bounded, cancel := share(ctx, len(addresses)-at)
		conn, failed := dial(bounded, address.String())
		cancel()
		if failed == nil {
			return conn, at, nil
		}
		if at == 0 || !errors.Is(failed, syscall.ECONNREFUSED) {
			err = failed
		}
		if ctx.Err() != nil || shortage.Of(failed) != "" {
			break
		}
	}
	return nil, 0, err
}

// share bounds the first of so many that are to be dialled within ctx.
func share(ctx context.Context, left int) (context.Context, context.CancelFunc) {
	by, bounded := ctx.Deadline()
	if !bounded || left < 2 {
		return ctx, func() {}
	}
	return context.WithTimeout(ctx, time.Until(by)/time.Duration(left))
}
