package config

import (
	"strings"
	"testing"
	"time"

	"fermata/internal/discover"
)

// listening is the first line of a good file.
const listening = "listen: [{address: ':80'}]\n"

func TestNodesThatAreFoundStandBesideOthers(t *testing.T) {
	c := mustParse(t, listening+`
drain: {min_usable: 3} # of as many as are found
nodes:
  - {name: reverb, discover: dns, host: reverb, port: 8080, every: 7s, weight: 2, max_connections: 50}
  - {name: other, discover: dns, host: reverb.default.svc., port: 8080}
  - {name: more, discover: dns, host: reverb, port: 8081}
  - {name: fixed, url: 'http://10.0.0.1:8080'}
`)
	want := discover.Source{Kind: discover.DNS, Host: "reverb", Port: 8080, Scheme: "http", Every: 7 * time.Second}
	if n := c.Nodes[0]; n.Source != want || n.Weight != 2 || n.MaxConnections != 50 {
		t.Errorf("got %+v, want %+v with weight 2 and 50 clients", n, want)
	}
	if n := c.Nodes[1]; n.Every != 5*time.Second || n.Weight != 1 || n.MaxConnections != 950 {
		t.Errorf("got %+v, want the defaults", n)
	}
	if len(c.Warnings) > 0 {
		t.Errorf("got %v, want no warnings: how many nodes there will be is not known", c.Warnings)
	}
}

func TestWhereNodesAreFoundIsChecked(t *testing.T) {
	f := func(entry string, want ...string) {
		t.Helper()
		text := listening + "nodes:\n  - {name: a, url: 'http://10.0.0.1:8080'}\n  - {" + entry + "}\n"
		for i := range want {
			want[i] = "4: nodes[1]." + want[i]
		}
		wantMistakes(t, text, want...)
	}
	f("name: b, discover: dsn, host: b, port: 1", `discover: got "dsn", want one of dns, file`)
	f("name: b, discover: dns, host: b, port: 1, url: 'http://10.0.0.2'", "url: got it beside discover, want one of them")
	f("name: b, host: b, port: 80, every: 2s, url: 'http://10.0.0.2'",
		"host: got it without discover, want discover beside it",
		"port: got it without discover, want discover beside it",
		"every: got it without discover, want discover beside it")
	f("name: b, host: b", "url: got nothing, want http://HOST:PORT or https://HOST:PORT", "host: got it without discover, want discover beside it")
	f("name: b, discover: dns, port: 80", `host: got "", want a name such as reverb.default.svc`)
	f("name: b, discover: dns, port: 80, host: 'http://b'", `host: got "http://b", want a name such as reverb.default.svc`)
	f("name: b, discover: dns, port: 80, host: 'b:80'", `host: got "b:80", want a name such as reverb.default.svc`)
	f("name: b, discover: dns, port: 80, host: 10.0.0.1", "host: got the address 10.0.0.1, want a name, or url: http://10.0.0.1:PORT instead of discover")
	f("name: b, discover: dns, host: b", "port: got 0, want 1 to 65535, or srv: true for the ports of SRV records")
	f("name: b, discover: dns, host: b, port: 65536", "port: got 65536, want 1 to 65535, or srv: true for the ports of SRV records")
	f("name: b, discover: dns, host: b, port: http", `port: got "http", want a whole number`)
	f("name: b, discover: dns, host: b, port: 80, every: 999ms", "every: got 999ms, want 1s to 1h")
	f("name: b, discover: dns, host: b, port: 80, every: 61m", "every: got 1h1m0s, want 1s to 1h")
	f("name: "+strings.Repeat("b", 25)+", discover: dns, host: b, port: 80", "name: got 25 characters, want 24 at most, since each node's address follows")
	const unused = "got it with SRV records, want none: each record has its node's"
	f("name: b, discover: dns, host: b, srv: true, port: 80, weight: 2", "port: "+unused, "weight: "+unused)
	f("name: b, discover: dns, host: _http._tcp.b, port: 80", "port: "+unused)
	f("name: b, discover: dns, host: b, port: 80, file: b", "file: got it with discover: dns, want discover: file")
	f("name: b, discover: file", "file: got nothing, want the path of a file")
	f("name: b, discover: file, file: b, host: b, port: 80, srv: true",
		"host: got it with discover: file, want discover: dns",
		"port: got it with discover: file, want discover: dns",
		"srv: got it with discover: file, want discover: dns")
	f("name: a, discover: dns, host: b, port: 80", `name: got "a", want another than nodes[0].name`)
}

func TestOnePlaceForNodesIsGivenOnce(t *testing.T) {
	wantMistakes(t, listening+`nodes:
  - {name: a, discover: dns, host: Reverb, port: 80}
  - {name: b, discover: dns, host: reverb., port: 80}
  - {name: c, discover: file, file: nodes.yaml}
  - {name: d, discover: file, file: nodes.yaml}
`, `4: nodes[1].host: got "reverb:80", want another than nodes[0].host`, `6: nodes[3].file: got "nodes.yaml", want another than nodes[2].file`)
	mustParse(t, listening+`nodes:
  - {name: a, discover: dns, host: _http._tcp.reverb}
  - {name: b, discover: dns, host: reverb, srv: true}
  - {name: c, discover: dns, host: reverb, port: 80}
`)
}
