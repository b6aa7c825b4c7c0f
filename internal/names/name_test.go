package names

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"time"

	"golang.org/x/net/dns/dnsmessage"

	"fermata/internal/lab/dnsserver"
)

const patience = 20 * time.Second

// watched is a name that runs until the test ends.
type watched struct {
	t *testing.T
	*Name
	answers chan Answer
}

func watch(t *testing.T, host string, lookup Lookup) watched {
	t.Helper()
	w := watched{t: t, answers: make(chan Answer)}
	ctx, cancel := context.WithCancel(context.Background())
	w.Name = New(host, nil, lookup, 10*time.Millisecond, func(a Answer) {
		select {
		case w.answers <- a:
		case <-ctx.Done():
		}
	})
	var running sync.WaitGroup
	running.Go(func() { w.Run(ctx) })
	t.Cleanup(running.Wait)
	t.Cleanup(cancel)
	return w
}

// next wants the outcome of the second look-up from now, which began since.
func (w watched) next(wantChanged, wantErr bool, want ...string) {
	w.t.Helper()
	var changed bool
	var a Answer
	for range 2 {
		select {
		case a = <-w.answers:
			changed = changed || a.Changed
		case <-time.After(patience):
			w.t.Fatal("no look-up")
		}
	}
	if got := fmt.Sprint(a.Addresses); changed != wantChanged || (a.Err != nil) != wantErr || got != fmt.Sprint(want) {
		w.t.Errorf("got %s, changed %v, error %v, want %v", got, changed, a.Err, want)
	}
}

func TestALookUpThatFailsChangesNothing(t *testing.T) {
	dns := dnsserver.Start(t)
	w := watch(t, "node.test", dns.Lookup)
	w.next(false, true)
	dns.Set("node.test", "10.0.0.1")
	w.next(true, false, "10.0.0.1")
	for _, code := range []dnsmessage.RCode{dnsmessage.RCodeNameError, dnsmessage.RCodeServerFailure, dnsmessage.RCodeRefused} {
		dns.Fail(code)
		w.next(false, true, "10.0.0.1")
		dns.Fail(dnsmessage.RCodeSuccess)
		w.next(false, false, "10.0.0.1")
	}
	dns.Set("node.test") // the name is there, without an address
	w.next(false, true, "10.0.0.1")
}

func TestOtherAddressesAreFollowedWhateverTheirOrder(t *testing.T) {
	dns := dnsserver.Start(t)
	dns.Set("node.test", "10.0.0.1", "10.0.0.2")
	w := watch(t, "node.test", dns.Lookup)
	w.next(true, false, "10.0.0.1", "10.0.0.2")
	dns.Set("node.test", "10.0.0.2", "10.0.0.1") // only shuffled
	w.next(false, false, "10.0.0.1", "10.0.0.2")
	dns.Set("node.test", "10.0.0.3", "10.0.0.1")
	w.next(true, false, "10.0.0.3", "10.0.0.1")
	dns.Set("node.test", "fd00::1")
	w.next(true, false, "fd00::1")
}

func TestBeforeTheFirstLookUpNothingIsKnown(t *testing.T) {
	release := make(chan struct{})
	w := watch(t, "node.test", func(context.Context, string) ([]netip.Addr, error) {
		<-release
		return []netip.Addr{netip.MustParseAddr("::ffff:10.0.0.1")}, nil
	})
	if last := w.Last(); last.Err == nil || len(last.Addresses) > 0 {
		t.Errorf("got %v, want that it is still being looked up", last)
	}
	close(release)
	w.next(true, false, "10.0.0.1") // without the net package's IPv6 clothes
	<-w.Looked()
	if last := w.Last(); last.Err != nil || !slices.Equal(last.Addresses, []netip.Addr{netip.MustParseAddr("10.0.0.1")}) {
		t.Errorf("got %v, want the address", last)
	}
}
