package discover

import (
	"context"
	"fmt"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/dns/dnsmessage"

	"fermata/internal/lab/dnsserver"
)

// asked looks into that DNS server, again and again.
type asked struct {
	t    *testing.T
	look Look
}

func ask(t *testing.T, dns *dnsserver.Server, s Source) asked {
	return asked{t, InDNS(dns.Resolver(), "n", s)}
}

// finds wants these nodes, NAME=HOST:PORT*WEIGHT.
func (a asked) finds(want ...string) {
	a.t.Helper()
	nodes, err := a.look(a.t.Context())
	var got []string
	for _, n := range nodes {
		got = append(got, fmt.Sprintf("%s=%s*%d", n.Name, n.URL.Host, n.Weight))
	}
	slices.Sort(got)
	if err != nil || !slices.Equal(got, want) {
		a.t.Errorf("got %v, %v, want %v", got, err, want)
	}
}

// fails wants an error with that text.
func (a asked) fails(want string) {
	a.t.Helper()
	if nodes, err := a.look(a.t.Context()); err == nil || len(nodes) > 0 || !strings.Contains(err.Error(), want) {
		a.t.Errorf("got %v, %v, want %s", nodes, err, want)
	}
}

func TestEachAddressIsFound(t *testing.T) {
	dns := dnsserver.Start(t)
	a := ask(t, dns, Source{Kind: DNS, Host: "r.test.", Port: 80})
	a.fails("no nodes")
	dns.Set("r.test", "10.0.0.2", "fd00::1", "10.0.0.1")
	a.finds("n-10.0.0.1=10.0.0.1:80*0", "n-10.0.0.2=10.0.0.2:80*0", "n-fd00--1=[fd00::1]:80*0")
	dns.Set("r.test", "fd00::1")
	a.finds("n-fd00--1=[fd00::1]:80*0")
	dns.Set("r.test")
	a.fails("no nodes")
	dns.Set("r.test", "0.0.0.0", "224.0.0.1") // as resolvers answer that block a name
	a.fails(", want addresses of machines")
}

func TestAddressesOfTheKindThatCannotBeLookedUpStay(t *testing.T) {
	dns := dnsserver.Start(t)
	a := ask(t, dns, Source{Kind: DNS, Host: "r.test.", Port: 80})
	dns.Set("r.test", "10.0.0.1", "fd00::1")
	a.finds("n-10.0.0.1=10.0.0.1:80*0", "n-fd00--1=[fd00::1]:80*0")
	dns.FailFor(dnsmessage.TypeAAAA, dnsmessage.RCodeServerFailure)
	dns.Set("r.test", "10.0.0.2")
	for range 3 {
		a.finds("n-10.0.0.2=10.0.0.2:80*0", "n-fd00--1=[fd00::1]:80*0")
	}
	dns.Set("r.test") // and not even one of the other kind
	a.fails("")
	dns.FailFor(dnsmessage.TypeA, dnsmessage.RCodeServerFailure)
	a.fails("server misbehaving")
	dns.FailFor(dnsmessage.TypeA, dnsmessage.RCodeSuccess)
	dns.FailFor(dnsmessage.TypeAAAA, dnsmessage.RCodeSuccess)
	dns.Set("r.test", "10.0.0.2")
	a.finds("n-10.0.0.2=10.0.0.2:80*0")
}

func TestALookEndsWithItsContext(t *testing.T) {
	dns := dnsserver.Start(t)
	dns.Silence(true)
	for _, s := range []Source{{Kind: DNS, Host: "r.test.", Port: 80}, {Kind: DNS, Host: "r.test.", SRV: true}} {
		ctx, cancel := context.WithCancel(t.Context())
		resolver := dns.Resolver()
		dial := resolver.Dial
		resolver.Dial = func(ctx context.Context, network, address string) (net.Conn, error) {
			cancel() // it is about to ask
			return dial(context.WithoutCancel(ctx), network, address)
		}
		begun := time.Now()
		if nodes, err := InDNS(resolver, "n", s)(ctx); err == nil || time.Since(begun) > limit*3/4 {
			t.Errorf("%v: got %v, %v after %v, want an error at once", s, nodes, err, time.Since(begun))
		}
		cancel()
	}
	dns.AskedInAll(3) // so that it answers all of them at its end
}

func TestFourThousandAddressesAreRead(t *testing.T) {
	dns := dnsserver.Start(t)
	var all []string
	for i := range 4000 {
		all = append(all, fmt.Sprintf("10.0.%d.%d", i/250, i%250))
	}
	dns.Set("r.test", all...)
	a := ask(t, dns, Source{Kind: DNS, Host: "r.test.", Port: 80})
	nodes, err := a.look(t.Context())
	if len(nodes) != 4000 || err != nil {
		t.Fatalf("got %d nodes, %v, want 4000", len(nodes), err)
	}
	var table Table
	if c := table.Take(nodes, begin); len(table.Nodes()) != Most || c.Refused != 4000-Most {
		t.Errorf("got %d nodes and %d refused, want %d nodes", len(table.Nodes()), c.Refused, Most)
	}
}

func TestSRVRecordsHavePortsAndWeights(t *testing.T) {
	dns := dnsserver.Start(t)
	a := ask(t, dns, Source{Kind: DNS, Host: "_http._tcp.r.test."})
	a.fails("no nodes")
	dns.Set("one.test", "10.0.0.1")
	dns.Set("two.test", "10.0.0.2", "fd00::2")
	dns.SetSRV("_http._tcp.r.test",
		dnsserver.SRV{Weight: 10, Port: 81, Target: "one.test"}, dnsserver.SRV{Weight: 0, Port: 82, Target: "one.test"},
		dnsserver.SRV{Weight: 30, Port: 83, Target: "two.test"}, dnsserver.SRV{Weight: 30, Port: 84, Target: "none.test"},
		dnsserver.SRV{Weight: 5, Port: 0, Target: "one.test"})
	want := []string{"n-10.0.0.1-81=10.0.0.1:81*10", "n-10.0.0.1-82=10.0.0.1:82*1", "n-10.0.0.2-83=10.0.0.2:83*30", "n-fd00--2-83=[fd00::2]:83*30"}
	a.finds(want...)
	dns.SetSRV("r.test", dnsserver.SRV{Priority: 2, Port: 90, Target: "two.test"}, dnsserver.SRV{Priority: 1, Weight: 7, Port: 91, Target: "one.test"})
	ask(t, dns, Source{Kind: DNS, Host: "r.test.", SRV: true}).finds("n-10.0.0.1-91=10.0.0.1:91*7") // the lowest priority alone
	for _, kind := range []dnsmessage.Type{dnsmessage.TypeSRV, dnsmessage.TypeALL} {
		dns.FailFor(kind, dnsmessage.RCodeServerFailure)
		a.fails("server misbehaving")
		dns.FailFor(kind, dnsmessage.RCodeSuccess)
	}
	a.finds(want...)
	dns.SetSRV("_http._tcp.r.test")
	a.fails("no nodes")
	dns.SetSRV("_http._tcp.r.test", dnsserver.SRV{Port: 81, Target: "none.test"})
	a.fails("no nodes")
}

func TestATargetThatCannotBeLookedUpKeepsItsAddresses(t *testing.T) {
	dns := dnsserver.Start(t)
	a := ask(t, dns, Source{Kind: DNS, Host: "r.test.", SRV: true})
	one, two := dnsserver.SRV{Weight: 1, Port: 81, Target: "one.test"}, dnsserver.SRV{Weight: 1, Port: 82, Target: "two.test"}
	dns.Set("one.test", "10.0.0.1")
	dns.Set("two.test", "fd00::2")
	dns.SetSRV("r.test", one, two)
	a.finds("n-10.0.0.1-81=10.0.0.1:81*1", "n-fd00--2-82=[fd00::2]:82*1")
	dns.FailFor(dnsmessage.TypeAAAA, dnsmessage.RCodeServerFailure)
	for range 2 {
		a.finds("n-10.0.0.1-81=10.0.0.1:81*1", "n-fd00--2-82=[fd00::2]:82*1")
	}
	dns.SetSRV("r.test", one)
	a.finds("n-10.0.0.1-81=10.0.0.1:81*1")
	dns.SetSRV("r.test", one, two) // of which nothing is known now
	a.finds("n-10.0.0.1-81=10.0.0.1:81*1")
}
