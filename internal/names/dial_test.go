package names

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"os"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// dialled tries addresses of which each does what its port says.
func dialled(t *testing.T, ctx context.Context, ports ...uint16) (conn net.Conn, at int, tried int, err error) {
	t.Helper()
	var all []netip.AddrPort
	for _, port := range ports {
		all = append(all, netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), port))
	}
	conn, at, err = Dial(ctx, all, func(ctx context.Context, address string) (net.Conn, error) {
		tried++
		switch address[strings.LastIndexByte(address, ':')+1:] {
		case "1":
			return nil, syscall.ECONNREFUSED
		case "2":
			return nil, syscall.EHOSTUNREACH
		case "3":
			<-ctx.Done()
			return nil, os.ErrDeadlineExceeded
		case "4":
			return nil, syscall.EMFILE
		case "5":
			return nil, syscall.EADDRNOTAVAIL
		}
		near, far := net.Pipe()
		far.Close()
		return near, nil
	})
	if conn != nil {
		conn.Close()
	}
	return conn, at, tried, err
}

func TestTheNextAddressIsDialledWhenOneRefuses(t *testing.T) {
	f := func(wantAt, wantTried int, want error, ports ...uint16) {
		t.Helper()
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
			defer cancel()
			conn, at, tried, err := dialled(t, ctx, ports...)
			if (conn == nil) != (want != nil) || at != wantAt || tried != wantTried || !errors.Is(err, want) {
				t.Errorf("%v: got %v at %d, %v, after %d, want %d after %d, %v", ports, conn, at, err, tried, wantAt, wantTried, want)
			}
		})
	}
	f(0, 1, nil, 9)
	f(1, 2, nil, 1, 9)
	f(2, 3, nil, 1, 2, 9)
	f(1, 2, nil, 3, 9) // which has half the time
	f(0, 0, ErrNoAddress)
	f(0, 2, syscall.ECONNREFUSED, 1, 1)
	f(0, 2, syscall.EHOSTUNREACH, 2, 1) // a refusal of one says nothing of the other
	f(0, 2, syscall.EHOSTUNREACH, 1, 2)
	f(0, 1, syscall.EMFILE, 4, 9) // the next one would fail so, too
	f(1, 2, nil, 5, 9)            // as ::1 does where there is no IPv6, before 127.0.0.1
	f(0, 2, syscall.ECONNREFUSED, 5, 1)
	f(0, 2, syscall.EADDRNOTAVAIL, 5, 5)
	f(0, 2, os.ErrDeadlineExceeded, 3, 3)
}
