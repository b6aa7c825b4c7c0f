package app

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/net/dns/dnsmessage"

	"fermata/internal/admin"
	"fermata/internal/lab/dnsserver"
)

// newFinder serves in front of nodes that are found by that server.
func newFinder(t *testing.T, dns *dnsserver.Server, text string) *front {
	t.Helper()
	return startFront(t, text, func(a *App) { a.discovery.resolver = dns.Resolver() })
}

const foundAt = "nodes: [{name: reverb, discover: dns, host: reverb.test, port: %s, every: 1s}]\n"

// startNodes starts one at each of these addresses, all at one port.
func startNodes(t *testing.T, addresses ...string) (port string) {
	t.Helper()
	port = "0"
	for _, address := range addresses {
		port = startNode(t, address, address+":"+port)
	}
	return port
}

// failures are the looks of an entry that have failed.
func (f *front) failures(entry string) int {
	for _, e := range f.discovery.counts() {
		if e.Entry == entry {
			return e.Failures
		}
	}
	return 0
}

// names of all nodes that there are.
func (f *front) names() (names []string) {
	for _, n := range f.Nodes(false).Nodes {
		names = append(names, n.Name)
	}
	return names
}

func (f *front) untilNodes(want ...string) {
	f.t.Helper()
	f.eventually(fmt.Sprintf("the nodes %v", want), func() (got any, so bool) {
		names := f.names()
		return names, fmt.Sprint(names) == fmt.Sprint(want)
	})
}

func TestEachAddressOfANameIsANode(t *testing.T) {
	dns := dnsserver.Start(t)
	port := startNodes(t, "127.0.0.3", "127.0.0.2")
	dns.Set("reverb.test", "127.0.0.3", "127.0.0.2")
	f := newFinder(t, dns, fmt.Sprintf(foundAt, port))
	f.untilNodes("reverb-127.0.0.2", "reverb-127.0.0.3")
	f.untilUp("reverb-127.0.0.3")
	for _, n := range f.Nodes(false).Nodes {
		if n.Discovered != "dns reverb.test" || n.MaxConnections != 950 || n.Weight != 1 {
			t.Errorf("got %+v, want the entry's settings, and where it was found", n)
		}
	}
	c := f.connect()
	if c.node != "127.0.0.2" && c.node != "127.0.0.3" {
		t.Errorf("got a client on %s, want it on a node that was found", c.node)
	}
}

func TestClientsOfANodeThatDisappearsAreMovedAndTheOthersStay(t *testing.T) {
	t.Parallel()
	dns := dnsserver.Start(t)
	port := startNodes(t, "127.0.0.2", "127.0.0.3")
	dns.Set("reverb.test", "127.0.0.2", "127.0.0.3")
	f := newFinder(t, dns, fmt.Sprintf(foundAt, port))
	staying, going := f.connectOn("127.0.0.2"), f.connectOn("127.0.0.3")
	dns.Set("reverb.test", "127.0.0.2")
	if code := going.closed(); code != 4200 {
		t.Errorf("client of the node that disappeared: got the code %d, want 4200", code)
	}
	f.untilNodes("reverb-127.0.0.2")
	staying.answers()
	if again := f.connect(); again.node != "127.0.0.2" {
		t.Errorf("got a client on %s, want 127.0.0.2, which is left", again.node)
	}
}

// A reload that takes place meanwhile must neither bring the node back nor end
// its drain.
func TestANodeThatComesBackWhileItDrainsKeepsTheClientsThatAreLeft(t *testing.T) {
	t.Parallel()
	dns := dnsserver.Start(t)
	port := startNodes(t, "127.0.0.2", "127.0.0.3")
	dns.Set("reverb.test", "127.0.0.2", "127.0.0.3")
	f := newFinder(t, dns, "drain: {grace: 1h, deadline: 2h}\n"+fmt.Sprintf(foundAt, port))
	left := f.connectOn("127.0.0.3")
	dns.Set("reverb.test", "127.0.0.2")
	gone := func(n admin.Node) bool {
		return n.State == admin.StateDraining && n.Reason == "no longer found by dns reverb.test" && n.Discovered == "dns reverb.test"
	}
	f.until("reverb-127.0.0.3", "drains", gone)
	if _, err := f.Reload(); err != nil {
		t.Fatal(err)
	}
	f.until("reverb-127.0.0.3", "still drains", gone)
	dns.Set("reverb.test", "127.0.0.2", "127.0.0.3")
	f.until("reverb-127.0.0.3", "is ready", func(n admin.Node) bool { return n.State == admin.StateReady })
	left.answers()
}

func TestAnAnswerThatFailsOrIsEmptyRemovesNobody(t *testing.T) {
	if testing.Short() {
		t.Skip("SKIPPED under -short, as it takes seconds")
	}
	t.Parallel()
	dns := dnsserver.Start(t)
	port := startNodes(t, "127.0.0.2", "127.0.0.3")
	dns.Set("reverb.test", "127.0.0.2", "127.0.0.3")
	f := newFinder(t, dns, fmt.Sprintf(foundAt, port))
	client := f.connect()
	outlast := func(what string) {
		t.Helper()
		failures := f.failures("reverb")
		f.eventually("more looks that fail, "+what, func() (any, bool) { n := f.failures("reverb"); return n, n >= failures+4 })
		f.untilNodes("reverb-127.0.0.2", "reverb-127.0.0.3")
		client.answers()
	}
	for _, code := range []dnsmessage.RCode{dnsmessage.RCodeNameError, dnsmessage.RCodeServerFailure} {
		dns.Fail(code)
		outlast(code.String())
	}
	dns.Fail(dnsmessage.RCodeSuccess)
	dns.Set("reverb.test")
	outlast("empty")
	f.untilLogged("nodes not found, those that are known stay") // one for all failures in a row
	dns.Set("reverb.test", "127.0.0.2", "127.0.0.3")
	f.untilLogged("nodes are found again")
}

func TestAStartWithoutNodesWaitsForThemAndIsNotReady(t *testing.T) {
	t.Parallel()
	dns := dnsserver.Start(t)
	port := startNodes(t, "127.0.0.2")
	f := newFinder(t, dns, fmt.Sprintf(foundAt, port))
	if f.Ready() || len(f.Nodes(false).Nodes) > 0 {
		t.Errorf("got ready %v with %v, want neither ready nor nodes", f.Ready(), f.names())
	}
	answer, err := http.Get("http://" + f.address + "/up")
	if err != nil {
		t.Fatal(err)
	}
	answer.Body.Close()
	if answer.StatusCode != http.StatusServiceUnavailable || answer.Header.Get("Retry-After") == "" {
		t.Errorf("a plain request: got %s, want 503 with Retry-After", answer.Status)
	}
	dns.Set("reverb.test", "127.0.0.2")
	f.untilUp("reverb-127.0.0.2")
	if f.connect().node != "127.0.0.2" || !f.Ready() {
		t.Error("want the node that was found at last, and to be ready")
	}
}

func TestANodeIsNotThereTwice(t *testing.T) {
	dns := dnsserver.Start(t)
	port := startNodes(t, "127.0.0.2", "127.0.0.3")
	dns.Set("reverb.test", "127.0.0.2", "127.0.0.3", "127.0.0.4")
	dns.Set("other.test", "127.0.0.3")
	f := newFinder(t, dns, fmt.Sprintf(`nodes:
- {name: reverb, discover: dns, host: reverb.test, port: %[1]s, every: 1s}
- {name: other, discover: dns, host: other.test, port: %[1]s, every: 1s}
- {name: fixed, url: 'http://127.0.0.2:%[1]s'}
- {name: reverb-127.0.0.4, url: 'http://127.0.0.9:%[1]s'}
`, port))
	f.untilNodes("reverb-127.0.0.3", "fixed", "reverb-127.0.0.4")
	for _, n := range f.Nodes(false).Nodes {
		if n.Name == "reverb-127.0.0.4" && !strings.HasPrefix(n.URL, "http://127.0.0.9:") {
			t.Errorf("got %+v, want the node of the configuration", n)
		}
	}
	f.untilLogged("reverb-127.0.0.2 of dns reverb.test: fixed is at its address")
}

func TestAReloadFromNodesToTheirNameLosesNobody(t *testing.T) {
	dns := dnsserver.Start(t)
	port := startNodes(t, "127.0.0.2", "127.0.0.3")
	dns.Set("reverb.test", "127.0.0.2", "127.0.0.3")
	f := newFinder(t, dns, fmt.Sprintf("nodes: [{name: reverb-127.0.0.2, url: 'http://127.0.0.2:%s'}]\n", port))
	client := f.connect()
	f.text = base + fmt.Sprintf(foundAt, port)
	if _, err := f.Reload(); err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprint(f.names()); got != "[reverb-127.0.0.2 reverb-127.0.0.3]" {
		t.Errorf("right after the reload: got %s, want the nodes that are found", got)
	}
	client.answers()
	f.text = base + fmt.Sprintf("nodes: [{name: b, url: 'http://127.0.0.3:%s'}]\n", port)
	if _, err := f.Reload(); err != nil {
		t.Fatal(err)
	}
	if code := client.closed(); code != 4200 {
		t.Errorf("after the entry was removed: got the code %d, want 4200", code)
	}
	f.untilNodes("b")
	if got := f.discovery.counts(); len(got) > 0 {
		t.Errorf("got %v, want nothing of an entry that is gone", got)
	}
}

func TestNodesOfSRVRecordsHaveTheirPortsAndWeights(t *testing.T) {
	t.Parallel()
	dns := dnsserver.Start(t)
	one, two := startNode(t, "one", "127.0.0.2:0"), startNode(t, "two", "127.0.0.2:0")
	dns.Set("here.test", "127.0.0.2")
	record := func(port string, weight uint16) dnsserver.SRV {
		number, err := strconv.ParseUint(port, 10, 16)
		if err != nil {
			t.Fatal(err)
		}
		return dnsserver.SRV{Port: uint16(number), Weight: weight, Target: "here.test"}
	}
	dns.SetSRV("_http._tcp.reverb.test", record(one, 10), record(two, 30))
	f := newFinder(t, dns, "nodes: [{name: reverb, discover: dns, host: _http._tcp.reverb.test, every: 1s}]\n")
	named := func(port string) string { return "reverb-127.0.0.2-" + port }
	weighs := func(port string, want int) {
		t.Helper()
		f.until(named(port), fmt.Sprintf("has the weight %d", want), func(n admin.Node) bool {
			return n.Weight == want && n.Discovered == "dns SRV _http._tcp.reverb.test"
		})
	}
	weighs(one, 10)
	weighs(two, 30)
	going := f.connectOn("one")
	dns.SetSRV("_http._tcp.reverb.test", record(two, 50))
	weighs(two, 50)
	if code := going.closed(); code != 4200 {
		t.Errorf("client of the node that disappeared: got the code %d, want 4200", code)
	}
	f.untilNodes(named(two))
}

func TestADNSServerThatDoesNotAnswerHoldsUpNothing(t *testing.T) {
	t.Parallel()
	dns := dnsserver.Start(t)
	port := startNodes(t, "127.0.0.2")
	dns.Silence(true)
	f := newFinder(t, dns, fmt.Sprintf("nodes:\n- {name: reverb, discover: dns, host: reverb.test, port: %[1]s}\n- {name: fixed, url: 'http://127.0.0.2:%[1]s'}\n", port))
	f.connect()
	if _, err := f.Reload(); err != nil {
		t.Error(err)
	}
	f.connect() // and the stop at the end of the test does not wait either
}

func TestAnEntryWithAnotherHostKeepsItsNodesUntilThatIsFound(t *testing.T) {
	t.Parallel()
	dns := dnsserver.Start(t)
	port := startNodes(t, "127.0.0.2", "127.0.0.3")
	dns.Set("reverb.test", "127.0.0.2")
	f := newFinder(t, dns, fmt.Sprintf(foundAt, port))
	client := f.connect()
	f.text = strings.Replace(f.text, "reverb.test", "other.test", 1)
	f.text = strings.Replace(f.text, "every: 1s", "every: 1s, max_connections: 40", 1)
	if _, err := f.Reload(); err != nil {
		t.Fatal(err)
	}
	f.until("reverb-127.0.0.2", "is there with its new cap", func(n admin.Node) bool {
		return n.State == admin.StateReady && n.MaxConnections == 40 && n.Discovered == "dns other.test"
	})
	f.eventually("a look for the new name", func() (any, bool) { n := f.failures("reverb"); return n, n > 0 })
	client.answers()
	dns.Set("other.test", "127.0.0.3")
	if code := client.closed(); code != 4200 {
		t.Errorf("got the code %d, want 4200", code)
	}
	f.untilNodes("reverb-127.0.0.3")
}
