package app

import (
	"net/netip"
	"strings"
	"testing"

	"fermata/balancer"
	"fermata/internal/admin"
	"fermata/internal/config"
	"fermata/internal/console"
)

// resting is an App of two nodes, a and b, that does not run.
func resting(t *testing.T) (*App, *lines) {
	t.Helper()
	log := new(lines)
	out := console.StartQueue(log)
	a, err := New(func() (*config.Config, error) { return twoNodes(""), nil }, out)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { out.Close() })
	return a, log
}

func TestAnOperatorIsToldWhichNodeAClientGetsAndWhy(t *testing.T) {
	a, _ := resting(t)
	someone := netip.MustParseAddr("203.0.113.9")
	cookieOf := func(name string) string {
		n, err := a.pool.Node(name)
		if err != nil {
			t.Fatal(err)
		}
		return a.pool.Pin(n.Node)
	}
	wants := func(what string, ip netip.Addr, cookie string, want admin.Explanation) admin.Explanation {
		t.Helper()
		got := a.Explain(ip, cookie)
		got.Nodes = nil
		if got.Network != want.Network || got.Pick != want.Pick || got.Preferred != want.Preferred || got.Node != want.Node || got.Reason != want.Reason {
			t.Errorf("%s: got %+v, want %+v", what, got, want)
		}
		return a.Explain(ip, cookie)
	}
	nobody := netip.Addr{}
	of := a.Explain(someone, "").Node // by its address
	other := map[string]string{"a": "b", "b": "a"}[of]
	byHash := admin.Explanation{Network: "203.0.113.9/32", Pick: "hash", Preferred: of, Node: of, Reason: "by the hash of its address"}
	byCookie := admin.Explanation{Pick: "cookie", Preferred: other, Node: other, Reason: "by its cookie"}

	got := wants("an address", someone, "", byHash)
	for _, c := range got.Nodes {
		want := "can take it"
		if c.Node == of {
			want = "gets this client"
		}
		if c.Reason != want || c.PassedOver != "" {
			t.Errorf("%s: got %+v, want that it %s", c.Node, c, want)
		}
	}
	wants("a cookie", nobody, cookieOf(other), byCookie)
	wants("a whole header", nobody, "x=1; fermata="+cookieOf(other)+"; y=2", byCookie)
	wants("nothing", nobody, "", admin.Explanation{Reason: "its cookie names no node of ours, and its address, which decides, is not given"})
	wants("another's cookie", nobody, "forged", admin.Explanation{Reason: "its cookie names no node of ours, and its address, which decides, is not given"})
	byHash.Reason += " (its cookie names no node of ours)"
	wants("another's cookie, and an address", someone, "forged", byHash)

	if _, err := a.pool.Drain(other, balancer.Drain{}); err != nil {
		t.Fatal(err)
	}
	wants("a cookie of a node that drains", nobody, cookieOf(other), admin.Explanation{
		Pick: "draining", Preferred: other, Reason: "by its cookie it would be " + other + ", which is draining; which is next depends on its address, which is not given",
	})
	a.pool.SetCheck(of, balancer.Check{Reason: "dial refused", Gone: true})
	wants("no node", someone, "", admin.Explanation{Network: "203.0.113.9/32", Reason: balancer.ErrNoUsableNode.Error()})
	a.pool.SetPanic(1, 0)
	a.pool.SetCheck(of, balancer.Check{Reason: "no answer"})
	got = a.Explain(someone, "")
	for _, c := range got.Nodes {
		if all := "gets this client all the same: it is down: no answer"; c.Node == of && (c.Reason != all || c.PassedOver != "") {
			t.Errorf("in a panic: got %+v, want %q", c, all)
		}
		if c.Node == other && (c.PassedOver != "draining" || !strings.HasPrefix(c.Reason, "draining")) {
			t.Errorf("in a panic: got %+v, want it passed over, as it drains", c)
		}
	}
}

func TestAnAddressAloneDecidesWithoutCookies(t *testing.T) {
	a, _ := resting(t)
	o := balancer.DefaultSticky()
	o.By = balancer.ByIP
	a.pool.Replace(join(twoNodes("").Nodes, nil).nodes, o)
	if got := a.Explain(netip.MustParseAddr("203.0.113.9"), "fermata=x"); got.Reason != "by the hash of its address" {
		t.Errorf("got %q, want no word of a cookie", got.Reason)
	}
}
