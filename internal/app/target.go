package app

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"time"

	"fermata/balancer"
	"fermata/internal/names"
)

// target is where a node is dialled: at the address in its URL, or at those of
// the name there, which is looked up beside its checks.
type target struct {
	literal netip.AddrPort
	name    *names.Name // nil: literal is it
	host    string
	port    uint16
}

// newTarget starts nothing. Known is what is known of the same URL; found is told
// of each look-up.
func newTarget(u balancer.URL, known []netip.Addr, lookup names.Lookup, every time.Duration, found func(target, names.Answer)) *target {
	t := new(target)
	if literal, ok := u.Literal(); ok {
		t.literal = literal
		return t
	}
	t.host, t.port, _ = u.Name()
	t.name = names.New(t.host, known, lookup, every, func(a names.Answer) { found(*t, a) })
	return t
}

// firstLookUp is how long a start, and a node's first check, wait for it.
const firstLookUp = time.Second

// looked returns after the first look-up, or when that takes too long; at once
// where it is not needed.
func (t *target) looked(ctx context.Context, late <-chan time.Time) {
	if len(t.addresses()) > 0 {
		return
	}
	select {
	case <-t.name.Looked():
	case <-late:
	case <-ctx.Done():
	}
}

// run looks the name up until ctx ends.
func (t *target) run(ctx context.Context) {
	if t.name != nil {
		t.name.Run(ctx)
	}
}

// addresses are what is known.
func (t *target) addresses() []netip.AddrPort {
	if t.name == nil {
		return []netip.AddrPort{t.literal}
	}
	return withPort(t.known(), t.port)
}

// known are the addresses of a name; nil: it is none.
func (t *target) known() []netip.Addr {
	if t.name == nil {
		return nil
	}
	return t.name.Last().Addresses
}

func withPort(addresses []netip.Addr, port uint16) []netip.AddrPort {
	var all []netip.AddrPort
	for _, a := range addresses {
		all = append(all, netip.AddrPortFrom(a, port))
	}
	return all
}

// dial is a check's way to the node.
func (t *target) dial(ctx context.Context, _ string) (net.Conn, error) {
	conn, _, err := names.Dial(ctx, t.addresses(), dialTCP)
	if errors.Is(err, names.ErrNoAddress) {
		return nil, fmt.Errorf("%w: %s: %s", err, t.host, names.Reason(t.name.Last().Err))
	}
	return conn, err
}

func dialTCP(ctx context.Context, address string) (net.Conn, error) {
	var dialer net.Dialer
	dialer.SetMultipathTCP(false)
	return dialer.DialContext(ctx, "tcp", address)
}

// remark adds to a check's reason that the addresses may be old.
func (t *target) remark(reason string) string {
	if t.name == nil {
		return reason
	}
	last := t.name.Last()
	if last.Err == nil || len(last.Addresses) == 0 {
		return reason
	}
	return fmt.Sprintf("%s; looking up %s fails (%s), its last addresses stay", reason, t.host, names.Reason(last.Err))
}

// hostPort is the node's HOST:PORT, as its URL has it.
func (t *target) hostPort() string { return net.JoinHostPort(t.host, strconv.Itoa(int(t.port))) }
