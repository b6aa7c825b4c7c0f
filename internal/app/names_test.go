package app

import (
	"context"
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"golang.org/x/net/dns/dnsmessage"

	"fermata/internal/admin"
	"fermata/internal/lab/devnode"
	"fermata/internal/lab/dnsserver"
	"fermata/internal/names"
)

// newFront serves in front of nodes at these HOST:PORT.
func newFront(t *testing.T, lookup names.Lookup, nodes ...string) *front {
	t.Helper()
	return startFront(t, nodesAt(nodes...), func(a *App) { a.checks.lookup = lookup })
}

func nodesAt(nodes ...string) (text string) {
	text = "nodes:\n"
	for i, node := range nodes {
		text += fmt.Sprintf("- {name: reverb-%d, url: 'http://%s'}\n", i+1, node)
	}
	return text
}

func TestADNSOutageCostsNoClientItsNode(t *testing.T) {
	if testing.Short() {
		t.Skip("SKIPPED under -short, as it takes seconds")
	}
	t.Parallel()
	dns := dnsserver.Start(t)
	one, two := startNode(t, "one", "127.0.0.1:0"), startNode(t, "two", "127.0.0.1:0")
	dns.Set("one.test", "127.0.0.1")
	dns.Set("two.test", "127.0.0.1")
	f := newFront(t, dns.Lookup, "one.test:"+one, "two.test:"+two)
	for range 20 {
		f.connect()
	}
	stale := func(says string) {
		t.Helper()
		for name, host := range map[string]string{"reverb-1": "one.test", "reverb-2": "two.test"} {
			f.until(name, "is up with old addresses", func(n admin.Node) bool {
				return n.Health == "up" && strings.Contains(n.Reason, "looking up "+host+" fails ("+says+"), its last addresses stay")
			})
		}
	}
	for code, says := range map[dnsmessage.RCode]string{dnsmessage.RCodeNameError: "no such host", dnsmessage.RCodeServerFailure: "server misbehaving"} {
		dns.Fail(code)
		stale(says)
		dns.Asked(40) // some ten rounds more
		stale(says)
		f.connect()
		f.text = base + "stop_timeout: 20s\n" + nodesAt("one.test:"+one, "two.test:"+two)
		f.text = strings.Replace(f.text, "interval: 100ms", "interval: 110ms", 1) // new checks, which know no less
		if _, err := f.Reload(); err != nil {
			t.Fatal(err)
		}
		stale(says)
		f.connect()
		dns.Fail(dnsmessage.RCodeSuccess)
	}
	if now, _ := f.handler.Clients(); now != 24 {
		t.Errorf("got %d clients, want all 24 that came", now)
	}
}

// A look-up that hangs is not in a client's way either.
func TestNoClientWaitsForALookUp(t *testing.T) {
	port := startNode(t, "one", "127.0.0.1:0")
	hung := make(chan struct{}, 1)
	first := true
	f := newFront(t, func(ctx context.Context, _ string) ([]netip.Addr, error) {
		if first {
			first = false
			return []netip.Addr{netip.MustParseAddr("127.0.0.1")}, nil
		}
		select {
		case hung <- struct{}{}:
		default:
		}
		<-ctx.Done()
		return nil, ctx.Err()
	}, "one.test:"+port)
	f.untilUp("reverb-1")
	<-hung
	if got := f.connect().node; got != "one" {
		t.Errorf("got %s, want one", got)
	}
}

func TestANameThatIsNotFoundAtTheStartIsANodeThatIsDownUntilItIs(t *testing.T) {
	dns := dnsserver.Start(t)
	here, port := startNode(t, "here", "127.0.0.1:0"), startNode(t, "named", "127.0.0.1:0")
	f := newFront(t, dns.Lookup, "127.0.0.1:"+here, "late.test:"+port)
	f.until("reverb-2", "is down with the reason", func(n admin.Node) bool {
		return n.Health == "down" && n.Reason == "no address is known: late.test: no such host"
	})
	if got := f.connect().node; got != "here" {
		t.Errorf("got %s, want the node that is there", got)
	}
	dns.Set("late.test", "127.0.0.1")
	f.untilUp("reverb-2")
}

func TestAnAddressThatRefusesIsFollowedByTheNext(t *testing.T) {
	dns := dnsserver.Start(t)
	port := startNode(t, "one", "127.0.0.1:0")
	dns.Set("one.test", "127.0.0.3", "127.0.0.2", "127.0.0.1")
	f := newFront(t, dns.Lookup, "one.test:"+port)
	f.untilUp("reverb-1")
	f.connect()
	n, _ := f.pool.Node("reverb-1")
	if first := f.pool.Addresses(n.Node)[0].Addr().String(); first != "127.0.0.1" {
		t.Errorf("got %s to be dialled first from now on, want 127.0.0.1, which answers", first)
	}
	if n.Fault != "" {
		t.Errorf("got fault %s, want none", n.Fault)
	}
}

func TestANodeThatMovesToAnotherAddressIsFollowed(t *testing.T) {
	dns := dnsserver.Start(t)
	port := startNode(t, "old", "127.0.0.1:0")
	moved, err := devnode.Start("127.0.0.2:"+port, devnode.Options{Name: "new"})
	if err != nil {
		t.Skipf("SKIPPED, nothing shows that other addresses are followed: this system has no 127.0.0.2: %v", err)
	}
	t.Cleanup(moved.Kill)
	dns.Set("one.test", "127.0.0.1")
	f := newFront(t, dns.Lookup, "one.test:"+port)
	f.untilUp("reverb-1")
	if got := f.connect().node; got != "old" {
		t.Errorf("got %s, want old", got)
	}
	dns.Set("one.test", "127.0.0.2")
	n, _ := f.pool.Node("reverb-1")
	f.until("reverb-1", "is at 127.0.0.2", func(admin.Node) bool {
		return f.pool.Addresses(n.Node)[0].Addr() == netip.MustParseAddr("127.0.0.2")
	})
	if got := f.connect().node; got != "new" {
		t.Errorf("got %s, want new", got)
	}
}
