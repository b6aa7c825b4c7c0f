package nginxconf

import (
	"net/netip"
	"strings"
	"testing"

	"fermata/balancer"
	"fermata/internal/config"
)

// A network of 200 clients was split 125 to 75 by what the comment said.
func TestTheHintForIPHashKeepsANetworkOnOneNode(t *testing.T) {
	f := func(method string, client func(i byte) string) {
		t.Helper()
		text := parsed(with("server 10.0.0.2; "+method+";", ""), "")
		hint := "\n# sticky: {"
		if !strings.Contains(text, hint) {
			t.Fatalf("got\n%s\nwant a hint", text)
		}
		c, err := config.Parse("fermata.yaml", []byte(strings.Replace(text, hint, "\nsticky: {", 1)))
		if err != nil {
			t.Fatal(err)
		}
		var nodes []balancer.NodeOptions
		for _, n := range c.Nodes {
			nodes = append(nodes, n.NodeOptions)
		}
		pool := balancer.New(nodes, c.Sticky)
		count := map[string]int{}
		for i := range byte(200) {
			pick, err := pool.Acquire(balancer.Key{IP: netip.MustParseAddr(client(i))})
			if err != nil {
				t.Fatal(err)
			}
			count[pick.Node.Name()]++
		}
		if len(count) != 1 {
			t.Errorf("%s: got clients on %v, want all on one node", method, count)
		}
	}
	f("ip_hash", func(i byte) string { return netip.AddrFrom4([4]byte{203, 0, 113, i}).String() })
	f("hash $remote_addr consistent", func(byte) string { return "203.0.113.7" })
}
