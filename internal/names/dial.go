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
// leaves. The error is the one that says most, see telling; or ErrNoAddress.
func Dial(ctx context.Context, addresses []netip.AddrPort, dial func(context.Context, string) (net.Conn, error)) (conn net.Conn, at int, err error) {
	err = ErrNoAddress
	for at, address := range addresses {
		bounded, cancel := share(ctx, len(addresses)-at)
		conn, failed := dial(bounded, address.String())
		cancel()
		if failed == nil {
			return conn, at, nil
		}
		if at == 0 || telling(failed) > telling(err) {
			err = failed
		}
		if ctx.Err() != nil || telling(failed) == most {
			break
		}
	}
	return nil, 0, err
}

// most is what is in the way of every address.
const most = 3

// telling is how much a failed dial says of whoever is behind several addresses.
// One that this machine has no way to, like those of IPv6 in many containers,
// fails as if it had no ports left for it, and says nothing. A refusal says less
// than what may be no more than a bad route.
func telling(err error) int {
	switch short := shortage.Of(err); {
	case short == shortage.Ports:
		return 0
	case short != "":
		return most
	case errors.Is(err, syscall.ECONNREFUSED):
		return 1
	}
	return 2
}

// share bounds the first of so many that are to be dialled within ctx.
func share(ctx context.Context, left int) (context.Context, context.CancelFunc) {
	by, bounded := ctx.Deadline()
	if !bounded || left < 2 {
		return ctx, func() {}
	}
	return context.WithTimeout(ctx, time.Until(by)/time.Duration(left))
}
