// Package names knows at which addresses a name is to be dialled, so that nobody
// who dials waits for a look-up, or fails because of one.
package names

import (
	"context"
	"errors"
	"math/rand/v2"
	"net"
	"net/netip"
	"slices"
	"sync"
	"time"
)

// Lookup returns the addresses of a host.
type Lookup func(ctx context.Context, host string) ([]netip.Addr, error)

// System looks up as the system does: its files, then DNS.
func System(ctx context.Context, host string) ([]netip.Addr, error) {
	return net.DefaultResolver.LookupNetIP(ctx, "ip", host)
}

// limit bounds one look-up.
const limit = 5 * time.Second

// Answer is the outcome of one look-up.
type Answer struct {
	// Addresses are those that are known now: of the last look-up that worked.
	Addresses []netip.Addr
	// Changed says that they are others than before, or the first.
	Changed bool
	// Err is why this look-up did not work; nil: it did.
	Err error
}

// Name is the addresses of one host, which is looked up again and again. Make it
// with New. Its methods may be called concurrently.
type Name struct {
	host   string
	lookup Lookup
	every  time.Duration
	tell   func(Answer)
	first  chan struct{} // closed after the first look-up

	mu   sync.Mutex
	last Answer
}

// New returns the name of a host that is looked up about so often, and whose
// addresses are known already, or not. It starts nothing. Run calls tell after
// each look-up, one call at a time.
func New(host string, known []netip.Addr, lookup Lookup, every time.Duration, tell func(Answer)) *Name {
	return &Name{
		host: host, lookup: lookup, every: every, tell: tell,
		first: make(chan struct{}), last: Answer{Addresses: known, Err: errNotYet},
	}
}

var errNotYet = errors.New("still being looked up")

// Run looks the name up, the first time at once, until ctx ends. A look-up that
// fails, or finds no address, changes nothing of what is known. It may be called
// once.
func (n *Name) Run(ctx context.Context) {
	clock := time.NewTimer(0)
	defer clock.Stop()
	for first := true; ; first = false {
		select {
		case <-ctx.Done():
			return
		case <-clock.C:
		}
		n.look(ctx)
		if first {
			close(n.first)
		}
		clock.Reset(time.Duration(float64(n.every) * (0.9 + 0.2*rand.Float64())))
	}
}

func (n *Name) look(ctx context.Context) {
	bounded, cancel := context.WithTimeout(ctx, limit)
	found, err := n.lookup(bounded, n.host)
	cancel()
	if ctx.Err() != nil {
		return
	}
	if err == nil && len(found) == 0 {
		err = errors.New("no addresses")
	}
	n.tell(n.learn(found, err))
}

// learn keeps the order of addresses that stay the same: DNS shuffles them.
func (n *Name) learn(found []netip.Addr, err error) Answer {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.last.Changed, n.last.Err = false, err
	if err == nil && !same(found, n.last.Addresses) {
		n.last.Changed, n.last.Addresses = true, plain(found)
	}
	return n.last
}

// same is whether these are the same addresses, in whatever order.
func same(a, b []netip.Addr) bool { return slices.Equal(sorted(a), sorted(b)) }

func sorted(all []netip.Addr) []netip.Addr {
	return slices.Compact(slices.SortedFunc(slices.Values(plain(all)), netip.Addr.Compare))
}

// plain makes IPv4 addresses of those that look like IPv6, as the net package's
// resolver may write them.
func plain(all []netip.Addr) []netip.Addr {
	var plain []netip.Addr
	for _, a := range all {
		plain = append(plain, a.Unmap())
	}
	return plain
}

// Looked is closed after the first look-up.
func (n *Name) Looked() <-chan struct{} { return n.first }

// Last is the outcome of the last look-up; before the first, an error.
func (n *Name) Last() Answer {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.last
}

// Reason puts why a look-up failed into a few words.
func Reason(err error) string {
	if failed, ok := errors.AsType[*net.DNSError](err); ok {
		return failed.Err
	}
	return err.Error()
}
