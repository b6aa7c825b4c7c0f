package app

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"golang.org/x/net/dns/dnsmessage"

	"fermata/internal/lab/dnsserver"
)

func TestNodesThatWereFoundAreThereAfterARestartWhileDNSIsAway(t *testing.T) {
	t.Parallel()
	dns, state := dnsserver.Start(t), stateOf(t)
	port := startNodes(t, "127.0.0.3", "127.0.0.2")
	text := fmt.Sprintf("state_dir: %s\n"+foundAt, state, port)
	t.Run("before", func(t *testing.T) { // a Fermata that ends with this
		dns.Set("reverb.test", "127.0.0.3", "127.0.0.2")
		newFinder(t, dns, text).untilNodes("reverb-127.0.0.2", "reverb-127.0.0.3")
	})
	dns.Fail(dnsmessage.RCodeServerFailure)
	f := newFinder(t, dns, text)
	f.untilNodes("reverb-127.0.0.2", "reverb-127.0.0.3")
	f.connect()
	f.eventually("a look that fails", func() (any, bool) { n := f.failures("reverb"); return n, n > 0 })
	f.untilNodes("reverb-127.0.0.2", "reverb-127.0.0.3")
	dns.Fail(dnsmessage.RCodeSuccess)
	dns.Set("reverb.test", "127.0.0.3")
	f.untilNodes("reverb-127.0.0.3")
}

func TestNodesThatWereFoundElsewhereAreNotTakenUp(t *testing.T) {
	t.Parallel()
	dns, state := dnsserver.Start(t), stateOf(t)
	port := startNodes(t, "127.0.0.2")
	text := fmt.Sprintf("state_dir: %s\n"+foundAt, state, port)
	t.Run("before", func(t *testing.T) {
		dns.Set("reverb.test", "127.0.0.2")
		newFinder(t, dns, text).untilNodes("reverb-127.0.0.2")
	})
	if f := newFinder(t, dns, strings.Replace(text, "reverb.test", "other.test", 1)); len(f.names()) > 0 {
		t.Errorf("got %v, want none: they were found by another name", f.names())
	}
}

func TestAFileOfFoundNodesWithMistakesIsRefused(t *testing.T) {
	f := func(text string, want int, refusals ...string) {
		t.Helper()
		var all map[string]json.RawMessage
		if err := json.Unmarshal([]byte(text), &all); err != nil {
			t.Fatal(err)
		}
		var refused []string
		found := recallFound(all, func(field, _ string) { refused = append(refused, field) })
		if len(found["r"].Nodes) != want || fmt.Sprint(refused) != fmt.Sprint(refusals) {
			t.Errorf("%s: got %v, refused %v, want %d nodes, refused %v", text, found, refused, want, refusals)
		}
	}
	f(`{"r": {"Source": "dns a", "Nodes": [{"Name": "r-1", "URL": "http://10.0.0.1:8080"}]}}`, 1)
	f(`{"r": {"Source": "dns a", "Nodes": [{"Name": "../x", "URL": "http://10.0.0.1:8080"}]}}`, 0, `"r".Nodes[0]`)
	f(`{"r": {"Source": "dns a", "Nodes": [{"Name": "r-1"}]}}`, 0, `"r".Nodes[0]`)
	f(`{"r": {"Source": "dns a", "Nodes": [{"Name": "r-1", "URL": "ftp://x"}]}}`, 0, `"r"`)
	f(`{"r": 1}`, 0, `"r"`)
}
